#!/usr/bin/env python3
"""Requests of OpenSSL and GnuTLS get certificates from us, which OpenSSL, GnuTLS and zlint judge.

usage: x509_test.py PROGRAM, where PROGRAM is x509_files
"""

import json
import shutil
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

PROGRAM = ""
NEEDED = ("openssl", "certtool", "zlint")
NAMES = "DNS:web.example.com,DNS:*.web.example.com,IP:2001:db8::7"

# What zlint holds against every certificate of a private authority, and why we do as we do.
ALLOWED = {
    # Rules of browsers for public authorities. Ours is private; its root is in no browser.
    "e_sub_ca_certificate_policies_missing": "the intermediate is bound to no policy",
    "w_sub_ca_aia_missing": "clients get the whole chain, and the root out of band",
    "w_sub_ca_aia_does_not_contain_issuing_ca_url": "clients get the whole chain",
    "e_sub_ca_crl_distribution_points_missing": "an intermediate is replaced, not revoked by a list",
    "n_mp_allowed_eku": "path length 0 binds it to leaves, and their profiles to TLS",
    "n_sub_ca_eku_missing": "path length 0 binds it to leaves, and their profiles to TLS",
    "n_ca_digital_signature_not_set": "RFC 6960 §4.2.2.2 lets a CA answer with its key whatever its keyUsage",
    "e_ca_country_name_missing": "a fleet has no country",
    "e_ca_organization_name_missing": "a fleet is no organisation",
    # Leaves.
    "w_ext_subject_key_identifier_missing_sub_cert": "RFC 5280 §4.2.1.2: SHOULD; nothing looks for it in a leaf",
    "w_subject_common_name_included": "old programs look for it",
    "e_cab_dv_subject_invalid_values": "a common name beside the policy of validated domains",
    "e_algorithm_identifier_improper_encoding": "Ed25519 keys, which browsers' rules leave out",
    "w_ct_sct_policy_count_unsatisfied": "one log, the fleet's own; browsers want two",
    "w_sub_cert_aia_contains_internal_names": "the authority is reached inside the fleet",
    "e_ext_san_contains_reserved_ip": "private addresses",
}


def run(*command, check=True, **options):
    done = subprocess.run([str(word) for word in command], capture_output=True, **options)
    if check and done.returncode != 0:
        raise AssertionError(f"{command}: {done.returncode}\n{done.stdout.decode(errors='replace')}"
                             f"{done.stderr.decode(errors='replace')}")
    return done.returncode, (done.stdout + done.stderr).decode(errors="replace")


class X509Test(unittest.TestCase):
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        cls.holder = tempfile.TemporaryDirectory()
        cls.dir = Path(cls.holder.name)
        cls.now = str(time.time_ns() // 1_000_000)
        cls.ours("authority", cls.now)
        keys = {
            "p256": ("EC", "ec_paramgen_curve:P-256"),
            "p384": ("EC", "ec_paramgen_curve:P-384"),
            "rsa": ("RSA", "rsa_keygen_bits:2048"),
        }
        for name, (kind, option) in keys.items():
            run("openssl", "genpkey", "-algorithm", kind, "-pkeyopt", option, "-out", cls.dir / f"{name}.key")
        run("openssl", "genpkey", "-algorithm", "ed25519", "-out", cls.dir / "ed25519.key")
        cls.leaves = (*keys, "ed25519")
        for name in cls.leaves:
            cls.request(name, f"{name}.key", NAMES)
            cls.ours("issue", cls.now, name)

    @classmethod
    def tearDownClass(cls):
        cls.holder.cleanup()

    @classmethod
    def ours(cls, *words, check=True):
        return run(PROGRAM, cls.dir, *words, check=check)

    @classmethod
    def request(cls, name, key, names, *more):
        run("openssl", "req", "-new", "-key", cls.dir / key, "-subj", "/O=Somebody/CN=web.example.com",
            "-addext", f"subjectAltName={names}", "-outform", "DER", "-out", cls.dir / f"{name}.csr", *more)

    def path(self, name):
        return self.dir / name

    def verify(self, name, *more, check=True):
        return run("openssl", "verify", "-CAfile", self.path("root.pem"), "-untrusted", self.path("issuer.pem"),
                   "-x509_strict", "-purpose", "sslserver", *more, self.path(name), check=check)

    def test_openssl_accepts_every_kind_of_key(self):
        for name in self.leaves:
            with self.subTest(name):
                self.assertIn("OK", self.verify(f"{name}.pem")[1])
                self.verify(f"{name}.pem", "-verify_hostname", "a.web.example.com")
                self.verify(f"{name}.pem", "-verify_ip", "2001:db8::7")
                self.assertNotEqual(self.verify(f"{name}.pem", "-verify_hostname", "example.com", check=False)[0], 0)

    def test_nobody_accepts_a_precertificate(self):
        code, text = self.verify("p256.precert.pem", check=False)
        self.assertNotEqual(code, 0)
        self.assertIn("unhandled critical extension", text)

    def test_openssl_reads_what_we_wrote(self):
        text = run("openssl", "x509", "-in", self.path("rsa.pem"), "-noout", "-text")[1]
        for expected in ("URI:http://ca.home.i2.internal/crl/7", "OCSP - URI:http://ca.home.i2.internal/ocsp",
                         "CA Issuers - URI:http://ca.home.i2.internal/issuer.der", "Policy: 2.23.140.1.2.1",
                         "TLS Web Server Authentication", "Version   : v1 (0x0)",
                         "Extensions: 00:00:05:00:00:00:12:67", "Signature : ecdsa-with-SHA256"):
            self.assertIn(expected, text)
        self.assertNotIn("Somebody", text)

    def test_gnutls_accepts_them(self):
        chain = self.path("chain.pem")
        for name in self.leaves:
            with self.subTest(name):
                chain.write_text(self.path(f"{name}.pem").read_text() + self.path("issuer.pem").read_text())
                text = run("certtool", "--verify", "--load-ca-certificate", self.path("root.pem"),
                           "--verify-hostname", "x.web.example.com", "--infile", chain)[1]
                self.assertIn("Chain verification output: Verified", text)

    def test_requests_of_gnutls(self):
        template = self.path("template")
        template.write_text('cn = "web.example.com"\ndns_name = "gnutls.web.example.com"\n'
                            "ip_address = 2001:db8::8\ntls_www_server\nsigning_key\n")
        run("certtool", "--generate-privkey", "--key-type", "ecdsa", "--curve", "secp256r1", "--outfile",
            self.path("gnutls.key"))
        run("certtool", "--generate-request", "--load-privkey", self.path("gnutls.key"), "--template", template,
            "--outder", "--outfile", self.path("gnutls.csr"))
        self.ours("issue", self.now, "gnutls")
        self.verify("gnutls.pem", "-verify_hostname", "gnutls.web.example.com")

    def test_what_policy_refuses(self):
        for names, more, rule in (
            ("DNS:other.example.com", (), "name"),
            ("DNS:web.example.com,IP:2001:db9::1", (), "address"),
            ("DNS:web.example.com,IP:192.0.2.1", (), "kind"),
            ("DNS:web.example.com,email:a@web.example.com", (), "kind"),
            ("DNS:web.example.com", ("-addext", "tlsfeature=status_request"), "extension"),
        ):
            with self.subTest(names):
                self.request("refused", "p256.key", names, *more)
                code, text = self.ours("issue", self.now, "refused", check=False)
                self.assertEqual(code, 1)
                self.assertIn(f"rule '{rule}'", text)
        run("openssl", "genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:1024", "-out", self.path("1024.key"))
        self.request("refused", "1024.key", NAMES)
        self.assertIn("crypto.request_malformed", self.ours("issue", self.now, "refused", check=False)[1])
        self.request("refused", "rsa.key", NAMES, "-sha1")
        self.assertIn("trust.request_possession", self.ours("issue", self.now, "refused", check=False)[1])

    def test_our_requests(self):
        for algorithm in ("p256", "ed25519"):
            with self.subTest(algorithm):
                self.ours("request", algorithm)
                text = run("openssl", "req", "-inform", "DER", "-in", self.path("own.csr"), "-verify", "-noout", "-text")[1]
                self.assertIn("self-signature verify OK", text)
                self.assertIn("DNS:web.example.com, IP Address:2001:DB8:0:0:0:0:0:0", text)
                text = run("certtool", "--crq-info", "--inder", "--infile", self.path("own.csr"))[1]
                self.assertIn("Self signature: verified", text)

    def test_lists_of_revoked_certificates(self):
        self.ours("revoke", self.now, "rsa", "p384")
        for name in ("crl.der", "everything.crl.der"):
            text = run("openssl", "crl", "-inform", "DER", "-in", self.path(name), "-CAfile", self.path("issuer.pem"),
                       "-noout", "-text")[1]
            self.assertIn("verify OK", text)
            self.assertEqual(text.count("Serial Number:"), 2)
            self.assertEqual(text.count("Key Compromise"), 2)
            run("openssl", "crl", "-inform", "DER", "-in", self.path(name), "-out", self.path(f"{name}.pem"))
            text = run("certtool", "--verify-crl", "--load-ca-certificate", self.path("issuer.pem"), "--infile",
                       self.path(f"{name}.pem"))[1]
            self.assertIn("Verified", text)
            for leaf, revoked in (("rsa", True), ("p384", True), ("p256", False)):
                code, text = self.verify(f"{leaf}.pem", "-crl_check", "-extended_crl", "-CRLfile",
                                         self.path(f"{name}.pem"), check=False)
                self.assertEqual((code != 0, "certificate revoked" in text), (revoked, revoked), text)
        text = run("openssl", "crl", "-inform", "DER", "-in", self.path("crl.der"), "-noout", "-text")[1]
        self.assertIn("X509v3 Issuing Distribution Point: critical", text)

    def ask(self, leaf, digest="-sha1", *more):
        run("openssl", "ocsp", digest, "-issuer", self.path("issuer.pem"), "-cert", self.path(f"{leaf}.pem"),
            "-reqout", self.path("ocsp.req"), *(more or ("-no_nonce",)))

    def judge(self, leaf, digest="-sha1", check=True):
        return run("openssl", "ocsp", digest, "-issuer", self.path("issuer.pem"), "-cert", self.path(f"{leaf}.pem"),
                   "-respin", self.path("ocsp.resp"), "-CAfile", self.path("root.pem"), "-verify_other",
                   self.path("issuer.pem"), "-no_nonce", check=check)

    def test_ocsp(self):
        for how in ("direct", "delegated"):
            for status in ("good", "revoked", "unknown"):
                for digest in ("-sha1", "-sha256"):
                    with self.subTest(how=how, status=status, digest=digest):
                        self.ask("p256", digest)
                        self.ours("answer", self.now, how, status)
                        text = self.judge("p256", digest=digest)[1]
                        self.assertIn("Response verify OK", text)
                        self.assertIn(f"p256.pem: {status}", text)
                        self.assertEqual("Reason: superseded" in text, status == "revoked")

    def test_ocsp_nonce(self):
        self.ask("p256", "-sha1", "-nonce")
        self.ours("answer", self.now, "direct", "good")
        text = run("openssl", "ocsp", "-reqin", self.path("ocsp.req"), "-respin", self.path("ocsp.resp"), "-CAfile",
                   self.path("root.pem"), "-verify_other", self.path("issuer.pem"))[1]
        self.assertIn("Response verify OK", text)
        self.assertNotIn("WARNING: no nonce in response", text)
        self.assertNotIn("Nonce Verify error", text)

    def test_ocsp_of_gnutls(self):
        chain = self.path("gnutls-chain.pem")
        chain.write_text(self.path("rsa.pem").read_text() + self.path("issuer.pem").read_text())
        self.ask("rsa")
        self.ours("answer", self.now, "direct", "revoked")
        code, text = run("ocsptool", "--verify-response", "--load-signer", self.path("issuer.pem"), "--infile",
                         self.path("ocsp.resp"), check=False)
        self.assertEqual(code, 0, text)
        self.assertIn("Success", text)
        text = run("ocsptool", "--response-info", "--infile", self.path("ocsp.resp"))[1]
        self.assertIn("Certificate Status: revoked", text)

    def test_a_malformed_request_is_answered(self):
        self.path("ocsp.req").write_bytes(b"\x30\x80nonsense")
        self.ours("answer", self.now, "direct", "good")
        text = self.judge("p256", check=False)[1]
        self.assertIn("malformedrequest", text)

    def test_zlint(self):
        self.ours("revoke", self.now, "rsa")
        lists = []
        for name in ("crl.der", "everything.crl.der"):
            run("openssl", "crl", "-inform", "DER", "-in", self.path(name), "-out", self.path(f"{name}.pem"))
            lists.append(f"{name}.pem")
        leaves = [f"{name}{kind}.pem" for name in self.leaves for kind in ("", ".precert")]
        seen = set()
        for name in ("issuer.pem", *leaves, *lists):
            with self.subTest(name):
                results = json.loads(run("zlint", self.path(name))[1])
                found = {lint: result["result"] for lint, result in results.items()
                         if result["result"] in ("warn", "error", "fatal", "info")}
                self.assertGreater(len(results), 3 if "crl" in name else 200)
                seen |= set(found)
                self.assertEqual({lint: how for lint, how in found.items() if lint not in ALLOWED}, {})
        self.assertEqual(set(ALLOWED) - seen, set(), "allowed, but found nowhere")


if __name__ == "__main__":
    PROGRAM = sys.argv.pop(1)
    missing = [name for name in NEEDED if shutil.which(name) is None]
    if missing:
        print(f"skipped: {', '.join(missing)} not installed")
        sys.exit(77)
    unittest.main()
