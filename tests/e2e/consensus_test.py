"""Several validators: real daemons that order operations together, lose some of them, and change who they are."""

import json
import shutil
import signal
import unittest

from fleet import BIN, PATIENCE, FleetTest, run, wait_for


class Validators(FleetTest):
    def consensus(self, node):
        return node.consensus()

    def test_says_what_it_tolerates(self):
        alpha = self.founder().start()
        solo = self.consensus(alpha)
        self.assertEqual((solo["engine"], solo["tolerates"], solo["quorum"], solo["voting"]), ("solo", 0, 1, None))
        nodes = [alpha]
        for count, tolerates, quorum in ((2, 0, 2), (3, 0, 3), (4, 1, 3)):
            node = self.invited(alpha, f"node{count}").start()
            wait_for(lambda: alpha.connected() >= {node.name}, "the node to connect")
            # Before it is a validator it has said nothing of votes; the command asks it to.
            added = alpha.ok("validator", "add", node.name, timeout=PATIENCE)
            self.assertEqual((added["schema"], added["member"]["name"]), ("i2.validator/1", node.name))
            nodes.append(node)
            wait_for(lambda: all(self.consensus(n)["tolerates"] == tolerates and self.consensus(n)["quorum"] == quorum
                                 and len(self.consensus(n)["validators"]) == count for n in nodes),
                     f"{count} validators")
            self.assertIn(f"tolerates   {tolerates} Byzantine of {count}", alpha.i2("consensus", "status").out)
            self.assertEqual(alpha.ok("status")["consensus"]["engine"], "embedded")
        self.agree(nodes)
        # Mistakes have their reasons.
        self.assert_fails(alpha.i2("validator", "add", "nobody"), 1, "node.peer_unknown")
        self.assert_fails(nodes[1].i2("validator", "rm", "alpha"), 5, "fleet.no_operator_keys")
        self.assertEqual(alpha.i2("validator").code, 2)
        self.assertEqual(alpha.i2("validator", "rm").code, 2)
        # And back to one, which is not the founder.
        for name in ("alpha", "node3", "node4"):
            alpha.ok("validator", "rm", name, timeout=PATIENCE)
        wait_for(lambda: all(self.consensus(n)["engine"] == "solo" for n in nodes), "one validator to be left")
        self.assertEqual([v["name"] for v in self.consensus(alpha)["validators"]], ["node2"])
        self.assert_fails(alpha.i2("validator", "rm", "node2"), 5, "fleet.sequencer_needed")
        self.invite_through(alpha, nodes[2])
        self.agree(nodes)
        # A newcomer learns who seals from the links since the genesis.
        late = self.invited(alpha, "late").start()
        self.agree([*nodes, late])
        self.assertEqual(self.consensus(late)["epoch"], self.consensus(alpha)["epoch"])

    def test_goes_on_without_any_one_of_four(self):
        nodes = self.council("beta", "gamma", "delta")
        alpha = nodes[0]
        last = 0
        for node in nodes[1:]:
            node.stop(signal.SIGKILL)
            others = [n for n in nodes if n is not node]
            for other in others[1:]:
                height = self.invite_through(alpha, other)["height"]
                self.assertGreater(height, last)
                last = height
            node.start()
            self.agree(nodes)
            self.assertGreater(self.invite_through(alpha, node)["height"], last)
            last = self.consensus(node)["height"]
        # The authority itself: others cannot invite, but they order.
        alpha.stop(signal.SIGKILL)
        operator = ("--operator", alpha.data / "identity")
        wait_for(lambda: nodes[1].i2("invite", "--list").code == 0, "beta to answer")
        removed = nodes[1].ok("validator", "rm", "alpha", *operator, timeout=PATIENCE)
        self.assertGreater(removed["receipt"]["height"], last)
        alpha.start()
        self.agree(nodes)
        self.assertFalse(self.consensus(alpha)["orders"])
        # Everybody off at once, and on again.
        for node in nodes:
            node.stop(signal.SIGKILL)
        for node in nodes:
            node.start()
        wait_for(lambda: all(len(n.connected()) == 3 for n in nodes), "everybody to meet again", PATIENCE)
        self.invite_through(alpha, nodes[3])
        self.agree(nodes)

    def test_a_validator_that_lost_its_key_gets_another_one(self):
        nodes = self.council("beta", "gamma", "delta")
        alpha, delta = nodes[0], nodes[3]
        delta.stop()
        shutil.rmtree(delta.data / "ledger" / "signer")
        (delta.data / "ledger" / "votes.log").unlink()
        delta.start()
        wait_for(lambda: delta.events("ordering_stopped"), "it to say that it stays silent")
        self.invite_through(alpha, nodes[1])
        wait_for(lambda: len(delta.connected()) == 3, "it to meet the others")
        self.assertIsNone(self.consensus(delta)["voting"])
        alpha.ok("validator", "add", "delta", timeout=PATIENCE)
        wait_for(lambda: (self.consensus(delta)["voting"] or {}).get("ready"), "it to vote again", PATIENCE)
        nodes[1].stop()
        self.invite_through(alpha, delta)
        self.agree([alpha, nodes[2], delta])

    def test_stops_without_a_quorum_and_loses_nothing(self):
        nodes = self.council("beta", "gamma", "delta")
        alpha = nodes[0]
        self.invite_through(alpha, nodes[1])
        self.agree(nodes)
        for node in nodes[2:]:
            node.process.send_signal(signal.SIGSTOP)
        height = self.consensus(alpha)["height"]
        answer = alpha.i2("invite", "--address", alpha.address, "--tag", "waits", timeout=PATIENCE)
        self.assert_fails(answer, 4, "fleet.no_quorum")
        # At most the block that was under way.
        self.assertLessEqual(self.consensus(alpha)["height"], height + 1)
        # Members still reach each other.
        alpha.ok("ping", "beta")
        for node in nodes[2:]:
            node.process.send_signal(signal.SIGCONT)
        # What waited is ordered after all, once.
        tags = lambda n: [i["tag"] for i in n.ok("invite", "--list")["invites"]].count("waits")
        wait_for(lambda: all(tags(n) == 1 for n in nodes), "the operation to be ordered", PATIENCE)
        self.invite_through(alpha, nodes[3])
        self.agree(nodes)

    def test_who_contradicts_itself_is_convicted_by_everybody(self):
        nodes = self.council("beta", "gamma", "delta")
        alpha, liar = nodes[0], nodes[3]
        self.invite_through(alpha, nodes[1])
        self.agree(nodes)
        honest = nodes[:3]
        view = self.consensus(alpha)["voting"]["view"]
        liar.stop()
        # One of them hears it, all of them act.
        lied = run(BIN / "lying_validator", liar.data, view + 5, nodes[1].address)
        self.assertEqual(lied.code, 0, str(lied))
        wait_for(lambda: all(len(self.consensus(n)["validators"]) == 3 for n in honest), "the conviction", PATIENCE)
        self.agree(honest)
        proofs = []
        for node in honest:
            evidence = node.ok("consensus", "evidence", "--verify")
            self.assertEqual([(e["name"], e["offence"], e["verified"]) for e in evidence["evidence"]],
                             [("delta", "double_notarize", True)])
            proofs.append(evidence["evidence"][0]["proof"])
            self.assertEqual({p["name"] for p in node.ok("peers")["peers"]} | {node.name}, {n.name for n in honest})
        self.assertEqual(proofs[0], proofs[1])
        # Anybody can check it without a node; an altered one proves nothing.
        path = self.folder / "evidence.json"
        evidence = alpha.ok("consensus", "evidence")
        path.write_text(json.dumps(evidence))
        stranger = self.node("stranger")
        self.assertIn("delta  double_notarize", stranger.i2("consensus", "evidence", path, "--verify").out)
        for field in ("evidence", "epoch"):
            altered = json.loads(json.dumps(evidence))
            proof = altered["evidence"][0]["proof"]
            proof[field] = proof[field][:-2] + ("00" if proof[field][-2:] != "00" else "01")
            path.write_text(json.dumps(altered))
            self.assertNotEqual(stranger.i2("consensus", "evidence", path, "--verify").code, 0, field)
        # The others go on, and nobody talks to it any more.
        self.invite_through(alpha, nodes[1])
        refused = run(BIN / "lying_validator", liar.data, view + 6, alpha.address)
        self.assertEqual(refused.code, 1)
        self.assertIn("trust.member_revoked", refused.err)

    def test_two_histories_are_proven_and_halt(self):
        nodes = self.council("beta", "gamma", "delta")
        alpha, beta, gamma, delta = nodes
        invite = alpha.ok("invite", "--address", alpha.address, "--tag", "x", timeout=PATIENCE)["invite"]
        self.agree(nodes)
        for node in nodes:
            node.stop()
        # Disks that were copied: gamma and delta sign with alpha, and as others of the same name with beta.
        for liar in (gamma, delta):
            shutil.copytree(liar.data, self.folder / f"{liar.name}-copy")

        def go_on_with(one):
            for node in (one, gamma, delta):
                node.start()
            one.ok("invite", "--revoke", invite, "--operator", alpha.data / "identity", timeout=PATIENCE)
            for node in (one, gamma, delta):
                node.stop()

        go_on_with(alpha)
        for liar in (gamma, delta):
            shutil.rmtree(liar.data)
            (self.folder / f"{liar.name}-copy").rename(liar.data)
        go_on_with(beta)
        honest = (alpha, beta)
        for node in honest:
            node.start()
        for node in honest:
            wait_for(lambda: node.events("history_forked") and node.consensus()["halted"], "it to halt", PATIENCE)
            event = node.events("history_forked")[0]
            self.assertEqual(event["liars"], 2)
            path = node.data / "evidence" / f"epoch-{event['epoch']}.json"
            self.assertEqual(event["file"], str(path))
            # With the daemon, and by anybody who has the file.
            stranger = self.node("stranger")
            for answer in (node.ok("consensus", "evidence", "--verify"),
                           stranger.ok("consensus", "evidence", path, "--verify")):
                self.assertEqual({(e["name"], e["ordered"], e["verified"]) for e in answer["evidence"]},
                                 {("gamma", False, True), ("delta", False, True)})
            self.assertIn("not ordered", node.i2("consensus", "evidence").out)
            self.assertIn("halted", node.i2("consensus", "status").out)
            # Members still reach each other.
            node.ok("ping", "beta" if node is alpha else "alpha")
        # Not forgotten before people have decided.
        for node in honest:
            node.stop()
        alpha.start()
        self.assertTrue(alpha.consensus()["halted"])
        self.assertEqual(len(alpha.ok("consensus", "evidence", "--verify")["evidence"]), 2)
        alpha.stop()
        (alpha.data / "evidence").rename(self.folder / "proof")
        alpha.start()
        self.assertFalse(alpha.consensus()["halted"])
        self.assertEqual(alpha.i2("consensus", "evidence").out, "nobody has been convicted\n")

    def test_evidence_is_read_and_refused(self):
        alpha = self.founder().start()
        self.assertEqual(alpha.i2("consensus", "evidence").out, "nobody has been convicted\n")
        evidence = alpha.ok("consensus", "evidence", "--verify")
        self.assertEqual(evidence["evidence"], [])
        path = self.folder / "evidence.json"
        path.write_text(json.dumps(evidence))
        alpha.stop()
        # Without a daemon.
        self.assertEqual(alpha.ok("consensus", "evidence", path, "--verify")["chain_id"], evidence["chain_id"])
        self.assert_fails(alpha.i2("consensus", "evidence"), 3, "node.no_daemon")
        evidence["evidence"] = [{"node": "00" * 32, "name": "beta", "offence": "double_notarize", "epoch": 1,
                                 "time": "2025-11-21T00:00:00Z", "proof": {"epoch": "00", "evidence": "zz"}}]
        path.write_text(json.dumps(evidence))
        self.assert_fails(alpha.i2("consensus", "evidence", path, "--verify"), 8, "fleet.state_invalid")
        for nonsense in ("", "{}", "[1]", '{"evidence": [1]}'):
            path.write_text(nonsense)
            answer = alpha.i2("consensus", "evidence", path, "--verify")
            self.assert_fails(answer, 8, "consensus.evidence_invalid")
        self.assert_fails(alpha.i2("consensus", "evidence", self.folder / "none"), 8, "consensus.evidence_invalid")

    def test_who_was_away_for_long_goes_on_from_the_state(self):
        nodes = self.council("beta", "gamma", "delta", env={"I2_BLOCKS_KEPT": "16"})
        alpha, delta = nodes[0], nodes[3]
        self.agree(nodes)
        delta.stop()
        for _ in range(10):
            self.invite_through(alpha, nodes[1])
        late = self.consensus(alpha)["height"]
        delta.start()
        wait_for(lambda: delta.events("state_adopted"), "it to take the state", PATIENCE)
        self.agree(nodes)
        self.assertGreater(self.consensus(delta)["height"], late - 1)
        # It votes again, and newcomers begin with what is there.
        nodes[1].stop()
        self.invite_through(alpha, delta)
        newcomer = self.invited(alpha, "epsilon").start()
        self.agree([alpha, nodes[2], delta, newcomer])

    def test_votes_can_be_post_quantum_too(self):
        nodes = self.council("beta", "gamma", "delta", env={"I2_VOTE_SUITE": "hybrid"})
        status = self.consensus(nodes[0])
        self.assertEqual([v["suite"] for v in status["validators"]], ["hybrid"] * 4)
        self.invite_through(nodes[0], nodes[2])
        self.agree(nodes)
        newcomer = self.invited(nodes[0], "epsilon").start()
        self.agree([*nodes, newcomer])


if __name__ == "__main__":
    unittest.main()
