#!/usr/bin/env python3
"""Checks docs/models/simplex.pml for so many views, once for each view that the liar leads.

    simplex_test.py VIEWS
"""

import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

MODEL = Path(__file__).resolve().parents[2] / "docs/models/simplex.pml"


def check(views, liar):
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(["spin", f"-DVIEWS={views}", f"-DLIAR={liar}", "-a", MODEL], cwd=folder, check=True)
        subprocess.run(["cc", "-O2", "-w", "-DSAFETY", "-DCOLLAPSE", "-DVECTORSZ=2048", "-o", "pan", "pan.c"],
                       cwd=folder, check=True)
        found = subprocess.run(["./pan", "-m1000000", "-n"], cwd=folder, check=True, capture_output=True, text=True)
    errors = re.search(r"errors: (\d+)", found.stdout)
    states = re.search(r"(\d+)(?:\.\d+)?(?:e\+\d+)? states, stored", found.stdout)
    depth = "max search depth too small" in found.stdout
    if not errors or int(errors[1]) or depth or not states:
        print(found.stdout, found.stderr)
        return False
    print(f"{views} views, the liar leads view {liar}: {states[0]}, no error")
    return True


if __name__ == "__main__":
    if not shutil.which("spin"):
        print("skipped: spin is not installed")
        sys.exit(77)
    VIEWS = int(sys.argv[1])
    sys.exit(0 if all(check(VIEWS, liar) for liar in range(1, VIEWS + 1)) else 1)
