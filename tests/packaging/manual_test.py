"""The manual pages: well formed, and in step with --help (tests/e2e/setup_test.py: every verb and flag)."""

import os
import re
import shutil
import subprocess
import unittest
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[2]
BIN = Path(os.environ.get("I2_BIN", SOURCE / "build/release/bin"))
PAGES = ("i2.1", "internet2-server.8")


def text(page):
    return (SOURCE / "docs/man" / page).read_text().replace("\\-", "-")


class Manual(unittest.TestCase):
    def test_well_formed(self):
        mandoc = shutil.which("mandoc")
        self.assertTrue(mandoc, "mandoc is missing")
        for page in PAGES:
            done = subprocess.run([mandoc, "-T", "lint", "-W", "warning", str(SOURCE / "docs/man" / page)],
                                  capture_output=True, text=True, check=False)
            # Pages without a date are on purpose: the same source gives the same page.
            problems = [line for line in done.stdout.splitlines() if "missing date" not in line]
            self.assertEqual(problems, [])

    def test_modes_are_in_the_daemons_page_and_verbs_in_the_clients(self):
        listing = subprocess.run([str(BIN / "i2"), "--help"], capture_output=True, text=True, check=True).stdout
        daemon = listing[listing.index("\nDaemon:"):]
        daemon = daemon[:daemon.index("\n\n")]
        for mode in re.findall(r"(?m)^  ([a-z-]+)\s{2,}", daemon):
            self.assertRegex(text("internet2-server.8"), rf"(?m)^\.BR? {mode}\b")
            self.assertNotRegex(text("i2.1"), rf"(?m)^\.BR? {mode}\b")
        verbs = set(re.findall(r"(?m)^\.BR? ([a-z]+)(?=[ \n])", text("i2.1")))
        known = set(re.findall(r"(?m)^  ([a-z-]+)\s{2,}", listing))
        self.assertEqual(verbs - known, set(), "the page has verbs that the program does not know")


if __name__ == "__main__":
    unittest.main(verbosity=2)
