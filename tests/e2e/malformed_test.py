#!/usr/bin/env python3
"""Requests of people who mean no good, to everything of trust that is served. I2_MALFORMED: how many to each
endpoint (default 100)."""

import base64
import http.client
import json
import os
import random
import subprocess
import unittest
from pathlib import Path

from fleet import FleetTest

COUNT = int(os.environ.get("I2_MALFORMED", "100"))
JSON = "application/json"
JOSE = "application/jose+json"


def resident(pid):
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * 4096


class Malformed(FleetTest):
    def setUp(self):
        super().setUp()
        self.alpha = self.founder().start(env={"I2_ACME": "true"})
        self.assertTrue(self.alpha.events("acme_opened"))
        self.token = (self.alpha.data / "gateway" / "token").read_text().strip()
        self.random = random.Random(20)
        self.connection = http.client.HTTPConnection("::1", self.alpha.http_port, timeout=60)
        self.addCleanup(self.connection.close)

    def ask(self, method, path, body=None, kind=JSON, token=True):
        headers = {"Content-Type": kind} if body is not None else {}
        if token:
            headers["Authorization"] = f"Bearer {self.token}"
        try:
            self.connection.request(method, path, body, headers)
            answer = self.connection.getresponse()
            answer.read()
        except (http.client.HTTPException, OSError):
            self.connection.close()  # it may hang up on what is no HTTP
            return None
        return answer.status

    def damaged(self, good):
        bad = bytearray(good)
        for _ in range(self.random.randint(1, 3)):
            at = self.random.randrange(len(bad)) if bad else 0
            kind = self.random.randrange(4)
            if kind == 0 and bad:
                bad[at] ^= 1 << self.random.randrange(8)
            elif kind == 1:
                del bad[at:]
            elif kind == 2:
                bad[at:at] = self.random.randbytes(self.random.randint(1, 16))
            else:
                bad[at:at] = bad[at:at + 64] * 8
        return bytes(bad)

    def test_posts(self):
        key, csr = self.folder / "key", self.folder / "csr"
        subprocess.run(["openssl", "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout",
                        key, "-out", csr, "-subj", "/CN=a.home.i2.internal"], check=True, capture_output=True)
        chain = base64.b64encode(b"\x30\x82" + bytes(400)).decode()
        wish = {"common_name": "a.home.i2.internal", "san_entries": [], "node_id": "", "ipv6_addresses": [],
                "csr": csr.read_text()[:200]}
        jws = {"protected": base64.urlsafe_b64encode(json.dumps({"alg": "ES256", "nonce": "x", "url": "y"}).encode())
               .decode(), "payload": "", "signature": "AAAA"}
        targets = [("/ca/certificate", json.dumps(wish), JSON), ("/ca/certificate/0102/revoke", '{"reason":"none"}', JSON),
                   ("/ca/ocsp", "0\x82\x01\x00" + "x" * 80, "application/ocsp-request"),
                   ("/ct/v1/add-chain", json.dumps({"chain": [chain, chain]}), JSON),
                   ("/ct/v1/add-pre-chain", json.dumps({"chain": [chain]}), JSON),
                   *((f"/acme/{name}", json.dumps(jws), JOSE) for name in
                     ("new-account", "new-order", "key-change", "revoke-cert", "order/x", "authorization/x", "challenge/x/y",
                      "certificate/x", "account/x"))]
        self.attack(targets)

    def attack(self, targets):
        before = resident(self.alpha.process.pid)
        for path, body, kind in targets:
            with self.subTest(path=path):
                for _ in range(COUNT):
                    status = self.ask("POST", path, self.damaged(body.encode("latin1")), kind)
                    # OCSP says in the answer's body that the request was malformed (RFC 6960 §4.2.1).
                    self.assertTrue(status is None or 400 <= status < 500 or status in (200, 503), status)
                    if path != "/ca/ocsp":
                        self.assertNotEqual(status, 200)
        self.assert_well(before)

    def test_gets(self):
        paths = ["/ca/certificate/00ff00ff", "/ca/crl", "/ca/ocsp/MEUwQzBBMD8wPTAJ", "/ca/issuer/0011223344556677", "/ct/v1/get-sth",
                 "/ct/v1/get-entries?start=0&end=1", "/ct/v1/get-proof-by-hash?hash=AAAA&tree_size=1",
                 "/ct/v1/get-sth-consistency?first=0&second=1", "/ct/v1/get-entry-and-proof?leaf_index=0&tree_size=1",
                 "/ct/proof/" + "ab" * 32, "/ct/tile/0/000", "/ct/tile/data/000.p/1", "/ct/issuer/" + "cd" * 32,
                 "/acme/directory", "/acme/new-nonce", "/acme/renewal-info/AAAA.BBBB"]
        before = resident(self.alpha.process.pid)
        for path in paths:
            with self.subTest(path=path):
                for _ in range(COUNT):
                    bad = self.damaged(path[1:].encode()).decode("latin1")
                    # As a client can send it: one line of ASCII.
                    target = "/" + "".join(c if "!" <= c <= "~" else "%%%02x" % ord(c) for c in bad)
                    status = self.ask("GET", target, token=self.random.random() < 0.5)
                    self.assertTrue(status is None or status < 500 or status == 503, (target, status))
        self.assert_well(before)

    def assert_well(self, before):
        self.assertIsNone(self.alpha.process.poll(), self.alpha.tail())
        self.assertEqual(self.alpha.ok("status")["health"], "ok")
        self.assertEqual(self.alpha.ok("ct", "status")["stopped"], False)
        self.assertLess(resident(self.alpha.process.pid) - before, 128 << 20)
        self.assertEqual(self.alpha.ok("cert", "list", "--requester", "console")["certificates"], [])


if __name__ == "__main__":
    unittest.main()
