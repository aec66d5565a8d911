#!/usr/bin/env python3
"""Certificate authorities on several nodes, with the fleet's log on one of them."""

import tempfile
import unittest
import urllib.request

from fleet import PATIENCE, FleetTest, wait_for


class Authorities(FleetTest):
    def three(self):
        alpha = self.founder().start()
        beta, gamma = (self.invited(alpha, name).start() for name in ("beta", "gamma"))
        self.meet(alpha, beta, gamma)
        return alpha, beta, gamma

    def meet(self, *nodes):
        wait_for(lambda: all(len(n.connected()) == len(nodes) - 1 for n in nodes), "everybody to meet", PATIENCE)

    def names(self, node):
        return sorted(one["name"] for one in node.ask("authorities")["authorities"])

    def make_authority(self, root, node):
        request, grant = self.folder / f"{node.name}.request", self.folder / f"{node.name}.grant"
        asked = node.ok("authority", "request", "--out", request)
        again = node.ok("authority", "request", "--out", request)
        self.assertEqual(asked["node"], again["node"])
        granted = root.ok("authority", "grant", request, "--out", grant)
        self.assertEqual((granted["node"], "receipt" in granted), (asked["node"], True))
        self.assert_fails(root.i2("authority", "install", grant), 8, "fleet.authority_grant_invalid")
        self.assertEqual(node.ok("authority", "install", grant)["anchor"], granted["anchor"])
        self.assertEqual(node.ok("authority", "install", grant)["anchor"], granted["anchor"])
        self.assertEqual({p.name: p.stat().st_mode & 0o777 for p in (node.data / "identity/ca").iterdir()},
                         {"anchor.falcon.pem": 0o600, "ordinary.pem": 0o600})
        self.assert_fails(node.i2("authority", "request", "--out", request), 5, "fleet.authority_present")
        wait_for(lambda: self.names(node) == self.names(root), f"{node.name} to hear of it")
        node.stop()
        node.start()

    def test_a_second_authority_issues_what_the_log_of_the_first_promises(self):
        alpha, beta, gamma = self.three()
        self.make_authority(alpha, beta)
        self.meet(alpha, beta, gamma)
        wait_for(lambda: self.names(gamma) == ["alpha", "beta"], "gamma to hear of it")
        entries = alpha.ok("ct", "status")["entries"]
        shown = beta.ok("cert", "rotate")
        issued = {one["serial_number"]: one for one in beta.ok("cert", "list")["certificates"]}
        for kind in ("node", "ordinary"):
            self.assertGreaterEqual(issued[shown[kind]["serial_number"]]["log_index"], entries, kind)
        # Peers take it, and hold it to the log.
        beta.stop()
        beta.start()
        self.meet(alpha, beta, gamma)
        self.assertEqual(alpha.events("peer_leaf_unlogged") + gamma.events("peer_leaf_unlogged"), [])

        # Without the log nothing is issued, and it is said why.
        alpha.stop()
        wait_for(lambda: gamma.connected() == {"beta"}, "alpha to be away", PATIENCE)
        for node in (gamma, beta):
            # Not at once: it may ask over the connection to alpha that is ending.
            wait_for(lambda: "[trust.log_unreachable]" in node.i2("cert", "rotate", timeout=PATIENCE).err, "the reason")
        self.assert_fails(gamma.i2("cert", "rotate", timeout=PATIENCE), 4, "trust.log_unreachable")
        self.assertEqual(gamma.connected(), {"beta"})
        alpha.start()
        self.meet(alpha, beta, gamma)
        gamma.ok("cert", "rotate", timeout=PATIENCE)
        beta.ok("cert", "rotate", timeout=PATIENCE)

        # Who shows what an authority of before has issued renews elsewhere.
        renewed = len(beta.events("leaf_renewed"))
        removed = alpha.ok("authority", "rm", "beta")
        self.assertEqual([one["name"] for one in removed["authorities"]], ["beta"])
        wait_for(lambda: self.names(beta) == ["alpha"], "beta to hear of it")
        wait_for(lambda: len(beta.events("leaf_renewed")) > renewed, "beta to renew", PATIENCE)
        beta.stop()
        beta.start()
        self.meet(alpha, beta, gamma)
        # It has a P-256 intermediate still, but the log is for authorities.
        beta.ok("cert", "rotate", timeout=PATIENCE)
        self.assertEqual([(e["peer"], e["error"]) for e in alpha.events("log_add_refused")][-1:],
                         [("beta", "fleet.no_anchor")])
        self.assert_fails(alpha.i2("authority", "rm", "alpha"), 1, "fleet.anchor_needed")

    def test_an_authority_gets_new_keys_and_nobody_notices(self):
        alpha = self.founder().start()
        beta = self.invited(alpha, "beta").start()
        self.meet(alpha, beta)

        def issuers():
            out = tempfile.mkdtemp(dir=self.folder)
            served = alpha.ok("cert", "issue", "--cn", "web.home.i2.internal", "--out", out)["certificate"]
            leaf = alpha.ok("cert", "show", alpha.ask("cert_show")["node"]["serial_number"])
            return {"ordinary": served["issuer_key_sha256"], "node": leaf["issuer_key_sha256"]}

        before = issuers()
        request, grant = self.folder / "request", self.folder / "grant"
        self.assert_fails(alpha.i2("authority", "request", "--out", request), 5, "fleet.authority_present")
        alpha.ok("authority", "request", "--renew", "--out", request)
        granted = alpha.ok("authority", "grant", request, "--out", grant)
        wait_for(lambda: granted["anchor"] in [one["anchor"] for one in beta.ask("authorities")["authorities"]],
                 "beta to hear of it")
        for _ in range(2):
            self.assertEqual(alpha.ok("authority", "install", grant)["anchor"], granted["anchor"])
        self.assertEqual({p.name for p in (alpha.data / "identity/ca").iterdir()},
                         {"anchor.falcon.pem", "ordinary.pem", "ordinary-former.pem"})
        # It issues with them as it runs, and what the keys of before have signed is shown and taken until it is renewed.
        wait_for(lambda: alpha.events("anchor_renewed"), "the daemon to notice", PATIENCE)
        self.assertEqual(alpha.connected(), {"beta"})
        alpha.ok("cert", "rotate")
        beta.ok("cert", "rotate", timeout=PATIENCE)
        after = issuers()
        self.assertNotEqual(before["ordinary"], after["ordinary"])
        self.assertNotEqual(before["node"], after["node"])
        with urllib.request.urlopen(f"http://[::1]:{alpha.http_port}/ca/crl/{before['ordinary'][:16]}/0") as answer:
            self.assertTrue(answer.read())
        old = next(one["anchor"] for one in alpha.ask("authorities")["authorities"] if one["anchor"] != granted["anchor"])
        alpha.ok("authority", "rm", old)
        beta.stop()
        beta.start()
        self.meet(alpha, beta)
        wait_for(lambda: [one["anchor"] for one in beta.ask("authorities")["authorities"]] == [granted["anchor"]],
                 "beta to hear of it")

    def test_who_may_grant_and_what(self):
        alpha, beta, gamma = self.three()
        request = self.folder / "beta.request"
        beta.ok("authority", "request", "--out", request)
        self.assert_fails(beta.i2("authority", "grant", request, "--out", self.folder / "grant"), 5,
                          "fleet.no_operator_keys")
        whole = request.read_bytes()
        request.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
        self.assert_fails(alpha.i2("authority", "grant", request, "--out", self.folder / "grant"), 8,
                          "fleet.authority_request_invalid")
        self.assertEqual(self.names(alpha), ["alpha"])


if __name__ == "__main__":
    unittest.main(verbosity=2)
