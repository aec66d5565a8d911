"""What the fleet's state says against certificates reaches every node, and those that were away."""

import time
import unittest

from fleet import PATIENCE, FleetTest, wait_for


class Revocation(FleetTest):
    def four(self):
        alpha = self.founder().start()
        nodes = [alpha, *(self.invited(alpha, name).start() for name in ("beta", "gamma", "delta"))]
        wait_for(lambda: all(len(n.connected()) == 3 for n in nodes), "everybody to meet", PATIENCE)
        return nodes

    def test_a_revoked_member_is_cut_off_within_seconds_and_by_those_who_were_away(self):
        alpha, beta, gamma, delta = self.four()
        delta.stop()
        began = time.monotonic()
        answer = alpha.ok("cert", "revoke", "beta", "--reason", "keyCompromise")
        self.assertEqual(answer["member"]["name"], "beta")
        wait_for(lambda: "beta" not in alpha.connected() | gamma.connected(), "beta to be cut off", 5)
        cut_off = time.monotonic() - began
        self.assertTrue(gamma.events("peer_revoked") or alpha.events("peer_revoked"))
        self.assertEqual(alpha.ok("status")["trust"]["revoked_accounts"], 1)
        began = time.monotonic()
        delta.start()
        wait_for(lambda: (delta.ask("status") or {}).get("trust", {}).get("revoked_accounts") == 1,
                 "delta to hear of it", 60)
        wait_for(lambda: delta.connected() == {"alpha", "gamma"}, "delta to refuse beta", 60)
        print(f"cut off after {cut_off:.2f} s; who was away knew after {time.monotonic() - began:.2f} s")
        self.assert_fails(beta.i2("ping", "alpha"), 5, "trust.certificate_revoked")

    def test_an_enforced_pin_refuses_another_authority(self):
        alpha, beta = self.pair()
        answer = alpha.i2("cert", "pin", "beta", "11" * 32)
        self.assert_fails(answer, 2, "trust.pin_backup")
        alpha.ok("cert", "pin", "beta", "11" * 32, "--report")
        alpha.ok("cert", "pin", "beta", "11" * 32, "--backup", "22" * 32)
        beta.stop()
        beta.start()
        wait_for(lambda: "trust.pin_mismatch" in beta.tail(), "beta to be refused", PATIENCE)
        alpha.ok("cert", "pin", "beta")
        wait_for(lambda: alpha.connected() == {"beta"}, "the nodes to connect", PATIENCE)


if __name__ == "__main__":
    unittest.main()
