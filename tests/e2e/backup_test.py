"""A node that is put into a file, lost, and comes back."""

import json
import re
import shutil
import subprocess
import unittest
import urllib.request

from fleet import DEADLINE, PATIENCE, FleetTest, wait_for


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
        # The log came back, closed; another has begun, which the fleet does not know.
        self.assertTrue(alpha.events("log_restored"))
        self.assertTrue(alpha.ok("ct", "status")["closed"])
        self.assert_fails(alpha.i2("cert", "rotate"), 4, "trust.log_restored")
        self.assertEqual(alpha.ok("ct", "activate")["log"]["epoch"], 2)
        self.assertTrue(alpha.ok("ct", "status")["current"])
        alpha.ok("cert", "rotate")
        self.lose(alpha)
        alpha.ok("restore", file)
        alpha.start().ok("invite", "--address", alpha.address)  # there is nobody to ask

    def test_the_acme_server_knows_its_clients_again(self):
        acme = {"I2_ACME": "true"}
        alpha = self.founder().start(env=acme)
        alpha.ok("acme", "eab", "add", "printer")
        file = self.folder / "file"
        self.assertIn("ca/acme", [one["name"] for one in alpha.ok("backup", file)["databases"]])
        alpha.ok("acme", "eab", "add", "after-it")
        self.lose(alpha)
        alpha.ok("restore", file)
        alpha.start(env=acme)
        self.assertEqual([key["kid"] for key in alpha.ok("acme", "eab", "ls")["keys"]], ["printer"])

    def issue(self, node, name):
        out = self.folder / name
        out.mkdir()
        return node.ok("cert", "issue", "--cn", f"{name}.home.i2.internal", "--out", out)["certificate"]

    def crl(self, node):
        """The number of the authority's list, and what is on it."""
        url = f"http://[::1]:{node.http_port}/ca/crl"
        with urllib.request.urlopen(url, timeout=DEADLINE) as answer:
            der = answer.read()
        text = subprocess.run(["openssl", "crl", "-inform", "der", "-noout", "-text"], input=der, capture_output=True,
                              check=True).stdout.decode()
        number = re.search(r"CRL Number:\s+(\S+)", text).group(1)
        return int(number, 0), {found.lower() for found in re.findall(r"Serial Number: (\w+)", text)}

    def test_an_authority_goes_on_and_its_log_does_not(self):
        alpha = self.founder().start()
        beta = self.invited(alpha, "beta").start()
        wait_for(lambda: alpha.connected() == {"beta"}, "them to meet")
        first, second = self.issue(alpha, "one"), self.issue(alpha, "two")
        alpha.ok("cert", "revoke", first["serial_number"], "--reason", "superseded")
        proof = self.folder / "proof"
        alpha.ok("ct", "proof", first["fingerprint"], "--out", proof)
        file = self.folder / "alpha.i2backup"
        made = alpha.ok("backup", file)
        self.assertTrue({"ca/issued"} < {one["name"] for one in made["databases"] if one["records"] > 0})
        held = alpha.ok("ct", "status")
        # What comes after it.
        self.issue(alpha, "three")
        alpha.ok("cert", "revoke", second["serial_number"], "--reason", "keyCompromise")
        number, listed = self.crl(alpha)
        self.assertEqual(listed, {first["serial_number"], second["serial_number"]})
        wait_for(lambda: self.of_fleet(beta).get(second["serial_number"], {}).get("state") == "revoked", "the fleet to hear of it",
                 PATIENCE)
        self.agree([alpha, beta])
        alpha.stop(9)
        shutil.rmtree(alpha.data)
        restored = alpha.ok("restore", file)
        self.assertEqual(restored["databases"], made["databases"])
        self.assertFalse((alpha.data / "ct" / "keys").exists())
        for _ in range(2):  # over restarts
            alpha.start()
            status = alpha.ok("ct", "status")
            self.assertEqual((status["closed"], status["keys"]), (True, held["keys"]))
            self.assertGreaterEqual(status["entries"], held["entries"])
            alpha.stop()
        alpha.start()
        wait_for(lambda: alpha.connected() == {"beta"}, "beta to accept it", PATIENCE)
        wait_for(lambda: alpha.events("up_to_date"), "alpha to hear what came after", PATIENCE)
        self.assert_fails(alpha.i2("cert", "issue", "--cn", "four.home.i2.internal", "--out", self.folder), 4,
                          "trust.log_restored")
        alpha.ok("ct", "audit")
        alpha.ok("ct", "proof", first["fingerprint"])
        keys = [word for key in held["keys"] for word in ("--key", key)]
        alpha.ok("ct", "verify", proof, *keys)
        wait_for(lambda: self.crl(alpha)[1] == listed, "what the fleet revoked to be on the list again", PATIENCE)
        self.assertGreater(self.crl(alpha)[0], number)
        self.assertEqual(len(alpha.ok("cert", "audit", "--action", "restore")["entries"]), 1)
        alpha.ok("cert", "audit", "--verify")
        activated = alpha.ok("ct", "activate")["log"]
        self.assertNotEqual(activated["origin"], held["origin"])
        self.agree([alpha, beta])
        status = alpha.ok("ct", "status")
        self.assertEqual((status["closed"], status["current"], status["origin"]), (False, True, activated["origin"]))
        # What the closed one holds is proved all the same, by its keys.
        alpha.ok("ct", "proof", first["fingerprint"], "--out", self.folder / "old-proof")
        alpha.ok("ct", "verify", self.folder / "old-proof", *keys)
        with urllib.request.urlopen(f"http://[::1]:{alpha.http_port}/ct/proof/{first['fingerprint']}", timeout=DEADLINE) as answer:
            self.assertEqual(json.load(answer)["log_id"], held["log_id"])
        exported = alpha.ok("ct", "export", self.folder / "old-log", "--log", held["origin"])
        self.assertGreaterEqual(exported["entries"], held["entries"])
        self.assertIn(held["origin"], (self.folder / "old-log" / "checkpoint").read_text())
        self.assert_fails(alpha.i2("ct", "export", self.folder / "none", "--log", "nobody"), 1, "trust.no_log")
        self.issue(alpha, "five")
        beta.ok("cert", "rotate")
        wait_for(lambda: any(w["name"] == "beta" for w in alpha.ok("ct", "status")["witnesses"]), "beta to cosign", PATIENCE)
        for node in (alpha, beta):
            self.assertEqual(node.ok("ct", "evidence")["evidence"], [])

    def test_the_log_of_a_member_that_did_not_found_the_fleet(self):
        alpha = self.founder().start()
        beta = self.invited(alpha, "beta").start()
        wait_for(lambda: alpha.connected() == {"beta"}, "them to meet")
        alpha.ok("ct", "standby", "add", "beta", timeout=PATIENCE)
        wait_for(lambda: beta.ask("ct_standbys")["standbys"], "beta to know", PATIENCE)
        beta.ok("ct", "takeover", timeout=PATIENCE)
        alpha.ok("cert", "rotate", timeout=PATIENCE)
        held = beta.ok("ct", "status")
        self.assertGreaterEqual(held["entries"], 1)
        file = self.folder / "file"
        beta.ok("backup", file)
        self.lose(beta)
        beta.ok("restore", file)
        beta.start()
        wait_for(lambda: alpha.connected() == {"beta"}, "alpha to accept it", PATIENCE)
        status = beta.ok("ct", "status")
        self.assertEqual((status["closed"], status["keys"]), (True, held["keys"]))
        beta.ok("ct", "audit")
        self.assert_fails(alpha.i2("cert", "rotate"), 4, "trust.log_restored")
        activated = beta.ok("ct", "activate", "--operator", alpha.data / "identity", timeout=PATIENCE)["log"]
        self.assertNotEqual(activated["origin"], held["origin"])
        self.agree([alpha, beta])
        self.assertFalse(beta.ok("ct", "status")["closed"])
        alpha.ok("cert", "rotate", timeout=PATIENCE)
        exported = beta.ok("ct", "export", self.folder / "old-log", "--log", held["origin"])
        self.assertGreaterEqual(exported["entries"], held["entries"])

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
