#!/usr/bin/env python3
"""Runs clang-tidy-19 over the C++ sources of a configured build, in parallel.

usage: tidy.py BUILD [--changed REV] [-j N]

BUILD is a folder with compile_commands.json made for clang; of sources that are compiled together each is
looked at. A file that passed is not looked at again until its preprocessed text, .clang-tidy or clang-tidy
itself changes (stamps in build/tidy). With --changed only files that differ from REV are looked at: sources,
and for a header the sources that name it; BUILD has to compile each alone then (I2_UNITY=0).
Run it inside the Debian 13 root (tools/check does).
"""

import argparse
import hashlib
import json
import os
import shlex
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
STAMPS = ROOT / "build" / "tidy"
TIDY = "clang-tidy-19"
# .clang-tidy names headers only: a source that another one includes counts too.
OURS = "/(src|apps|sim|tests|bench)/.*\\.(h|cc)$"


def output(*command):
    return subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout


def compile_commands(build):
    """{path below the root: the command as a list} of our own C++ sources and of what joins them."""
    commands = {}
    for entry in json.loads((build / "compile_commands.json").read_text(encoding="utf-8")):
        path = Path(entry["directory"], entry["file"]).resolve()
        if not path.is_relative_to(ROOT):
            continue
        name = path.relative_to(ROOT).as_posix()
        joined = path.parent.name == "Unity" and path.suffix == ".cxx"
        if joined or (path.suffix == ".cc" and not name.startswith("build/")):
            commands.setdefault(name, (entry["directory"], shlex.split(entry["command"])))
    return commands


def changed_sources(revision, names):
    base = output("git", "merge-base", revision, "HEAD").strip()
    changed = set(output("git", "diff", "--name-only", base).splitlines())
    changed |= set(output("git", "ls-files", "--others", "--exclude-standard").splitlines())
    # How a header is named by those who include it: below include/, or its bare name.
    headers = {h.split("/include/")[-1] if "/include/" in h else Path(h).name for h in changed if h.endswith(".h")}
    wanted = []
    for name in names:
        text = (ROOT / name).read_text(encoding="utf-8", errors="replace")
        if name in changed or any(f"<{h}>" in text or f'"{h}"' in text for h in headers):
            wanted.append(name)
    return wanted


def preprocess(directory, command):
    """The text that clang-tidy will see, with its comments (they hold NOLINT)."""
    words = [w for w in command if not w.endswith("ccache")]
    for option, values in (("-o", 2), ("-MF", 2), ("-MT", 2), ("-c", 1), ("-MD", 1)):
        while option in words:
            at = words.index(option)
            del words[at : at + values]
    result = subprocess.run(
        [*words, "-E", "-CC", "-w"], cwd=directory, capture_output=True, check=False
    )
    return result.stdout if result.returncode == 0 else None


def tidy_one(build, name, directory, command, salt):
    """None when the file is clean, else what clang-tidy said."""
    text = preprocess(directory, command)
    stamp = STAMPS / hashlib.sha256(salt + name.encode() + (text or b"")).hexdigest()
    if text is not None and stamp.exists():
        return None
    result = subprocess.run(
        [TIDY, "-p", str(build), "--quiet", f"--header-filter={OURS}", str(ROOT / name)],
        capture_output=True, text=True, check=False,
    )
    if result.returncode == 0:
        stamp.touch()
        return None
    lines = result.stdout.strip() or result.stderr.strip()
    return lines.replace(f"{ROOT}/", "")


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("build", type=Path)
    parser.add_argument("--changed", metavar="REV")
    parser.add_argument("-j", type=int, default=os.cpu_count())
    options = parser.parse_args()

    build = options.build.resolve()
    commands = compile_commands(build)
    names = sorted(commands)
    if options.changed:
        names = changed_sources(options.changed, names)
    STAMPS.mkdir(parents=True, exist_ok=True)
    salt = output(TIDY, "--version").encode() + (ROOT / ".clang-tidy").read_bytes()

    findings = 0
    with ThreadPoolExecutor(options.j) as pool:
        results = pool.map(lambda n: tidy_one(build, n, *commands[n], salt), names)
        for name, said in zip(names, results):
            if said is not None:
                findings += 1
                print(f"--- {name}\n{said}", flush=True)
    print(f"clang-tidy: {len(names)} files, {findings} with findings")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
