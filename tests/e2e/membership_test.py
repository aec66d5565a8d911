"""The ledger as people meet it: invites, expulsion, leaving, operators, the root; what survives."""

import shutil
import subprocess
import unittest
from datetime import datetime, timedelta, timezone

from fleet import CLIENT, SERVER, DEADLINE, FleetTest, run, wait_for


class Membership(FleetTest):
    def height(self, node):
        return node.ok("status")["consensus"]["height"]

    def test_one_token_makes_a_member_and_both_sides_agree(self):
        alpha = self.founder().start()
        beta = self.node("beta")
        joined = beta.ok("join", self.invite(alpha), "--name", "beta")
        self.assertEqual(joined["schema"], "i2.join/1")
        self.assertEqual((joined["fleet"]["name"], joined["node"]["name"], joined["changed"]), ("home", "beta", True))
        self.assertEqual(alpha.ok("peers")["peers"][0]["id"], joined["node"]["id"])
        beta.start()
        wait_for(lambda: alpha.connected() == {"beta"} and beta.connected() == {"alpha"}, "the nodes to connect")
        views = [node.ok("status") for node in (alpha, beta)]
        for key in ("fleet", "peers"):
            self.assertEqual(views[0][key], views[1][key])
        for key in ("engine", "validators", "tolerates", "height", "app_hash"):
            self.assertEqual(views[0]["consensus"][key], views[1]["consensus"][key])
        self.assertEqual([p["id"] for p in beta.ok("peers")["peers"]], [views[0]["node"]["id"]])
        for node, peer in ((alpha, "beta"), (beta, "alpha")):
            path = node.ok("path", peer)
            self.assertEqual((path["kind"], path["kex"], path["auth"]), ("direct", "X25519MLKEM768", "falcon1024+ed25519"))
        self.assertEqual({c["name"]: c["verdict"] for c in beta.i2("doctor", "--json").json["checks"]}["certificate"], "ok")
        # It is a node like any other after a restart, and the same command again changes nothing.
        self.assertEqual(beta.stop(), 0)
        self.assertEqual((beta.data / "VERSION").read_text().split()[:2], ["i2-data", "2"])
        self.assertFalse((beta.data / "JOINING").exists())
        beta.start()
        wait_for(lambda: beta.connected() == {"alpha"}, "beta to come back")

    def test_a_token_lets_in_as_many_as_it_says(self):
        alpha = self.founder().start()
        token = self.invite(alpha, "--uses", "2")
        beta, other, late = self.node("beta"), self.node("other"), self.node("late")
        self.assertEqual(beta.ok("join", token, "--name", "beta")["node"]["name"], "beta")
        self.assertFalse(beta.ok("join", token, "--name", "beta")["changed"])
        # The name is taken: the second one gets a number.
        self.assertEqual(other.ok("join", token, "--name", "beta")["node"]["name"], "beta-2")
        self.assert_fails(late.i2("join", token, "--name", "late"), 5, "trust.invite_used")
        self.assert_fails(late.i2("status"), 3, "node.no_daemon")
        self.assertEqual({p["name"] for p in alpha.ok("peers")["peers"]}, {"beta", "beta-2"})
        # What failed is no node, and may become one with another token.
        late.ok("join", self.invite(alpha), "--name", "late")
        # A node of another fleet does not join this one.
        other = self.node("other-fleet")
        other.ok("init", "--fleet", "other", "--name", "x")
        self.assert_fails(other.i2("join", token), 1, "fleet.already_member")

    def test_two_race_for_one_invite(self):
        alpha = self.founder().start()
        token = self.invite(alpha)
        racers = [self.node(name) for name in ("beta", "gamma", "delta")]
        processes = [subprocess.Popen([CLIENT, "--data-dir", node.data, "join", token, "--name", node.name],
                                      stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
                     for node in racers]
        ends = [(p.communicate(timeout=DEADLINE)[1].decode(), p.returncode) for p in processes]
        self.assertEqual(sorted(code for _, code in ends), [0, 5, 5], ends)
        for text, code in ends:
            if code == 5:
                self.assertIn("[trust.invite_used]", text)
        winner = racers[[code for _, code in ends].index(0)]
        self.assertEqual([p["name"] for p in alpha.ok("peers")["peers"]], [winner.name])
        winner.start()
        wait_for(lambda: alpha.connected() == {winner.name}, "the winner to connect")

    def test_an_invited_node_is_expelled(self):
        alpha = self.founder().start()
        beta, gamma = self.invited(alpha, "beta").start(), self.invited(alpha, "gamma").start()
        wait_for(lambda: beta.connected() == {"alpha", "gamma"}, "everybody to meet")
        # From any node, with the operator's keys at hand.
        answer = gamma.ok("expel", "beta", "--reason", "stolen", "--operator", alpha.data / "identity")
        self.assertEqual([m["name"] for m in answer["members"]], ["beta"])
        wait_for(lambda: alpha.connected() == {"gamma"} and gamma.connected() == {"alpha"}, "beta to be cut off")
        self.assertEqual([p["name"] for p in gamma.ok("peers")["peers"]], ["alpha"])
        # A node that is no authority invites nobody.
        self.assert_fails(gamma.i2("invite", "--operator", alpha.data / "identity"), 5, "fleet.no_anchor")
        # The name is free again, for another identity.
        self.assertEqual(self.invited(alpha, "beta").name, "beta")

    def test_several_are_expelled_or_none(self):
        alpha = self.founder().start()
        for name in ("beta", "gamma"):
            self.invited(alpha, name)
        names = lambda: {p["name"] for p in alpha.ok("peers")["peers"]}
        self.assertEqual(names(), {"beta", "gamma"})
        answer = alpha.i2("expel", "beta", "gamma", "beta", "--reason", "twice")
        self.assertNotEqual(answer.code, 0)
        self.assertIn("step 3 of 3: 'beta' is no longer a member [trust.member_revoked]", answer.err)
        self.assertEqual(names(), {"beta", "gamma"})
        answer = alpha.ok("expel", "beta", "gamma", "--reason", "sold")
        self.assertEqual([m["name"] for m in answer["members"]], ["beta", "gamma"])
        self.assertEqual(names(), set())

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
        self.assertEqual([m["name"] for m in answer["members"]], ["beta"])
        wait_for(lambda: alpha.connected() == {"gamma"} and gamma.connected() == {"alpha"}, "beta to be cut off")
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
        self.assertIn("trust.member_revoked", answer.err)

    def test_without_the_sequencer_nothing_is_ordered_and_nothing_is_lost(self):
        alpha, beta = self.pair()
        wait_for(lambda: self.height(beta) >= 2, "beta to follow the ledger")
        alpha.stop()
        wait_for(lambda: beta.connected() == set(), "beta to notice")
        self.assert_fails(beta.i2("leave", timeout=4 * DEADLINE), 4, "fleet.sequencer_unreachable")
        before = self.height(beta)
        alpha.start()
        wait_for(lambda: beta.connected() == {"alpha"}, "alpha to come back")
        # What alpha had issued is in the index now, perhaps; beta has not left.
        self.assertLessEqual(self.height(alpha), before + 1)
        self.assertEqual({p["name"] for p in alpha.ok("peers")["peers"]}, {"beta"})


class Operations(FleetTest):
    def test_bad_tokens_name_their_reason(self):
        alpha = self.founder().start()
        beta = self.node("beta")
        token = self.invite(alpha, "--tag", "lab")
        last = "a" if token[-8] != "a" else "b"
        self.assert_fails(beta.i2("join", token[:-8] + last + token[-7:]), 8, "trust.invite_altered")
        self.assert_fails(beta.i2("join", token[:-5]), 8, "trust.invite_altered")
        self.assert_fails(beta.i2("join", "i2join9_" + token[8:]), 2, "trust.invite_malformed")
        self.assert_fails(beta.i2("join", token, "--expect", "0" * 64), 8, "trust.join_foreign")
        self.assert_fails(beta.i2("join", token, "--name", "Not A Name"), 2, "fleet.name_invalid")
        alpha.ok("invite", "--revoke", "lab")
        self.assert_fails(beta.i2("join", token), 5, "trust.invite_revoked")
        short = alpha.ok("invite", "--address", alpha.address, "--ttl", "1s")
        wait_for(lambda: datetime.now(timezone.utc) - timedelta(seconds=1) > datetime.fromisoformat(short["expires"]), "the invite to end")
        self.assert_fails(beta.i2("join", short["token"]), 5, "trust.invite_expired")
        refused = alpha.events("join_refused")
        self.assertEqual([e["error"] for e in refused], ["trust.invite_revoked"])
        # Somebody else answers at the address of the token.
        good = self.invite(alpha)
        port = alpha.port
        alpha.stop()
        self.assertIn(beta.i2("join", good, "--timeout", "2s").code, (4, 6))  # nobody there, or no answer
        foreign = self.node("foreign")
        foreign.ok("init", "--fleet", "home", "--name", "alpha")
        foreign.start(port=port)
        self.assert_fails(beta.i2("join", good), 8, "trust.join_server")
        foreign.stop()
        alpha.start(port=port)
        beta.ok("join", good)

    def test_a_node_of_its_own_fleet_joins_with_replace(self):
        alpha = self.founder().start()
        beta = self.founder("beta", "mine").start()
        token = self.invite(alpha)
        self.assert_fails(beta.i2("join", token, "--replace"), 1, "node.data_dir_locked")
        self.assertEqual(beta.stop(), 0)
        self.assert_fails(beta.i2("join", token), 1, "fleet.already_member")
        # A refused one changes nothing.
        self.assert_fails(beta.i2("join", token[:-1] + ("a" if token[-1] != "a" else "b"), "--replace"), 8,
                          "trust.invite_altered")
        self.assertEqual(beta.start().ok("status")["fleet"]["name"], "mine")
        self.assertEqual(beta.stop(), 0)
        self.assertEqual(beta.ok("join", token, "--replace", "--name", "beta")["fleet"]["name"], "home")
        beta.start()
        wait_for(lambda: alpha.connected() == {"beta"} and beta.connected() == {"alpha"}, "the nodes to connect")

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
        operators = alpha.ok("operator", "list")["operators"]
        self.assertEqual(operators["required"], 2)
        self.assertIn(new, operators["ids"])
        # One of two: into a file, approved by the other, submitted by the first.
        self.assert_fails(alpha.i2("operator", "require", "--required", "1"), 5, "fleet.operation_approvals")
        file = self.folder / "change.operation"
        alpha.ok("operator", "require", "--required", "1", "--out", file)
        self.assert_fails(alpha.i2("operator", "submit", file), 5, "fleet.operation_approvals")
        alpha.ok("operator", "approve", file, "--operator", second)
        alpha.ok("operator", "submit", file)
        self.assertEqual(alpha.ok("operator", "list")["operators"]["required"], 1)
        # The same bytes again change nothing.
        self.assertTrue(alpha.ok("operator", "submit", file)["receipt"]["repeated"])
        wait_for(lambda: beta.ok("operator", "list")["operators"]["required"] == 1, "beta to follow")

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
        self.assertIn("fleet.ledger_rolled_back", answer.err)


if __name__ == "__main__":
    unittest.main()
