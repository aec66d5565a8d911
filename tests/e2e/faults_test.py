"""What goes wrong around a daemon: it is killed, keys cannot be read, the disk is full, formats are newer."""

import json
import os
import random
import re
import signal
import subprocess
import time
import unittest
import urllib.error
import urllib.request

from fleet import CLIENT, DEADLINE, ENVIRONMENT, SERVER, Answer, FleetTest, Node, run, wait_for

ROOT = os.geteuid() == 0
NOBODY = 65534
MIB = 1 << 20


class Crash(FleetTest):
    def test_killed_at_any_moment_it_starts_again(self):
        seed = random.randrange(1 << 32)
        print(f"seed {seed}", flush=True)
        moments = random.Random(seed)
        alpha = self.founder()
        keys = self.keys(alpha)
        for _ in range(20):
            process = subprocess.Popen(
                [SERVER, "--data-dir", alpha.data, "--bind", "::1", "--port", "0", "development"],
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=ENVIRONMENT)
            time.sleep(moments.uniform(0, 0.4))  # the moment of the fault
            process.kill()
            self.assertEqual(process.wait(timeout=DEADLINE), -signal.SIGKILL)
        alpha.start()
        status = alpha.ok("status")
        self.assertEqual((status["node"]["name"], status["health"]), ("alpha", "ok"))
        self.assertEqual(alpha.stop(), 0)
        self.assertEqual(self.keys(alpha), keys)

    def keys(self, node):
        """All but the certificates, which are renewed, and their keys."""
        identity = node.data / "identity"
        return {str(path): path.read_bytes() for path in identity.rglob("*.pem") if path.parent.name != "leaf"}


class Drain(FleetTest):
    def busy(self, duration, **env):
        """A node that runs `bench` for so long, and the client that waits for it."""
        alpha = self.founder().start(env={"I2_METRICS_INTERVAL": "100ms", **env})
        beta = self.member(alpha, "beta").start()
        wait_for(lambda: alpha.connected() == {"beta"}, "the nodes to connect")
        bench = subprocess.Popen([CLIENT, "--data-dir", alpha.data, "bench", "beta", "--duration", duration, "--json"],
                                 stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=ENVIRONMENT)
        self.addCleanup(bench.communicate)
        self.addCleanup(bench.kill)
        wait_for(lambda: alpha.ok("metrics")["stoq"]["sent_bytes"] > 2 * MIB, "data to move")
        return alpha, bench

    def test_commands_under_way_finish_and_no_new_ones_begin(self):
        alpha, bench = self.busy("3s", I2_DRAIN_TIMEOUT="1m")
        self.assertEqual(self.ready(alpha), 200)
        alpha.process.send_signal(signal.SIGTERM)
        wait_for(lambda: self.ready(alpha) == 503, "the node to say that it stops")
        self.assert_fails(alpha.i2("peers"), 3, "node.stopping")
        out, err = bench.communicate(timeout=2 * DEADLINE)
        self.assertEqual(bench.returncode, 0, err.decode())
        self.assertGreater(json.loads(out)["acknowledged_bytes"], 2 * MIB)
        self.assertEqual(alpha.process.wait(timeout=DEADLINE), 0)
        alpha.process = None

    def test_a_second_signal_does_not_wait(self):
        alpha, _ = self.busy("10m", I2_DRAIN_TIMEOUT="10m")
        alpha.process.send_signal(signal.SIGTERM)
        wait_for(lambda: self.ready(alpha) == 503, "the node to say that it stops")
        self.assertEqual(alpha.stop(), 128 + signal.SIGTERM)

    def ready(self, node):
        try:
            with urllib.request.urlopen(f"http://[::1]:{node.http_port}/health/ready", timeout=DEADLINE) as answer:
                return answer.status
        except urllib.error.HTTPError as error:
            return error.code


class Files(FleetTest):
    def test_a_newer_format_is_refused(self):
        alpha = self.founder()
        version = alpha.data / "VERSION"
        version.chmod(0o600)
        newer = re.sub(r" \d+ ", " 999 ", version.read_text(), count=1)
        version.write_text(newer)
        for answer in (run(SERVER, "--data-dir", alpha.data, "--port", "0", "development"),
                       alpha.i2("init", "--name", "alpha")):
            self.assertEqual(answer.code, 1, str(answer))
            self.assertIn("node.data_dir_version", answer.err)
        self.assertEqual(version.read_text(), newer)

    @unittest.skipUnless(ROOT, "changing the user needs root")
    def test_a_key_that_cannot_be_read_is_named(self):
        alpha = self.founder()
        self.folder.chmod(0o755)
        subprocess.run(["chown", "-R", f"{NOBODY}:{NOBODY}", alpha.data], check=True)
        key = alpha.data / "identity/node.falcon.pem"
        os.chown(key, 0, 0)
        answer = Answer(subprocess.run(
            [SERVER, "--data-dir", alpha.data, "--port", "0", "development"], stdin=subprocess.DEVNULL,
            capture_output=True, user=NOBODY, group=NOBODY, extra_groups=[], env=ENVIRONMENT, timeout=DEADLINE,
            check=False))
        self.assertNotEqual(answer.code, 0, str(answer))
        self.assertIn("start_failed: trust: ", answer.err)
        self.assertIn(str(key), answer.err)

    @unittest.skipUnless(ROOT, "mounting needs root")
    def test_a_disk_that_is_nearly_full(self):
        alpha = self.founder().start()
        disk = self.folder / "disk"
        disk.mkdir()
        mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=60m", "tmpfs", disk], capture_output=True,
                                 check=False)
        if mounted.returncode != 0:
            self.skipTest(mounted.stderr.decode())
        self.addCleanup(subprocess.run, ["umount", "--lazy", disk], check=False)
        beta = Node(disk, "beta")
        self.nodes.append(beta)
        beta.ok("join", self.bundle(alpha, "beta"))
        beta.start()
        status = beta.i2("status", "--json")
        self.assertEqual(status.code, 1, str(status))
        self.assertEqual(status.json["health"], "degraded")
        self.assertIn("left on the disk", status.json["layers"]["data_directory"]["reason"])
        wait_for(lambda: alpha.connected() == {"beta"}, "the nodes to connect")
        large = self.folder / "large"
        with open(large, "wb") as file:
            file.truncate(80 * MIB)
        answer = alpha.i2("send", large, "beta", timeout=2 * DEADLINE)
        self.assert_fails(answer, 7, "file.no_space")
        small = self.folder / "small"
        small.write_bytes(b"x" * 1000)
        alpha.ok("send", small, "beta")
        self.assertEqual(beta.stop(), 0, beta.tail())


if __name__ == "__main__":
    unittest.main(verbosity=2)
