#!/usr/bin/env python3
"""The certificate authority of a running node, judged by openssl and curl."""

import json
import shutil
import subprocess
import unittest

from fleet import DEADLINE, FleetTest


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
        found = json.loads(self.fetch(f"/ca/certificate/{certificate['serial_number']}", "found").read_text())
        self.assertEqual(found["fingerprint"], certificate["fingerprint"])
        self.assertEqual(self.call("/ca/certificate", wish | {"common_name": "www.example.com"})[1]["code"],
                         "trust.request_name")
        self.assertEqual(self.call("/ca/certificate", wish | {"csr": "x"})[1]["code"], "crypto.request_malformed")
        status, revoked = self.call(f"/ca/certificate/{certificate['serial_number']}/revoke", {"reason": "superseded"})
        self.assertEqual((status, revoked["reason"]), (200, "superseded"))
        self.assertEqual(self.call("/ca/certificate/00ff/revoke", {})[0], 404)
        self.assertTrue(json.loads(self.fetch("/test-cert-validation", "valid").read_text())["valid"])

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
