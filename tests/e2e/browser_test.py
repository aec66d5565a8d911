#!/usr/bin/env python3
"""A browser loads the API's description over HTTP/3. Skipped where Chromium is not installed."""

import base64
import hashlib
import json
import shutil
import subprocess
import tempfile
import unittest

from fleet import DEADLINE, wait_for
from http_test import HttpTest, curl


class Browser(HttpTest):
    def setUp(self):
        self.chromium = shutil.which("chromium") or shutil.which("chromium-browser")
        if self.chromium is None:
            self.skipTest("chromium is not installed")
        super().setUp()

    def leaf_pin(self):
        """The base64 of the SHA-256 of the leaf's public key."""
        chain = subprocess.run(
            ["openssl", "s_client", "-connect", f"[::1]:{self.port}", "-servername", "localhost"],
            input=b"", capture_output=True, timeout=DEADLINE, check=False).stdout
        key = subprocess.run(["openssl", "x509", "-pubkey", "-noout"], input=chain,
                             capture_output=True, timeout=DEADLINE, check=True).stdout
        der = subprocess.run(["openssl", "pkey", "-pubin", "-outform", "DER"], input=key,
                             capture_output=True, timeout=DEADLINE, check=True).stdout
        return base64.b64encode(hashlib.sha256(der).digest()).decode()

    def test_chromium_speaks_http_3(self):
        profile = tempfile.mkdtemp(dir=self.folder)
        done = subprocess.run(
            [self.chromium, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
             f"--user-data-dir={profile}", "--no-first-run", "--disable-background-networking",
             "--enable-quic", f"--origin-to-force-quic-on=localhost:{self.alpha.port}",
             "--host-resolver-rules=MAP localhost [::1]",
             f"--ignore-certificate-errors-spki-list={self.leaf_pin()}",
             "--dump-dom", f"https://localhost:{self.alpha.port}/openapi.json"],
            capture_output=True, timeout=8 * DEADLINE, check=False)
        self.assertIn('"openapi":"3.1.0"', done.stdout.decode(), done.stderr.decode()[-2000:])

        def requests():
            return json.loads(curl(f"{self.plain}/metrics"))["gateway"]["http3_requests"]

        wait_for(requests, "the request to be counted")  # merged once a second


if __name__ == "__main__":
    unittest.main()
