"""deploy-internet2.sh with the real program (tests/tools/deploy_test.py: the script alone)."""

import os
import pwd
import shutil
import tempfile
import unittest
from pathlib import Path

from checkout import make_checkout, run_isolated

ROOT = os.geteuid() == 0


class Deploy(unittest.TestCase):
    def setUp(self):
        self.top = Path(tempfile.mkdtemp(prefix="i2-deploy-"))
        self.addCleanup(shutil.rmtree, self.top, ignore_errors=True)
        self.top.chmod(0o755)  # another user than root has to reach the data
        make_checkout(self.top / "work")

    def run_in_checkout(self, script, code=0):
        done = run_isolated(script, self.top / "work", self.top)
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        return done

    def test_status_and_logs_and_where_it_is(self):
        done = self.run_in_checkout("""
            set -e
            ./deploy-internet2.sh --fleet lab --name alpha
            ./deploy-internet2.sh logs | grep 'node ready: '
            ./deploy-internet2.sh restart
            curl -sf http://[::1]:9292/health
            ./deploy-internet2.sh stop""")
        self.assertRegex(done.stdout, r"(?m)^fleet +lab ")
        self.assertRegex(done.stdout, r"(?m)^http +http://\[::1\]:9292/health  https://\[::1\]:9292/openapi.json$")
        self.assertIn('"status":"ok"', done.stdout)
        self.assertIn("stopped", done.stderr)

    @unittest.skipUnless(ROOT, "giving up the rights of root needs them")
    def test_production_of_another_user(self):
        done = self.run_in_checkout("""
            set -e
            ./deploy-internet2.sh --profile production --user nobody --name alpha
            stat -c 'owner %U' /proc/$(cat run/server.pid) var var/identity
            ./deploy-internet2.sh restart
            curl -sf http://[::1]:443/health/ready
            ./deploy-internet2.sh stop""")
        self.assertEqual(done.stdout.count("owner nobody"), 3, done.stdout)
        self.assertEqual(pwd.getpwuid((self.top / "work/var/VERSION").stat().st_uid).pw_name, "nobody")

    @unittest.skipUnless(ROOT, "root is what is refused")
    def test_production_says_why_it_does_not_start(self):
        done = self.run_in_checkout("./deploy-internet2.sh --profile production --federated --name alpha", code=1)
        self.assertIn("--federated: this fleet has one validator", done.stderr)
        self.assertIn("it would run as root", done.stderr)


if __name__ == "__main__":
    unittest.main(verbosity=2)
