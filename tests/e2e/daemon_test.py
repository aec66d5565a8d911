"""The daemon as a process: start, refusals, admin socket, signals, what it costs."""

import contextlib
import os
import signal
import socket
import stat
import subprocess
import time
import unittest

from fleet import CLIENT, DEADLINE, ENVIRONMENT, SERVER, Answer, FleetTest, Node, run, wait_for

NOBODY = 65534


def as_nobody(*arguments):
    return Answer(subprocess.run([str(a) for a in arguments], stdin=subprocess.DEVNULL,
                                 capture_output=True, user=NOBODY, group=NOBODY, extra_groups=[],
                                 env=ENVIRONMENT, timeout=DEADLINE, check=False))


class Start(FleetTest):
    def refused(self, node, *arguments, env=None):
        return run(SERVER, "--data-dir", node.data, *arguments, "development", env=env)

    def test_not_joined(self):
        answer = self.refused(self.node("alpha"))
        self.assertEqual(answer.code, 3, str(answer))
        self.assertIn("fleet.not_joined", answer.err)

    def test_second_daemon_names_the_first(self):
        alpha = self.founder().start()
        answer = self.refused(alpha, "--port", "0")
        self.assertEqual(answer.code, 1, str(answer))
        self.assertIn("node.data_dir_locked", answer.err)
        self.assertIn(str(alpha.process.pid), answer.err)
        self.assertEqual(alpha.i2("status").code, 0)

    def test_port_in_use(self):
        alpha = self.founder().start()
        answer = self.refused(self.founder("other", "other"), "--bind", "::1", "--port", str(alpha.port))
        self.assertEqual(answer.code, 1, str(answer))
        self.assertIn("stoq.port_in_use", answer.err)
        self.assertIn("transport: ", answer.err)

    def test_ipv4_refused(self):
        for address in ("127.0.0.1", "0.0.0.0", "::ffff:127.0.0.1"):
            answer = self.refused(self.founder(), "--bind", address)
            self.assertEqual(answer.code, 2, str(answer))
            self.assertIn("[stoq.ipv4_refused]", answer.err)
        answer = self.refused(self.founder(), env={"I2_BIND": "127.0.0.1"})
        self.assertEqual(answer.code, 2, str(answer))

    def test_damaged_ledger(self):
        alpha = self.founder()
        genesis = alpha.data / "ledger/genesis"
        damaged = bytearray(genesis.read_bytes())
        damaged[len(damaged) // 2] ^= 1
        genesis.write_bytes(damaged)
        answer = self.refused(alpha)
        self.assertEqual(answer.code, 8, str(answer))
        self.assertIn("fleet.ledger_damaged", answer.err)
        self.assertIn("trust: ", answer.err)

    def test_exposed_key(self):
        alpha = self.founder()
        (alpha.data / "identity/node.falcon.pem").chmod(0o644)
        answer = self.refused(alpha)
        self.assertEqual(answer.code, 5, str(answer))
        self.assertIn("node.secret_exposed", answer.err)

    @unittest.skipUnless(os.geteuid() == 0, "changing the user needs root")
    def test_missing_permissions(self):
        alpha = self.founder()
        self.folder.chmod(0o755)
        answer = as_nobody(SERVER, "--data-dir", alpha.data, "development")
        self.assertEqual(answer.code, 5, str(answer))
        self.assertIn("node.permission", answer.err)
        alpha.start()
        self.assert_fails(as_nobody(CLIENT, "--data-dir", alpha.data, "status"), 5, "node.socket_denied")

    @unittest.skipUnless(os.geteuid() == 0, "changing the user needs root")
    def test_a_port_that_needs_privileges(self):
        with open("/proc/sys/net/ipv4/ip_unprivileged_port_start", encoding="ascii") as file:
            if int(file.read()) <= 443:
                self.skipTest("this machine lets everybody use port 443")
        alpha = self.founder()
        self.folder.chmod(0o755)
        subprocess.run(["chown", "-R", f"{NOBODY}:{NOBODY}", alpha.data], check=True)
        answer = as_nobody(SERVER, "--data-dir", alpha.data, "--port", "443", "development")
        self.assertEqual(answer.code, 5, str(answer))
        self.assertIn("stoq.permission", answer.err)


class Life(FleetTest):
    def test_status(self):
        alpha = self.founder().start()
        status = alpha.ok("status")
        self.assertEqual(status["schema"], "i2.status/1")
        self.assertEqual(status["node"]["name"], "alpha")
        self.assertEqual(status["node"]["addresses"], [alpha.address])
        self.assertEqual(status["fleet"]["name"], "home")
        self.assertEqual(status["health"], "ok")
        self.assertEqual(status["peers"], {"connected": 0, "known": 0})
        self.assertEqual(status["consensus"]["tolerates"], 0)
        self.assertRegex(status["certificates"]["nearest_expiry"], r"^\d{4}-\d\d-\d\dT")
        text = alpha.i2("status")
        self.assertEqual(text.code, 0)
        self.assertIn("alpha", text.out)
        self.assertEqual(text.err, "")

    def test_provision_names_where_the_daemon_listens(self):
        alpha = self.founder().start()
        made = alpha.ok("provision", "--name", "beta", "--out", self.folder / "beta.bundle")
        self.assertEqual(made["addresses"], [alpha.address])
        self.assertEqual(alpha.ok("status")["fleet"]["members"], 2)

    def test_both_signals_end_it_well(self):
        alpha = self.founder()
        for number in (signal.SIGTERM, signal.SIGINT):
            alpha.start()
            self.assertEqual(alpha.stop(number), 0, alpha.tail())
            self.assertFalse((alpha.data / "admin.sock").exists())
        self.assertEqual(len(alpha.events("stopped")), 2)

    def test_sighup_reloads_members(self):
        alpha = self.founder().start()
        alpha.process.send_signal(signal.SIGHUP)
        wait_for(lambda: alpha.events("members_reloaded"), "the reload")
        self.assertEqual(alpha.ok("status")["fleet"]["members"], 1)

    def test_reload_applies_what_it_can(self):
        alpha = self.founder()
        path = self.folder / "node.toml"
        path.write_text('[logging]\nlevel = "warning"\n')
        alpha.start("--config", path, env={"I2_LOG_LEVEL": "", "I2_WORKERS": "1"}, quiet=True)
        path.write_text('[logging]\nlevel = "info"\n[transport]\nidle_timeout = "9s"\n')
        answer = alpha.ok("config", "reload")
        self.assertEqual(answer["applied"], ["[logging] level"])
        self.assertEqual(answer["restart"], ["[transport] idle_timeout"])
        alpha.process.send_signal(signal.SIGHUP)
        again = wait_for(lambda: alpha.events("reloaded")[1:], "the reload by SIGHUP")[0]
        self.assertEqual((again["applied"], again["needs_restart"]), ("", "[transport] idle_timeout"))
        shown = alpha.i2("config", "show", "--running", "--origin")
        self.assertRegex(shown.out, rf'(?m)^level = "info" +# {path}:2$')
        self.assertRegex(shown.out, r"(?m)^workers = 1 +# I2_WORKERS$")
        path.write_text('[logging]\nlevel = "loud"\n')
        self.assert_fails(alpha.i2("config", "reload"), 2, "config.invalid")

    def test_an_identity_of_another_name_is_not_started(self):
        alpha = self.founder()
        answer = run(SERVER, "--data-dir", alpha.data, "--port", "0", "development", env={"I2_NAME": "omega"})
        self.assertEqual(answer.code, 1, str(answer))
        self.assertIn("node.name_differs", answer.err)

    def test_kill_leaves_a_socket_that_the_next_start_replaces(self):
        alpha = self.founder().start()
        alpha.stop(signal.SIGKILL)
        self.assertTrue((alpha.data / "admin.sock").is_socket())
        self.assert_fails(alpha.i2("status"), 3, "node.no_daemon")
        alpha.start()
        self.assertEqual(alpha.i2("status").code, 0)

    def test_a_long_data_directory(self):
        folder = self.folder / ("d" * 100) / ("e" * 100)
        folder.mkdir(parents=True)
        node = Node(folder, "alpha")
        self.nodes.append(node)
        node.ok("init", "--name", "alpha")
        node.start()
        self.assertEqual(node.ok("status")["node"]["name"], "alpha")
        self.assertEqual(node.stop(), 0)

    def test_two_daemons_do_not_share_a_socket(self):
        alpha = self.founder().start()
        other = self.founder("other", "other")
        answer = run(SERVER, "--data-dir", other.data, "--socket", alpha.data / "admin.sock",
                     "--port", "0", "development")
        self.assertEqual(answer.code, 1, str(answer))
        self.assertIn("node.socket_in_use", answer.err)
        self.assertEqual(alpha.ok("status")["node"]["name"], "alpha")

    def test_what_an_idle_node_costs(self):
        alpha, beta = self.pair()
        ticks = os.sysconf("SC_CLK_TCK")

        def cpu(node):
            with open(f"/proc/{node.process.pid}/stat", encoding="ascii") as file:
                fields = file.read().rsplit(")", 1)[1].split()
            return (int(fields[11]) + int(fields[12])) / ticks

        before = {node.name: cpu(node) for node in (alpha, beta)}
        seconds = 3.0
        time.sleep(seconds)  # what is measured is doing nothing
        for node in (alpha, beta):
            used = cpu(node) - before[node.name]
            with open(f"/proc/{node.process.pid}/status", encoding="ascii") as file:
                resident = next(int(line.split()[1]) for line in file if line.startswith("VmRSS:"))
            print(f"idle {node.name}: {resident / 1024:.1f} MiB resident, "
                  f"{used / seconds * 100:.2f} % of a core over {seconds:.0f} s", flush=True)
            self.assertLess(used / seconds, 0.25)


class AdminSocket(FleetTest):
    def talk(self, node, data, answers=1):
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(DEADLINE)
            client.connect(str(node.data / "admin.sock"))
            # A daemon that is full answers and hangs up without listening.
            with contextlib.suppress(BrokenPipeError):
                client.sendall(data)
            received = b""
            while received.count(b"\n") < answers:
                piece = client.recv(65536)
                if not piece:
                    break
                received += piece
            return received.decode().splitlines()

    def test_private(self):
        alpha = self.founder().start()
        mode = (alpha.data / "admin.sock").stat().st_mode
        self.assertEqual(stat.S_IMODE(mode), 0o600)
        self.assertEqual(stat.S_IMODE(alpha.data.stat().st_mode), 0o700)

    def test_malformed_requests_are_answered(self):
        alpha = self.founder().start()
        for line, code in ((b"hello\n", "admin.malformed"), (b"\n", "admin.malformed"),
                           (b"[]\n", "admin.malformed"), (b'{"verb":"\xff"}\n', "admin.malformed"),
                           (b'{"verb":"frobnicate"}\n', "admin.verb_unknown"),
                           (b'{"verb":"status","args":{"x":1}}\n', "admin.argument"),
                           (b'{"verb":"ping","args":{"peer":7}}\n', "admin.argument"),
                           (b'{"verb":"send","args":{"peer":"x","name":"y"}}\n', "admin.argument"),
                           (b'{"verb":"ping"}\n', "admin.argument")):
            answers = self.talk(alpha, line)
            self.assertEqual(len(answers), 1, line)
            self.assertIn(f'"code":"{code}"', answers[0], line)
        # The conversation goes on after an error, and requests may queue up.
        answers = self.talk(alpha, b'oops\n{"verb":"status"}\n{"verb":"peers","args":{}}\n', 3)
        self.assertIn("admin.malformed", answers[0])
        self.assertTrue(answers[1].startswith('{"result":{'))
        self.assertEqual(answers[2], '{"result":{"peers":[]}}')

    def test_limits(self):
        alpha = self.founder().start()
        self.assertIn("too long", self.talk(alpha, b"x" * 140_000)[0])
        clients = []
        for _ in range(32):
            client = socket.socket(socket.AF_UNIX)
            client.connect(str(alpha.data / "admin.sock"))
            clients.append(client)
        try:
            self.assertIn("node.clients_full", self.talk(alpha, b'{"verb":"status"}\n')[0])
        finally:
            for client in clients:
                client.close()
        wait_for(lambda: alpha.i2("status").code == 0, "room for another client")

    def test_a_client_that_leaves_takes_its_request_back(self):
        alpha = self.founder().start()
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(alpha.data / "admin.sock"))
            client.sendall(b'{"verb":"recv","args":{"wait":true}}\n')
        # Nothing is left to wait for, so the daemon ends at once instead of after its drain time.
        started = time.monotonic()
        self.assertEqual(alpha.stop(), 0)
        self.assertLess(time.monotonic() - started, 4)


if __name__ == "__main__":
    unittest.main(verbosity=2)
