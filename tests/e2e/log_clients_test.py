#!/usr/bin/env python3
"""The transparency log of a running node, asked by programs that were not written here: Google's ctclient, scanlog
and sctcheck (built from Debian's sources), certspotter and openssl. What is not installed is skipped."""

import base64
import hashlib
import json
import os
import shutil
import subprocess
import tempfile
import textwrap
import unittest
from pathlib import Path

from fleet import PATIENCE, FleetTest, wait_for

GO_PATH = Path("/usr/share/gocode")
OWN_GO_PATH = Path(__file__).resolve().parent.parent / "interop" / "go"
CLIENT = "github.com/google/certificate-transparency-go"
COMMANDS = {"ctclient": "client/ctclient", "sctcheck": "ctutil/sctcheck", "scanlog": "scanner/scanlog"}


def run(*arguments, check=True, environment=None, stdin=""):
    done = subprocess.run([*map(str, arguments)], input=stdin, capture_output=True, text=True, timeout=PATIENCE,
                          check=False, env={**os.environ, **(environment or {})})
    if check and done.returncode != 0:
        raise AssertionError(f"{arguments}: {done.stdout}{done.stderr}")
    return done.stdout + done.stderr


class LogClientsTest(FleetTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        if shutil.which("go") is None or not (GO_PATH / "src" / CLIENT).is_dir():
            raise unittest.SkipTest("go or Google's Certificate Transparency client is missing")
        built = tempfile.TemporaryDirectory()
        cls.addClassCleanup(built.cleanup)
        cls.tools = Path(built.name)
        # Debian's packages only; nothing is fetched.
        subprocess.run(["go", "build", "-o", f"{cls.tools}/", *(f"{CLIENT}/{path}" for path in COMMANDS.values())],
                       check=True, env={**os.environ, "GOPATH": f"{OWN_GO_PATH}:{GO_PATH}", "GO111MODULE": "off",
                                        "GOPROXY": "off", "GOFLAGS": "", "CGO_ENABLED": "0"})

    def setUp(self):
        super().setUp()
        self.alpha = self.founder().start()
        self.url = f"http://[::1]:{self.alpha.http_port}"
        status = self.alpha.ok("ct", "status")
        self.key, self.log_id = status["public_key"], status["log_id"]
        pem = textwrap.fill(self.key, 64)
        self.key_file = self.write("log.pem", f"-----BEGIN PUBLIC KEY-----\n{pem}\n-----END PUBLIC KEY-----\n")
        self.root = self.write("root.pem", run("curl", "-sSf", f"{self.url}/ca/root"))
        self.leaves = [self.issue(f"web{i}.home.i2.internal") for i in range(3)]
        self.size = self.alpha.ok("ct", "status")["entries"]

    def write(self, name, text):
        path = self.folder / name
        path.write_text(text)
        return path

    def issue(self, name):
        self.alpha.ok("cert", "issue", "--cn", name, "--out", self.folder)
        return self.folder / f"{name}.pem"

    def ctclient(self, command, *arguments):
        return run(self.tools / "ctclient", command, "--log_uri", self.url, "--pub_key", self.key_file, *arguments)

    def log_list(self, url):
        log = {"description": "fleet", "log_id": self.log_id, "key": self.key, "url": url, "mmd": 60,
               "state": {"usable": {"timestamp": "2020-01-01T00:00:00Z"}}}
        return self.write("logs.json", json.dumps(
            {"version": "1", "operators": [{"name": "fleet", "email": ["log@example.org"], "logs": [log],
                                            "tiled_logs": []}]}))

    def test_ctclient(self):
        self.assertIn(f"(size={self.size})", self.ctclient("get-sth"))
        self.assertIn(self.root.read_text().splitlines()[1], self.ctclient("get-roots", "--text=false"))
        entries = self.ctclient("get-entries", "--first", 0, "--last", self.size - 1, "--text=false")
        self.assertIn(f"Index={self.size - 1} ", entries)
        self.assertIn("Consistency proof from size 1", self.ctclient("get-consistency-proof", "--prev_size", 1,
                                                                     "--size", self.size))
        # A final certificate is an entry of its own; the client verifies the promise with the log's key.
        self.assertIn("Uploaded chain of 3 certs", self.ctclient("upload", "--cert_chain", self.leaves[0]))
        # RFC 6962 §2.1. The hash that `upload` prints leaves out the extensions of the SCT, where the index is.
        entry = json.loads(run("curl", "-sSf", f"{self.url}/ct/v1/get-entries?start={self.size}&end={self.size}"))
        leaf = base64.b64decode(entry["entries"][0]["leaf_input"])
        proof = self.ctclient("get-inclusion-proof", "--leaf_hash", hashlib.sha256(b"\0" + leaf).hexdigest())
        self.assertIn("Verified that hash", proof)

    def test_scanlog(self):
        found = run(self.tools / "scanlog", "--log_uri", self.url, "--match_subject_regex", r"web2\..*", "--end_index",
                    self.size)
        self.assertEqual(found.count("Process precert"), 1, found)
        self.assertIn("CN: 'web2.home.i2.internal'", found)

    def test_sctcheck(self):
        # Without inclusion: it hashes the entry without the extensions of the SCT, which have the index.
        logs = self.log_list(f"https://[::1]:{self.alpha.http_port}/")
        found = run(self.tools / "sctcheck", "--log_list", logs, "--logtostderr", "--check_inclusion=false",
                    self.leaves[0])
        self.assertIn('against log "fleet"... validated', found)
        self.assertIn("of which 1 were validated", found)

    @unittest.skipUnless(shutil.which("certspotter"), "certspotter is missing")
    def test_certspotter_follows(self):
        logs = self.log_list(f"{self.url}/")
        watched = self.write("watched", ".\n")
        state = self.folder / "certspotter"
        state.mkdir()
        follower = subprocess.Popen(["certspotter", "-logs", logs, "-watchlist", watched, "-state_dir", state, "-stdout",
                                     "-verbose"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        try:
            seen = []
            for line in follower.stdout:
                seen.append(line)
                if "finished downloading" in line:
                    break
        finally:
            follower.terminate()
            follower.communicate(timeout=PATIENCE)
        text = "".join(seen)
        for i in range(3):
            self.assertIn(f"DNS Name = web{i}.home.i2.internal", text)
        self.assertNotIn("error", text.lower())

    @unittest.skipUnless(shutil.which("openssl"), "openssl is missing")
    def test_openssl_checks_the_promise(self):
        self.alpha.ok("cert", "rotate")
        logs = self.write("logs.cnf", f"enabled_logs = fleet\n[fleet]\ndescription = fleet\nkey = {self.key}\n")
        # It counts in seconds: a promise of the present one is from the future.
        wait_for(lambda: "SCT validation status: valid" in self.s_client(logs), "a promise that is old enough",
                 PATIENCE)
        shown = self.s_client(logs)
        self.assertIn("Verification: OK", shown)
        self.assertIn("SCTs present (1)", shown)

    def s_client(self, logs):
        return run("openssl", "s_client", "-connect", f"[::1]:{self.alpha.http_port}", "-servername", "localhost",
                   "-CAfile", self.root, "-verify_return_error", "-ct", "-ctlogfile", logs, check=False)


if __name__ == "__main__":
    unittest.main()
