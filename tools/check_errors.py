#!/usr/bin/env python3
"""Compares docs/errors.md with the error codes that the product code uses.

usage: check_errors.py [ROOT]

A code is a literal "layer.reason" of a layer that docs/errors.md has a heading for, or that a library or
program of the tree is called. Prints what is missing on either side and exits 1 if anything is.
"""

import re
import sys
from pathlib import Path

CODE = re.compile(r'"([a-z0-9_]+)\.([a-z0-9_]+)"')
ENTRY = re.compile(r"`([a-z0-9_]+\.[a-z0-9_]+)`")
FILE_ENDINGS = {"h", "cc", "sh", "md", "pem", "toml", "json", "sock", "log", "proto", "bundle", "local", "txt"}


def product_files(root):
    for top in ("src", "apps"):
        for path in sorted((root / top).rglob("*")):
            parts = path.relative_to(root).parts
            # The rows of the table of settings name sections, which look the same.
            if path.name.startswith("rows_") and path.parent.name == "config":
                continue
            if path.suffix in (".h", ".cc") and not {"test", "fuzz", "bench", "testing"} & set(parts):
                yield path


def codes_in_tree(root, layers):
    """{code: "file:line" of its first use}"""
    found = {}
    for path in product_files(root):
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            if line.lstrip().startswith(("//", "#include")):
                continue
            for layer, reason in CODE.findall(line):
                if layer in layers and reason not in FILE_ENDINGS:
                    found.setdefault(f"{layer}.{reason}", f"{path.relative_to(root)}:{number}")
    return found


def main(arguments):
    root = Path(arguments[1]) if len(arguments) > 1 else Path(__file__).resolve().parent.parent
    lines = (root / "docs/errors.md").read_text(encoding="utf-8").splitlines()
    documented = set()
    for line in lines:
        if line.startswith("| `"):
            documented.update(ENTRY.findall(line.split("|")[1]))
    layers = {line[3:].strip() for line in lines if line.startswith("## ")}
    layers |= {path.name for path in (root / "src").iterdir() if path.is_dir()}
    layers |= {path.name for path in (root / "apps").glob("*")} | {"config", "cli", "admin"}

    used = codes_in_tree(root, layers)
    for code in sorted(set(used) - documented):
        print(f"{used[code]}: {code} is not in docs/errors.md")
    for code in sorted(documented - set(used)):
        print(f"docs/errors.md: {code} is used nowhere")
    if set(used) != documented:
        return 1
    print(f"{len(used)} error codes are documented")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
