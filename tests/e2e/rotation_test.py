#!/usr/bin/env python3
"""New certificates under load: nobody notices. I2_ROTATIONS: how many (default 24)."""

import os
import threading
import unittest

from fleet import PATIENCE, FleetTest, wait_for

ROTATIONS = int(os.environ.get("I2_ROTATIONS", "24"))


class Rotation(FleetTest):
    def test_streams_go_on(self):
        alpha = self.founder().start()
        nodes = [alpha, *(self.invited(alpha, name).start() for name in ("beta", "gamma", "delta"))]
        wait_for(lambda: all(len(n.connected()) == 3 for n in nodes), "everybody to meet", PATIENCE)
        seen = {node.name: node.log.stat().st_size for node in nodes}
        over = threading.Event()
        runs, failures = [], []

        def load(node, peer):
            while not over.is_set():
                answer = node.i2("bench", peer, "--streams", "8", "--duration", "1s", "--json", timeout=PATIENCE)
                (runs if answer.code == 0 else failures).append(answer)

        loads = [threading.Thread(target=load, args=(node, peer)) for node, peer in
                 ((nodes[0], "beta"), (nodes[1], "gamma"), (nodes[2], "delta"), (nodes[3], "alpha"))]
        for thread in loads:
            thread.start()
        try:
            for i in range(ROTATIONS):
                node = nodes[i % len(nodes)]
                before = node.ask("cert_show")["node"]["serial_number"]
                after = node.ask("cert_rotate")
                self.assertIsNotNone(after, f"rotation {i}: {node.tail()}")
                self.assertNotEqual(before, after["node"]["serial_number"])
        finally:
            over.set()
            for thread in loads:
                thread.join()
        self.assertEqual(failures, [])
        self.assertGreaterEqual(len(runs), len(loads))
        for run in runs:
            self.assertEqual(run.json["streams"], 8)
            self.assertGreater(run.json["acknowledged_bytes"], 0)
        # The connections are those of before.
        for node in nodes:
            self.assertEqual([e for e in node.events("peer_down", seen[node.name])], [], node.tail())
            self.assertEqual(len(node.connected()), 3)
        print(f"{ROTATIONS} rotations, {8 * len(runs)} streams, none dropped")


if __name__ == "__main__":
    unittest.main()
