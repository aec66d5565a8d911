"""Tests of deploy-internet2.sh: what it does to processes, identities and files.

The script runs in a made-up checkout whose tools/devroot runs commands directly and whose server and client
are the small programs below, so that only the script itself is under test.
"""

import os
import pwd
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent

DEVROOT = """#!/bin/sh
[ "$1" = cmake ] && exit 0
exec "$@"
"""

# Healthy while DIR/ready holds the number of a live process.
SERVER = f"""#!{sys.executable}
import os, pathlib, signal, sys, time
data = pathlib.Path(sys.argv[sys.argv.index("--data-dir") + 1])
print("server", *sys.argv[1:], flush=True)
if (data / "broken").exists():
    sys.exit("server: broken on purpose")
def stop(*_):
    (data / "ready").unlink()
    sys.exit(0)
signal.signal(signal.SIGTERM, stop)
(data / "ready").write_text(str(os.getpid()))
while True:
    time.sleep(60)
"""

CLIENT = """#!/bin/sh
[ "$1" = --data-dir ] && data=$2 && shift 2
case "$1" in
  status) grep -q internet2-server "/proc/$(cat "$data/ready" 2>/dev/null)/cmdline" 2>/dev/null || exit 3
    echo "node in $data" ;;
  init | join) echo "$@" >>"$data/made"
    : >"$data/VERSION" ;;
  *) exit 2 ;;
esac
"""


class Deploy(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.top = Path(folder.name).resolve()
        for name in ("deploy-internet2.sh", "tools/common.sh"):
            (self.top / name).parent.mkdir(exist_ok=True)
            shutil.copy(ROOT / name, self.top / name)
        self.program("tools/devroot", DEVROOT)
        self.program("build/release/bin/internet2-server", SERVER, age=100)
        self.program("build/release/bin/i2", CLIENT)
        (self.top / "config").mkdir()
        (self.top / "config/development.toml").touch()
        self.data = self.top / "var"
        self.addCleanup(self.kill_servers)

    def program(self, name, text, age=0):
        path = self.top / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        path.chmod(0o755)
        os.utime(path, times=(time.time() - age,) * 2)

    def kill_servers(self):
        for file in (self.top / "run").glob("*.pid"):
            try:
                os.kill(int(file.read_text()), signal.SIGKILL)
            except ProcessLookupError:
                pass

    def deploy(self, *arguments, code=0):
        result = subprocess.run(
            [self.top / "deploy-internet2.sh", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=60,
            check=False,
        )
        self.assertEqual(result.returncode, code, result.stdout)
        return result.stdout

    def pid(self, name="server"):
        return int((self.top / f"run/{name}.pid").read_text())

    def is_alive(self, pid):
        try:
            return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
        except FileNotFoundError:
            return False

    def log(self, name="server"):
        return (self.top / f"logs/{name}.log").read_text()

    def test_first_run_makes_an_identity_and_starts(self):
        said = self.deploy("--fleet", "lab", "--name", "alpha")
        self.assertIn(f"node in {self.data}", said)
        self.assertEqual((self.data / "made").read_text(), "init --fleet lab --name alpha\n")
        self.assertEqual(stat.S_IMODE(self.data.stat().st_mode), 0o700)
        config = self.top / "config/development.toml"
        self.assertEqual(self.log(), f"server --data-dir {self.data} --config {config} development\n")
        self.assertTrue(self.is_alive(self.pid()))

    def test_an_interrupted_setup_is_repeated(self):
        (self.data / "identity").mkdir(parents=True)
        self.deploy("--name", "alpha")
        self.assertEqual((self.data / "made").read_text(), "init --fleet home --name alpha\n")

    def test_the_host_name_becomes_a_node_name(self):
        self.deploy()
        words = (self.data / "made").read_text().split()
        self.assertEqual(words[:-1], ["init", "--fleet", "home", "--name"])
        self.assertRegex(words[-1], r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$")

    def test_second_run_changes_nothing(self):
        self.deploy()
        pid, log = self.pid(), self.log()
        said = self.deploy("--fleet", "other")
        self.assertIn(f"node in {self.data}", said)
        self.assertEqual((self.pid(), self.log()), (pid, log))
        self.assertEqual((self.data / "made").read_text().count("init"), 1)

    def test_new_options_restart_and_are_remembered(self):
        self.deploy()
        first = self.pid()
        self.deploy("--port", "9393")
        second = self.pid()
        self.assertNotEqual(first, second)
        self.assertFalse(self.is_alive(first))
        self.assertIn("--port 9393 development", self.log())
        self.deploy()
        self.assertEqual(self.pid(), second)
        self.deploy("restart")
        self.assertEqual(self.log().count("--port 9393 development"), 2)

    @unittest.skipUnless(os.geteuid() == 0, "--user is for root")
    def test_a_node_of_another_user(self):
        self.deploy("--profile", "production", "--user", "nobody")
        self.assertEqual((self.data / "made").stat().st_uid, pwd.getpwnam("nobody").pw_uid)
        self.assertIn("I2_USER=nobody", self.environment())
        self.deploy("restart")
        self.assertIn("I2_USER=nobody", self.environment())
        self.deploy("--profile", "development")
        self.assertFalse([line for line in self.environment() if line.startswith("I2_USER=")])

    def environment(self):
        return Path(f"/proc/{self.pid()}/environ").read_bytes().decode().split("\0")

    def test_new_program_restarts(self):
        self.deploy()
        first = self.pid()
        later = time.time() + 5
        os.utime(self.top / "build/release/bin/internet2-server", times=(later, later))
        self.assertIn("the program changed", self.deploy())
        self.assertFalse(self.is_alive(first))

    def test_stop_start_status(self):
        self.deploy("status", code=3)
        self.deploy("start", code=1)  # there is no identity yet
        self.deploy()
        pid = self.pid()
        self.deploy("status")
        self.deploy("stop")
        self.assertFalse(self.is_alive(pid))
        self.deploy("status", code=3)
        self.assertIn("not running", self.deploy("stop"))
        self.deploy("start")
        self.deploy("status")

    def test_killed_server_is_started_again(self):
        self.deploy()
        first = self.pid()
        os.kill(first, signal.SIGKILL)
        self.deploy()
        self.assertNotEqual(self.pid(), first)

    def test_a_foreign_process_with_the_old_number_is_left_alone(self):
        self.deploy()
        self.deploy("stop")
        other = subprocess.Popen(["sleep", "60"])
        self.addCleanup(other.wait)
        self.addCleanup(other.kill)
        (self.top / "run/server.pid").write_text(f"{other.pid}\n")
        self.assertIn("not running", self.deploy("stop"))
        self.assertIsNone(other.poll())

    def test_a_server_that_dies_shows_its_own_log(self):
        self.deploy()
        self.deploy("stop")
        (self.data / "broken").touch()
        said = self.deploy("start", code=1)
        self.assertIn("broken on purpose", said)
        self.assertEqual(said.count("server --data-dir"), 1, said)
        self.assertFalse((self.top / "run/server.pid").exists())

    def test_join_with_a_bundle_and_with_a_token(self):
        (self.top / "b.bundle").touch()
        self.deploy("--data-dir", str(self.top / "b"), "--join", str(self.top / "b.bundle"))
        self.assertEqual((self.top / "b/made").read_text(), f"join {self.top}/b.bundle\n")
        self.deploy("--data-dir", str(self.top / "c"), "--name", "c", "--join", "i2join1_abc")
        self.assertEqual((self.top / "c/made").read_text(), "join i2join1_abc --name c\n")

    def test_two_nodes_from_one_checkout(self):
        second = ("--data-dir", str(self.top / "var2"))
        self.deploy()
        self.deploy(*second, "--port", "9393")
        pids = {self.pid(), self.pid("server-var2")}
        self.assertEqual(len(pids), 2)
        self.deploy("stop")
        self.deploy("status", *second)
        self.assertTrue(self.is_alive(self.pid("server-var2")))

    def test_two_calls_at_once_start_one_server(self):
        command = [self.top / "deploy-internet2.sh"]
        calls = [subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) for _ in "ab"]
        self.assertEqual([call.wait(60) for call in calls], [0, 0])
        self.assertEqual(self.log().count("server --data-dir"), 1)

    def test_wrong_usage(self):
        for arguments in (
            ["frobnicate"],
            ["--port", "99999"],
            ["--port"],
            ["--profile", "test"],
            ["--federated"],
        ):
            with self.subTest(arguments):
                self.deploy(*arguments, code=2)
        self.deploy("--config", "missing.toml", code=1)


if __name__ == "__main__":
    unittest.main()
