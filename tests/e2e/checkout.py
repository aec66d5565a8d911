"""A checkout of this repository whose build is the one under test, and a place of its own to run it in."""

import os
import shutil
import subprocess
from pathlib import Path

from fleet import BIN, DEADLINE, ENVIRONMENT

SOURCE = Path(__file__).resolve().parents[2]


def make_checkout(folder):
    """deploy-internet2.sh and what it uses; its devroot runs commands directly and builds nothing."""
    for name in ("deploy-internet2.sh", "tools/common.sh", "tools/i2"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(SOURCE / name, folder / name)
    (folder / "tools/devroot").write_text('#!/bin/sh\n[ "$1" = cmake ] && exit 0\nexec "$@"\n')
    (folder / "tools/devroot").chmod(0o755)
    (folder / "build/release").mkdir(parents=True)
    (folder / "build/release/bin").symlink_to(BIN)
    for name in ("config", "packaging"):
        (folder / name).symlink_to(SOURCE / name)


def run_isolated(script, folder, home):
    """Runs a bash script where ports are free, no node is running, and everything ends with it."""
    isolate = ["unshare", "--net", "--pid", "--fork", "--kill-child", "--mount-proc"]
    if os.geteuid() != 0:
        isolate.insert(1, "--map-root-user")
    return subprocess.run(
        [*isolate, "bash", "-c", "ip link set lo up\n" + script], cwd=folder, stdin=subprocess.DEVNULL,
        capture_output=True, text=True, check=False, timeout=8 * DEADLINE,
        env={**ENVIRONMENT, "HOME": str(home), "PATH": f"{BIN}:{os.environ['PATH']}:/usr/sbin:/sbin"})
