#!/usr/bin/env python3
"""The wall clock jumps under running nodes. I2_MOVED_CLOCK_LIBRARY is what moves it (moved_clock.c)."""

import os
import struct
import unittest
import urllib.request
from datetime import datetime, timedelta, timezone

from fleet import DEADLINE, FleetTest, wait_for

LIBRARY = os.environ.get("I2_MOVED_CLOCK_LIBRARY", "build/release/tests/e2e/libmoved_clock.so")
LEAF = timedelta(hours=24)


class Clock(FleetTest):
    def setUp(self):
        super().setUp()
        self.file = self.folder / "clock"
        self.move(timedelta())

    def move(self, by):
        self.moved = by
        with open(self.file, "r+b" if self.file.exists() else "wb") as clock:
            clock.write(struct.pack("=q", int(by.total_seconds())))

    def node(self, name):
        node = super().node(name)
        node.env = {"LD_PRELOAD": os.path.realpath(LIBRARY), "I2_MOVED_CLOCK": str(self.file)}
        return node

    def is_current(self, node):
        """Whether the node's certificate began before its clock and ends within a life of it."""
        status = node.i2("status", "--json").json  # it may say that it is not well
        ends = datetime.fromisoformat(status["certificates"]["nearest_expiry"])
        now = datetime.now(timezone.utc) + self.moved
        return now < ends <= now + LEAF

    def test_certificates_follow(self):
        alpha = self.founder().start()
        beta = self.invited(alpha, "beta").start()
        nodes = (alpha, beta)

        def is_whole():
            return alpha.connected() == {"beta"} and beta.connected() == {"alpha"} and all(map(self.is_current, nodes))

        wait_for(is_whole, "the nodes to connect")
        # Over a day ahead every certificate has expired; back again, none has begun.
        for by in (timedelta(hours=25), timedelta()):
            self.move(by)
            wait_for(is_whole, f"both nodes to be members with new certificates at {by}", 120)
            self.assertEqual([node.ok("status")["health"] for node in nodes], ["ok", "ok"])
            self.assertEqual(alpha.ok("path", "beta")["auth"], "falcon1024+ed25519")

    def test_an_authority_gets_a_new_intermediate_while_it_runs(self):
        alpha = self.founder().start()
        out = self.folder / "out"
        out.mkdir()

        def ends():
            certificates = alpha.i2("status", "--json").json["certificates"]
            return {c["certificate"]: c["expires"] for c in certificates["all"]}

        def issuer(name):
            answer = alpha.ok("cert", "issue", "--cn", name, "--out", out)
            return answer["certificate"]["issuer_key_sha256"]

        old = ends()
        before = issuer("web.home.i2.internal")
        self.move(timedelta(days=270))
        wait_for(lambda: alpha.events("intermediate_renewed"), "a new intermediate", 120)
        self.assertGreater(ends()["intermediate"], old["intermediate"])
        after = issuer("mail.home.i2.internal")
        self.assertNotEqual(before, after)
        # So is its leaf, which had expired too.
        wait_for(lambda: alpha.i2("status", "--json").json["health"] == "ok", "nothing to be complained about", 60)
        self.assertIn('i2_trust_certificate_expiry_seconds{certificate="anchor"}', alpha.i2("metrics", "--format", "prometheus").out)
        # Nothing that the old one has signed is forgotten by a restart.
        alpha.stop()
        alpha.start()
        self.assertEqual(issuer("again.home.i2.internal"), after)
        with urllib.request.urlopen(f"http://[::1]:{alpha.http_port}/ca/crl/{before[:16]}/0", timeout=DEADLINE) as answer:
            self.assertTrue(answer.read())

    def anchors(self, node):
        return {one["anchor"]: one["key"] for one in node.ask("authorities")["authorities"]}

    def warned(self, node):
        return {e["certificate"] for e in node.events("certificate_expires_soon")}

    def test_an_authority_gets_its_next_anchor_while_it_runs(self):
        alpha = self.founder().start()
        beta = self.invited(alpha, "beta").start()
        self.meet((alpha, beta))
        before = self.anchors(alpha)
        # Two thirds into its life it has a successor, of which everybody hears before it issues.
        self.move(timedelta(days=250))
        wait_for(lambda: len(self.anchors(beta)) == 2, "beta to hear of the next anchor", 120)
        self.meet((alpha, beta))
        self.assertEqual(alpha.events("anchor_renewed"), [])
        self.move(timedelta(days=340))
        wait_for(lambda: alpha.events("anchor_renewed"), "it to issue", 120)
        self.meet((alpha, beta))
        beta.ok("cert", "rotate", timeout=DEADLINE)
        leaf = alpha.ok("cert", "show", beta.ask("cert_show")["node"]["serial_number"])
        self.assertNotIn(leaf["issuer_key_sha256"], before.values())
        self.assertEqual(len(alpha.events("anchor_ordered")), 1)
        self.assertNotIn("anchor", self.warned(alpha))
        # When the one of before has ended, nobody notices, and a restart forgets nothing.
        self.move(timedelta(days=370))
        self.meet((alpha, beta))
        alpha.stop()
        alpha.start()
        self.meet((alpha, beta))
        self.assertEqual([node.ok("status")["health"] for node in (alpha, beta)], ["ok", "ok"])
        self.assertEqual(alpha.events("anchor_not_renewed"), [])

    def test_without_the_roots_keys_the_next_anchor_is_asked_for(self):
        alpha = self.founder().start()
        alpha.ok("root", "export", self.folder / "root")
        self.move(timedelta(days=270))
        wait_for(lambda: alpha.events("anchor_requested"), "a request", 120)
        wait_for(lambda: "anchor" in self.warned(alpha), "a warning", 60)
        # The intermediate is in the same grant.
        self.assertIn("intermediate", self.warned(alpha))
        self.assertEqual(alpha.i2("status", "--json").json["layers"]["trust"]["status"], "degraded")
        request, grant = alpha.events("anchor_requested")[0]["file"], self.folder / "grant"
        granted = alpha.ok("authority", "grant", request, "--out", grant, "--root", self.folder / "root")
        self.assertIn(granted["anchor"], self.anchors(alpha))
        alpha.ok("authority", "install", grant)
        wait_for(lambda: alpha.events("anchor_renewed"), "it to issue", 60)
        wait_for(lambda: alpha.i2("status", "--json").json["health"] == "ok", "nothing to be complained about", 60)

    def test_operations_are_ordered_through_it(self):
        alpha = self.founder().start()
        beta = self.invited(alpha, "beta").start()
        wait_for(lambda: beta.connected() == {"alpha"}, "the nodes to connect")
        heights = [alpha.ok("status")["consensus"]["height"]]
        for by in (timedelta(hours=3), timedelta(hours=1)):
            self.move(by)
            self.invite(alpha, "--ttl", "5h")  # the ledger's time does not go back
            heights.append(alpha.ok("status")["consensus"]["height"])
        self.assertEqual(heights, sorted(set(heights)))
        wait_for(lambda: beta.ok("status")["consensus"]["height"] == heights[-1], "beta to follow")
        self.assertEqual(*(node.ok("status")["consensus"]["app_hash"] for node in (alpha, beta)))

    def test_a_certificate_that_is_in_no_log_is_good_for_its_renewal(self):
        alpha = self.founder().start()
        self.assertIsNotNone(alpha.ok("ct", "status")["demanded_since"])
        alpha.stop()
        # Made where no authority runs, after the time in which that is overlooked.
        self.move(timedelta(minutes=20))
        beta = self.member(alpha, "beta")
        alpha.start()
        beta.start()
        self.meet((alpha, beta))
        self.assertEqual([e["peer"] for e in alpha.events("peer_leaf_unlogged")][:1], ["beta"])
        self.assertEqual(len(beta.events("leaf_renewed")), 1)
        issued = alpha.ok("cert", "list", "--requester", "beta")["certificates"]
        self.assertEqual([(one["profile"], one["log_index"] is None) for one in issued if one["profile"] == "node"],
                         [("node", False)])
        self.order((alpha, beta))
        # By a running authority it is in the log from the beginning, but no state knew the member yet.
        gamma = self.member(alpha, "gamma").start()
        self.meet((alpha, beta, gamma))
        self.assertEqual(len(gamma.events("leaf_renewed")), 1)
        # By a sponsor one did.
        delta = self.invited(alpha, "delta").start()
        self.meet((alpha, beta, gamma, delta))
        self.assertEqual(delta.events("leaf_renewed"), [])

    def meet(self, nodes):
        wait_for(lambda: all(len(n.connected()) == len(nodes) - 1 and self.is_current(n) for n in nodes),
                 "everybody to meet with current certificates", 120)

    def order(self, nodes):
        tag = f"at {self.moved}"
        self.invite(nodes[0], "--tag", tag, "--ttl", "3d")
        wait_for(lambda: all(tag in [i["tag"] for i in n.ok("invite", "--list")["invites"]] for n in nodes),
                 "everybody to hear of it")

    def test_validators_that_were_off_for_a_month_start_by_themselves(self):
        nodes = self.council("beta", "gamma", "delta")
        self.order(nodes)
        for node in nodes:
            node.stop()
        self.move(timedelta(days=30))
        for node in nodes:
            node.start()
        self.meet(nodes)
        self.order(nodes)
        self.assertIsNotNone(nodes[0].ok("ct", "status")["demanded_since"])
        # Clocks that were wrong and are right again stop nothing.
        self.move(timedelta(days=29))
        self.meet(nodes)
        self.order(nodes)

    def test_an_authority_elsewhere_is_back_after_a_month_too(self):
        alpha = self.founder().start()
        beta, gamma = (self.invited(alpha, name).start() for name in ("beta", "gamma"))
        nodes = (alpha, beta, gamma)
        self.meet(nodes)
        request, grant = self.folder / "request", self.folder / "grant"
        beta.ok("authority", "request", "--out", request)
        alpha.ok("authority", "grant", request, "--out", grant)
        beta.ok("authority", "install", grant)
        wait_for(lambda: len(beta.ask("authorities")["authorities"]) == 2, "beta to hear of it")
        for node in nodes:
            node.stop()
        self.move(timedelta(days=30))
        # Those that need the log first, of which one is an authority itself.
        for node in reversed(nodes):
            node.start(quiet=True)
        self.meet(nodes)
        self.assertEqual([node.ok("status")["health"] for node in nodes], ["ok"] * 3)
        own = [one for one in beta.ok("cert", "list", "--requester", "beta")["certificates"]
               if (one["profile"], one["state"]) == ("node", "issued")]
        self.assertEqual([one["log_index"] is None for one in own], [False])

    def test_members_reach_each_other_without_a_quorum_for_three_days(self):
        nodes = self.council("beta", "gamma", "delta")
        self.order(nodes)
        height = nodes[0].ok("status")["consensus"]["height"]
        for node in nodes[2:]:
            node.stop()
        file = self.folder / "file"
        for hours in (23, 46, 72):
            self.move(timedelta(hours=hours))
            self.meet(nodes[:2])
            file.write_text(f"after {hours} hours")
            # The connection of before may still show the certificate of before.
            wait_for(lambda: nodes[1].i2("send", file, "alpha").code == 0, "a file to be sent")
        self.assertLessEqual(nodes[0].ok("status")["consensus"]["height"], height + 1)
        for node in nodes[2:]:
            node.start()
        self.meet(nodes)
        self.order(nodes)


if __name__ == "__main__":
    unittest.main()
