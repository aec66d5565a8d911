#!/usr/bin/env python3
"""The fleet's log moves to a node that stands by, and everybody follows it."""

import http.client
import json
import re
import signal
import unittest

from fleet import DEADLINE, PATIENCE, FleetTest, wait_for

# Long enough for a log on a busy machine.
TAKEOVER_AFTER = f"{round(DEADLINE / 6)}s"


def add_chain(node, chain):
    """Status and problem code of what the log of `node` answers."""
    connection = http.client.HTTPConnection("::1", node.http_port, timeout=DEADLINE)
    connection.request("POST", "/ct/v1/add-chain", json.dumps({"chain": chain}), {"content-type": "application/json"})
    response = connection.getresponse()
    answer = response.status, response.read().decode()
    connection.close()
    return answer


class Failover(FleetTest):
    def meet(self, nodes):
        wait_for(lambda: all(len(n.connected()) == len(nodes) - 1 for n in nodes), "everybody to meet", PATIENCE)

    def make_authority(self, root, node, nodes):
        request, grant = self.folder / "request", self.folder / "grant"
        node.ok("authority", "request", "--out", request)
        root.ok("authority", "grant", request, "--out", grant, timeout=PATIENCE)
        node.ok("authority", "install", grant)
        node.stop()
        node.start()
        self.meet(nodes)

    def standbys(self, node):
        return [one["name"] for one in node.ask("ct_standbys")["standbys"]]

    def chain(self, node, name):
        """A certificate of the authority on `node`, as the log takes it."""
        node.ok("cert", "issue", "--cn", f"{name}.home.i2.internal", "--out", self.folder, timeout=PATIENCE)
        pem = (self.folder / f"{name}.home.i2.internal.pem").read_text()
        blocks = re.findall(r"-----BEGIN CERTIFICATE-----(.*?)-----END", pem, re.S)
        return [block.replace("\n", "") for block in blocks]

    def test_a_standby_takes_over_and_the_former_log_is_fenced(self):
        nodes = self.council("beta", "gamma", "delta", env={"I2_CT_TAKEOVER_AFTER": TAKEOVER_AFTER})
        alpha, beta, gamma, delta = nodes
        self.make_authority(alpha, beta, nodes)
        self.assert_fails(beta.i2("ct", "takeover"), 1, "trust.standby_unknown")
        self.assert_fails(beta.i2("ct", "standby", "add", "gamma"), 5, "fleet.no_operator_keys")
        self.assert_fails(alpha.i2("ct", "standby", "add", "alpha"), 1, "trust.standby_invalid")
        added = alpha.ok("ct", "standby", "add", "beta", timeout=PATIENCE)
        self.assertEqual(added["standby"]["name"], "beta")
        alpha.ok("ct", "standby", "add", "delta", timeout=PATIENCE)
        wait_for(lambda: all(self.standbys(n) == ["beta", "delta"] for n in nodes), "everybody to know", PATIENCE)
        alpha.ok("ct", "standby", "rm", "delta", timeout=PATIENCE)
        self.assertEqual([one["name"] for one in alpha.ok("ct", "standby", "ls")["standbys"]], ["beta"])
        standby = beta.ok("ct", "status")
        self.assertEqual((standby["current"], standby["entries"], standby["epoch"], standby["holder_name"]),
                         (False, 0, 1, "alpha"))
        self.assertEqual(standby["origin"], added["standby"]["origin"])
        chain = self.chain(alpha, "web")
        # It stays empty until it is the fleet's.
        code, answer = add_chain(beta, chain)
        self.assertEqual(code, 403, answer)
        self.assertIn("trust.log_fenced", answer)
        beta.stop()
        beta.start()
        self.meet(nodes)
        self.assertEqual(beta.ok("ct", "status")["public_key"], standby["public_key"])
        wait_for(lambda: gamma.ask("ct_status")["reachable"], "gamma to ask for the log")
        former = alpha.ok("ct", "status")

        alpha.stop(signal.SIGKILL)
        wait_for(lambda: beta.events("log_taken_over"), "beta to take over", PATIENCE)
        wait_for(lambda: gamma.ask("ct_status")["epoch"] == 2, "gamma to hear of it", PATIENCE)
        status = gamma.ok("ct", "status")
        self.assertEqual((status["holder_name"], status["standbys"], status["public_key"]),
                         ("beta", [], standby["public_key"]))
        gamma.ok("cert", "rotate", timeout=PATIENCE)
        present = beta.ok("ct", "status")
        self.assertTrue(present["current"])
        self.assertGreaterEqual(present["entries"], 2)

        alpha.start()
        self.meet(nodes)
        wait_for(lambda: alpha.ask("ct_status")["epoch"] == 2, "alpha to hear of it", PATIENCE)
        alpha.ok("cert", "rotate", timeout=PATIENCE)
        self.assertGreaterEqual(beta.ok("ct", "status")["entries"], present["entries"] + 2)
        code, answer = add_chain(alpha, self.chain(alpha, "mail"))
        self.assertEqual(code, 403, answer)
        self.assertIn("trust.log_fenced", answer)
        after = alpha.ok("ct", "status")
        self.assertEqual((after["current"], after["entries"], after["root"]),
                         (False, former["entries"], former["root"]))
        self.assert_fails(alpha.i2("ct", "takeover"), 1, "trust.standby_unknown")

        # Everybody takes what was promised by either log.
        for node in (gamma, alpha):
            node.stop()
            node.start()
        self.meet(nodes)
        for node in nodes:
            self.assertEqual(node.events("peer_leaf_unlogged"), [], node.name)
            self.assertEqual(node.events("log_unproven"), [], node.name)
            self.assertEqual(node.ok("ct", "evidence")["evidence"], [])
        self.assertEqual(alpha.ok("ct", "audit")["entries"], former["entries"])
        wait_for(lambda: beta.i2("ct", "audit", "--require-witnesses", "3").code == 0, "the others to cosign", PATIENCE)
        self.give_back(alpha, beta, gamma)

    def give_back(self, alpha, beta, gamma):
        """Operators let the former log stand by again, and it goes on where it ended."""
        entries = alpha.ok("ct", "status")["entries"]
        alpha.ok("ct", "standby", "add", "alpha", timeout=PATIENCE)
        self.assertEqual(alpha.ok("ct", "takeover", timeout=PATIENCE)["epoch"], 3)
        wait_for(lambda: all(n.ask("ct_status")["epoch"] == 3 for n in (beta, gamma)), "everybody to know", PATIENCE)
        beta.ok("cert", "rotate", timeout=PATIENCE)
        self.assertGreaterEqual(alpha.ok("ct", "status")["entries"], entries + 2)
        self.assertFalse(beta.ok("ct", "status")["current"])
        wait_for(lambda: alpha.i2("ct", "audit", "--require-witnesses", "3").code == 0, "the others to cosign", PATIENCE)
        self.assertEqual(gamma.ok("ct", "evidence")["evidence"], [])


if __name__ == "__main__":
    unittest.main(verbosity=2)
