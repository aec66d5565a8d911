"""Two and three nodes that talk: paths, transfers, refusals, renewal."""

import hashlib
import os
import shutil
import signal
import subprocess
import unittest
from datetime import datetime, timedelta, timezone

from fleet import BIN, CLIENT, DEADLINE, ENVIRONMENT, SERVER, FleetTest, Node, free_port, run, wait_for

MIB = 1024 * 1024


def random_file(path, size):
    """A file of pseudo-random bytes; its SHA-256."""
    digest = hashlib.sha256()
    with open(path, "wb") as file:
        left = size
        while left > 0:
            piece = os.urandom(min(left, 4 * MIB))
            digest.update(piece)
            file.write(piece)
            left -= len(piece)
    return digest.hexdigest()


def sha256_of(path):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class Paths(FleetTest):
    def test_peers_path_and_ping(self):
        alpha, beta = self.pair()
        peers = alpha.ok("peers")["peers"]
        self.assertEqual([(p["name"], p["state"], p["address"]) for p in peers],
                         [("beta", "connected", beta.address)])
        beta_id = peers[0]["id"]
        for target in ("beta", beta_id, peers[0]["short_id"], beta.address):
            path = alpha.ok("path", target)
            self.assertEqual(path["schema"], "i2.path/1")
            self.assertEqual(path["peer"], {"id": beta_id, "name": "beta"})
            self.assertEqual(path["kex"], "X25519MLKEM768")
            self.assertEqual(path["auth"], "falcon1024+ed25519")
            self.assertEqual(path["kind"], "direct")
            self.assertEqual(path["hops"], [])
            self.assertGreaterEqual(path["mtu"], 1200)
            self.assertGreater(path["rtt_us"], 0)
        text = alpha.i2("path", "beta").out
        self.assertRegex(text, r"^direct \[::1\]:\d+  rtt [\d.]+ .s  mtu \d+  kex X25519MLKEM768  "
                               r"auth falcon1024\+ed25519  why: same machine")
        ping = beta.ok("ping", "alpha", "--count", "3", "--interval", "10ms")
        self.assertEqual(ping["count"], 3)
        self.assertLessEqual(ping["rtt_us"]["min"], ping["rtt_us"]["max"])
        lines = beta.i2("ping", "alpha", "--count", "2", "--interval", "1ms").out.splitlines()
        self.assertEqual(len(lines), 3)
        # One connection, whoever dialled.
        self.assertEqual(alpha.ok("status")["transport"]["connections"], 1)

    def test_peers_that_are_not_there(self):
        alpha = self.founder().start()
        self.bundle(alpha, "beta")
        self.assert_fails(alpha.i2("ping", "betta"), 1, "node.peer_unknown")
        self.assertIn("did you mean 'beta'?", alpha.i2("ping", "betta").err)
        self.assert_fails(alpha.i2("ping", "alpha"), 1, "node.peer_self")
        self.assert_fails(alpha.i2("ping", alpha.address), 1, "node.peer_self")
        self.assert_fails(alpha.i2("ping", "beta"), 4, "node.peer_no_address")
        self.assert_fails(alpha.i2("ping", "127.0.0.1:9292"), 2, "stoq.ipv4_refused")
        self.assert_fails(alpha.i2("ping", "[::1]"), 2, "stoq.address_malformed")
        self.assert_fails(alpha.i2("ping", f"[::1]:{free_port()}", timeout=60), 4, "stoq.unreachable")
        self.assert_fails(alpha.i2("ping", f"[::1]:{free_port()}", "--timeout", "300ms"), 6,
                          "node.timeout")

    def test_reconnects_after_either_restarts(self):
        alpha, beta = self.pair()
        for node, other in ((beta, alpha), (alpha, beta)):
            self.assertEqual(node.stop(), 0)
            wait_for(lambda: not other.connected(), "the goodbye to arrive")
            node.start()
            wait_for(lambda: other.connected() == {node.name} and node.connected() == {other.name},
                     "the nodes to connect again")
        # Killed, it says no goodbye, and the other still has a connection that leads nowhere.
        beta.stop(signal.SIGKILL)
        beta.start()
        wait_for(lambda: beta.connected() == {"alpha"}, "the killed node to connect")
        wait_for(lambda: alpha.i2("ping", "beta", "--timeout", "2s").code == 0, "alpha to use it")

    def test_nodes_that_dial_each_other_keep_one_connection(self):
        alpha, beta = self.pair()
        for node in (alpha, beta):
            node.stop()
        # By now each knows the address of the other, and dials it as soon as it is up.
        for node in (alpha, beta):
            node.start()

        def settled():
            counts = [n.ok("status")["transport"]["connections"] for n in (alpha, beta)]
            return counts == [1, 1] and alpha.connected() == {"beta"} and beta.connected() == {"alpha"}

        wait_for(settled, "one connection")
        self.assertEqual(alpha.ok("ping", "beta")["count"], 1)
        self.assertEqual(beta.ok("ping", "alpha")["count"], 1)

    def test_a_member_that_was_provisioned_later(self):
        alpha, beta = self.pair()
        gamma = self.member(alpha, "gamma")
        wait_for(lambda: beta.ok("status")["fleet"]["members"] == 3, "beta to learn of gamma")
        gamma.start()
        # gamma was told only alpha's address; alpha tells the two about each other.
        wait_for(lambda: gamma.connected() == {"alpha", "beta"}, "gamma to connect to both")
        self.assertEqual(gamma.ok("path", "beta")["auth"], "falcon1024+ed25519")
        for node in (alpha, beta, gamma):
            self.assertEqual(node.stop(), 0, node.tail())

    def test_bench(self):
        alpha, _ = self.pair()
        result = alpha.ok("bench", "beta", "--duration", "300ms", "--streams", "2", timeout=60)
        self.assertEqual((result["schema"], result["streams"]), ("i2.bench/1", 2))
        self.assertGreater(result["acknowledged_bytes"], 1000)
        self.assertGreater(result["gbps"], 0)
        self.assertGreater(result["cpu_seconds"]["remote"], 0)
        datagrams = alpha.ok("bench", "beta", "--duration", "300ms", "--datagram", timeout=60)
        self.assertGreater(datagrams["datagrams"]["received"], 0)
        self.assertLessEqual(datagrams["datagrams"]["received"], datagrams["datagrams"]["sent"])
        self.assertIn("Gbit/s", alpha.i2("bench", "beta", "--duration", "50ms", timeout=60).out)


class Transfers(FleetTest):
    def test_send_and_receive(self):
        alpha, beta = self.pair()
        source = self.folder / "big data.bin"
        digest = random_file(source, 64 * MIB)
        sent = alpha.ok("send", source, "beta", timeout=120)
        self.assertEqual((sent["bytes"], sent["sha256"], sent["resumed_at"]), (64 * MIB, digest, 0))
        self.assertGreater(sent["seconds"], 0)
        files = beta.ok("recv")["files"]
        self.assertEqual([(f["name"], f["sender"], f["size"]) for f in files],
                         [("big data.bin", "alpha", 64 * MIB)])
        self.assertEqual(sha256_of(files[0]["path"]), digest)
        # The same again is there already; other content under the same name does not replace it.
        self.assertEqual(alpha.ok("send", source, "beta", timeout=120)["resumed_at"], 64 * MIB)
        source.write_bytes(b"other content")
        self.assertEqual(alpha.ok("send", source, "beta")["stored_as"], "big data (2).bin")
        out = self.folder / "taken"
        taken = beta.ok("recv", "--out", out)["files"]
        self.assertEqual({f["path"] for f in taken},
                         {str(out / "big data.bin"), str(out / "big data (2).bin")})
        self.assertEqual(sha256_of(out / "big data.bin"), digest)
        self.assertEqual(beta.ok("recv")["files"], [])

    def test_recv_waits(self):
        alpha, beta = self.pair()
        self.assert_fails(beta.i2("recv", "--wait", "--timeout", "100ms"), 6, "node.timeout")
        waiting = subprocess.Popen([CLIENT, "--data-dir", beta.data, "recv", "--wait"],
                                   stdout=subprocess.PIPE, env=ENVIRONMENT)
        source = self.folder / "note.txt"
        source.write_text("hello")
        alpha.ok("send", source, "beta")
        out, _ = waiting.communicate(timeout=DEADLINE)
        self.assertEqual(waiting.returncode, 0)
        self.assertIn(b"note.txt  5 B  from alpha", out)

    def test_what_cannot_be_sent(self):
        alpha, _ = self.pair()
        self.assert_fails(alpha.i2("send", self.folder / "none", "beta"), 1, "file.not_found")
        self.assert_fails(alpha.i2("send", self.folder, "beta"), 1, "file.not_regular")
        empty = self.folder / "empty"
        empty.touch()
        self.assertEqual(alpha.ok("send", empty, "beta")["bytes"], 0)

    def start_big_send(self, alpha, beta, size=400 * MIB):
        """Sends a file and returns when a good part of it is on beta's disk."""
        source = self.folder / "big.bin"
        with open(source, "wb") as file:
            file.truncate(size)
            for offset in range(0, size, 16 * MIB):
                file.seek(offset)
                file.write(os.urandom(4096))
        sending = subprocess.Popen([CLIENT, "--data-dir", alpha.data, "send", source, "beta"],
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=ENVIRONMENT)
        self.addCleanup(sending.stdout.close)
        self.addCleanup(sending.stderr.close)
        inbox = beta.data / "inbox"

        def arrived():
            parts = list(inbox.glob("alpha/.*.part"))
            return parts and parts[0].stat().st_size >= 150 * MIB

        wait_for(arrived, "a part of the file")
        return source, sending

    def test_resumes_after_the_receiver_was_killed(self):
        alpha, beta = self.pair()
        source, sending = self.start_big_send(alpha, beta)
        beta.stop(signal.SIGKILL)
        self.assertEqual(list((beta.data / "inbox/alpha").glob("[!.]*")), [])
        beta.start()
        # The sender's connection leads nowhere until it notices; the first command may still fail.
        sending.wait(timeout=90)
        report = {}

        def again():
            answer = alpha.i2("send", source, "beta", "--json", timeout=120)
            report.update(answer.json)
            return answer.code == 0

        wait_for(again, "the second attempt", 90)
        self.assertGreater(report["resumed_at"], 0)
        self.assertEqual(report["sha256"], sha256_of(source))
        self.assertEqual(sha256_of(beta.ok("recv")["files"][0]["path"]), report["sha256"])

    def test_ctrl_c_cancels_and_a_rerun_resumes(self):
        alpha, beta = self.pair()
        source, sending = self.start_big_send(alpha, beta)
        sending.send_signal(signal.SIGINT)
        self.assertNotEqual(sending.wait(timeout=DEADLINE), 0)
        wait_for(lambda: beta.events("file_failed"), "the receiver to notice")
        report = alpha.ok("send", source, "beta", timeout=120)
        self.assertGreater(report["resumed_at"], 0)
        self.assertEqual(sha256_of(beta.ok("recv")["files"][0]["path"]), sha256_of(source))


class Refusals(FleetTest):
    def test_a_node_of_another_fleet(self):
        alpha = self.founder().start()
        omega = self.founder("omega", "elsewhere").start()
        self.assert_fails(alpha.i2("path", omega.address), 5, "trust.leaf_untrusted")
        self.assert_fails(omega.i2("path", alpha.address), 5, "trust.leaf_untrusted")
        self.assertEqual(alpha.connected(), set())

    def test_a_member_that_is_not_registered(self):
        alpha = self.founder().start()
        alpha.stop()
        # An operator admits beta in a copy of alpha, of which the fleet never hears.
        beta, copy = self.node("beta"), self.node("copy")
        shutil.copytree(alpha.data, copy.data)
        bundle = self.folder / "beta.bundle"
        copy.ok("provision", "--name", "beta", "--out", bundle, "--address", alpha.address)
        alpha.start()
        beta.ok("join", bundle)
        beta.start()
        self.assert_fails(beta.i2("path", alpha.address), 5, "trust.member_unknown")
        self.assertEqual(alpha.connected(), set())

    def test_expired_certificates(self):
        """A fleet whose nodes were all off for four days comes back unattended."""
        port = free_port()
        made = run(BIN / "make_aged_fleet", self.folder, "96", f"[::1]:{port}")
        self.assertEqual(made.code, 0, str(made))
        alpha, beta = Node(self.folder, "alpha"), Node(self.folder, "beta")
        self.nodes += [alpha, beta]
        gamma = self.node("gamma")
        gamma.ok("join", self.folder / "gamma.bundle")
        # beta's certificate has expired and the authority is off: nobody serves beta. gamma does not know
        # beta's record, which came after its own; as alpha would, its operator hands it over.
        beta.ok("join", self.folder / "beta.bundle")
        for record in (beta.data / "ledger/members").iterdir():
            shutil.copy(record, gamma.data / "ledger/members")
        self.start_expired(beta)
        gamma.start()
        self.assert_fails(gamma.i2("path", beta.address), 5, "trust.leaf_expired")
        note = self.folder / "note"
        note.write_text("hello")
        self.assert_fails(beta.i2("send", note, gamma.address), 5, "trust.leaf_expired")
        self.assert_fails(beta.i2("bench", gamma.address, "--duration", "50ms"), 5, "trust.leaf_expired")
        # With the authority back, beta renews by itself and is a peer like any other.
        alpha.start(port=port)
        wait_for(lambda: beta.events("leaf_renewed"), "beta to renew", 90)
        wait_for(lambda: alpha.connected() >= {"beta"}, "beta to connect as a full member", 60)
        self.assertEqual(beta.ok("status")["health"], "ok")
        self.assertEqual(alpha.ok("path", "beta")["auth"], "falcon1024+ed25519")
        self.assertEqual([e["peer"] for e in alpha.events("leaf_issued")].count("beta"), 1)

    def test_renewal_does_not_disturb_connections(self):
        """Certificates past two thirds of their life are renewed; what is open stays open."""
        port = free_port()
        made = run(BIN / "make_aged_fleet", self.folder, "20", f"[::1]:{port}")
        self.assertEqual(made.code, 0, str(made))
        alpha, beta = Node(self.folder, "alpha"), Node(self.folder, "beta")
        self.nodes += [alpha, beta]
        beta.ok("join", self.folder / "beta.bundle")
        alpha.start(port=port)
        beta.start()
        wait_for(lambda: beta.events("leaf_renewed"), "beta to renew")
        expiry = {n.name: n.ok("status")["certificates"]["nearest_expiry"] for n in (alpha, beta)}
        for name, text in expiry.items():
            left = datetime.fromisoformat(text) - datetime.now(timezone.utc)
            self.assertGreater(left, timedelta(hours=23), name)
        self.assertEqual(beta.ok("ping", "alpha")["count"], 1)
        self.assertEqual((len(beta.events("peer_up")), len(beta.events("peer_down"))), (1, 0))
        # New handshakes present the new certificate.
        self.assertEqual(beta.stop(), 0)
        beta.start()
        wait_for(lambda: beta.connected() == {"alpha"}, "beta to connect with it")
        self.assertEqual(len(beta.events("leaf_renewed")), 1)

    def start_expired(self, node):
        """Starts a daemon that is not healthy."""
        log = open(node.log, "ab")
        self.addCleanup(log.close)
        node.process = subprocess.Popen(
            [SERVER, "--data-dir", node.data, "--bind", "::1", "--port", "0", "development"],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            env={**ENVIRONMENT, "I2_LOG_FORMAT": "json"})
        ready = wait_for(lambda: node.events("ready"), "the expired node to be ready")[0]
        node.port = int(ready["address"].rsplit(":", 1)[1])
        answer = wait_for(lambda: (a := node.i2("status", "--json")).out and a, "its answer")
        self.assertEqual((answer.code, answer.json["health"]), (1, "degraded"))


if __name__ == "__main__":
    unittest.main(verbosity=2)
