#!/usr/bin/env python3
"""The gateway of a running node, asked by programs that are not ours: curl, openssl, aioquic, promtool."""

import asyncio
import http.client
import json
import re
import resource
import shutil
import socket
import ssl
import subprocess
import time
import unittest

from fleet import DEADLINE, FleetTest, wait_for

try:
    from aioquic.asyncio.client import connect
    from aioquic.asyncio.protocol import QuicConnectionProtocol
    from aioquic.h3.connection import H3_ALPN, H3Connection
    from aioquic.h3.events import DataReceived, HeadersReceived
    from aioquic.quic.configuration import QuicConfiguration
except ImportError:
    connect = None


def curl(*arguments, stdin=None):
    done = subprocess.run(
        ["curl", "-sS", "--max-time", str(DEADLINE), *map(str, arguments)],
        input=stdin, capture_output=True, timeout=2 * DEADLINE, check=False,
    )
    if done.returncode != 0:
        raise AssertionError(f"curl {arguments}: {done.returncode} {done.stderr.decode()}")
    return done.stdout.decode()


def curl_has(feature):
    return shutil.which("curl") and feature in subprocess.run(
        ["curl", "--version"], capture_output=True, check=True).stdout.decode().split()


class HttpTest(FleetTest):
    def setUp(self):
        super().setUp()
        self.alpha = self.founder().start()
        self.serve(self.alpha)

    def serve(self, node):
        self.port = node.http_port
        self.plain = f"http://[::1]:{self.port}"
        self.secure = f"https://localhost:{self.port}"
        self.root = self.folder / "root.pem"
        self.root.write_text(curl(f"{self.plain}/ca/root"))
        # localhost may have other addresses first.
        self.trust = ["--cacert", self.root, "--resolve", f"localhost:{self.port}:[::1]",
                      "--resolve", f"localhost:{node.port}:[::1]"]

    def status(self, path, headers=None, method="GET", body=None):
        """The status and the problem's code of a request on plain HTTP."""
        connection = http.client.HTTPConnection("::1", self.port, timeout=DEADLINE)
        try:
            connection.putrequest(method, path, skip_host="Host" in (headers or {}))
            for name, value in (headers or {}).items():
                connection.putheader(name, value)
            if body is not None:
                connection.putheader("Content-Length", str(len(body)))
            connection.endheaders(body)
            answer = connection.getresponse()
            text = answer.read()
            code = json.loads(text).get("code") if b'"code"' in text else None
            return answer.status, code
        finally:
            connection.close()

    def raw(self, data):
        """Everything the server says to `data`, until it closes."""
        with socket.create_connection(("::1", self.port), timeout=DEADLINE) as connection:
            connection.sendall(data)
            connection.shutdown(socket.SHUT_WR)
            out = b""
            while piece := connection.recv(65536):
                out += piece
            return out

    def stats(self):
        return json.loads(curl(f"{self.plain}/stats"))


class Resources(HttpTest):
    def test_the_lines_of_the_seeds(self):
        self.assertGreaterEqual(json.loads(curl(f"{self.plain}/metrics"))["stoq"]["connections"], 0)
        self.assertEqual(json.loads(curl(f"{self.plain}/health"))["status"], "ok")
        self.assertEqual(json.loads(curl(f"{self.plain}/health/live")), {"status": "ok"})
        self.assertEqual(json.loads(curl(f"{self.plain}/health/ready")), {"status": "ok"})
        stats = self.stats()
        self.assertEqual(stats["node"]["name"], "alpha")
        self.assertEqual(stats["fleet"], {"name": "home", "members": 1})

    def test_metrics_as_text(self):
        text = curl("-H", "Accept: text/plain", f"{self.plain}/metrics")
        self.assertIn("# TYPE i2_stoq_sent_bytes_total counter", text)
        promtool = shutil.which("promtool")
        if promtool:
            done = subprocess.run([promtool, "check", "metrics"], input=text.encode(),
                                  capture_output=True, timeout=DEADLINE, check=False)
            self.assertEqual((done.returncode, done.stderr.decode()), (0, ""))
        openmetrics = curl("-H", "Accept: application/openmetrics-text", f"{self.plain}/metrics")
        self.assertTrue(openmetrics.endswith("# EOF\n"))
        self.assertEqual(self.status("/metrics", {"Accept": "image/png"}), (406, "gateway.not_acceptable"))

    def test_members_and_connections(self):
        beta = self.member(self.alpha, "beta").start()
        wait_for(lambda: self.alpha.connected() == {"beta"}, "beta to connect")
        members = json.loads(curl(f"{self.plain}/api/v1/members"))["members"]
        self.assertEqual([m["name"] for m in members], ["alpha", "beta"])
        page = json.loads(curl(f"{self.plain}/api/v1/members?limit=1"))
        self.assertEqual((page["members"][0]["name"], page["next"]), ("alpha", "alpha"))
        rest = json.loads(curl(f"{self.plain}/api/v1/members?limit=1&after=alpha"))
        self.assertEqual(rest["members"][0]["name"], "beta")
        self.assertNotIn("next", rest)
        one = json.loads(curl(f"{self.plain}/api/v1/members/beta"))
        self.assertTrue(one["connected"])
        self.assertEqual(json.loads(curl(f"{self.plain}/api/v1/members/{one['id']}"))["name"], "beta")
        links = json.loads(curl(f"{self.plain}/api/v1/connections"))["connections"]
        self.assertEqual(links[0]["peer"]["name"], "beta")
        self.assertEqual(links[0]["auth"], "falcon1024+ed25519")
        self.assertEqual(self.status("/api/v1/members/gamma"), (404, "gateway.not_found"))
        self.assertEqual(self.status("/api/v1/members?limit=0"), (400, "gateway.request_malformed"))
        # A member that is no authority gets its certificate from one.
        self.root.write_text("")

        def beta_answers():
            pem = curl("-o", "/dev/stdout", f"http://[::1]:{beta.http_port}/ca/root")
            if "BEGIN CERTIFICATE" not in pem:
                return False
            self.root.write_text(pem)
            return True

        wait_for(beta_answers, "beta to have a certificate for ordinary clients")
        name = f"beta.home.i2.internal:{beta.http_port}"
        answer = curl("--cacert", self.root, "--resolve", f"{name}:[::1]", f"https://{name}/health")
        self.assertEqual(json.loads(answer)["status"], "ok")

    def test_events(self):
        for arguments in ([f"{self.plain}/api/v1/events"],
                          [*self.trust, "--http1.1", f"{self.secure}/api/v1/events"],
                          [*self.trust, "--http2", f"{self.secure}/api/v1/events"]):
            with self.subTest(arguments[-2:]):
                process = subprocess.Popen(["curl", "-sSN", *map(str, arguments)], stdout=subprocess.PIPE)
                try:
                    events = []
                    while len(events) < 2:
                        line = process.stdout.readline().decode()
                        self.assertTrue(line, "the stream ended")
                        if line.startswith("data: "):
                            events.append(json.loads(line[6:]))
                    self.assertGreater(events[1]["gateway"]["http1_requests"], 0)
                finally:
                    process.kill()
                    process.communicate()

    def test_openapi_describes_what_there_is(self):
        document = json.loads(curl(f"{self.plain}/openapi.json"))
        self.assertEqual(document["openapi"], "3.1.0")
        for path in ("/health", "/metrics", "/stats", "/api/v1/members/{name}", "/openapi.json"):
            self.assertIn("get", document["paths"][path])
        # An event stream, what wants parameters, and what wants a role at the authority (ca_test.py).
        others = ("/api/v1/events", "/ct/v1/get-", "/ca/audit", "/ca/certificates")
        for path, item in document["paths"].items():
            if "get" in item and "{" not in path and not path.startswith(others):
                self.assertEqual(self.status(path)[0], 200, path)


class Protocols(HttpTest):
    def ask(self, *arguments, port=None):
        """Body, headers and the version that curl used."""
        headers = self.folder / "headers"
        url = f"https://localhost:{port or self.port}/health"
        out = curl(*self.trust, "-D", headers, "-w", "\n%{http_version}", *arguments, url)
        body, version = out.rsplit("\n", 1)
        return json.loads(body)["status"], headers.read_text().lower(), version

    def test_http_1_and_2_over_tls(self):
        status, headers, version = self.ask("--http1.1")
        self.assertEqual((status, version), ("ok", "1.1"))
        self.assertIn(f'alt-svc: h3=":{self.alpha.port}"; ma=86400', headers)
        self.assertIn("x-content-type-options: nosniff", headers)
        status, headers, version = self.ask("--http2")
        self.assertEqual((status, version), ("ok", "2"))
        self.assertIn(f'alt-svc: h3=":{self.alpha.port}"; ma=86400', headers)
        answer = curl("--cacert", self.root, f"https://[::1]:{self.port}/health")
        self.assertEqual(json.loads(answer)["status"], "ok")

    def test_http_3_by_curl(self):
        if not curl_has("HTTP3"):
            self.skipTest("this curl has no HTTP/3")
        status, _, version = self.ask("--http3-only", port=self.alpha.port)
        self.assertEqual((status, version), ("ok", "3"))

    def test_many_requests_on_one_connection(self):
        urls = [f"{self.secure}/health/live?{i}" for i in range(100)]
        for version in ("--http1.1", "--http2"):
            lines = curl(*self.trust, version, "-w", "%{num_connects}\n", *urls).splitlines()
            self.assertEqual(len(lines), 100)
            self.assertEqual({line[:-1] for line in lines}, {'{"status":"ok"}'})
            self.assertEqual(sum(int(line[-1]) for line in lines), 1)

    def test_old_tls_is_refused(self):
        context = ssl.create_default_context(cafile=str(self.root))
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        with socket.create_connection(("::1", self.port), timeout=DEADLINE) as connection:
            with self.assertRaises(ssl.SSLError):
                context.wrap_socket(connection, server_hostname="localhost")

    def openssl(self, alpn, *arguments):
        done = subprocess.run(
            ["openssl", "s_client", "-quic", "-alpn", alpn, "-connect", f"[::1]:{self.alpha.port}",
             "-servername", "localhost", "-CAfile", str(self.root), "-verify_return_error", *arguments],
            input=b"", capture_output=True, timeout=2 * DEADLINE, check=False)
        return done.returncode, done.stdout.decode() + done.stderr.decode()

    def test_openssl_quic(self):
        for groups in ([], ["-groups", "X25519MLKEM768"], ["-groups", "X25519"]):
            code, out = self.openssl("h3", *groups)
            self.assertEqual(code, 0, out)
            self.assertIn("ALPN protocol: h3", out)
            self.assertIn("Verify return code: 0 (ok)", out)
            self.assertIn("No client certificate CA names sent", out)

    def test_an_ordinary_client_does_not_open_stoq(self):
        for alpn in ("stoq/1", "stoq-join/1", "doq"):
            code, out = self.openssl(alpn)
            self.assertNotEqual(code, 0, f"{alpn}: {out}")
        code, out = self.openssl("stoq/1", "-groups", "X25519")
        self.assertNotEqual(code, 0, out)

    @unittest.skipIf(connect is None, "aioquic is not installed")
    def test_http_3_by_aioquic(self):
        async def get(path):
            class Client(QuicConnectionProtocol):
                def __init__(self, *args, **kwargs):
                    super().__init__(*args, **kwargs)
                    self.http = H3Connection(self._quic)
                    self.done = asyncio.get_running_loop().create_future()
                    self.headers, self.body = {}, b""

                def quic_event_received(self, event):
                    for item in self.http.handle_event(event):
                        if isinstance(item, HeadersReceived):
                            self.headers = dict(item.headers)
                        if isinstance(item, DataReceived):
                            self.body += item.data
                        if item.stream_ended and not self.done.done():
                            self.done.set_result(True)

            configuration = QuicConfiguration(is_client=True, alpn_protocols=H3_ALPN,
                                              cafile=str(self.root), server_name="localhost")
            async with connect("::1", self.alpha.port, configuration=configuration,
                               create_protocol=Client) as client:
                stream = client._quic.get_next_available_stream_id()
                client.http.send_headers(stream, [
                    (b":method", b"GET"), (b":scheme", b"https"),
                    (b":authority", f"localhost:{self.port}".encode()), (b":path", path.encode())],
                    end_stream=True)
                client.transmit()
                await asyncio.wait_for(client.done, DEADLINE)
                return client.headers[b":status"], client.body

        status, body = asyncio.run(get("/health"))
        self.assertEqual(status, b"200")
        self.assertEqual(json.loads(body)["status"], "ok")
        status, body = asyncio.run(get("/openapi.json"))
        self.assertEqual(json.loads(body)["openapi"], "3.1.0")
        status, body = asyncio.run(get("/../etc/passwd"))
        self.assertEqual(status, b"400")


class BadInput(HttpTest):
    def test_path_tricks(self):
        for path in ("/../etc/passwd", "/api/../health", "/%2e%2e/health", "//health", "/health%00",
                     "/health%2f", "/health/", "/health\\x", "/%zz", "/a%0d%0ab"):
            self.assertEqual(self.status(path), (400, "gateway.target_invalid"), path)
        self.assertEqual(self.status("/etc/passwd"), (404, "gateway.not_found"))

    def test_names(self):
        own = f"localhost:{self.port}"
        self.assertEqual(self.status("/health", {"Host": own})[0], 200)
        self.assertEqual(self.status("/health", {"Host": "alpha.home.i2.internal"})[0], 200)
        self.assertEqual(self.status("/health", {"Host": "evil.example"}), (421, "gateway.host_refused"))
        self.assertEqual(self.status("/health", {"Host": own, "Origin": f"http://{own}"})[0], 200)
        self.assertEqual(self.status("/health", {"Host": own, "Origin": "http://evil.example"}),
                         (403, "gateway.origin_refused"))
        self.assertEqual(self.status("/health", {"X-Forwarded-For": "::1"}), (400, "gateway.forwarded"))
        self.assertEqual(self.status("/metrics", {"Authorization": "Bearer x"}), (401, "gateway.token_invalid"))
        token = (self.alpha.data / "gateway" / "token").read_text().strip()
        self.assertEqual(self.status("/metrics", {"Authorization": f"Bearer {token}"})[0], 200)
        self.assertEqual((self.alpha.data / "gateway" / "token").stat().st_mode & 0o777, 0o600)

    def test_methods(self):
        self.assertEqual(self.status("/health", method="DELETE"), (405, "gateway.method_unknown"))
        self.assertEqual(self.status("/health", method="OPTIONS"), (405, "gateway.method_unknown"))
        self.assertEqual(self.status("/health", method="BREW"), (405, "gateway.method_unknown"))
        self.assertEqual(self.status("/health", method="HEAD"), (200, None))

    def test_too_much(self):
        self.assertEqual(self.status("/health", {f"X-{i}": "y" for i in range(100)}),
                         (431, "gateway.headers_too_large"))
        self.assertEqual(self.status("/health", {"X": "y" * 20_000}), (431, "gateway.headers_too_large"))
        self.assertEqual(self.status("/" + "a" * 5_000), (400, "gateway.target_invalid"))
        self.assertIn(b" 413 ", self.raw(
            b"POST /health HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999\r\n\r\n"))

    def test_requests_that_are_none(self):
        for data in (b"\x00\x01\x02\x03", b"GET\r\n\r\n", b"GET /health HTTP/1.1\r\n\r\n",
                     b"GET /health HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n\r\n",
                     b"GET /health HTTP/1.1\r\nHost: localhost\r\nBad header\r\n\r\n",
                     b"GET /health HTTP/9.9\r\nHost: localhost\r\n\r\n",
                     b"POST /health HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\n"
                     b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"):
            answer = self.raw(data)
            self.assertTrue(answer.startswith(b"HTTP/1.1 400 "), f"{data}: {answer[:100]}")
        self.assertNotIn(b"HTTP", self.raw(b"\x16\x03\x01\xff\xff" + b"x" * 100))
        self.assertEqual(self.status("/health")[0], 200)

    def test_pipelined_requests_are_answered_in_order(self):
        one = b"GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n"
        two = b"GET /nothing HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
        answer = self.raw(one + one + two)
        self.assertEqual(re.findall(rb"HTTP/1.1 (\d+)", answer), [b"200", b"200", b"404"])

    def test_ten_thousand_idle_connections(self):
        wanted = 10_000
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        self.addCleanup(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))
        held = []
        try:
            for _ in range(min(wanted, hard - 500)):
                connection = socket.create_connection(("::1", self.port), timeout=DEADLINE)
                held.append(connection)
            self.assertEqual(self.status("/health")[0], 200)
            self.assertLessEqual(self.stats()["gateway"]["tcp_connections"], 1_024)
        finally:
            for connection in held:
                connection.close()
        self.assertEqual(json.loads(curl(*self.trust, f"{self.secure}/health"))["status"], "ok")

    def test_a_client_that_never_ends_its_request(self):
        with socket.create_connection(("::1", self.port), timeout=DEADLINE) as slow:
            slow.sendall(b"GET /health HTTP/1.1\r\nHost: localhost\r\n")
            begun = time.monotonic()
            self.assertEqual(self.status("/health")[0], 200)
            slow.settimeout(DEADLINE)
            rest = b"x"
            while rest:
                rest = slow.recv(1000)
            self.assertLess(time.monotonic() - begun, DEADLINE)


class Life(HttpTest):
    def test_requests_under_way_end_with_the_daemon(self):
        process = subprocess.Popen(["curl", "-sSN", f"{self.plain}/api/v1/events"], stdout=subprocess.PIPE)
        self.assertTrue(process.stdout.readline())
        self.assertEqual(self.alpha.stop(), 0)
        process.communicate(timeout=DEADLINE)
        self.assertEqual(process.returncode, 0)  # the body ended as it should

    def test_the_certificate_survives_a_restart(self):
        def leaf():
            return ssl.get_server_certificate(("::1", self.port), ca_certs=str(self.root))

        before = leaf()
        root = self.root.read_text()
        self.assertEqual(self.alpha.stop(), 0)
        self.alpha.start()
        self.serve(self.alpha)
        self.assertEqual(leaf(), before)
        self.assertEqual(curl(f"{self.plain}/ca/root"), root)

    def test_a_second_program_on_the_port_is_named(self):
        self.assertEqual(self.alpha.stop(), 0)
        with socket.create_server(("::1", self.alpha.port), family=socket.AF_INET6):
            with self.assertRaisesRegex(AssertionError, "gateway.port_in_use"):
                self.alpha.start()


if __name__ == "__main__":
    unittest.main()
