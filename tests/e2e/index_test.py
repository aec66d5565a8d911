#!/usr/bin/env python3
"""What an authority issues and revokes is in the fleet's state, and what the state revokes is on its lists."""

import json
import unittest
import urllib.request

from fleet import DEADLINE, PATIENCE, FleetTest, wait_for


class Index(FleetTest):
    def issue(self, node, name):
        out = self.folder / name
        out.mkdir()
        return node.ok("cert", "issue", "--cn", name, "--out", out)["certificate"]["serial_number"]

    def listed(self, serial):
        """What the authority's own record says of it."""
        shown = self.alpha.ok("cert", "show", serial)
        return shown["state"], shown.get("reason")

    def test_every_node_knows_what_was_issued_and_revoked(self):
        self.alpha, beta = self.pair()
        first = self.issue(self.alpha, "web.home.i2.internal")
        wait_for(lambda: first in self.of_fleet(beta), "the index to have it", PATIENCE)
        one = self.of_fleet(beta)[first]
        self.assertEqual((one["state"], one["profile"], one["requester"], one["authority"], one["source"]),
                         ("issued", "server", "alpha", "alpha", "fleet"))
        token = (beta.data / "gateway" / "token").read_text().strip()
        request = urllib.request.Request(f"http://[::1]:{beta.http_port}/ca/certificate/{first}",
                                         headers={"Authorization": f"Bearer {token}"})
        with urllib.request.urlopen(request, timeout=DEADLINE) as answer:
            shown = json.load(answer)
        self.assertEqual((shown["source"], shown["serial_number"]), ("fleet", first))
        self.assertNotIn("certificate_der", shown)
        self.assertEqual(beta.ok("cert", "show", first)["source"], "fleet")
        self.assertNotIn("source", self.alpha.ok("cert", "show", first))

        # At the authority: at once on its own lists, then in the state.
        second = self.issue(self.alpha, "mail.home.i2.internal")
        self.assertEqual(self.alpha.ok("cert", "revoke", second, "--reason", "superseded")["state"], "revoked")
        wait_for(lambda: self.of_fleet(beta).get(second, {}).get("state") == "revoked", "the fleet to hear of it", PATIENCE)
        self.assertEqual(self.of_fleet(beta)[second]["reason"], "superseded")

        # A member's certificate that the authority has issued, by the account: on the lists too.
        renewed = beta.ok("cert", "rotate")
        serials = [renewed["node"]["serial_number"], renewed["ordinary"]["serial_number"]]
        wait_for(lambda: set(serials) <= set(self.of_fleet(self.alpha)), "the index to have them", PATIENCE)
        self.assertEqual({self.of_fleet(self.alpha)[s]["requester"] for s in serials}, {"beta"})
        self.alpha.ok("cert", "revoke", "beta", "--reason", "keyCompromise")
        for serial in serials:
            wait_for(lambda s=serial: self.listed(s) == ("revoked", "keyCompromise"), "the lists to have it", PATIENCE)
        self.assertEqual(self.listed(first), ("issued", None))
        self.alpha.ok("cert", "audit", "--verify")

    def test_nothing_is_lost_or_doubled_by_a_crash(self):
        self.alpha = self.founder().start()
        serials = []
        for i in range(3):
            serials.append(self.issue(self.alpha, f"web{i}.home.i2.internal"))
            self.alpha.ok("cert", "revoke", serials[-1]) if i == 1 else None
            self.alpha.stop(9)
            self.alpha.start()
        wait_for(lambda: set(serials) <= set(self.of_fleet(self.alpha)), "the index to have them", PATIENCE)
        states = lambda: [self.of_fleet(self.alpha)[s]["state"] for s in serials]
        wait_for(lambda: states() == ["issued", "revoked", "issued"], "the revocation to be ordered", PATIENCE)
        height = self.alpha.ok("status")["consensus"]["height"]
        self.alpha.stop(9)
        self.alpha.start()
        self.issue(self.alpha, "last.home.i2.internal")
        wait_for(lambda: len(self.of_fleet(self.alpha)) == 4 + len(self.alpha.ok("cert", "list", "--requester", "alpha")["certificates"]),
                 "the last one", PATIENCE)
        self.assertLessEqual(self.alpha.ok("status")["consensus"]["height"], height + 2)


if __name__ == "__main__":
    unittest.main(verbosity=2)
