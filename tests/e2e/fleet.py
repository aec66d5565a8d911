"""Nodes as real processes on the loopback interface, for the end-to-end tests.

I2_BIN names the folder of internet2-server and i2. Every node has its own data directory below a
temporary folder and a port of its own. Nothing here sleeps to synchronise: waiting
is always for something, with a deadline.
"""

import atexit
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import unittest
from pathlib import Path

BIN = Path(os.environ.get("I2_BIN", "build/release/bin")).resolve()
SERVER = BIN / "internet2-server"
CLIENT = BIN / "i2"
DEADLINE = 30.0 * float(os.environ.get("I2_TEST_SLOWDOWN", "1"))

# Until the others give up the views of a leader that is away.
PATIENCE = 4 * DEADLINE

# Keys take a while to make.
FOUNDED = Path(tempfile.mkdtemp(prefix="i2-founded-"))
atexit.register(shutil.rmtree, FOUNDED, ignore_errors=True)

ENVIRONMENT = {k: v for k, v in os.environ.items() if not k.startswith("I2_")}
# Looking for leaks is a third of the run of a client; daemons are looked at.
CLIENT_ENVIRONMENT = {"ASAN_OPTIONS": "detect_leaks=0"}


class Answer:
    """What a command printed and how it ended."""

    def __init__(self, done):
        self.code = done.returncode
        self.out = done.stdout.decode()
        self.err = done.stderr.decode()

    @property
    def json(self):
        return json.loads(self.out)

    def __str__(self):
        return f"exit code {self.code}\nstdout: {self.out}\nstderr: {self.err}"


def run(program, *arguments, env=None, timeout=DEADLINE, cwd=None):
    return Answer(
        subprocess.run(
            [str(program), *map(str, arguments)],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=timeout,
            env={**ENVIRONMENT, **(CLIENT_ENVIRONMENT if program == CLIENT else {}), **(env or {})},
            cwd=cwd,
            check=False,
        )
    )


def wait_for(condition, what, deadline=DEADLINE):
    """Returns the first true value of condition(). Asking takes at most half of the time."""
    end = time.monotonic() + deadline
    while True:
        asked = time.monotonic()
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"timed out waiting for {what}")
        time.sleep(max(0.02, time.monotonic() - asked))


def free_port():
    """A port that nobody listens on and that the kernel gives to no connection: a node finds it again after a restart.

    Tests run side by side: each process draws from its own share of the ports.
    """
    lowest, shares = 10000, 64
    highest = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    own = range(lowest + os.getpid() % shares, highest, shares)
    while True:
        port = random.choice(own)
        try:
            for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
                with socket.socket(socket.AF_INET6, kind) as probe:
                    probe.bind(("::1", port))
            return port
        except OSError:
            pass


class Node:
    """A data directory and, between start() and stop(), its daemon."""

    def __init__(self, folder, name):
        self.name = name
        self.data = Path(folder) / name
        self.log = Path(folder) / f"{name}.log"
        self.process = None
        self.port = 0  # UDP
        self.http_port = 0  # TCP; mostly the same
        self.env = {}  # for its daemon and its commands
        self.host = "::1"
        self.inside = []  # a command in front of all of them

    def i2(self, *arguments, timeout=DEADLINE, env=None):
        command = [*self.inside, CLIENT, "--data-dir", self.data, *arguments]
        return run(*command, timeout=timeout, env={**CLIENT_ENVIRONMENT, **self.env, **(env or {})})

    def ok(self, *arguments, timeout=DEADLINE):
        """The JSON answer of a command that has to succeed."""
        answer = self.i2(*arguments, "--json", timeout=timeout)
        if answer.code != 0:
            raise AssertionError(f"{self.name}: i2 {' '.join(map(str, arguments))}: {answer}\n{self.tail()}")
        return answer.json

    def ask(self, verb, **arguments):
        """What the daemon answers on its socket, at a thirtieth of the price of a client; None without an answer."""
        try:
            folder = os.open(self.data, os.O_RDONLY)
        except OSError:
            return None
        try:
            with socket.socket(socket.AF_UNIX) as admin:
                admin.settimeout(DEADLINE)
                admin.connect(f"/proc/self/fd/{folder}/admin.sock")  # the whole path may be too long
                admin.sendall(json.dumps({"verb": verb, "args": arguments}).encode() + b"\n")
                with admin.makefile() as lines:
                    return next((a.get("result") for a in map(json.loads, lines) if "progress" not in a), None)
        except OSError:
            return None
        finally:
            os.close(folder)

    def start(self, *arguments, port=None, env=None, quiet=False, mode=("development",), program=SERVER):
        """Starts the daemon and waits until it answers. `quiet`: its log does not say when it is ready."""
        port = port or self.port or free_port()
        before = self.log.stat().st_size if self.log.exists() else 0
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                [*self.inside, program, "--data-dir", self.data, "--bind", self.host, "--port", str(port),
                 *map(str, arguments), *mode],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                env={**ENVIRONMENT, "I2_LOG_FORMAT": "json", **self.env, **(env or {})},
            )

        def is_up():
            if self.process.poll() is not None:
                raise AssertionError(f"{self.name} ended with {self.process.returncode}\n{self.tail()}")
            return self.events("ready", before)

        if not quiet:
            ready = wait_for(is_up, f"{self.name} to be ready")[0]
            self.port = int(ready["address"].rsplit(":", 1)[1])
            self.http_port = 0 if ready["http"] == "off" else int(ready["http"].rsplit(":", 1)[1])
        wait_for(lambda: self.ask("status"), f"{self.name} to answer")
        return self

    def stop(self, signal_number=signal.SIGTERM):
        """The exit code of the daemon."""
        self.process.send_signal(signal_number)
        code = self.process.wait(timeout=DEADLINE)
        self.process = None
        return code

    @property
    def address(self):
        return f"[{self.host}]:{self.port}"

    def events(self, event, offset=0):
        """The log's lines of this event behind byte `offset`."""
        if not self.log.exists():
            return []
        lines = self.log.read_bytes()[offset:].decode(errors="replace").splitlines()
        parsed = [json.loads(line) for line in lines if line.startswith("{") and line.endswith("}")]
        return [line for line in parsed if line["event"] == event]

    def tail(self):
        return self.log.read_text(errors="replace")[-4000:] if self.log.exists() else "(no log)"

    def connected(self):
        answer = self.ask("peers") or {"peers": []}
        return {peer["name"] for peer in answer["peers"] if peer["state"] == "connected"}

    def consensus(self):
        return self.ask("consensus") or self.ok("consensus", "status")  # whose error says why


class FleetTest(unittest.TestCase):
    """A test with a folder of its own whose daemons end with it."""

    def setUp(self):
        self.folder = Path(tempfile.mkdtemp(prefix="i2-e2e-"))
        self.nodes = []
        self.env = {}  # of new nodes
        self.addCleanup(self.clean_up)

    def clean_up(self):
        for node in self.nodes:
            if node.process is not None:
                node.process.kill()
                node.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def node(self, name):
        node = Node(self.folder, name)
        node.env = dict(self.env)
        self.nodes.append(node)
        return node

    def founder(self, name="alpha", fleet="home"):
        """A new fleet; the first one of a test may be that of another test, and is not started yet."""
        node = self.node(name)
        made = FOUNDED / f"{fleet}.{name}"
        if len(self.nodes) == 1 and made.exists():
            shutil.copytree(made, node.data)
        else:
            node.ok("init", "--fleet", fleet, "--name", name)
            if not made.exists():
                shutil.copytree(node.data, made)
        return node

    def bundle(self, sponsor, name, *arguments):
        path = self.folder / f"{name}.bundle"
        sponsor.ok("provision", "--name", name, "--out", path, "--address", sponsor.address, *arguments)
        return path

    def member(self, sponsor, name):
        """A node that joined through `sponsor`, not started yet."""
        node = self.node(name)
        node.ok("join", self.bundle(sponsor, name))
        return node

    def invite(self, sponsor, *arguments):
        """A token for one machine."""
        return sponsor.ok("invite", "--address", sponsor.address, *arguments)["token"]

    def invited(self, sponsor, name):
        """A node that joined with a token of `sponsor`, not started yet."""
        node = self.node(name)
        node.ok("join", self.invite(sponsor), "--name", name)
        return node

    def heads(self, nodes):
        """What these nodes have for the end of the ledger; one element when they agree."""
        return {(s["height"], s["app_hash"]) for s in ((n.ask("status") or n.ok("status"))["consensus"] for n in nodes)}

    def of_fleet(self, node):
        """Certificates as the fleet's state has them, by serial number."""
        return {one["serial_number"]: one for one in node.ok("cert", "list", "--fleet")["certificates"]}

    def agree(self, nodes):
        wait_for(lambda: len(self.heads(nodes)) == 1, "the nodes to have one state", PATIENCE)

    def invite_through(self, alpha, node):
        """An invite of alpha's operator that `node` submits: alpha alone is an authority, so it is taken back at once."""
        token = alpha.ok("invite", "--address", alpha.address, "--tag", "x", timeout=PATIENCE)
        wait_for(lambda: token["invite"] in [i["id"] for i in node.ask("invites")["invites"]],
                 f"{node.name} to hear of it")
        return node.ok("invite", "--revoke", token["invite"], "--operator", alpha.data / "identity", timeout=PATIENCE)["receipt"]

    def council(self, *names, env=None):
        """alpha and these, all of them validators and connected."""
        self.env = env or {}
        alpha = self.founder().start()
        nodes = [alpha, *(self.invited(alpha, name).start() for name in names)]
        wait_for(lambda: all(len(n.connected()) == len(names) for n in nodes), "everybody to meet")
        for name in names:
            alpha.ok("validator", "add", name)
        wait_for(lambda: all(len(n.consensus()["validators"]) == len(nodes) for n in nodes),
                 "everybody to know the validators")
        return nodes

    def pair(self):
        """alpha and beta, running and connected."""
        alpha = self.founder().start()
        beta = self.member(alpha, "beta").start()
        wait_for(lambda: alpha.connected() == {"beta"} and beta.connected() == {"alpha"},
                 "the nodes to connect")
        return alpha, beta

    def assert_fails(self, answer, code, error):
        self.assertEqual(answer.code, code, str(answer))
        self.assertIn(f"[{error}]", answer.err, str(answer))
