#!/usr/bin/env python3
"""The certificate authority of a running node, judged by openssl and curl."""

import json
import shutil
import subprocess
import unittest

from fleet import DEADLINE, PATIENCE, FleetTest, wait_for


def openssl(*arguments, stdin=None, check=True):
    done = subprocess.run(["openssl", *map(str, arguments)], input=stdin, capture_output=True,
                          timeout=2 * DEADLINE, check=False)
    if check and done.returncode != 0:
        raise AssertionError(f"openssl {arguments}: {done.stderr.decode()}")
    return done.stdout.decode() + done.stderr.decode()


@unittest.skipUnless(shutil.which("openssl") and shutil.which("curl"), "openssl or curl is missing")
class AuthorityTest(FleetTest):
    def setUp(self):
        super().setUp()
        self.alpha = self.founder().start()
        self.url = f"http://[::1]:{self.alpha.http_port}"
        self.token = (self.alpha.data / "gateway" / "token").read_text().strip()
        self.root = self.fetch("/ca/root", "root.pem")
        der = self.fetch("/ca/issuer", "issuer.der")
        self.issuer = self.folder / "issuer.pem"
        openssl("x509", "-inform", "der", "-in", der, "-out", self.issuer)

    def fetch(self, path, name, *arguments):
        out = self.folder / name
        subprocess.run(["curl", "-sSf", "--max-time", str(DEADLINE), *map(str, arguments), "-o", out, self.url + path],
                       check=True, timeout=2 * DEADLINE)
        return out

    def call(self, path, body, token=True):
        header = ["-H", f"Authorization: Bearer {self.token}"] if token else []
        done = subprocess.run(["curl", "-sS", "-w", "\n%{http_code}", "--max-time", str(DEADLINE), *header, "-d",
                               json.dumps(body), self.url + path], capture_output=True, check=True, timeout=2 * DEADLINE)
        text, _, status = done.stdout.decode().rpartition("\n")
        return int(status), json.loads(text)

    def ask(self, path, token=None, *arguments):
        """Status and answer; with `arguments` not only a GET."""
        header = ["-H", f"Authorization: Bearer {token}"] if token else []
        done = subprocess.run(["curl", "-sS", "-w", "\n%{http_code}", "--max-time", str(DEADLINE), *header,
                               *map(str, arguments), path if path.startswith("http") else self.url + path],
                              capture_output=True, check=True, timeout=2 * DEADLINE)
        text, _, status = done.stdout.decode().rpartition("\n")
        return int(status), json.loads(text)

    def issue(self, name="web.home.i2.internal"):
        out = self.folder / name
        out.mkdir()
        answer = self.alpha.ok("cert", "issue", "--cn", name, "--san", "::1", "--out", out)
        return answer["certificate"]["serial_number"], out / f"{name}.pem"

    def ocsp(self, leaf):
        return openssl("ocsp", "-issuer", self.issuer, "-cert", leaf, "-url", f"{self.url}/ca/ocsp",
                       "-CAfile", self.root, check=False)

    def test_what_it_issues_holds_until_it_is_revoked(self):
        serial, leaf = self.issue()
        self.assertIn("OK", openssl("verify", "-CAfile", self.root, "-untrusted", self.issuer, leaf))
        self.assertIn("web.home.i2.internal", openssl("x509", "-in", leaf, "-noout", "-ext", "subjectAltName"))
        self.assertEqual((leaf.parent / "web.home.i2.internal.key").stat().st_mode & 0o777, 0o600)
        self.assertIn(": good", self.ocsp(leaf))

        shown = self.alpha.ok("cert", "revoke", serial, "--reason", "keyCompromise")
        self.assertEqual((shown["state"], shown["reason"]), ("revoked", "keyCompromise"))
        self.assertIn(": revoked", self.ocsp(leaf))
        crl = self.folder / "crl.pem"
        openssl("crl", "-inform", "der", "-in", self.fetch("/ca/crl", "crl.der"), "-out", crl)
        self.assertIn("verify OK", openssl("crl", "-in", crl, "-CAfile", self.issuer, "-noout"))
        refused = openssl("verify", "-crl_check", "-CAfile", self.root, "-untrusted", self.issuer, "-CRLfile", crl, leaf,
                          check=False)
        self.assertIn("certificate revoked", refused)
        self.assert_fails(self.alpha.i2("cert", "revoke", serial, "--reason", "superseded", "--json"), 5,
                          "trust.already_revoked")

    def test_http(self):
        key, csr = self.folder / "key.pem", self.folder / "csr.pem"
        openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", key)
        openssl("req", "-new", "-key", key, "-subj", "/CN=mail.home.i2.internal", "-out", csr)
        wish = {"common_name": "mail.home.i2.internal", "san_entries": ["imap.home.i2.internal"],
                "node_id": "", "ipv6_addresses": ["fd00::5"], "csr": csr.read_text()}
        self.assertEqual(self.call("/ca/certificate", wish, token=False)[0], 401)
        status, answer = self.call("/ca/certificate", wish)
        self.assertEqual(status, 201, answer)
        certificate = answer["certificate"]
        self.assertEqual(certificate["ipv6_addresses"], ["fd00::5"])
        leaf = self.folder / "leaf.pem"
        leaf.write_text(certificate["chain_pem"])
        self.assertIn("OK", openssl("verify", "-CAfile", self.root, "-untrusted", leaf, leaf))
        found = self.ask(f"/ca/certificate/{certificate['serial_number']}", self.token)
        self.assertEqual((found[0], found[1]["fingerprint"]), (200, certificate["fingerprint"]))
        self.assertEqual(self.call("/ca/certificate", wish | {"common_name": "www.example.com"})[1]["code"],
                         "trust.request_name")
        self.assertEqual(self.call("/ca/certificate", wish | {"csr": "x"})[1]["code"], "crypto.request_malformed")
        status, revoked = self.call(f"/ca/certificate/{certificate['serial_number']}/revoke", {"reason": "superseded"})
        self.assertEqual((status, revoked["reason"]), (200, "superseded"))
        self.assertEqual(self.call("/ca/certificate/00ff/revoke", {})[0], 404)
        self.assertTrue(json.loads(self.fetch("/test-cert-validation", "valid").read_text())["valid"])

    def test_every_role_may_what_the_table_says(self):
        serial, _ = self.issue()
        path = f"/ca/certificate/{serial}"
        added = {role: self.alpha.ok("token", "add", f"an-{role}", "--role", role)["token"]
                 for role in ("auditor", "operator", "admin")}
        stored = self.alpha.data / "gateway" / "tokens"
        self.assertEqual(stored.stat().st_mode & 0o777, 0o600)
        self.assertFalse(any(token in stored.read_text() for token in added.values()))
        self.assertEqual({(t["name"], t["role"]) for t in self.alpha.ok("token", "ls")["tokens"]},
                         {(f"an-{role}", role) for role in added})
        self.assert_fails(self.alpha.i2("token", "add", "an-admin", "--role", "admin", "--json"), 2, "admin.argument")

        def statuses(token):
            return [self.ask(path, token)[0], self.ask("/ca/certificates?limit=1", token)[0], self.ask("/ca/audit", token)[0],
                    self.ask(f"{path}/revoke", token, "-d", '{"reason":"nothing"}')[0]]

        # Nobody, the operator and the auditor; what a revocation without a reason says is that it was allowed.
        self.assertEqual(statuses(None), [401, 401, 401, 401])
        self.assertEqual(statuses(added["auditor"]), [200, 200, 200, 403])
        self.assertEqual(statuses(added["operator"]), [200, 200, 403, 400])
        self.assertEqual(statuses(self.token), [200, 200, 403, 400])
        self.assertEqual(statuses(added["admin"]), [200, 200, 200, 400])
        self.assertEqual(self.ask("/ca/audit", added["auditor"])[1]["entries"][0]["number"], 1)

        self.alpha.ok("token", "rm", "an-admin")
        self.assertEqual(self.ask(path, added["admin"])[1]["code"], "gateway.token_invalid")
        self.alpha.stop()
        self.alpha.start(port=self.alpha.port)
        self.assertEqual(self.ask(path, added["auditor"])[0], 200)
        self.assertEqual(self.ask("/ca/audit", added["operator"])[1]["code"], "gateway.role_insufficient")

        def decisions(*arguments):
            return [(e["action"], e["outcome"], e["rule"]) for e in self.alpha.ok("cert", "audit", *arguments)["entries"]]

        self.assertIn(("read_audit", "refused", "role operator"), decisions("--actor", "token an-operator"))
        self.assertIn(("read_certificates", "allowed", "role auditor"), decisions("--actor", "token an-auditor"))
        self.assertEqual({d[0] for d in decisions("--action", "revoke_any")}, {"revoke_any"})
        self.assertEqual(decisions("--actor", "http [::1]", "--action", "read_audit"), [("read_audit", "refused", "role guest")])
        self.assertGreater(len(decisions("--since", "1h")), 10)
        self.assertEqual(len(decisions("--since", "1ms", "--action", "grant")), 0)
        self.assertEqual(len(decisions("--action", "grant")), 5)

    def test_a_member_has_what_is_its_own(self):
        self.alpha.stop()
        self.alpha.start(env={"I2_GATEWAY_CLIENT_CERTIFICATES": "true"})
        url = f"https://localhost:{self.alpha.http_port}"
        beta = self.member(self.alpha, "beta").start()
        pem = beta.data / "identity" / "leaf" / "ordinary.pem"
        wait_for(pem.exists, "beta to have a certificate", PATIENCE)
        end = "-----END CERTIFICATE-----\n"
        shown_pem = self.folder / "shown.pem"  # without the root
        shown_pem.write_text("".join(part + end for part in pem.read_text().split(end)[:2]))
        shown = ("--cacert", self.root, "--cert", shown_pem, "--key", pem)
        serial, _ = self.issue()
        self.assertEqual(self.ask(f"{url}/ca/certificate/{serial}", None, *shown)[1]["code"], "gateway.role_insufficient")
        own = beta.ok("cert", "show")["ordinary"]["serial_number"]
        self.assertEqual(self.ask(f"{url}/ca/certificate/{own}", None, *shown)[1]["requester"], "beta")
        key, csr = self.folder / "key.pem", self.folder / "csr.pem"
        openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", key)
        openssl("req", "-new", "-key", key, "-subj", "/CN=beta", "-out", csr)
        wish = {"csr": csr.read_text(), "san_entries": ["beta.home.i2.internal"]}
        post = lambda path, body: self.ask(url + path, None, *shown, "-d", json.dumps(body))
        status, answer = post("/ca/certificate", wish)
        self.assertEqual(status, 201, answer)
        self.assertEqual((answer["certificate"]["requester"], answer["certificate"]["profile"]), ("beta", "ordinary"))
        self.assertEqual(post("/ca/certificate", wish | {"san_entries": ["web.home.i2.internal"]})[1]["code"],
                         "trust.request_name")
        self.assertEqual(post(f"/ca/certificate/{serial}/revoke", {})[1]["code"], "gateway.role_insufficient")
        mine = answer["certificate"]["serial_number"]
        self.assertEqual(post(f"/ca/certificate/{mine}/revoke", {"reason": "superseded"})[1]["state"], "revoked")

    def test_an_exported_audit_log_is_verified_elsewhere(self):
        self.issue()
        export = self.folder / "audit"
        self.alpha.ok("cert", "audit", "--out", export)
        lines = export.read_text().splitlines()
        head = self.alpha.ok("cert", "audit", "--verify", export)
        self.assertEqual(head["entries"], len(lines))
        other = json.dumps(json.loads(lines[0]) | {"actor": "nobody"})
        for broken in (lines[1:], lines[:1] + lines[2:], [other] + lines[1:]):
            export.write_text("\n".join(broken) + "\n")
            self.assert_fails(self.alpha.i2("cert", "audit", "--verify", export, "--json"), 8, "trust.audit_broken")

    def test_a_newcomers_first_certificate_is_recorded_and_logged(self):
        beta = self.invited(self.alpha, "beta")
        serial = openssl("x509", "-in", beta.data / "identity/leaf/leaf.pem", "-noout", "-serial").strip().split("=")[1]
        listed = self.alpha.ok("cert", "list", "--requester", "beta")["certificates"]
        self.assertEqual([(one["serial_number"], one["profile"]) for one in listed], [(serial.lower(), "node")])
        self.assertLess(listed[0]["log_index"], self.alpha.ok("ct", "status")["entries"])
        # The founder's own for ordinary clients, made as it started.
        own = self.alpha.ok("cert", "list", "--requester", "alpha")["certificates"]
        self.assertIn("ordinary", [one["profile"] for one in own])

    def test_nothing_is_issued_for_files_that_cannot_be_written(self):
        serial, leaf = self.issue()
        issue = ("cert", "issue", "--cn", "web.home.i2.internal", "--out")
        for out in (leaf.parent, self.folder / "nowhere"):
            self.assert_fails(self.alpha.i2(*issue, out, "--json"), 1, "file.write_failed")
        listed = self.alpha.ok("cert", "list", "--requester", "console")["certificates"]
        self.assertEqual([one["serial_number"] for one in listed], [serial])
        self.assert_fails(self.alpha.i2("cert", "show", self.folder), 1, "file.read_failed")
        self.assert_fails(self.alpha.i2("cert", "show", "web.pem"), 2, "admin.argument")

    def test_its_record_survives_a_crash(self):
        serial, _ = self.issue()
        before = self.alpha.ok("cert", "show")
        after = self.alpha.ok("cert", "rotate")
        self.assertNotEqual(before["node"]["serial_number"], after["node"]["serial_number"])
        head = self.alpha.ok("cert", "audit", "--verify")
        self.assertGreaterEqual(head["entries"], 3)
        self.alpha.stop(9)
        self.alpha.start()
        self.assertEqual(self.alpha.ok("cert", "show", serial)["state"], "issued")
        listed = self.alpha.ok("cert", "list", "--requester", "console")["certificates"]
        self.assertEqual([one["serial_number"] for one in listed], [serial])
        self.assertGreaterEqual(self.alpha.ok("cert", "audit", "--verify")["entries"], head["entries"])
        export = self.folder / "audit"
        self.alpha.ok("cert", "audit", "--export", export)
        self.assertEqual(json.loads(export.read_text().splitlines()[0])["number"], 1)


if __name__ == "__main__":
    unittest.main(verbosity=2)
