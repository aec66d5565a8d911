"""A node that is put into a file, lost, and comes back."""

import shutil
import unittest

from fleet import PATIENCE, FleetTest, wait_for


class Backup(FleetTest):
    def lose(self, node):
        node.stop()
        shutil.rmtree(node.data)

    def test_a_node_that_decides_alone_hears_first_what_came_after(self):
        alpha = self.founder().start()
        beta, gamma = (self.invited(alpha, name).start() for name in ("beta", "gamma"))
        wait_for(lambda: alpha.connected() == {"beta", "gamma"}, "everybody to meet")
        file = self.folder / "alpha.i2backup"
        made = alpha.ok("backup", file)
        self.assertEqual((made["schema"], made["node"]["name"]), ("i2.backup/1", "alpha"))
        self.assertEqual((file.stat().st_mode & 0o777, file.stat().st_size), (0o600, made["bytes"]))
        self.assertEqual(made["height"], alpha.ok("status")["consensus"]["height"])
        self.assert_fails(alpha.i2("backup", file), 1, "fleet.backup_exists")
        # What came after it: gamma is expelled.
        alpha.ok("expel", "gamma", "--reason", "stolen")
        wait_for(lambda: self.heads([alpha, beta]) and len(self.heads([alpha, beta])) == 1, "beta to hear of it")
        beta.stop()
        self.lose(alpha)
        restored = alpha.ok("restore", file)
        self.assertEqual((restored["schema"], restored["height"]), ("i2.restore/1", made["height"]))
        self.assertEqual(restored["node"], made["node"])
        self.assert_fails(alpha.i2("restore", file), 1, "fleet.already_member")
        alpha.start()
        self.assertTrue(alpha.events("restored"))
        invite = ("invite", "--address", alpha.address)
        self.assert_fails(alpha.i2(*invite), 4, "fleet.restored")
        # Alone it would let gamma in again, and make blocks that beta has already.
        beta.start()
        wait_for(lambda: alpha.events("up_to_date"), "alpha to know what came after")
        alpha.ok(*invite)
        self.assertEqual({p["name"] for p in alpha.ok("peers")["peers"]}, {"beta"})
        self.agree([alpha, beta])
        # For good.
        alpha.stop()
        before = len(alpha.events("restored"))
        alpha.start()
        self.assertEqual(len(alpha.events("restored")), before)

    def test_a_fleet_of_one(self):
        alpha = self.founder()
        file = self.folder / "file"
        alpha.ok("backup", file)  # before its first start
        alpha.start()
        newer = self.folder / "newer"
        alpha.ok("backup", newer)
        self.lose(alpha)
        text = alpha.i2("restore", newer, "--newest")
        self.assertIn("restored at block", text.out)
        alpha.start().ok("invite", "--address", alpha.address)
        # It has begun another log, which the fleet does not know.
        self.assertTrue(alpha.events("log_not_the_fleets"))
        self.assertFalse(alpha.ok("ct", "status")["current"])
        self.assert_fails(alpha.i2("cert", "rotate"), 5, "trust.log_fenced")
        self.assertEqual(alpha.ok("ct", "activate")["log"]["epoch"], 2)
        self.assertTrue(alpha.ok("ct", "status")["current"])
        alpha.ok("cert", "rotate")
        self.lose(alpha)
        alpha.ok("restore", file)
        alpha.start().ok("invite", "--address", alpha.address)  # there is nobody to ask

    def test_a_validator_does_not_vote_with_an_old_memory(self):
        nodes = self.council("beta", "gamma", "delta")
        alpha, delta = nodes[0], nodes[3]
        file = self.folder / "delta.i2backup"
        delta.ok("backup", file)
        self.invite_through(alpha, nodes[1])
        self.agree(nodes)
        self.lose(delta)
        delta.ok("restore", file)
        self.assertFalse((delta.data / "ledger" / "signer").exists())
        delta.start()
        wait_for(lambda: delta.events("ordering_stopped"), "it to say that it stays silent")
        self.agree(nodes)
        self.assertIsNone(delta.ok("consensus", "status")["voting"])
        alpha.ok("validator", "add", "delta", timeout=PATIENCE)
        wait_for(lambda: (delta.ok("consensus", "status")["voting"] or {}).get("ready"), "it to vote again", PATIENCE)
        nodes[1].stop()
        self.invite_through(alpha, delta)
        self.agree([alpha, nodes[2], delta])
        self.assertEqual(alpha.ok("consensus", "evidence")["evidence"], [])

    def test_what_is_no_backup(self):
        alpha = self.founder()
        file = self.folder / "file"
        self.assert_fails(alpha.i2("restore", file), 1, "node.file_missing")
        self.assertEqual(alpha.i2("restore").code, 2)
        self.assertEqual(alpha.i2("backup").code, 2)
        alpha.ok("backup", file)
        other = self.node("other")
        self.assert_fails(other.i2("backup", self.folder / "none"), 3, "fleet.not_joined")
        whole = file.read_bytes()
        for bad in (b"", b"hello", whole[:-1], whole[:100], whole[:500] + b"x" + whole[501:]):
            file.write_bytes(bad)
            self.assert_fails(other.i2("restore", file), 8, "fleet.backup_invalid")
        file.write_bytes(whole)
        file.chmod(0o644)
        self.assert_fails(other.i2("restore", file), 5, "node.secret_exposed")
        self.assertFalse(other.data.exists())
        self.assert_fails(alpha.i2("backup", self.folder / "nowhere" / "file"), 1, "node.file_missing")


if __name__ == "__main__":
    unittest.main()
