"""Four validators in network namespaces of their own, whose network is cut in half and healed.

Needs root for `ip netns`; skipped without.
"""

import os
import subprocess
import unittest

from fleet import PATIENCE, FleetTest, wait_for

PREFIX = "fd3a:91c4:7e53::"


def ip(*arguments, check=True):
    return subprocess.run(["ip", *arguments], check=check, capture_output=True, text=True)


class Partition(FleetTest):
    """Every node is behind a port of a hub with two bridges: who is on the same one can talk."""

    def setUp(self):
        super().setUp()
        self.hub = f"i2-{os.getpid()}-hub"
        self.namespaces = []
        self.addCleanup(self.remove_namespaces)
        try:
            made = ip("netns", "add", self.hub, check=False)
        except FileNotFoundError:
            self.skipTest("there is no `ip`")
        if made.returncode != 0:
            self.skipTest(f"no network namespaces: {made.stderr.strip()}")
        self.namespaces.append(self.hub)
        for bridge in ("one", "two"):
            made = ip("-n", self.hub, "link", "add", bridge, "type", "bridge", check=False)
            if made.returncode != 0:
                self.skipTest(f"no bridges: {made.stderr.strip()}")
            ip("-n", self.hub, "link", "set", bridge, "up")

    def remove_namespaces(self):
        self.clean_up()  # what runs inside holds them open
        for name in self.namespaces:
            ip("netns", "del", name, check=False)

    def node(self, name):
        node = super().node(name)
        number = len(self.nodes)
        namespace, port = f"i2-{os.getpid()}-{number}", f"p{number}"
        ip("netns", "add", namespace)
        self.namespaces.append(namespace)
        ip("-n", self.hub, "link", "add", port, "type", "veth", "peer", "name", "eth0", "netns", namespace)
        node.host = f"{PREFIX}{number}"
        ip("-n", namespace, "address", "add", f"{node.host}/64", "dev", "eth0", "nodad")
        for device in ("lo", "eth0"):
            ip("-n", namespace, "link", "set", device, "up")
        ip("-n", self.hub, "link", "set", port, "master", "one", "up")
        node.inside = ["ip", "netns", "exec", namespace]
        node.cable = port
        return node

    def plug(self, nodes, bridge):
        for node in nodes:
            ip("-n", self.hub, "link", "set", node.cable, "master", bridge)

    def test_two_against_two_stop_and_nothing_is_lost_or_doubled(self):
        nodes = self.council("beta", "gamma", "delta")
        alpha, beta = nodes[:2]
        self.invite_through(alpha, beta)
        self.agree(nodes)
        height = alpha.ok("consensus", "status")["height"]
        self.plug(nodes[2:], "two")
        operator = ("--operator", alpha.data / "identity")
        waits = alpha.i2("invite", "--address", alpha.address, "--tag", "waits", timeout=PATIENCE)
        self.assert_fails(waits, 4, "fleet.no_quorum")
        other = nodes[2].i2("invite", "--address", alpha.address, "--tag", "too", *operator, timeout=PATIENCE)
        self.assertNotEqual(other.code, 0, str(other))
        for node in nodes:
            self.assertLessEqual(node.ok("consensus", "status")["height"], height + 1)
        # Those on one side still move data.
        alpha.ok("ping", "beta")
        self.plug(nodes[2:], "one")
        tags = lambda node: [i["tag"] for i in node.ok("invite", "--list")["invites"]]
        wait_for(lambda: all(tags(n).count("waits") == 1 for n in nodes), "what waited to be ordered", PATIENCE)
        self.invite_through(alpha, nodes[3])
        self.agree(nodes)
        self.assertTrue(all(tags(n).count("waits") == 1 and tags(n).count("too") <= 1 for n in nodes))

    def test_three_go_on_without_the_fourth(self):
        nodes = self.council("beta", "gamma", "delta")
        alpha = nodes[0]
        self.agree(nodes)
        self.plug([nodes[3]], "two")
        for node in nodes[1:3]:
            self.invite_through(alpha, node)
        self.agree(nodes[:3])
        self.plug([nodes[3]], "one")
        self.agree(nodes)
        self.assertGreater(self.invite_through(alpha, nodes[3])["height"], 0)


if __name__ == "__main__":
    unittest.main()
