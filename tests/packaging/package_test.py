"""The Debian package: it builds, holds what it should, and what it holds runs."""

import os
import re
import shutil
import stat
import subprocess
import tempfile
import unittest
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("I2_BUILD", SOURCE / "build/release"))


def run(*command, **options):
    return subprocess.run([str(c) for c in command], capture_output=True, text=True, check=False, **options)


class Package(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = Path(tempfile.mkdtemp(prefix="i2-package-"))
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        made = run("cpack", "--config", BUILD / "CPackConfig.cmake", "-B", cls.folder)
        packages = list(cls.folder.glob("internet2-server_*.deb"))
        assert made.returncode == 0 and len(packages) == 1, made.stdout + made.stderr
        cls.package = packages[0]
        cls.root = cls.folder / "root"
        assert run("dpkg-deb", "-x", cls.package, cls.root).returncode == 0
        cls.control = cls.folder / "control"
        assert run("dpkg-deb", "-e", cls.package, cls.control).returncode == 0

    def contents(self):
        """{path: (mode, owner)}"""
        lines = run("dpkg-deb", "-c", self.package).stdout.splitlines()
        out = {}
        for line in lines:
            mode, owner, _, _, _, path = line.split(None, 5)
            out[path.split(" -> ")[0].removeprefix(".").rstrip("/")] = (mode, owner)
        return out

    def test_files_and_owners(self):
        contents = self.contents()
        for path, mode in (("/usr/bin/internet2-server", "-rwxr-xr-x"), ("/usr/bin/i2", "lrwxrwxrwx"),
                           ("/usr/bin/stoq-transport", "lrwxrwxrwx"),
                           ("/usr/share/man/man1/i2.1.gz", "-rw-r--r--"),
                           ("/usr/share/man/man8/internet2-server.8.gz", "-rw-r--r--"),
                           ("/usr/share/bash-completion/completions/i2", "-rw-r--r--"),
                           ("/usr/share/zsh/vendor-completions/_i2", "-rw-r--r--"),
                           ("/usr/share/fish/vendor_completions.d/i2.fish", "-rw-r--r--"),
                           ("/usr/lib/systemd/system/internet2-server.service", "-rw-r--r--"),
                           ("/usr/lib/systemd/system/stoq-transport.service", "-rw-r--r--"),
                           ("/usr/lib/sysusers.d/internet2.conf", "-rw-r--r--"),
                           ("/usr/lib/tmpfiles.d/internet2.conf", "-rw-r--r--"),
                           ("/etc/internet2/production.toml", "-rw-r--r--"),
                           ("/etc/stoq/config.toml", "-rw-r--r--"),
                           ("/usr/share/doc/internet2-server/copyright", "-rw-r--r--")):
            self.assertIn(path, contents)
            self.assertEqual(contents[path][0], mode, path)
        self.assertEqual({owner for _, owner in contents.values()}, {"root/root"})
        for path, (mode, _) in contents.items():
            if mode.startswith("d"):
                self.assertEqual(mode, "drwxr-xr-x", path)
            self.assertFalse(path.startswith(("/usr/local", "/var", "/home")), path)

    def test_what_is_installed_runs(self):
        i2 = self.root / "usr/bin/i2"
        self.assertRegex(run(i2, "version").stdout, r"^internet2-server \d+\.\d+\.\d+\n$")
        for name in ("etc/internet2/production.toml", "etc/internet2/gateway.toml", "etc/stoq/config.toml"):
            checked = run(i2, "config", "check", self.root / name)
            self.assertEqual((checked.returncode, checked.stdout, checked.stderr), (0, "ok\n", ""), name)

    def test_control(self):
        control = (self.control / "control").read_text()
        self.assertRegex(control, r"(?m)^Package: internet2-server$")
        self.assertRegex(control, r"(?m)^Depends: .*libssl3t64 \(>= 3\.5")
        self.assertNotIn("libngtcp2", control)  # linked statically
        marked = set((self.control / "conffiles").read_text().split())
        self.assertEqual(marked, {path for path, (mode, _) in self.contents().items()
                                  if path.startswith("/etc/") and mode.startswith("-")})
        for script in ("postinst", "prerm", "postrm"):
            self.assertTrue(os.access(self.control / script, os.X_OK), script)
            self.assertEqual(run("sh", "-n", self.control / script).returncode, 0)

    def test_the_same_again(self):
        again = self.folder / "again"
        self.assertEqual(run("cpack", "--config", BUILD / "CPackConfig.cmake", "-B", again).returncode, 0)
        other = next(again.glob("*.deb"))
        names = [re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d ", "", run("dpkg-deb", "-c", p).stdout)
                 for p in (self.package, other)]
        self.assertEqual(*names)

    @unittest.skipUnless(os.geteuid() == 0, "dpkg gives files to root")
    def test_install_upgrade_remove_purge(self):
        root = self.folder / "installed"
        for name in ("info", "updates", "triggers"):
            (root / "var/lib/dpkg" / name).mkdir(parents=True)
        (root / "var/lib/dpkg/status").touch()

        def dpkg(*arguments):
            done = run("dpkg", f"--root={root}", "--force-depends", "--force-script-chrootless", *arguments)
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
            return done.stdout + done.stderr

        dpkg("--install", self.package)
        users = dict(line.split(":")[0::2][:2] for line in (root / "etc/passwd").read_text().splitlines())
        for user, name in (("internet2", "internet2"), ("stoq", "stoq")):
            status = (root / "var/lib" / name).stat()
            self.assertEqual((stat.S_IMODE(status.st_mode), status.st_uid), (0o700, int(users[user])))
        self.assertEqual(run(root / "usr/bin/i2", "version").returncode, 0)

        # An upgrade keeps what the administrator has written.
        config = root / "etc/internet2/production.toml"
        config.write_text("# mine\n")
        key = root / "var/lib/internet2/key"
        key.write_text("secret")
        dpkg("--install", self.package)
        self.assertEqual(config.read_text(), "# mine\n")

        dpkg("--remove", "internet2-server")
        self.assertFalse((root / "usr/bin/internet2-server").exists())
        self.assertTrue(config.exists())
        said = dpkg("--purge", "internet2-server")
        self.assertFalse(config.exists())
        self.assertEqual(key.read_text(), "secret")
        self.assertIn("holds a node's keys", said)
        self.assertFalse((root / "var/lib/stoq").exists())


if __name__ == "__main__":
    unittest.main(verbosity=2)
