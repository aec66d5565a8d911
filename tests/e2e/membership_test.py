"""The ledger as people meet it: invites, expulsion, leaving, operators, the root; what survives."""

import shutil
import signal
import unittest

from fleet import DEADLINE, SERVER, FleetTest, run, wait_for


class Membership(FleetTest):
    def height(self, node):
        return node.ok("status")["consensus"]["height"]

    def test_records_become_operations_and_reach_everybody(self):
        alpha, beta = self.pair()
        wait_for(lambda: self.height(beta) == self.height(alpha) >= 2, "beta to follow the ledger")
        gamma = self.member(alpha, "gamma").start()
        wait_for(lambda: gamma.connected() == {"alpha", "beta"}, "gamma to meet the others")
        hashes = lambda: {n.ok("status")["consensus"]["app_hash"] for n in (alpha, beta, gamma)}
        wait_for(lambda: len(hashes()) == 1, "three equal states")
        consensus = beta.ok("status")["consensus"]
        self.assertEqual((consensus["engine"], consensus["orders"], consensus["tolerates"]), ("solo", False, 0))

    def test_expel_cuts_a_node_off_everywhere(self):
        alpha, beta = self.pair()
        gamma = self.member(alpha, "gamma").start()
        wait_for(lambda: gamma.connected() == {"alpha", "beta"}, "gamma to meet the others")
        answer = alpha.ok("expel", "beta", "--reason", "stolen")
        self.assertEqual(answer["schema"], "i2.expel/1")
        self.assertEqual(answer["member"]["name"], "beta")
        wait_for(lambda: alpha.connected() == {"gamma"} and gamma.connected() == {"alpha"}, "beta to be cut off",
                 deadline=DEADLINE / 6)
        self.assertEqual({p["name"] for p in gamma.ok("peers")["peers"]}, {"alpha"})
        # It tries again and is refused; nobody can name it any more.
        wait_for(lambda: any(e.get("error") == "trust.member_revoked" for e in beta.events("peer_unreachable")),
                 "beta to be told why")
        self.assert_fails(alpha.i2("expel", "beta", "--reason", "again"), 1, "node.peer_unknown")
        # The state keeps it out after a restart, and so does its record that still lies there.
        alpha.stop()
        alpha.start()
        wait_for(lambda: alpha.connected() == {"gamma"}, "gamma to come back")
        self.assertEqual({p["name"] for p in alpha.ok("peers")["peers"]}, {"gamma"})

    def test_leave(self):
        alpha, beta = self.pair()
        wait_for(lambda: self.height(beta) >= 2, "beta to follow the ledger")
        self.assert_fails(alpha.i2("leave"), 5, "fleet.sequencer_needed")
        beta.ok("leave")
        wait_for(lambda: alpha.ok("peers")["peers"] == [], "beta to be gone")
        beta.stop()
        answer = run(SERVER, "--data-dir", beta.data, "--bind", "::1", "--port", "0", "development")
        self.assertIn("[trust.member_revoked]", answer.err)

    def test_invites_are_ordered_listed_and_revoked(self):
        alpha = self.founder().start()
        answer = alpha.ok("invite", "--ttl", "2h", "--uses", "3", "--tag", "lab", "--address", alpha.address)
        self.assertTrue(answer["token"].startswith("i2join1_"))
        self.assertEqual(answer["uses"], 3)
        listed = alpha.ok("invite", "--list")["invites"]
        self.assertEqual([(i["tag"], i["uses_left"], i["revoked"]) for i in listed], [("lab", 3, False)])
        self.assertEqual(listed[0]["id"], answer["invite"])
        alpha.ok("invite", "--revoke", "lab")
        self.assertTrue(alpha.ok("invite", "--list")["invites"][0]["revoked"])
        self.assert_fails(alpha.i2("invite", "--revoke", "none"), 5, "trust.invite_unknown")
        self.assert_fails(alpha.i2("invite", "--ttl", "40d", "--address", alpha.address), 1, "fleet.invite_invalid")

    def test_operators_take_turns_over_one_operation(self):
        alpha, beta = self.pair()
        second = self.folder / "second"
        new = alpha.ok("operator", "new", second)["operator"]
        alpha.ok("operator", "add", second / "operator.public", "--required", "2")
        operators = alpha.ok("operator", "ls")["operators"]
        self.assertEqual(operators["required"], 2)
        self.assertIn(new, operators["ids"])
        # One of two: into a file, approved by the other, submitted by the first.
        self.assert_fails(alpha.i2("operator", "require", "--required", "1"), 5, "fleet.operation_approvals")
        file = self.folder / "change.operation"
        alpha.ok("operator", "require", "--required", "1", "--out", file)
        self.assert_fails(alpha.i2("operator", "submit", file), 5, "fleet.operation_approvals")
        alpha.ok("operator", "approve", file, "--operator", second)
        alpha.ok("operator", "submit", file)
        self.assertEqual(alpha.ok("operator", "ls")["operators"]["required"], 1)
        # The same bytes again change nothing.
        self.assertTrue(alpha.ok("operator", "submit", file)["receipt"]["repeated"])
        wait_for(lambda: beta.ok("operator", "ls")["operators"]["required"] == 1, "beta to follow")

    def test_root_export(self):
        alpha = self.founder().start()
        target = self.folder / "usb"
        alpha.ok("root", "export", target)
        self.assertEqual(sorted(p.name for p in target.iterdir()),
                         ["root.ecdsa.pem", "root.ed25519.pem", "root.falcon.pem"])
        self.assertEqual(list((alpha.data / "identity" / "root").glob("*.pem")), [])
        self.assert_fails(alpha.i2("root", "export", self.folder / "other"), 1, "fleet.root_absent")
        # The node runs without it.
        alpha.stop()
        alpha.start()
        self.member(alpha, "beta").start()
        wait_for(lambda: alpha.connected() == {"beta"}, "beta to connect")

    def test_without_the_sequencer_nothing_is_ordered_and_nothing_is_lost(self):
        alpha, beta = self.pair()
        wait_for(lambda: self.height(beta) >= 2, "beta to follow the ledger")
        alpha.stop(signal.SIGKILL)
        wait_for(lambda: beta.connected() == set(), "beta to notice")
        self.assert_fails(beta.i2("leave", timeout=4 * DEADLINE), 4, "fleet.sequencer_unreachable")
        before = self.height(beta)
        alpha.start()
        wait_for(lambda: beta.connected() == {"alpha"}, "alpha to come back")
        self.assertEqual(self.height(alpha), before)

    def test_a_ledger_that_was_set_back_is_refused(self):
        alpha = self.founder().start()
        alpha.ok("invite", "--address", alpha.address)
        alpha.stop()
        shutil.copytree(alpha.data / "ledger" / "state", self.folder / "old")
        alpha.start()
        alpha.ok("invite", "--address", alpha.address)
        alpha.stop()
        shutil.rmtree(alpha.data / "ledger" / "state")
        shutil.copytree(self.folder / "old", alpha.data / "ledger" / "state")
        answer = run(SERVER, "--data-dir", alpha.data, "--bind", "::1", "--port", "0", "development")
        self.assertEqual(answer.code, 8, str(answer))
        self.assertIn("[fleet.ledger_rolled_back]", answer.err)


if __name__ == "__main__":
    unittest.main()
