#!/usr/bin/env python3
"""Programs of Debian that speak ACME get and renew certificates from a running node, over IPv6, as they are.

Runs in a mount namespace of its own: /etc/hosts and the list of trusted roots are those of the test there.
"""

import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "e2e"))
from fleet import DEADLINE, FleetTest, free_port, wait_for  # noqa: E402

INSIDE = "I2_ACME_TEST_INSIDE"
SKIP = 77
CA = "alpha.home.i2.internal"
ROOTS = Path("/etc/ssl/certs/ca-certificates.crt")
HOSTS = ["certbot", "lego", "uacme", "acme-tiny", "acmesh", "dehydrated", "caddy", "nginx"]


def run(*command, env=None, cwd=None, check=True, stdin=None):
    done = subprocess.run([str(word) for word in command], capture_output=True, env=env, cwd=cwd, check=False,
                          timeout=4 * DEADLINE, input=stdin)
    out = done.stdout.decode(errors="replace")
    if check and done.returncode != 0:
        raise AssertionError(f"{' '.join(map(str, command))}: exit code {done.returncode}\n{out}\n"
                             f"{done.stderr.decode(errors='replace')}")
    return out


def mount_over(content, target):
    file = Path(tempfile.mkstemp(prefix="i2-acme-")[1])
    file.write_text(content)
    file.chmod(0o644)
    run("mount", "--bind", file, target)
    file.unlink()


@contextlib.contextmanager
def background(*command, env=None, log=None):
    with open(log or os.devnull, "wb") as output:
        process = subprocess.Popen([str(word) for word in command], stdin=subprocess.DEVNULL, stdout=output,
                                   stderr=output, env=env)
        try:
            yield process
        finally:
            process.terminate()
            process.wait(timeout=DEADLINE)


class AcmeTest(FleetTest):
    external_account_required = False

    def setUp(self):
        super().setUp()
        self.http_port, self.tls_port, self.dns_port = free_port(), free_port(), free_port()
        hosts = self.folder / "hosts"
        hosts.write_text("".join(f"::1 {name}.home.test\n" for name in HOSTS))
        config = self.folder / "node.toml"
        config.write_text(f"""[trustchain.acme]
enabled = true
hosts_file = "{hosts}"
resolver = "[::1]:{self.dns_port}"
http_port = {self.http_port}
tls_port = {self.tls_port}
external_account_required = {str(self.external_account_required).lower()}
""")
        self.config = config
        self.alpha = self.founder().start("--config", config)
        self.directory = f"https://{CA}:{self.alpha.http_port}/acme/directory"
        self.root = self.folder / "root.pem"
        self.root.write_text(run("curl", "-sSf", f"http://[::1]:{self.alpha.http_port}/ca/root"))
        mount_over(self.root.read_text(), ROOTS)
        self.addCleanup(run, "umount", ROOTS)
        self.home = self.folder / "home"
        self.home.mkdir()
        self.webroot = self.folder / "webroot"
        (self.webroot / ".well-known" / "acme-challenge").mkdir(parents=True)
        self.client_env = {"PATH": os.environ["PATH"], "HOME": str(self.home), "LANG": "C.UTF-8",
                           "SSL_CERT_FILE": str(self.root), "REQUESTS_CA_BUNDLE": str(self.root),
                           "CURL_CA_BUNDLE": str(self.root)}

    def client(self, *command):
        return run(*command, env=self.client_env, cwd=self.home)

    def web(self):
        """A web server for challenges that a client puts into files."""
        return background(sys.executable, "-m", "http.server", "--bind", "::1", "--directory", self.webroot,
                          self.http_port, log=self.folder / "web.log")

    def wait_for_port(self, port, what):
        def answers():
            return subprocess.run(["curl", "-sk", "--max-time", "2", f"http://[::1]:{port}/"], capture_output=True,
                                  check=False).returncode not in (7, 28)
        wait_for(answers, what)

    def serial(self, leaf, name):
        """That of a certificate, which our root makes trustworthy and our authority has on record."""
        self.assertIn("OK", run("openssl", "verify", "-CAfile", self.root, "-untrusted", leaf, "-verify_hostname",
                                name.replace("*", "www"), leaf))
        serial = run("openssl", "x509", "-in", leaf, "-noout", "-serial").strip().split("=")[1].lower()
        record = self.alpha.ok("cert", "show", serial)
        self.assertTrue(record["requester"].startswith("acme:"), record)
        self.assertEqual(record["state"], "issued")
        self.assertIn(name, record["san_entries"])
        return serial

    def obtained_and_renewed(self, name, leaf, obtain, renew):
        obtain()
        first = self.serial(leaf, name)
        renew()
        self.assertNotEqual(self.serial(leaf, name), first)

    def lego(self, name, *more, how=None):
        path = self.home / "lego"
        how = how or ["--http", "--http.port", f"[::1]:{self.http_port}"]
        command = ["lego", "--server", self.directory, "--accept-tos", "--email", "a@home.test", "--path", path,
                   "-d", name, *how, *more]
        leaf = path / "certificates" / f"{name.replace('*', '_')}.crt"
        self.obtained_and_renewed(name, leaf, lambda: self.client(*command, "run"),
                                  lambda: self.client(*command, "renew", "--no-random-sleep"))
        return leaf, leaf.with_suffix(".key")


@unittest.skipUnless(shutil.which("lego"), "lego is missing")
class Quick(AcmeTest):
    """One client, all the way, and what the operator sees of it."""

    def test_lego(self):
        leaf, _ = self.lego("lego.home.test")
        status = self.alpha.ok("acme", "status")
        self.assertEqual((status["accounts"], status["issued"], status["failed_validations"]), (1, 2, {}))
        self.assertEqual(status["directory"], self.directory)
        account = self.alpha.ok("acme", "account", "ls")["accounts"][0]
        self.assertEqual(account["contacts"], ["mailto:a@home.test"])
        shown = self.alpha.ok("acme", "account", "show", account["account"])
        self.assertEqual([order["state"] for order in shown["orders"]], ["valid", "valid"])
        # A restart forgets nothing.
        self.alpha.stop(9)
        self.alpha.start("--config", self.config)
        self.assertEqual(self.alpha.ok("acme", "account", "show", account["account"]), shown)
        serial = self.serial(leaf, "lego.home.test")
        self.client("lego", "--server", self.directory, "--accept-tos", "--email", "a@home.test", "--path",
                    self.home / "lego", "-d", "lego.home.test", "--http", "revoke")
        self.assertEqual(self.alpha.ok("cert", "show", serial)["state"], "revoked")
        self.alpha.ok("acme", "account", "deactivate", account["account"])
        self.assertEqual(self.alpha.ok("acme", "account", "show", account["account"])["state"], "deactivated")
        answer = subprocess.run(["lego", "--server", self.directory, "--accept-tos", "--email", "a@home.test", "--path",
                                 self.home / "lego", "-d", "lego.home.test", "--http", "--http.port",
                                 f"[::1]:{self.http_port}", "run"], env=self.client_env, capture_output=True,
                                check=False, timeout=4 * DEADLINE)
        self.assertNotEqual(answer.returncode, 0)
        self.assertIn(b"unauthorized", answer.stderr)


    def test_protocols(self):
        """The same over HTTP/1.1, HTTP/2 and HTTP/3."""
        base = self.directory.removesuffix("/directory")
        versions = ["--http1.1", "--http2"]
        if "HTTP3" in run("curl", "--version").split():
            versions.append("--http3-only")
        for version in versions:
            def ask(*arguments):
                # The status, header fields and body.
                text = run("curl", "-sS", "--max-time", DEADLINE, "--cacert", self.root, version, "-i", *arguments)
                head, _, body = text.replace("\r\n", "\n").partition("\n\n")
                lines = head.splitlines()
                fields = {k.lower(): v for k, _, v in (line.partition(": ") for line in lines[1:])}
                return int(lines[0].split()[1]), fields, body

            with self.subTest(version):
                status, fields, body = ask(f"{base}/directory")
                self.assertEqual((status, json.loads(body)["newNonce"]), (200, f"{base}/new-nonce"))
                status, fields, body = ask("--head", f"{base}/new-nonce")
                self.assertEqual((status, body), (200, ""))
                self.assertRegex(fields["replay-nonce"], "^[A-Za-z0-9_-]{22,}$")
                self.assertEqual(fields["cache-control"], "no-store")
                status, fields, body = ask(f"{base}/new-nonce")
                self.assertEqual((status, body), (204, ""))
                self.assertIn('rel="index"', fields["link"])
                jose = ["-H", "content-type: application/jose+json"]
                for wanted, arguments in ((415, ["-d", "{}"]), (400, [*jose, "-d", "{}"]),
                                          (413, [*jose, "-d", f"@{self.large}"])):
                    status, fields, body = ask(*arguments, f"{base}/new-account")
                    self.assertEqual((status, fields["content-type"], json.loads(body)["type"]),
                                     (wanted, "application/problem+json", "urn:ietf:params:acme:error:malformed"))
                    self.assertIn("replay-nonce", fields)
                self.assertEqual(ask(f"{base}/new-account")[0], 405)
                self.assertEqual(ask(f"{base}/order/none/at/all")[0], 404)

    @property
    def large(self):
        path = self.folder / "large"
        path.write_text("x" * (64 * 1024 + 1))
        return path

    def test_a_node_without_it(self):
        self.alpha.stop()
        self.alpha.start()
        self.assertEqual(run("curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", "--cacert", self.root,
                             self.directory), "404")
        self.assert_fails(self.alpha.i2("acme", "status"), 5, "acme.not_served")


class Clients(AcmeTest):
    """Each of the others."""

    @unittest.skipUnless(shutil.which("certbot"), "certbot is missing")
    def test_certbot(self):
        name = "certbot.home.test"
        folders = [word for kind in ("config", "work", "logs") for word in (f"--{kind}-dir", self.home / kind)]
        live = self.home / "config" / "live" / name
        self.obtained_and_renewed(
            name, live / "fullchain.pem",
            lambda: self.client("certbot", "certonly", "--standalone", "--http-01-address", "::1", "--http-01-port",
                                self.http_port, "--server", self.directory, "-n", "--agree-tos", "-m", "a@home.test",
                                "-d", name, *folders),
            lambda: self.client("certbot", "renew", "--force-renewal", "--no-random-sleep-on-renew", "-n", *folders))
        serial = self.serial(live / "fullchain.pem", name)
        self.client("certbot", "revoke", "-n", "--server", self.directory, "--cert-path", live / "cert.pem",
                    "--reason", "superseded", "--no-delete-after-revoke", *folders)
        shown = self.alpha.ok("cert", "show", serial)
        self.assertEqual((shown["state"], shown["reason"]), ("revoked", "superseded"))

    @unittest.skipUnless(shutil.which("uacme"), "uacme is missing")
    def test_uacme(self):
        name = "uacme.home.test"
        hook = self.home / "hook"
        hook.write_text(f"""#!/bin/sh
[ "$2" = http-01 ] || exit 1
case $1 in
  begin) printf %s "$5" >'{self.webroot}/.well-known/acme-challenge/'"$4" ;;
  done | failed) rm '{self.webroot}/.well-known/acme-challenge/'"$4" ;;
esac
""")
        hook.chmod(0o755)
        folder = self.home / "uacme"
        self.client("uacme", "-y", "-c", folder, "-a", self.directory, "new", "a@home.test")
        issue = ["uacme", "-c", folder, "-a", self.directory, "-h", hook, "issue", name]
        with self.web():
            self.wait_for_port(self.http_port, "the web server")
            self.obtained_and_renewed(name, folder / name / "cert.pem", lambda: self.client(*issue),
                                      lambda: self.client(*issue))

    @unittest.skipUnless(shutil.which("acme-tiny"), "acme-tiny is missing")
    def test_acme_tiny(self):
        name = "acme-tiny.home.test"
        account, key, csr, leaf = (self.home / f for f in ("account.key", "tiny.key", "tiny.csr", "tiny.pem"))
        run("openssl", "genrsa", "-out", account, "2048")
        run("openssl", "req", "-new", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-subj", f"/CN={name}", "-out",
            csr)

        def obtain():
            leaf.write_text(self.client("acme-tiny", "--directory-url", self.directory, "--account-key", account,
                                        "--csr", csr, "--acme-dir", self.webroot / ".well-known" / "acme-challenge",
                                        "--disable-check"))

        with self.web():
            self.wait_for_port(self.http_port, "the web server")
            self.obtained_and_renewed(name, leaf, obtain, obtain)

    @unittest.skipUnless(shutil.which("acme.sh") and shutil.which("socat"), "acme.sh or socat is missing")
    def test_acme_sh(self):
        name = "acmesh.home.test"
        folder = self.home / "acmesh"
        base = ["acme.sh", "--home", folder, "--server", self.directory, "--ca-bundle", self.root, "-d", name]
        self.obtained_and_renewed(
            name, folder / f"{name}_ecc" / "fullchain.cer",
            lambda: self.client(*base, "--issue", "--standalone", "--listen-v6", "--httpport", self.http_port),
            lambda: self.client(*base, "--renew", "--force", "--ecc"))

    @unittest.skipUnless(shutil.which("dehydrated"), "dehydrated is missing")
    def test_dehydrated(self):
        name = "dehydrated.home.test"
        config = self.home / "config"
        config.write_text(f"""CA="{self.directory}"
BASEDIR="{self.home}/dehydrated"
WELLKNOWN="{self.webroot}/.well-known/acme-challenge"
CURL_OPTS="--cacert {self.root}"
CONTACT_EMAIL=a@home.test
IP_VERSION=6
""")
        (self.home / "dehydrated").mkdir()
        self.client("dehydrated", "-f", config, "--register", "--accept-terms")
        with self.web():
            self.wait_for_port(self.http_port, "the web server")
            leaf = self.home / "dehydrated" / "certs" / name / "fullchain.pem"
            self.obtained_and_renewed(name, leaf,
                                      lambda: self.client("dehydrated", "-f", config, "-c", "-d", name),
                                      lambda: self.client("dehydrated", "-f", config, "-c", "-x", "-d", name))

    @unittest.skipUnless(shutil.which("lego") and shutil.which("knotd"), "lego or knotd is missing")
    def test_dns(self):
        """A wildcard, proven in a zone that knotd serves and lego updates (RFC 2136)."""
        zone = self.folder / "test.zone"
        zone.write_text("test. 60 SOA ns.test. hostmaster.test. 1 60 60 60 60\n"
                        "test. 60 NS ns.test.\nns.test. 60 AAAA ::1\nhome.test. 60 CAA 0 issuewild \"home.i2.internal\"\n")
        (self.folder / "knot").mkdir()
        config = self.folder / "knot.conf"
        config.write_text(f"""server:
    rundir: "{self.folder}"
    listen: ::1@{self.dns_port}
database:
    storage: "{self.folder}/knot"
acl:
  - id: update
    address: ::1
    action: update
zone:
  - domain: test
    file: "{zone}"
    acl: update
""")
        how = ["--dns", "rfc2136", "--dns.disable-cp", "--dns.resolvers", f"[::1]:{self.dns_port}"]
        self.client_env |= {"RFC2136_NAMESERVER": f"[::1]:{self.dns_port}"}
        with background("knotd", "-c", config, log=self.folder / "knot.log"):
            wait_for(lambda: "server started" in (self.folder / "knot.log").read_text().lower(), "knotd")
            # Its owner lets somebody else issue wildcards.
            with self.assertRaisesRegex(AssertionError, "caa"):
                self.lego("*.home.test", how=how)
            self.alpha.stop()
            self.config.write_text(self.config.read_text() + 'caa_identities = "home.i2.internal"\n')
            self.alpha.start("--config", self.config)
            self.lego("*.home.test", how=how)

    @unittest.skipUnless(shutil.which("caddy"), "caddy is missing")
    def test_caddy(self):
        """A server that gets its own certificate (tls-alpn-01), and shows a page with it."""
        config = self.folder / "Caddyfile"
        config.write_text(f"""{{
    admin off
    http_port {self.http_port}
    https_port {self.tls_port}
    storage file_system {self.home}/caddy
}}
https://caddy.home.test:{self.tls_port} {{
    bind ::1
    tls a@home.test {{
        ca {self.directory}
        ca_root {self.root}
    }}
    respond "from caddy"
}}
""")
        url = f"https://caddy.home.test:{self.tls_port}/"
        with background("caddy", "run", "--config", config, "--adapter", "caddyfile", env=self.client_env,
                        log=self.folder / "caddy.log"):
            page = ["curl", "-sS", "--cacert", self.root, url]
            try:
                wait_for(lambda: run(*page, check=False) == "from caddy", "caddy to have a certificate")
            except AssertionError as late:
                raise AssertionError(f"{late}\n{(self.folder / 'caddy.log').read_text()[-4000:]}\n{self.alpha.tail()}")

    @unittest.skipUnless(shutil.which("nginx") and shutil.which("lego"), "nginx or lego is missing")
    def test_nginx(self):
        leaf, key = self.lego("nginx.home.test")
        (self.webroot / "index.html").write_text("from nginx")
        config = self.folder / "nginx.conf"
        config.write_text(f"""daemon off;
pid {self.folder}/nginx.pid;
error_log stderr;
events {{}}
http {{
    access_log off;
    client_body_temp_path {self.folder}/nginx-body;
    proxy_temp_path {self.folder}/nginx-proxy;
    fastcgi_temp_path {self.folder}/nginx-fastcgi;
    uwsgi_temp_path {self.folder}/nginx-uwsgi;
    scgi_temp_path {self.folder}/nginx-scgi;
    server {{
        listen [::1]:{self.tls_port} ssl;
        server_name nginx.home.test;
        ssl_certificate {leaf};
        ssl_certificate_key {key};
        root {self.webroot};
    }}
}}
""")
        self.folder.chmod(0o755)  # its workers are another user's
        with background("nginx", "-e", "stderr", "-c", config, log=self.folder / "nginx.log"):
            page = ["curl", "-sS", "--cacert", self.root, f"https://nginx.home.test:{self.tls_port}/"]
            wait_for(lambda: run(*page, check=False) == "from nginx", "nginx")


@unittest.skipUnless(shutil.which("lego"), "lego is missing")
class ExternalAccounts(AcmeTest):
    external_account_required = True

    def test_lego(self):
        key = self.alpha.ok("acme", "eab", "add", "printer")
        with self.assertRaisesRegex(AssertionError, "External Account Binding"):
            self.lego("lego.home.test")
        shutil.rmtree(self.home / "lego")
        wrong = ["--eab", "--kid", "printer", "--hmac", "A" * 43]
        with self.assertRaisesRegex(AssertionError, "unauthorized"):
            self.lego("lego.home.test", *wrong)
        shutil.rmtree(self.home / "lego")
        self.lego("lego.home.test", "--eab", "--kid", "printer", "--hmac", key["hmac_key"])
        account = self.alpha.ok("acme", "account", "ls")["accounts"][0]
        self.assertEqual(account["external_key"], "printer")
        self.assertEqual(self.alpha.ok("acme", "eab", "ls")["keys"][0]["accounts"], [account["account"]])
        self.assert_fails(self.alpha.i2("acme", "eab", "add", "printer"), 1, "acme.external_key_exists")
        self.alpha.ok("acme", "eab", "rm", "printer")
        self.assertEqual(self.alpha.ok("acme", "eab", "ls")["keys"], [])


def main():
    if os.environ.get(INSIDE) != "1":
        command = ["unshare", *([] if os.geteuid() == 0 else ["--map-root-user"]), "--mount"]
        if subprocess.run([*command, "true"], capture_output=True, check=False).returncode != 0:
            print("skipped: no mount namespace can be made here")
            return SKIP
        os.environ[INSIDE] = "1"
        os.execvp(command[0], [*command, sys.executable, *sys.argv])
    mount_over("".join(f"::1 {name}\n" for name in ["localhost", CA, *(f"{host}.home.test" for host in HOSTS)]),
               "/etc/hosts")
    unittest.main(verbosity=2)
    return 0


if __name__ == "__main__":
    sys.exit(main())
