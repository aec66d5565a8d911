"""Nodes and commands that are killed at any moment, over joining, operations and expulsion.

Nothing that was acknowledged is lost, nothing is done twice, and what is tried again succeeds.
I2_KILL_ROUNDS: rounds of each test (default 2); I2_KILL_SEED repeats a run. A failure prints the seed.
"""

import json
import os
import random
import signal
import subprocess
import time
import unittest

from fleet import CLIENT, DEADLINE, ENVIRONMENT, FleetTest, wait_for

# A peer of a node that was killed notices when nothing has come for the idle timeout, then dials again.
RECOVERY = 4 * DEADLINE
ROUNDS = int(os.environ.get("I2_KILL_ROUNDS", "2"))
SEED = int(os.environ.get("I2_KILL_SEED", str(random.randrange(1 << 32))))


class Killed(FleetTest):
    def setUp(self):
        super().setUp()
        self.random = random.Random(SEED)
        self.kills = 0

    def begin(self, node, *arguments):
        return subprocess.Popen([CLIENT, "--data-dir", node.data, "--json", *map(str, arguments)],
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                env=ENVIRONMENT)

    def kill(self, process, most):
        """Kills it up to `most` seconds from now: any moment will do, this is what the test is about."""
        time.sleep(self.random.uniform(0, most))
        self.kills += process.poll() is None
        process.kill()

    def end(self, process):
        """The answer of a command, or None if it was killed or failed."""
        out, _ = process.communicate(timeout=DEADLINE)
        return json.loads(out) if process.returncode == 0 else None

    def kill_daemon(self, node, most):
        self.kill(node.process, most)
        node.process.wait()
        node.process = None
        node.start()

    def test_a_newcomer(self):
        alpha = self.founder().start()
        for number in range(ROUNDS):
            name = f"beta{number}"
            node = self.node(name)
            token = self.invite(alpha)
            joined = None
            while joined is None:
                process = self.begin(node, "join", token, "--name", name)
                self.kill(process, 1.2)
                joined = self.end(process)
                if joined is None:
                    # What is there is no node, or it is all of one.
                    answer = node.i2("join", token, "--name", name, "--json")
                    self.assertEqual(answer.code, 0, str(answer))
                    joined = answer.json
            self.assertEqual(joined["node"]["name"], name)
            names = [p["name"] for p in alpha.ok("peers")["peers"]]
            self.assertEqual(sorted(names), sorted(f"beta{n}" for n in range(number + 1)), "one member for each invite")
            if number == 0:
                node.start()
                wait_for(lambda: alpha.connected() == {"beta0"}, "the newcomer to connect")
                node.stop()

    def test_the_sponsor(self):
        alpha = self.founder().start()
        for number in range(ROUNDS):
            name = f"beta{number}"
            node = self.node(name)
            token = self.invite(alpha)
            process = self.begin(node, "join", token, "--name", name, "--timeout", "20s")
            self.kill_daemon(alpha, 0.8)
            joined = self.end(process)
            if joined is None:
                joined = node.ok("join", token, "--name", name)
            self.assertEqual(joined["node"]["name"], name)
            names = [p["name"] for p in alpha.ok("peers")["peers"]]
            self.assertEqual(sorted(names), sorted(f"beta{n}" for n in range(number + 1)))

    def test_operations(self):
        alpha = self.founder().start()
        beta = self.invited(alpha, "beta").start()
        operator = alpha.data / "identity"
        acknowledged, tried = set(), 0
        for number in range(ROUNDS):
            where = self.random.choice((alpha, beta))
            started = []
            for _ in range(3):
                tag = f"t{tried}"
                tried += 1
                arguments = (("invite", "--address", alpha.address, "--tag", tag, "--ttl", "30d") if where is alpha else
                             ("operator", "require", "--required", "1"))
                process = self.begin(where, *arguments, "--operator", operator)
                started.append((tag, process))
                self.kill_daemon(self.random.choice((alpha, beta)), 0.3)
                answer = self.end(process)
                if answer is not None and where is alpha:
                    acknowledged.add(tag)
            tags = [i["tag"] for i in alpha.ok("invite", "--list")["invites"] if i["tag"]]
            self.assertEqual(len(tags), len(set(tags)), "one was doubled")
            self.assertLessEqual(acknowledged, set(tags), "an acknowledged one was lost")
            wait_for(lambda: beta.connected() == {"alpha"}, "the nodes to meet again", RECOVERY)
            wait_for(lambda: len(self.heads([alpha, beta])) == 1, f"equal states in round {number}", RECOVERY)

    def test_expulsion(self):
        alpha = self.founder().start()
        gamma = self.invited(alpha, "gamma").start()
        for number in range(ROUNDS):
            name = f"beta{number}"
            beta = self.invited(alpha, name).start()
            wait_for(lambda: gamma.connected() == {"alpha", name}, "everybody to meet")
            process = self.begin(alpha, "expel", name, "--reason", "killed")
            self.kill_daemon(self.random.choice((alpha, gamma)), 0.3)
            acknowledged = self.end(process) is not None
            known = {p["name"] for p in alpha.ok("peers")["peers"]}
            if acknowledged:
                self.assertNotIn(name, known, "an acknowledged expulsion was lost")
            elif name in known:
                alpha.ok("expel", name, "--reason", "again")
            wait_for(lambda: alpha.connected() == {"gamma"} and gamma.connected() == {"alpha"}, f"{name} to be cut off",
                     RECOVERY)
            self.assertEqual({p["name"] for p in gamma.ok("peers")["peers"]}, {"alpha"})
            beta.stop(signal.SIGKILL)

    def test_validators(self):
        """One of four at a time; a vote that is forgotten would show as evidence against its author."""
        nodes = self.council("beta", "gamma", "delta")
        alpha = nodes[0]
        acknowledged, tried = set(), 0
        for number in range(ROUNDS):
            for _ in range(3):
                tag = f"t{tried}"
                tried += 1
                process = self.begin(alpha, "invite", "--address", alpha.address, "--tag", tag, "--ttl", "30d")
                self.kill_daemon(self.random.choice(nodes), 0.3)
                if self.end(process) is not None:
                    acknowledged.add(tag)
            # An operation that was under way may still be ordered; what is submitted now comes after it.
            wait_for(lambda: alpha.i2("invite", "--address", alpha.address).code == 0, "an operation to be ordered", RECOVERY)
            tags = [i["tag"] for i in alpha.ok("invite", "--list")["invites"] if i["tag"]]
            self.assertEqual(len(tags), len(set(tags)), "one was doubled")
            self.assertLessEqual(acknowledged, set(tags), "an acknowledged one was lost")
            wait_for(lambda: len(self.heads(nodes)) == 1, f"equal states in round {number}", RECOVERY)
        for node in nodes:
            self.assertEqual(node.ok("consensus", "evidence")["evidence"], [])
            self.assertEqual(node.events("ordering_stopped"), [])


if __name__ == "__main__":
    print(f"I2_KILL_SEED={SEED} I2_KILL_ROUNDS={ROUNDS}", flush=True)
    unittest.main()
