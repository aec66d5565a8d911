"""docs/reference/log.md lists exactly the events that the daemon's sources log, with level and fields."""

import re
import unittest
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[2]
CALL = re.compile(r'\blog(?:ger)?(?:_|\(\))?(?:\.|->)(debug|info|warning|error)\(\s*"([a-z_0-9]+)",\s*"([a-z_0-9]+)"')


def call_text(text, start):
    """From `start`, inside of the call's parentheses, to their end."""
    depth = 1
    for match in re.compile(r'"(?:[^"\\]|\\.)*"|[()]').finditer(text, start):
        if match[0] == "(":
            depth += 1
        elif match[0] == ")":
            depth -= 1
            if depth == 0:
                return text[start:match.start()]
    raise AssertionError("unbalanced parentheses")


def logged():
    """{(layer, event): (levels, fields)}"""
    out = {}
    for path in sorted((SOURCE / "src").rglob("*.cc")):
        if "/test/" in str(path):
            continue
        text = path.read_text()
        for match in CALL.finditer(text):
            fields = re.findall(r'\{\s*"([a-z_0-9]+)",', call_text(text, match.end()))
            levels, names = out.setdefault((match[2], match[3]), (set(), set()))
            levels.add(match[1])
            names.update(fields)
    return out


def documented():
    out = {}
    page = (SOURCE / "docs/reference/log.md").read_text()
    for layer, event, levels, fields in re.findall(
            r"(?m)^\| `?(\w+)`? \| `(\w+)` \| ([a-z, ]+) \| ([^|]*) \|", page):
        out[(layer, event)] = (set(levels.split(", ")), set(re.findall(r"`(\w+)`", fields)))
    return out


class LogEvents(unittest.TestCase):
    def test_the_page_and_the_sources_agree(self):
        said, known = logged(), documented()
        self.assertGreater(len(said), 25)
        # Logger itself writes this one, in the name of the layer whose lines were left out.
        self.assertEqual(known.pop(("any", "log_suppressed")), ({"warning"}, {"of", "lines"}))
        self.assertEqual(known, said)


if __name__ == "__main__":
    unittest.main(verbosity=2)
