#!/usr/bin/env python3
"""A log that write_ct_log writes, judged by programs that were not written here.

    ct_log_test.py WRITER NODE

Without Go and its packages (tools/packages.txt) it is skipped.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
GO_PATH = Path("/usr/share/gocode")
PACKAGES = ["golang.org/x/mod/sumdb/tlog", "github.com/transparency-dev/merkle",
            "github.com/google/certificate-transparency-go"]


def main(writer, node):
    missing = [name for name in PACKAGES if not (GO_PATH / "src" / name).is_dir()]
    if shutil.which("go") is None or missing:
        print("skipped: not installed:", ", ".join(missing or ["go"]))
        return 77
    # Debian's packages only; nothing is fetched.
    environment = {**os.environ, "GOPATH": str(GO_PATH), "GO111MODULE": "off", "GOPROXY": "off",
                   "GOFLAGS": "", "CGO_ENABLED": "0"}
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([writer, folder], check=True)
        subprocess.run(["go", "run", HERE / "check_ct_log.go", folder], check=True, env=environment)
        subprocess.run([node, HERE / "check_ct_cosignatures.mjs", folder], check=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
