"""What a node tells about itself: metrics, traces, doctor."""

import json
import re
import shutil
import socket
import subprocess
import unittest
from pathlib import Path

from fleet import SERVER, FleetTest, run, wait_for

SOURCE = Path(__file__).resolve().parents[2]
FAST = {"I2_METRICS_INTERVAL": "100ms"}
NAME = r"[a-z_][a-z0-9_]*"


def families(text):
    """{name: type} of a Prometheus text; fails on a line that is none."""
    out = {}
    for line in text.splitlines():
        if match := re.fullmatch(rf"# TYPE ({NAME}) (counter|gauge|summary)", line):
            out[match[1]] = match[2]
        elif not re.fullmatch(rf"# HELP {NAME} .+", line):
            match = re.fullmatch(rf'({NAME})(\{{({NAME}="[^"]*",?)+\}})? [0-9.e+-]+', line)
            if not match:
                raise AssertionError(f"no line of the format: {line!r}")
            base = re.sub(r"_(sum|count)$", "", match[1])
            if match[1] not in out and base not in out:
                raise AssertionError(f"a sample without its type: {line!r}")
    return out


class Metrics(FleetTest):
    maxDiff = None

    def pair_with_metrics(self):
        alpha = self.founder().start(env=FAST)
        beta = self.member(alpha, "beta").start(env=FAST)
        wait_for(lambda: alpha.connected() == {"beta"}, "the nodes to connect")
        return alpha, beta

    def test_what_happens_is_counted(self):
        alpha, beta = self.pair_with_metrics()
        path = self.folder / "data"
        path.write_bytes(b"x" * 100_000)
        alpha.ok("send", path, "beta")
        sent = wait_for(lambda: (m := alpha.ok("metrics"))["files"]["sent"] and m, "the sender's metrics")
        self.assertEqual(sent["schema"], "i2.metrics/1")
        self.assertEqual(sent["files"]["sent_bytes"], 100_000)
        got = wait_for(lambda: (m := beta.ok("metrics"))["files"]["received"] and m, "the receiver's metrics")
        self.assertEqual(got["files"]["received_bytes"], 100_000)
        self.assertGreater(got["stoq"]["received_bytes"], 100_000)
        self.assertGreaterEqual(got["stoq"]["established_connections"], 1)
        self.assertGreaterEqual(got["stoq"]["handshake_seconds"]["count"], 1)
        self.assertGreater(got["stoq"]["handshake_seconds"]["p50"], 0)
        self.assertEqual(got["fleet"]["members"], 2)
        self.assertEqual(got["fleet"]["connected_peers"], 1)
        self.assertGreater(got["fleet"]["certificate_expiry_seconds"], 3600)
        self.assertGreater(got["process"]["resident_memory_bytes"], 1 << 20)
        self.assertGreater(got["process"]["open_fds"], 3)
        self.assertGreaterEqual(got["admin"]["requests"], 1)
        self.assertGreaterEqual(got["log"]["lines"], 1)

    def test_refused_peers_are_counted_by_reason(self):
        alpha = self.founder().start(env=FAST)
        omega = self.founder("omega", "elsewhere").start(env=FAST)
        self.assertNotEqual(omega.i2("ping", alpha.address).code, 0)

        def refusals(node):
            stoq = node.ok("metrics")["stoq"]
            return {key: value for key, value in stoq.items() if key.startswith("refused_") and value}

        refused = wait_for(lambda: {**refusals(alpha), **refusals(omega)}, "the refusal to be counted")
        self.assertEqual(set(refused), {"refused_leaf_untrusted", "refused_peers"})

    def test_texts_for_programs(self):
        alpha = self.founder().start(env=FAST)
        wait_for(lambda: "stoq" in alpha.ok("metrics"), "the first report")
        text = alpha.i2("metrics", "--format", "prometheus").out
        kinds = families(text)
        self.assertEqual(kinds["i2_stoq_sent_bytes_total"], "counter")
        self.assertEqual(kinds["i2_stoq_connections"], "gauge")
        self.assertEqual(kinds["i2_stoq_handshake_seconds"], "summary")
        self.assertRegex(text, r'(?m)^i2_build_info\{version="\d+\.\d+\.\d+",compiler="[^"]+"\} 1$')
        promtool = shutil.which("promtool")
        if promtool:
            done = subprocess.run([promtool, "check", "metrics"], input=text.encode(), capture_output=True, check=False)
            self.assertEqual((done.returncode, done.stderr), (0, b""))
        open_metrics = alpha.i2("metrics", "--format", "openmetrics").out
        self.assertIn("# TYPE i2_stoq_sent_bytes counter\n", open_metrics)
        self.assertTrue(open_metrics.endswith("# EOF\n"))
        self.assertRegex(alpha.i2("metrics").out, r"(?m)^stoq\.sent_bytes +\d+$")

    def test_the_reference_names_every_metric(self):
        alpha = self.founder().start(env={**FAST, "I2_ACME": "true"})
        wait_for(lambda: "gateway" in alpha.ok("metrics"), "a report of all layers")
        kinds = families(alpha.i2("metrics", "--format", "prometheus").out)
        page = (SOURCE / "docs/reference/metrics.md").read_text()
        documented = dict(re.findall(rf"(?m)^\| `({NAME})(?:\{{[^`]*\}})?` \| (\w+) \|", page))
        documented.pop("i2_acme_failed_validations_total")  # there is one for each reason, once there was one
        self.assertEqual(documented, kinds)

    def test_details_come_with_a_reload(self):
        path = self.folder / "node.toml"
        path.write_text("")
        alpha = self.founder().start("--config", path, env={**FAST, "I2_WORKERS": "2"})
        wait_for(lambda: "stoq" in alpha.ok("metrics"), "the first report")
        self.assertNotIn("stoq_worker", alpha.ok("metrics"))
        path.write_text("[logging]\nenable_detailed_metrics = true\n")
        self.assertEqual(alpha.ok("config", "reload")["applied"], ["[logging] enable_detailed_metrics"])
        details = wait_for(lambda: alpha.ok("metrics").get("stoq_worker"), "the details")
        self.assertEqual([sample["labels"] for sample in details["sent_bytes"]],
                         [{"worker": "0"}, {"worker": "1"}])


class Traces(FleetTest):
    def test_a_trace_of_each_connection_of_bounded_number(self):
        traces = self.folder / "traces"
        alpha = self.founder().start(env={"I2_QLOG_DIR": str(traces), "I2_QLOG_FILES_MAX": "2"})
        beta = self.member(alpha, "beta")
        for _ in range(3):
            beta.start()
            wait_for(lambda: alpha.connected() == {"beta"}, "the nodes to connect")
            self.assertEqual(beta.stop(), 0)
            wait_for(lambda: alpha.connected() == set(), "the connection to end")
        self.assertEqual(alpha.stop(), 0)
        files = sorted(traces.iterdir())
        self.assertEqual(len(files), 2)
        for path in files:
            self.assertRegex(path.name, r"^\d+-[0-9a-f]{16,40}-(client|server)\.sqlog$")
            # RFC 7464: every record begins with RS.
            records = [json.loads(part) for part in path.read_text().split("\x1e") if part.strip()]
            self.assertIn("qlog_version", records[0])
            # A client's may be of an attempt to reach the node that was stopped: nothing answered.
            event = "packet_received" if path.name.endswith("-server.sqlog") else "packet_sent"
            self.assertTrue(any(record.get("name", "").endswith(event) for record in records))

    def test_a_reload_turns_them_on_and_off(self):
        path = self.folder / "node.toml"
        path.write_text("")
        traces = self.folder / "traces"
        alpha = self.founder().start("--config", path)
        beta = self.member(alpha, "beta")

        def visit():
            beta.start()
            wait_for(lambda: alpha.connected() == {"beta"}, "the nodes to connect")
            self.assertEqual(beta.stop(), 0)
            wait_for(lambda: alpha.connected() == set(), "the connection to end")

        visit()
        path.write_text('[logging]\nqlog_dir = "traces"\n')  # relative to the file
        self.assertEqual(alpha.ok("config", "reload")["applied"], ["[logging] qlog_dir"])
        visit()
        wait_for(lambda: any(file.stat().st_size for file in traces.iterdir()), "the trace")
        count = len(list(traces.iterdir()))
        path.write_text("")
        alpha.ok("config", "reload")
        visit()
        self.assertEqual(len(list(traces.iterdir())), count)
        (self.folder / "file").write_text("")
        path.write_text('[logging]\nqlog_dir = "file/x"\n')
        alpha.ok("config", "reload")
        self.assertEqual(alpha.events("traces_failed")[0]["error"], "stoq.qlog")

    def test_a_directory_that_cannot_be_written(self):
        alpha = self.founder()
        (self.folder / "file").write_text("")
        answer = run(SERVER, "--data-dir", alpha.data, "--port", "0", "development",
                     env={"I2_QLOG_DIR": str(self.folder / "file" / "x")})
        self.assertEqual(answer.code, 1, str(answer))
        self.assertIn("stoq.qlog", answer.err)


class Doctor(FleetTest):
    def checks(self, answer):
        return {check["name"]: check for check in answer.json["checks"]}

    def test_a_machine_and_a_node_that_are_well(self):
        alpha = self.founder().start()
        answer = alpha.i2("--bind", "::1", "--port", str(alpha.port), "doctor", "--json")
        self.assertEqual(answer.code, 0, str(answer))
        checks = self.checks(answer)
        self.assertEqual(answer.json["schema"], "i2.doctor/1")
        self.assertIn("served by the daemon", checks["port"]["finding"])
        self.assertEqual(checks["layer_transport"]["verdict"], "ok")
        for name in ("ipv6", "udp_segmentation", "udp_receive_offload", "socket_buffers", "clock", "data_directory",
                     "disk_space", "certificate", "open_files", "memory", "cpu", "io_uring", "af_xdp"):
            self.assertIn(checks[name]["verdict"], ("ok", "warn"), name)
            self.assertTrue(checks[name]["finding"], name)
        for check in checks.values():
            self.assertEqual(check["verdict"] == "ok", not check["remedy"], check)

    def test_what_is_wrong_fails_with_a_remedy(self):
        alpha = self.founder()
        alpha.data.chmod(0o755)
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as other:
            other.bind(("::1", 0))
            port = other.getsockname()[1]
            answer = alpha.i2("--bind", "::1", "--port", str(port), "doctor", "--json")
        self.assertEqual(answer.code, 1, str(answer))
        checks = self.checks(answer)
        self.assertEqual((checks["data_directory"]["verdict"], checks["port"]["verdict"]), ("fail", "fail"))
        self.assertIn("chmod 700", checks["data_directory"]["remedy"])
        self.assertIn("another program", checks["port"]["finding"])
        self.assertEqual(checks["daemon"]["verdict"], "warn")
        text = alpha.i2("--bind", "::1", "--port", "0", "doctor")
        self.assertRegex(text.out, r"(?m)^fail  data_directory ")

    def test_no_node_yet(self):
        answer = self.node("nobody").i2("--port", "0", "doctor", "--json")
        self.assertEqual(answer.code, 0, str(answer))
        self.assertEqual(self.checks(answer)["data_directory"]["verdict"], "warn")
        self.assertEqual(self.checks(answer)["certificate"]["verdict"], "warn")


if __name__ == "__main__":
    unittest.main(verbosity=2)
