"""Ordering among 1, 4, 7 and 16 validators: one table, one JSON file.

Each is a daemon of its own with its own disk log, connected over STOQ. Measured per size:
one client that waits for each receipt (latency; one operation is one block), several such clients,
clients with many operations under way (full blocks), clients whose operations are batches of
steps that all change the state (steps in batches), what an idle fleet costs, and how long a validator
takes from kill -9 to voting again. All daemons and clients share the machine's cores.
"""

import argparse
import json
import os
import platform
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "tests" / "e2e"))

TICKS = os.sysconf("SC_CLK_TCK")


def parse():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", required=True, type=Path)
    parser.add_argument("--out", required=True, type=Path)
    parser.add_argument("--sizes", default="1,4,7,16")
    parser.add_argument("--count", type=int, default=300, help="operations of each client")
    parser.add_argument("--idle", type=float, default=30.0, help="seconds of doing nothing")
    return parser.parse_args()


ARGUMENTS = parse()
os.environ["I2_BIN"] = str(ARGUMENTS.build / "bin")
from fleet import DEADLINE, Node, wait_for  # noqa: E402 (needs I2_BIN)

LOAD = ARGUMENTS.build / "bin" / "bench_consensus_load"


def cpu_seconds(node):
    fields = Path(f"/proc/{node.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


class Fleet:
    def __init__(self, folder, size):
        self.nodes = [Node(folder, f"node{i}") for i in range(size)]
        first = self.nodes[0]
        first.ok("init", "--fleet", "bench", "--name", first.name)
        self.start(first)
        for node in self.nodes[1:]:
            token = first.ok("invite", "--address", first.address)["token"]
            node.ok("join", token, "--name", node.name)
            self.start(node)
        wait_for(lambda: all(len(n.connected()) == size - 1 for n in self.nodes), "everybody to meet", 4 * DEADLINE)
        for node in self.nodes[1:]:
            first.ok("validator", "add", node.name, timeout=4 * DEADLINE)
        wait_for(lambda: all(len(self.status(n)["validators"]) == size for n in self.nodes), "everybody to vote")

    @staticmethod
    def start(node):
        node.start()

    @staticmethod
    def status(node):
        return node.ok("consensus", "status")

    def load(self, clients, outstanding, count, steps=1):
        command = [LOAD, "--operator", self.nodes[0].data / "identity", "--clients", clients, "--outstanding",
                   outstanding, "--count", count, "--steps", steps]
        for node in self.nodes:
            command += ["--socket", node.data / "admin.sock"]
        done = subprocess.run([str(c) for c in command], capture_output=True, check=False)
        if done.returncode != 0:
            raise SystemExit(f"the load failed: {done.stderr.decode()}")
        return json.loads(done.stdout)

    def idle(self, seconds):
        """Share of one core that each daemon takes."""
        before = [cpu_seconds(n) for n in self.nodes]
        time.sleep(seconds)
        return [(cpu_seconds(n) - b) / seconds for n, b in zip(self.nodes, before)]

    def restart(self):
        """Seconds from the start of a killed validator until it may vote."""
        node = self.nodes[-1]
        node.stop(signal.SIGKILL)
        begin = time.monotonic()
        self.start(node)
        wait_for(lambda: (self.status(node)["voting"] or {}).get("ready"), "it to vote again")
        return time.monotonic() - begin

    def stop(self):
        for node in self.nodes:
            if node.process is not None:
                node.process.kill()
                node.process.wait()


def measure(size):
    folder = Path(tempfile.mkdtemp(prefix="i2-bench-"))
    fleet = None
    try:
        fleet = Fleet(folder, size)
        fleet.load(1, 1, 20)  # warm
        out = {"validators": size, "tolerates": fleet.status(fleet.nodes[0])["tolerates"]}
        out["one"] = fleet.load(1, 1, ARGUMENTS.count)
        out["clients_8"] = fleet.load(8, 1, ARGUMENTS.count)
        outstanding = min(7, 28 * size // 16)  # a daemon takes 32 clients
        out["full_blocks"] = fleet.load(16, outstanding, ARGUMENTS.count)
        # A fleet remembers 10 000 invites, and every second step makes one.
        out["steps_in_batches"] = fleet.load(16, outstanding, 5, steps=240)
        idle = fleet.idle(ARGUMENTS.idle)
        out["idle_cpu_percent"] = {"mean": 100 * sum(idle) / len(idle), "max": 100 * max(idle)}
        if size > 3:
            out["restart_seconds"] = fleet.restart()
        return out
    finally:
        if fleet is not None:
            fleet.stop()
        shutil.rmtree(folder, ignore_errors=True)


def table(report):
    about = report["machine"]
    yield f"{about['cpu']}, {about['cpus']} CPUs, Linux {about['kernel']}, {about['date']}"
    yield ""
    yield ("validators  tolerates  blocks/s   p50 ms   p99 ms | 8 clients: ops/s   p50 ms   p99 ms | "
           "full blocks: ops/s  blocks/s | steps in batches: steps/s  blocks/s  bytes/step | idle CPU %  restart s")
    for row in report["sizes"]:
        one, many, full, steps = row["one"], row["clients_8"], row["full_blocks"], row["steps_in_batches"]
        restart = f"{row['restart_seconds']:.2f}" if "restart_seconds" in row else "-"
        yield (f"{row['validators']:10}  {row['tolerates']:9}  {one['blocks_per_second']:8.1f}  {one['p50_ms']:7.1f}  "
               f"{one['p99_ms']:7.1f} | {many['operations_per_second']:16.1f}  {many['p50_ms']:7.1f}  "
               f"{many['p99_ms']:7.1f} | {full['operations_per_second']:18.1f}  {full['blocks_per_second']:8.1f} | "
               f"{steps['steps_per_second']:25.0f}  {steps['blocks_per_second']:8.1f}  {steps['bytes_per_step']:10.0f} | "
               f"{row['idle_cpu_percent']['mean']:10.2f}  {restart:>9}")
    yield ""
    yield "simulated network (virtual time, the engine alone)  hop ms  validators  blocks/s   p50 ms   p99 ms  messages/block"
    for row in report["simulated"]:
        low, high = row["hop_ms"]
        yield (f"{row['network']:49}  {f'{low:g}-{high:g}':>7}  {row['validators']:9}  {row['blocks_per_second']:8.1f}  "
               f"{row['p50_ms']:7.1f}  {row['p99_ms']:7.1f}  {row['messages_per_block']:14.1f}")


def cpu_model():
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.machine()


def main():
    report = {
        "machine": {"cpu": cpu_model(), "cpus": os.cpu_count(), "kernel": platform.release(),
                    "date": time.strftime("%Y-%m-%d")},
        "count": ARGUMENTS.count,
        "sizes": [],
    }
    for size in (int(s) for s in ARGUMENTS.sizes.split(",")):
        print(f"{size} validators", file=sys.stderr)
        report["sizes"].append(measure(size))
    wan = subprocess.run([ARGUMENTS.build / "bin" / "bench_consensus_wan"], capture_output=True, check=True)
    report["simulated"] = json.loads(wan.stdout)
    ARGUMENTS.out.parent.mkdir(parents=True, exist_ok=True)
    ARGUMENTS.out.write_text(json.dumps(report, indent=2) + "\n")
    print("\n".join(table(report)))


main()
