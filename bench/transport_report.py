#!/usr/bin/env python3
"""Turns the single runs of bench/transport.sh into a table and a JSON file.

    transport_report.py RUNS.jsonl OUT.json DURATION
"""

import datetime
import json
import os
import platform
import statistics
import sys

NAMES = {
    "raw_udp": "raw UDP, GSO + GRO",
    "raw_udp_aes": "raw UDP + AES-128-GCM",
    "tcp": "TCP, one flow (iperf3)",
    "stoq": "STOQ",
}

FIGURES = {
    "request": "64-byte request and answer, one after the other",
    "handshake": "connections, one after the other (Falcon-1024 both ways)",
    "handshake_p256": "connections, one after the other (ECDSA P-256 both ways, the same key exchange)",
    "resumed": "resumed connections, one after the other",
}


def machine():
    model = "unknown"
    with open("/proc/cpuinfo", encoding="utf-8") as lines:
        for line in lines:
            if line.startswith("model name"):
                model = line.split(":", 1)[1].strip()
                break
    return {
        "cpu": model,
        "cpus": os.cpu_count(),
        "kernel": platform.release(),
        "date": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d %H:%M UTC"),
    }


def summarise(runs):
    """One row per (path, what), in the order of first appearance."""
    groups = {}
    for run in runs:
        groups.setdefault((run["path"], run["what"]), []).append(run)
    rows = []
    for (path, what), group in groups.items():
        rates = [run["gbps"] for run in group]

        def per_cpu(side, group=group):
            costs = [
                run["gbps"] * run["seconds"] / run["cpu_seconds"][side]
                for run in group
                if run["cpu_seconds"][side] > 0
            ]
            return statistics.median(costs) if costs else None

        rows.append(
            {
                "path": path,
                "what": what,
                "payload": group[0]["payload"],
                "gbps": {
                    "median": statistics.median(rates),
                    "min": min(rates),
                    "max": max(rates),
                },
                "gbit_per_cpu_second": {"tx": per_cpu("tx"), "rx": per_cpu("rx")},
                "other_cpu_seconds_max": max(run["other_cpu_seconds"] for run in group),
                "runs": len(group),
            }
        )
    return rows


def ratios(rows):
    """STOQ against the encrypted ceiling and against TCP, per path where it was measured."""
    median = {(row["path"], row["what"]): row["gbps"]["median"] for row in rows}
    return [
        {
            "path": path,
            "stoq_to_raw_udp_aes": median[path, "stoq"] / median[path, "raw_udp_aes"],
            "stoq_to_tcp": median[path, "stoq"] / median[path, "tcp"],
        }
        for path, what in median
        if what == "stoq"
    ]


def median_of(group, key):
    return statistics.median(run[key] for run in group)


def figures(runs):
    """Medians of what is not a rate of bytes."""
    groups = {}
    for run in runs:
        groups.setdefault(run["figure"], []).append(run)
    out = {
        what: {key: median_of(group, key) for key in ("per_second", "p50_us", "p99_us")}
        for what, group in groups.items()
        if what in FIGURES
    }
    if "idle" in groups:
        out["idle"] = {
            key: median_of(groups["idle"], key) for key in ("connections", "bytes_per_connection")
        }
    return out


def number(value):
    return "-" if value is None else f"{value:.1f}"


def table(report):
    about = report["machine"]
    yield f"{about['cpu']}, {about['cpus']} CPUs, Linux {about['kernel']}, {about['date']}"
    yield (
        f"{report['repetitions']} repetitions of {report['duration_seconds']:g} s, medians; "
        "one sender and one receiver, a CPU each"
    )
    yield ""
    head = f"{'path':10} {'what':24} {'bytes':>6} {'Gbit/s':>7} {'min - max':>14}"
    yield f"{head} {'Gbit/CPU-s tx':>14} {'rx':>6} {'others':>7}"
    for row in report["rows"]:
        rate = row["gbps"]
        cost = row["gbit_per_cpu_second"]
        span = f"{rate['min']:.1f} - {rate['max']:.1f}"
        # TCP is a byte stream: it has no payload size of its own.
        payload = "-" if row["what"] == "tcp" else row["payload"]
        yield (
            f"{row['path']:10} {NAMES[row['what']]:24} {payload:>6} {rate['median']:>7.1f}"
            f" {span:>14} {number(cost['tx']):>14} {number(cost['rx']):>6}"
            f" {row['other_cpu_seconds_max']:>5.1f} s"
        )
    if report["ratios"]:
        yield ""
    for ratio in report["ratios"]:
        yield (
            f"{ratio['path']:10} STOQ / (raw UDP + AES) = {ratio['stoq_to_raw_udp_aes']:.2f},"
            f" STOQ / TCP = {ratio['stoq_to_tcp']:.2f}"
        )
    yield ""
    for what, figure in report["figures"].items():
        if what == "idle":
            yield (
                f"idle connection, client side: {figure['bytes_per_connection'] / 1024:.0f} KiB resident"
                f" (of {figure['connections']:.0f})"
            )
        else:
            yield (
                f"{FIGURES[what]}: {figure['per_second']:.0f}/s, p50 {figure['p50_us']:.0f} us,"
                f" p99 {figure['p99_us']:.0f} us"
            )
    yield ""
    yield "others: CPU time of other processes during the worst run; rates are lower bounds if it is large"


def main():
    with open(sys.argv[1], encoding="utf-8") as lines:
        runs = [json.loads(line) for line in lines]
    rows = summarise([run for run in runs if "path" in run])
    report = {
        "machine": machine(),
        "duration_seconds": float(sys.argv[3]),
        "repetitions": max(row["runs"] for row in rows),
        "rows": rows,
        "ratios": ratios(rows),
        "figures": figures([run for run in runs if "figure" in run]),
        "runs": runs,
    }
    with open(sys.argv[2], "w", encoding="utf-8") as out:
        json.dump(report, out, indent=2)
        out.write("\n")
    print("\n".join(table(report)))


if __name__ == "__main__":
    main()
