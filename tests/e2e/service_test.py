"""The daemon as a service: modes, what stands against them, rights, the service manager."""

import ctypes
import json
import os
import pwd
import select
import signal
import socket
import subprocess
import unittest
import urllib.request
from pathlib import Path

from fleet import DEADLINE, SERVER, FleetTest, run, wait_for

TRANSPORT = SERVER.parent / "stoq-transport"
ROOT = os.geteuid() == 0
USER = "nobody"


class Manager:
    """What a service manager hears."""

    def __init__(self, folder):
        self.path = folder / "notify"
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(str(self.path))
        self.path.chmod(0o777)
        self.socket.settimeout(DEADLINE)

    def expect(self, line):
        """Waits for a message with this line and returns all its lines."""
        while True:
            lines = self.socket.recv(4096).decode().splitlines()
            if line in lines:
                return lines

    def drain(self):
        """What it has heard and not looked at."""
        lines = []
        while select.select([self.socket], [], [], 0)[0]:
            lines += self.socket.recv(4096).decode().splitlines()
        return lines

    def close(self):
        self.socket.close()


class Frozen:
    """Holds one thread of another process with ptrace(2)."""

    SEIZE, INTERRUPT, DETACH = 0x4206, 0x4207, 17

    def __init__(self, process, name):
        threads = Path(f"/proc/{process}/task").iterdir()
        self.thread = next(int(t.name) for t in threads if (t / "comm").read_text().strip() == name)

    def ptrace(self, request):
        libc = ctypes.CDLL(None, use_errno=True)
        arguments = (ctypes.c_long(request), ctypes.c_long(self.thread), ctypes.c_void_p(), ctypes.c_void_p())
        if libc.ptrace(*arguments) != 0:
            raise OSError(ctypes.get_errno(), "ptrace")

    def __enter__(self):
        self.ptrace(self.SEIZE)
        self.ptrace(self.INTERRUPT)
        os.waitpid(self.thread, 0x40000000)  # __WALL
        return self

    def __exit__(self, *_):
        self.ptrace(self.DETACH)


class Modes(FleetTest):
    def test_production_says_all_that_is_unsafe(self):
        alpha = self.founder()
        path = self.folder / "node.toml"
        path.write_text('[deployment]\nmode = "development"\n[hypermesh.consensus]\n'
                        "mandatory_four_proof = false\n[certificates]\nauto_cert_renewal = false\n")
        path.chmod(0o666)
        alpha.data.chmod(0o755)
        answer = run(SERVER, "--config", path, "--data-dir", alpha.data, "--port", "0", "production",
                     "--federated")
        self.assertEqual(answer.code, 1, str(answer))
        for part in ("for `development`", "--federated: this fleet has one validator", "mandatory_four_proof",
                     "auto_cert_renewal", "chmod 700", "can change the configuration file"):
            self.assertIn(part, answer.err)
        self.assertIn("reasons, see above", answer.err)

    @unittest.skipUnless(ROOT, "giving up the rights of root needs them")
    def test_production_as_root_wants_a_user(self):
        alpha = self.founder()
        answer = run(SERVER, "--data-dir", alpha.data, "--port", "0", "production")
        self.assertEqual(answer.code, 1, str(answer))
        self.assertIn("it would run as root", answer.err)

    @unittest.skipUnless(ROOT, "giving up the rights of root needs them")
    def test_production_becomes_its_user_and_can_use_low_ports(self):
        alpha = self.founder()
        self.folder.chmod(0o755)
        subprocess.run(["chown", "-R", USER, alpha.data], check=True)
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as probe:
            probe.bind(("::1", 0))
            port = 1 + probe.getsockname()[1] % 1000
        alpha.start(port=port, env={"I2_USER": USER}, mode=("production",))
        with open(f"/proc/{alpha.process.pid}/status", encoding="ascii") as file:
            status = dict(line.split(":\t", 1) for line in file.read().splitlines() if ":\t" in line)
        self.assertEqual(set(status["Uid"].split()), {str(pwd.getpwnam(USER).pw_uid)})
        self.assertEqual(int(status["CapEff"], 16), 1 << 10)  # CAP_NET_BIND_SERVICE
        self.assertEqual(int(status["CapInh"], 16), 0)
        self.assertEqual(status["NoNewPrivs"].strip(), "1")
        self.assertEqual((alpha.data / "admin.sock").stat().st_uid, pwd.getpwnam(USER).pw_uid)
        self.assertEqual(alpha.ok("status")["health"], "ok")
        self.assertEqual(alpha.stop(), 0, alpha.tail())

    @unittest.skipUnless(ROOT, "giving up the rights of root needs them")
    def test_an_unknown_user(self):
        alpha = self.founder()
        answer = run(SERVER, "--data-dir", alpha.data, "--port", "0", "development",
                     env={"I2_USER": "nobody-of-this-name"})
        self.assertEqual(answer.code, 1, str(answer))
        self.assertIn("node.user_unknown", answer.err)

    def test_bootstrap_founds_a_fleet_once(self):
        alpha = self.node("alpha")
        answer = run(SERVER, "--data-dir", alpha.data, "--port", "0", "bootstrap")
        self.assertEqual(answer.code, 3, str(answer))
        self.assertIn("--root-authority", answer.err)
        mode = ("bootstrap", "--root-authority", "--fleet", "lab", "--name", "alpha")
        alpha.start(mode=mode)
        first = alpha.ok("status")
        self.assertEqual((first["fleet"]["name"], first["node"]["name"]), ("lab", "alpha"))
        self.assertEqual(alpha.stop(), 0)
        alpha.start(mode=mode)
        self.assertEqual(alpha.ok("status")["fleet"], first["fleet"])

    def assert_follows(self, node, alpha):
        """A block that alpha orders reaches the node."""
        self.invite(alpha)
        height = alpha.ok("status")["consensus"]["height"]
        wait_for(lambda: node.ok("status")["consensus"]["height"] == height, f"{node.name} to follow")

    def test_the_transport_alone(self):
        alpha, beta = self.pair()
        self.assertEqual(beta.stop(), 0)
        beta.start(mode=(), program=TRANSPORT)
        status = beta.ok("status")
        self.assertIn("transport", status["layers"])
        self.assertNotIn("files", status["layers"])
        wait_for(lambda: beta.connected() == {"alpha"}, "the transport to connect")
        self.assertGreater(beta.ok("ping", "alpha")["rtt_us"]["min"], 0)
        self.assert_follows(beta, alpha)
        path = self.folder / "x"
        path.write_bytes(b"x")
        self.assert_fails(alpha.i2("send", path, "beta", timeout=DEADLINE), 5, "stoq.refused")
        self.assertEqual(run(TRANSPORT, "development").code, 2)

    def test_the_gateway_alone(self):
        alpha, beta = self.pair()
        self.assertEqual(beta.stop(), 0)
        beta.start(mode=("gateway",), env={"I2_GATEWAY": "false"})
        self.assertNotIn("files", beta.ok("status")["layers"])
        with urllib.request.urlopen(f"http://[::1]:{beta.http_port}/health", timeout=DEADLINE) as answer:
            health = json.loads(answer.read())
        self.assertEqual(health["status"], "ok")
        self.assertEqual(health["layers"], beta.ok("status")["layers"])
        wait_for(lambda: beta.connected() == {"alpha"}, "the gateway to connect")
        self.assert_follows(beta, alpha)
        # Nobody could join here; it says so before it prints a token.
        self.assertEqual(alpha.stop(), 0)
        alpha.start(mode=("gateway",), env={"I2_GATEWAY": "false"})
        self.assert_fails(alpha.i2("invite", "--address", alpha.address), 5, "fleet.no_anchor")

    def test_the_layers_are_in_status(self):
        layers = self.founder().start().ok("status")["layers"]
        self.assertEqual(set(layers), {"data_directory", "trust", "ledger", "transparency_log", "witness", "authority", "acme",
                                       "transport", "certificates", "membership", "files", "peers", "telemetry", "gateway",
                                       "admin_socket"})
        self.assertEqual({layer["status"] for layer in layers.values()}, {"ok"})


class ServiceManager(FleetTest):
    def test_ready_reloading_watchdog_stopping(self):
        alpha = self.founder()
        manager = Manager(self.folder)
        self.addCleanup(manager.close)
        alpha.start(env={"NOTIFY_SOCKET": str(manager.path), "WATCHDOG_USEC": "300000"})
        ready = manager.expect("READY=1")
        self.assertTrue(any(line.startswith("STATUS=development on [::1]:") for line in ready), ready)
        manager.expect("WATCHDOG=1")
        alpha.process.send_signal(signal.SIGHUP)
        reloading = manager.expect("RELOADING=1")
        self.assertTrue(any(line.startswith("MONOTONIC_USEC=") for line in reloading), reloading)
        manager.expect("READY=1")
        manager.expect("WATCHDOG=1")
        alpha.process.send_signal(signal.SIGTERM)
        manager.expect("STOPPING=1")
        self.assertEqual(alpha.process.wait(timeout=DEADLINE), 0)
        alpha.process = None

    @unittest.skipUnless(ROOT, "stops a thread of another process")
    def test_the_watchdog_is_not_fed_while_a_thread_is_stuck(self):
        alpha = self.founder()
        manager = Manager(self.folder)
        self.addCleanup(manager.close)
        alpha.start(env={"NOTIFY_SOCKET": str(manager.path), "WATCHDOG_USEC": "300000"})
        for name in ("worker-0", "control"):
            manager.expect("WATCHDOG=1")
            told = len(alpha.events("stuck"))
            with Frozen(alpha.process.pid, name):
                wait_for(lambda: len(alpha.events("stuck")) > told, "the node to notice")
                manager.drain()
                wait_for(lambda: len(alpha.events("stuck")) > told + 2, "the node to notice again")
                self.assertEqual(manager.drain(), [])
            manager.expect("WATCHDOG=1")
        self.assertEqual(alpha.stop(), 0)

    def test_a_failed_layer_is_named(self):
        alpha = self.founder().start()
        other = self.founder("other", "other")
        answer = run(SERVER, "--data-dir", other.data, "--bind", "::1", "--port", str(alpha.port), "development")
        self.assertEqual(answer.code, 1, str(answer))
        self.assertIn("start_failed: transport: ", answer.err)


if __name__ == "__main__":
    os.umask(0o022)
    unittest.main(verbosity=2)
