"""Trust on this machine's disk: one table, one JSON file.

The transparency log and the authority alone (bench_trust_log, bench_trust_issuance), beside what the machine signs
and what its disk syncs in the same run; then a fleet of daemons on the loopback interface: what renewing both
certificates of a member takes, at the authority and over a connection that is there, how long a revocation
takes until every member has it, and how many members' certificates an authority renews in a second over
connections that are there and over fresh ones (bench_trust_renewals), beside the handshakes alone.
"""

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "tests" / "e2e"))


def parse():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", required=True, type=Path)
    parser.add_argument("--out", required=True, type=Path)
    parser.add_argument("--entries", type=int, default=40_000, help="of the log")
    parser.add_argument("--clients", default="32,48,64", help="that ask the authority at the same time: numbers of them")
    parser.add_argument("--seconds", type=float, default=10, help="of each measurement of the authority")
    parser.add_argument("--rotations", type=int, default=50, help="of each member that renews")
    parser.add_argument("--members", type=int, default=5, help="of the fleet, the founder apart")
    parser.add_argument("--renewing", type=int, default=16, help="members that renew without a daemon of their own")
    parser.add_argument("--renewals", type=int, default=20, help="of each of them, in each measurement")
    parser.add_argument("--at-once", default="1,16", help="of them that renew at the same time: numbers of them")
    return parser.parse_args()


ARGUMENTS = parse()
os.environ["I2_BIN"] = str(ARGUMENTS.build / "bin")
from fleet import DEADLINE, Node, wait_for  # noqa: E402 (needs I2_BIN)


def program(name, *arguments):
    # On the disk that the results are on.
    with tempfile.TemporaryDirectory(dir=ARGUMENTS.out.parent) as folder:
        done = subprocess.run([ARGUMENTS.build / "bin" / name, "--dir", Path(folder) / "run", *map(str, arguments)],
                              stdout=subprocess.PIPE, check=True)
    return json.loads(done.stdout)


def percentiles(seconds):
    values = sorted(1000 * value for value in seconds)
    return {"count": len(values), "p50_ms": values[len(values) // 2], "p99_ms": values[int(0.99 * (len(values) - 1))],
            "max_ms": values[-1]}


class Fleet:
    def __init__(self, folder):
        self.founder = Node(folder, "alpha")
        self.members = [Node(folder, f"member{i}") for i in range(ARGUMENTS.members)]
        self.founder.ok("init", "--fleet", "bench", "--name", "alpha")
        self.founder.start()
        for node in self.members:
            token = self.founder.ok("invite", "--address", self.founder.address)["token"]
            node.ok("join", token, "--name", node.name)
            node.start()
        wait_for(lambda: all(len(n.connected()) == len(self.members) for n in self.nodes), "everybody to meet",
                 4 * DEADLINE)

    @property
    def nodes(self):
        return [self.founder, *self.members]

    def rotations(self, node):
        times = []
        for _ in range(ARGUMENTS.rotations):
            begin = time.monotonic()
            if node.ask("cert_rotate") is None:
                raise SystemExit(f"no new certificates: {node.tail()}")
            times.append(time.monotonic() - begin)
        return percentiles(times)

    def revocations(self):
        """Seconds from the start of `i2 cert revoke` until all of the others refuse the member."""
        times = []
        left = list(self.members)
        while len(left) > 1:
            node = left.pop()
            begin = time.monotonic()
            self.founder.ok("cert", "revoke", node.name, "--reason", "superseded", timeout=4 * DEADLINE)
            while any(node.name in other.connected() for other in (self.founder, *left)):
                if time.monotonic() - begin > 60:
                    raise SystemExit(f"{node.name} is still connected after a minute")
                time.sleep(0.005)
            times.append(time.monotonic() - begin)
        return percentiles(times)

    def stop(self):
        for node in self.nodes:
            if node.process is not None:
                node.process.kill()
                node.process.wait()


def measure_fleet():
    folder = Path(tempfile.mkdtemp(prefix="i2-bench-"))
    fleet = None
    try:
        fleet = Fleet(folder)
        return {"members": len(fleet.nodes), "rotation_at_the_authority": fleet.rotations(fleet.founder),
                "rotation_of_a_member": fleet.rotations(fleet.members[0]), "revocation": fleet.revocations()}
    finally:
        if fleet is not None:
            fleet.stop()
        shutil.rmtree(folder, ignore_errors=True)


def measure_renewals():
    """Of members that have joined and do not run: their renewals come from one program."""
    folder = Path(tempfile.mkdtemp(prefix="i2-bench-"))
    authority = Node(folder, "alpha")
    try:
        authority.ok("init", "--fleet", "bench", "--name", "alpha")
        authority.start()
        members = [Node(folder, f"member{i}") for i in range(ARGUMENTS.renewing)]
        for node in members:
            node.ok("join", authority.ok("invite", "--address", authority.address)["token"], "--name", node.name)
        command = [ARGUMENTS.build / "bin" / "bench_trust_renewals", "--peer", authority.address, "--each",
                   ARGUMENTS.renewals, *(f"--member={node.data}" for node in members)]
        out = {}
        for number in ARGUMENTS.at_once.split(","):
            done = subprocess.run([*map(str, command), "--at-once", number], stdout=subprocess.PIPE, check=True)
            out[number] = json.loads(done.stdout)
        return out
    finally:
        if authority.process is not None:
            authority.process.kill()
            authority.process.wait()
        shutil.rmtree(folder, ignore_errors=True)


RENEWALS = {"handshake": "handshakes alone", "handshake_resumed": "handshakes alone, resumed", "warm": "renewals, warm",
            "fresh": "renewals, fresh", "fresh_resumed": "renewals, fresh, resumed"}


def renewals_table(renewals):
    for number, measured in renewals.items():
        for key, what in RENEWALS.items():
            rate = measured[key]
            notes = [f"{rate[count]} of {rate['count']} {count}" for count in ("logged", "resumed") if rate.get(count)]
            yield (f"{what:26} {rate['per_second']:.0f}/s, p50 {rate['p50_ms']:.1f} ms, p99 {rate['p99_ms']:.1f} ms, "
                   f"{number} at once of {measured['members']} members{''.join(', ' + note for note in notes)}")


def table(report):
    about, log, issuance, fleet = (report[key] for key in ("machine", "log", "issuance", "fleet"))
    yield f"{about['cpu']}, {about['cpus']} CPUs, Linux {about['kernel']}, {about['date']}"
    yield ""
    writes = "/".join(f"{rate:.0f}" for rate in log["raw_durable_writes_per_second"])
    signatures = "/".join(f"{measured['sign_per_second']:.0f}" for measured in issuance.values())
    falcon = "/".join(f"{measured['falcon_sign_per_second']:.0f}" for measured in issuance.values())
    yield f"machine     P-256 signatures/s {signatures}, Falcon signatures/s {falcon}, synced writes/s {writes}"
    yield (f"log         entries/s {log['entries_per_second']:.0f}, SCT p50 {log['sct']['p50_ms']:.0f} ms, p99 "
           f"{log['sct']['p99_ms']:.0f} ms, proof p99 {log['inclusion_proof']['p99_ms']:.2f} ms, "
           f"{log['bytes_per_entry']:.0f} bytes/entry of {log['precertificate_bytes']}")
    for clients, measured in issuance.items():
        for name in ("logged", "promised", "unlogged"):
            rate = measured[name]
            yield (f"{name:11} certificates/s {rate['per_second']:.0f}, p50 {rate['p50_ms']:.1f} ms, p99 "
                   f"{rate['p99_ms']:.1f} ms, {clients} clients, {rate['batch']:.0f} in a batch")
        yield (f"falcon      certificates/s {measured['falcon']['per_second']:.0f} of "
               f"{measured['falcon_sign_per_second']:.0f} signatures/s, p99 {measured['falcon']['p99_ms']:.0f} ms, "
               f"{clients} clients")
    for key in ("rotation_at_the_authority", "rotation_of_a_member", "revocation"):
        times = fleet[key]
        yield f"{key.replace('_', ' '):26} p50 {times['p50_ms']:.0f} ms, max {times['max_ms']:.0f} ms ({times['count']} times)"
    yield from renewals_table(report["renewals"])


def processor():
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.machine()


def main():
    ARGUMENTS.out.parent.mkdir(parents=True, exist_ok=True)
    report = {
        "machine": {"cpu": processor(), "cpus": os.cpu_count(), "kernel": platform.release(),
                    "date": time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime())},
        "log": program("bench_trust_log", "--entries", ARGUMENTS.entries),
        "issuance": {clients: program("bench_trust_issuance", "--json", "--clients", clients, "--seconds",
                                      ARGUMENTS.seconds) for clients in ARGUMENTS.clients.split(",")},
        "fleet": measure_fleet(),
        "renewals": measure_renewals(),
    }
    ARGUMENTS.out.write_text(json.dumps(report, indent=1) + "\n")
    print("\n".join(table(report)))


if __name__ == "__main__":
    main()
