"""The systemd units: how exposed they are, and that they say what the program is."""

import configparser
import shutil
import subprocess
import unittest
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[2]
UNITS = SOURCE / "packaging/systemd"
NAMES = ("internet2-server", "stoq-transport")


class Once(dict):
    """Keys of a unit may come again; all values count."""

    def __setitem__(self, key, value):
        if isinstance(value, list) and key in self:
            self[key].extend(value)
        else:
            super().__setitem__(key, value)


def read(name):
    parser = configparser.RawConfigParser(strict=False, dict_type=Once)
    parser.optionxform = str
    parser.read(UNITS / f"{name}.service")
    return parser


class Units(unittest.TestCase):
    def test_exposure(self):
        analyze = shutil.which("systemd-analyze")
        self.assertTrue(analyze, "systemd-analyze is missing")
        for name in NAMES:
            # The threshold is in tenths: at most 2.5.
            done = subprocess.run([analyze, "security", "--no-pager", "--offline=true", "--threshold=25",
                                   str(UNITS / f"{name}.service")], capture_output=True, text=True, check=False)
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
            print(done.stdout.strip().splitlines()[-1])

    def test_they_start_what_the_package_has(self):
        server = read("internet2-server")["Service"]
        self.assertEqual(server["ExecStart"],
                         "/usr/bin/internet2-server --config /etc/internet2/production.toml "
                         "--data-dir /var/lib/internet2 production")
        transport = read("stoq-transport")["Service"]
        self.assertEqual(transport["ExecStart"],
                         "/usr/bin/stoq-transport --config /etc/stoq/config.toml --data-dir /var/lib/stoq")
        self.assertEqual((server["User"], transport["User"]), ("internet2", "stoq"))
        for unit in (server, transport):
            self.assertEqual(unit["Type"], "notify-reload")
            self.assertEqual(unit["StateDirectoryMode"], "0700")

    def test_users_and_directories_are_made(self):
        users = (UNITS / "internet2.sysusers").read_text()
        directories = (UNITS / "internet2.tmpfiles").read_text()
        for name in NAMES:
            service = read(name)["Service"]
            self.assertRegex(users, rf"(?m)^u {service['User']} -")
            self.assertRegex(directories,
                             rf"(?m)^d /var/lib/{service['StateDirectory']} 0700 {service['User']} {service['Group']} -")


if __name__ == "__main__":
    unittest.main(verbosity=2)
