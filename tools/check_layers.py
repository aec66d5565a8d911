#!/usr/bin/env python3
"""Checks the layer rules of ARCHITECTURE.md over a source tree.

usage: check_layers.py [ROOT]          (default: the checkout that holds this file)

Prints one line per violation, "file:line: what is wrong", and exits 1 if there is any. What CMake can see
(a dependency on the same or a higher level) also stops the configuration; this program sees what CMake
cannot: what the files really include and use. There is deliberately no list of exceptions.
"""

import re
import sys
from dataclasses import dataclass, field
from pathlib import Path

# Levels up to this one are pure: bytes, events and `now` go in, outputs are polled.
PURE_LEVEL_MAX = 4

CODE_SUFFIXES = {".h", ".cc", ".c"}

# Headers that only these folders (below src/) and what is in them may include, tests too.
# (prefixes of the include, folders, what it is called)
RESERVED_HEADERS = [
    (("openssl/",), ("crypto", "stoq/core"), "OpenSSL"),
    (("sodium.h",), ("crypto",), "libsodium"),
    (("ngtcp2/",), ("stoq/core",), "ngtcp2"),
    (("nghttp2/", "nghttp3/"), ("gateway",), "nghttp2 and nghttp3"),
    (("boost/asio/ssl",), ("gateway",), "Asio's TLS wrapper"),
    (("rocksdb/",), ("store",), "RocksDB"),
    (("unbound.h",), ("trustchain",), "libunbound"),
]

# Expensive to compile: a header that includes one makes every user pay for it.
HEAVY_HEADERS = re.compile(
    r"^(boost/asio\.hpp|boost/beast([./]|$)|toml\+\+/|CLI/|nlohmann/(?!json_fwd\.hpp))"
)

# What a pure library may not include, by reason. <arpa/inet.h> is not here: it converts text.
IMPURE_HEADERS = [
    (
        "sockets",
        re.compile(
            r"^(sys/socket\.h|sys/un\.h|sys/epoll\.h|sys/select\.h|poll\.h|netdb\.h|ifaddrs\.h"
            r"|netinet/.*|net/if.*|linux/(if|net|udp|in6|sock).*|liburing.*|boost/asio.*"
            r"|boost/beast.*|curl/.*)$"
        ),
    ),
    ("files", re.compile(r"^(fstream|filesystem|fcntl\.h|sys/stat\.h|dirent\.h)$")),
    ("clocks", re.compile(r"^(sys/time\.h|sys/timerfd\.h)$")),
    (
        "threads",
        re.compile(
            r"^(thread|mutex|shared_mutex|condition_variable|future|semaphore|latch|barrier"
            r"|stop_token|pthread\.h|threads\.h|semaphore\.h)$"
        ),
    ),
    ("entropy", re.compile(r"^sys/random\.h$")),
]

# What a pure library may not name, by reason. Matched on code without comments and literals.
IMPURE_NAMES = [
    (
        "clocks",
        re.compile(
            r"\b(?:system|steady|high_resolution|utc|tai|gps|file)_clock\b"
            r"|\b(?:clock_gettime|gettimeofday|timespec_get|localtime(?:_r)?|nanosleep|usleep"
            r"|sleep_for|sleep_until)\b"
            r"|(?:\bstd::|(?<![\w.>:])::|(?<![\w.>:]))time\s*\(\s*(?:NULL\b|nullptr\b|0\s*\)|&)"
            r"|\bstd::clock\s*\("
        ),
    ),
    ("threads", re.compile(r"\bstd::(?:jthread|thread|async)\b|\bpthread_\w+\s*\(")),
    (
        "entropy",
        re.compile(r"\brandom_device\b|(?<![\w.>])(?:getrandom|getentropy|arc4random\w*|s?rand)\s*\("),
    ),
    ("files", re.compile(r"\b(?:fopen|freopen|opendir|mkstemp)\s*\(")),
]

INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*([<"])([^>"\n]+)[>"]', re.MULTILINE)
CALL = re.compile(r"\bi2_library\s*\(")
KEYWORDS = {"LEVEL", "HEADERS", "SOURCES", "DEPS", "PRIVATE_DEPS", "PROTOS", "PCH"}


@dataclass
class Library:
    folder: str  # below src/, with '/'
    cmake: Path
    line: int
    level: int
    deps: list = field(default_factory=list)
    private_deps: list = field(default_factory=list)
    headers: list = field(default_factory=list)
    sources: list = field(default_factory=list)
    protos: list = field(default_factory=list)

    @property
    def name(self):
        return self.folder.replace("/", "_")


def blank(text):
    """The same text with every character but line ends replaced, so that line numbers hold."""
    return re.sub(r"[^\n]", " ", text)


_TOKEN = re.compile(
    r'(?P<comment>//(?:\\\n|[^\n])*|/\*.*?\*/)'
    r'|(?P<raw>(?:u8|[uUL])?R"(?P<tag>[^()\\\s]{0,16})\(.*?\)(?P=tag)")'
    r'|(?P<include>^[ \t]*#[ \t]*include[ \t]*[<"][^>"\n]+[>"])'
    r'|(?P<string>"(?:\\.|[^"\\\n])*")'
    r"|(?P<char>(?<![0-9A-Fa-f])'(?:\\.[^'\n]*|[^'\\\n])')",
    re.DOTALL | re.MULTILINE,
)


def strip_cpp(text):
    """C++ without comments and literals; include lines stay."""

    def replace(match):
        return match.group() if match.group("include") else blank(match.group())

    return _TOKEN.sub(replace, text)


def line_of(text, offset):
    return text.count("\n", 0, offset) + 1


class Checker:
    def __init__(self, root):
        self.root = Path(root).resolve()
        self.libraries = {}  # by name
        self.header_owner = {}  # include path -> library
        self.violations = []

    def report(self, path, line, message):
        self.violations.append((str(path.relative_to(self.root)), line, message))

    # --- what is declared ----------------------------------------------------------------------------

    def read_libraries(self):
        src = self.root / "src"
        for cmake in sorted(src.rglob("CMakeLists.txt")):
            folder = cmake.parent.relative_to(src).as_posix()
            if folder != ".":
                self.read_cmake(cmake, folder)
        for library in self.libraries.values():
            self.index_headers(library)

    def read_cmake(self, cmake, folder):
        text = re.sub(r"#[^\n]*", lambda m: blank(m.group()), cmake.read_text(encoding="utf-8"))
        calls = list(CALL.finditer(text))
        if not calls:
            return
        if len(calls) > 1:
            self.report(cmake, line_of(text, calls[1].start()), "one i2_library() in a folder")
        start = calls[0]
        line = line_of(text, start.start())
        words = text[start.end() : text.find(")", start.end())].split()
        expected = folder.replace("/", "_")
        if not words or words[0] != expected:
            self.report(cmake, line, f"the library of src/{folder} must be named {expected}")
        lists = {}
        current = None
        for word in words[1:]:
            if word in KEYWORDS:
                current = lists.setdefault(word, [])
            elif current is not None:
                current.append(word)
        try:
            level = int(lists.get("LEVEL", [""])[0])
        except (ValueError, IndexError):
            self.report(cmake, line, "i2_library() without a LEVEL number")
            return
        self.libraries[expected] = Library(
            folder,
            cmake,
            line,
            level,
            lists.get("DEPS", []),
            lists.get("PRIVATE_DEPS", []),
            lists.get("HEADERS", []),
            lists.get("SOURCES", []),
            lists.get("PROTOS", []),
        )

    def index_headers(self, library):
        base = library.cmake.parent
        include = base / "include"
        for path in sorted(include.rglob("*")) if include.is_dir() else []:
            if not path.is_file():
                continue
            name = path.relative_to(include).as_posix()
            self.header_owner[name] = library
            if not name.startswith(f"i2/{library.folder}/"):
                self.report(path, 1, f"public headers of {library.name} live in include/i2/{library.folder}/")
            if path.suffix == ".h" and f"include/{name}" not in library.headers:
                self.report(path, 1, "not in HEADERS of i2_library(), so nothing checks it on its own")
        for proto in library.protos:
            name = re.sub(r"^proto/", "", proto)
            self.header_owner[re.sub(r"\.proto$", ".pb.h", name)] = library

    # --- rules ---------------------------------------------------------------------------------------

    def check_declaration(self, library):
        for dep in library.deps + library.private_deps:
            if "::" in dep or dep.startswith("$"):  # another project's target
                continue
            other = self.libraries.get(dep)
            if other is None:
                self.report(library.cmake, library.line, f"dependency '{dep}' is no library of src/")
            elif other.level >= library.level:
                self.report(
                    library.cmake,
                    library.line,
                    f"{library.name} (level {library.level}) must not depend on {dep} (level {other.level})",
                )
        # What helps the tests of a library is described in the library's own README.
        if not library.folder.endswith("/testing") and not (library.cmake.parent / "README.md").is_file():
            self.report(library.cmake, library.line, f"src/{library.folder}/README.md is missing")

    def check_own_include(self, library, path, line, name, public):
        """An #include <i2/...> in include/ (public) or src/ of a library."""
        owner = self.header_owner.get(name)
        if owner is None:
            self.report(path, line, f"<{name}> is no public header of any library")
            return
        if owner is library:
            return
        if owner.level >= library.level:
            self.report(
                path,
                line,
                f"<{name}>: level {library.level} must not include {owner.name} of level {owner.level}",
            )
        elif owner.name in library.deps:
            return
        elif owner.name not in library.private_deps:
            self.report(path, line, f"<{name}>: {owner.name} is not in DEPS of {library.name}")
        elif public:
            self.report(
                path, line, f"<{name}> in a public header: {owner.name} must be in DEPS, not PRIVATE_DEPS"
            )

    def check_climbing(self, library, part, path, line, name):
        """Tests may look into their own library; nothing else reaches out of its folder by path."""
        target = (path.parent / name).resolve()
        src = self.root / "src"
        if part != "include" and library is not None and target.is_relative_to(src):
            if self.library_of(target)[0] is library:
                return
        self.report(path, line, f'"{name}" reaches out of the library')

    def check_reserved(self, folder, path, line, name):
        for prefixes, folders, what in RESERVED_HEADERS:
            if name.startswith(prefixes) and not f"{folder}/".startswith(tuple(f + "/" for f in folders)):
                allowed = " and ".join(f"src/{f}" for f in folders)
                verb = "belong" if " and " in what else "belongs"
                self.report(path, line, f"<{name}>: {what} {verb} to {allowed}")

    def check_pure(self, library, path, code):
        for reason, pattern in IMPURE_NAMES:
            for match in pattern.finditer(code):
                found = " ".join(match.group().split())
                self.report(
                    path,
                    line_of(code, match.start()),
                    f"'{found}': no {reason} in a pure library (level {library.level})",
                )

    def check_pure_include(self, library, path, line, name):
        for reason, pattern in IMPURE_HEADERS:
            if pattern.match(name):
                self.report(
                    path, line, f"<{name}>: no {reason} in a pure library (level {library.level})"
                )

    def check_file(self, path, folder, library, part):
        """`part` is the first folder below the library: include, src, test, fuzz, bench or other."""
        code = strip_cpp(path.read_text(encoding="utf-8", errors="replace"))
        product = part in ("include", "src")
        for match in INCLUDE.finditer(code):
            name = match.group(2).strip()
            line = line_of(code, match.start())
            if ".." in name.split("/"):
                self.check_climbing(library, part, path, line, name)
            self.check_reserved(folder, path, line, name)
            if path.suffix == ".h" and HEAVY_HEADERS.match(name):
                self.report(path, line, f"<{name}> is expensive: only in .cc files")
            if library is None or not product:
                continue
            if name.startswith("i2/"):
                self.check_own_include(library, path, line, name, part == "include")
            if library.level <= PURE_LEVEL_MAX:
                self.check_pure_include(library, path, line, name)
        if library is not None and product and library.level <= PURE_LEVEL_MAX:
            self.check_pure(library, path, code)

    def library_of(self, path):
        """The library whose folder holds the file, and the part of it; longest folder first."""
        below = path.relative_to(self.root / "src").as_posix()
        for library in sorted(self.libraries.values(), key=lambda l: -len(l.folder)):
            if below.startswith(library.folder + "/"):
                return library, below[len(library.folder) + 1 :].split("/")[0]
        return None, ""

    def check(self):
        self.read_libraries()
        for library in self.libraries.values():
            self.check_declaration(library)
        for top in ("src", "apps"):
            base = self.root / top
            for path in sorted(base.rglob("*")) if base.is_dir() else []:
                if path.suffix not in CODE_SUFFIXES or not path.is_file():
                    continue
                library, part = self.library_of(path) if top == "src" else (None, "")
                if top == "src" and library is None:
                    self.report(path, 1, "belongs to no i2_library()")
                self.check_file(path, library.folder if library else top, library, part)
        self.violations.sort()
        return self.violations


def main(arguments):
    if len(arguments) > 2 or (len(arguments) == 2 and arguments[1].startswith("-")):
        print(__doc__.strip(), file=sys.stderr)
        return 2
    root = Path(arguments[1]) if len(arguments) == 2 else Path(__file__).resolve().parent.parent
    checker = Checker(root)
    violations = checker.check()
    for path, line, message in violations:
        print(f"{path}:{line}: {message}")
    count = len(checker.libraries)
    if count == 0:
        print(f"{root}: no i2_library() below src/")
        return 1
    if violations:
        print(f"{len(violations)} violations of the layer rules (ARCHITECTURE.md)")
        return 1
    print(f"{count} libraries keep the layer rules")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
