"""Tests of tools/check_layers.py on small made-up trees: every rule has a tree that breaks it."""

import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
PROGRAM = ROOT / "tools" / "check_layers.py"

sys.path.insert(0, str(ROOT / "tools"))
sys.dont_write_bytecode = True
import check_layers  # noqa: E402

# Three libraries that keep every rule.
GOOD = {
    "src/base/CMakeLists.txt": "i2_library(base LEVEL 0\n  HEADERS include/i2/base/error.h\n  SOURCES src/base.cc)\n",
    "src/base/README.md": "base\n",
    "src/base/include/i2/base/error.h": "#pragma once\n#include <string>\n",
    "src/base/src/base.cc": "#include <i2/base/error.h>\n",
    "src/crypto/CMakeLists.txt": "# i2_library(wrong) in a comment\ni2_library(crypto LEVEL 1\n"
    "  HEADERS include/i2/crypto/key.h\n  SOURCES src/key.cc src/key_impl.h\n"
    "  DEPS base\n  PRIVATE_DEPS OpenSSL::Crypto ${falcon})\n",
    "src/crypto/README.md": "crypto\n",
    "src/crypto/include/i2/crypto/key.h": "#pragma once\n#include <i2/base/error.h>\n",
    "src/crypto/src/key.cc": "#include <openssl/evp.h>\n#include <i2/crypto/key.h>\n",
    "src/crypto/test/key_test.cc": "#include <openssl/evp.h>\n#include <thread>\n",
    "src/rt/CMakeLists.txt": "i2_library(rt LEVEL 5 HEADERS include/i2/rt/loop.h SOURCES src/loop.cc\n"
    "  DEPS base PRIVATE_DEPS crypto)\n",
    "src/rt/README.md": "rt\n",
    "src/rt/include/i2/rt/loop.h": "#pragma once\n#include <chrono>\n#include <i2/base/error.h>\n",
    "src/rt/src/loop.cc": "#include <boost/asio.hpp>\n#include <thread>\n#include <i2/crypto/key.h>\n"
    "auto now() { return std::chrono::steady_clock::now(); }\n",
}


class Tree(unittest.TestCase):
    def check(self, changes):
        """The violations of GOOD with some files replaced (None removes one)."""
        with tempfile.TemporaryDirectory() as folder:
            for name, text in {**GOOD, **changes}.items():
                if text is not None:
                    path = Path(folder, name)
                    path.parent.mkdir(parents=True, exist_ok=True)
                    path.write_text(text, encoding="utf-8")
            return check_layers.Checker(folder).check()

    def expect(self, changes, *expected):
        """Exactly these violations: (path, line, a part of the message)."""
        found = self.check(changes)
        self.assertEqual([v[:2] for v in found], [e[:2] for e in expected], found)
        for violation, (_, _, part) in zip(found, expected):
            self.assertIn(part, violation[2])

    def base_source(self, text, *expected):
        """`text` as the only source of level 0; expected: (line, part of the message)."""
        self.expect(
            {"src/base/src/base.cc": text}, *[("src/base/src/base.cc", *e) for e in expected]
        )


class Declarations(Tree):
    def test_good_tree_is_clean(self):
        self.expect({})

    def test_same_level_dependency(self):
        self.expect(
            {
                "src/wire/CMakeLists.txt": "\ni2_library(wire LEVEL 1 DEPS crypto)\n",
                "src/wire/README.md": "wire\n",
            },
            ("src/wire/CMakeLists.txt", 2, "must not depend on crypto (level 1)"),
        )

    def test_higher_level_dependency(self):
        self.expect(
            {"src/base/CMakeLists.txt": GOOD["src/base/CMakeLists.txt"].replace(")", "\n  PRIVATE_DEPS rt)")},
            ("src/base/CMakeLists.txt", 1, "must not depend on rt (level 5)"),
        )

    def test_unknown_dependency(self):
        self.expect(
            {"src/rt/CMakeLists.txt": GOOD["src/rt/CMakeLists.txt"].replace("DEPS base", "DEPS base bse")},
            ("src/rt/CMakeLists.txt", 1, "'bse' is no library"),
        )

    def test_wrong_name_and_missing_level(self):
        self.expect(
            {
                "src/stoq/core/CMakeLists.txt": "i2_library(core LEVEL 3)\n",
                "src/stoq/core/README.md": "x\n",
                "src/wire/CMakeLists.txt": "i2_library(wire DEPS base)\n",
            },
            ("src/stoq/core/CMakeLists.txt", 1, "must be named stoq_core"),
            ("src/wire/CMakeLists.txt", 1, "without a LEVEL"),
        )

    def test_missing_readme(self):
        self.expect(
            {"src/rt/README.md": None}, ("src/rt/CMakeLists.txt", 1, "src/rt/README.md is missing")
        )

    def test_file_outside_every_library(self):
        self.expect(
            {"src/stray/src/a.cc": "int a;\n"}, ("src/stray/src/a.cc", 1, "belongs to no i2_library()")
        )

    def test_header_not_declared(self):
        self.expect(
            {"src/base/include/i2/base/extra.h": "#pragma once\n"},
            ("src/base/include/i2/base/extra.h", 1, "not in HEADERS"),
        )

    def test_header_in_the_wrong_place(self):
        self.expect(
            {
                "src/base/CMakeLists.txt": GOOD["src/base/CMakeLists.txt"].replace(
                    "HEADERS", "HEADERS include/base/x.h"
                ),
                "src/base/include/base/x.h": "#pragma once\n",
            },
            ("src/base/include/base/x.h", 1, "live in include/i2/base/"),
        )


class Includes(Tree):
    def test_undeclared_dependency(self):
        self.expect(
            {"src/rt/CMakeLists.txt": GOOD["src/rt/CMakeLists.txt"].replace("PRIVATE_DEPS crypto", "")},
            ("src/rt/src/loop.cc", 3, "crypto is not in DEPS of rt"),
        )

    def test_a_dependency_of_a_dependency_must_be_declared(self):
        self.expect(
            {
                "src/rt/CMakeLists.txt": GOOD["src/rt/CMakeLists.txt"].replace("DEPS base PRIVATE_DEPS", "DEPS"),
            },
            ("src/rt/include/i2/rt/loop.h", 3, "base is not in DEPS of rt"),
        )

    def test_private_dependency_in_public_header(self):
        self.expect(
            {"src/rt/include/i2/rt/loop.h": "#pragma once\n\n#include <i2/crypto/key.h>\n"},
            ("src/rt/include/i2/rt/loop.h", 3, "must be in DEPS, not PRIVATE_DEPS"),
        )

    def test_higher_level_include(self):
        self.base_source("#include <i2/rt/loop.h>\n", (1, "level 0 must not include rt of level 5"))

    def test_quoted_form_counts_too(self):
        self.base_source('#include "i2/rt/loop.h"\n', (1, "must not include rt"))

    def test_sibling_include(self):
        self.expect(
            {
                "src/wire/CMakeLists.txt": "i2_library(wire LEVEL 1 SOURCES src/a.cc DEPS base)\n",
                "src/wire/README.md": "wire\n",
                "src/wire/src/a.cc": "\n#  include <i2/crypto/key.h>\n",
            },
            ("src/wire/src/a.cc", 2, "level 1 must not include crypto of level 1"),
        )

    def test_unknown_header(self):
        self.base_source("#include <i2/base/gone.h>\n", (1, "no public header of any library"))

    def test_climbing_include(self):
        self.base_source('#include "../../crypto/src/key_impl.h"\n', (1, "reaches out of the library"))
        self.expect(
            {"src/rt/include/i2/rt/loop.h": '#include "../../../src/detail.h"\n'},
            ("src/rt/include/i2/rt/loop.h", 1, "reaches out"),
        )
        # A test may look into its own library, not into the one that holds its folder.
        self.expect({"src/base/test/base_test.cc": '#include "../src/detail.h"\n'})
        self.expect(
            {
                "src/rt/core/CMakeLists.txt": "i2_library(rt_core LEVEL 3)\n",
                "src/rt/core/README.md": "x\n",
                "src/rt/core/test/a_test.cc": '#include "../../src/detail.h"\n',
            },
            ("src/rt/core/test/a_test.cc", 1, "reaches out"),
        )

    def test_nested_libraries_are_told_apart(self):
        nested = {
            "src/stoq/core/CMakeLists.txt": "i2_library(stoq_core LEVEL 3 HEADERS\n"
            "  include/i2/stoq/core/conn.h DEPS base)\n",
            "src/stoq/core/README.md": "x\n",
            "src/stoq/core/include/i2/stoq/core/conn.h": "#pragma once\n#include <i2/base/error.h>\n",
            "src/stoq/CMakeLists.txt": "i2_library(stoq LEVEL 6 SOURCES src/a.cc DEPS base)\n",
            "src/stoq/README.md": "x\n",
            "src/stoq/src/a.cc": "#include <i2/stoq/core/conn.h>\n",
        }
        self.expect(nested, ("src/stoq/src/a.cc", 1, "stoq_core is not in DEPS of stoq"))
        nested["src/stoq/CMakeLists.txt"] = "i2_library(stoq LEVEL 6 SOURCES src/a.cc DEPS stoq_core)\n"
        self.expect(nested)

    def test_generated_headers_belong_to_their_library(self):
        self.expect(
            {
                "src/rpc/CMakeLists.txt": "i2_library(rpc LEVEL 1 PROTOS proto/i2/rpc/a.proto)\n",
                "src/rpc/README.md": "x\n",
                "src/base/src/base.cc": "#include <i2/rpc/a.pb.h>\n",
            },
            ("src/base/src/base.cc", 1, "must not include rpc of level 1"),
        )

    def test_commented_include_is_none(self):
        self.base_source("// #include <i2/rt/loop.h>\n/*\n#include <thread>\n*/\n")


class ReservedAndHeavy(Tree):
    def test_openssl_outside_crypto(self):
        self.expect(
            {"src/rt/src/loop.cc": "#include <openssl/ssl.h>\n"},
            ("src/rt/src/loop.cc", 1, "OpenSSL belongs to src/crypto and src/stoq/core"),
        )

    def test_openssl_in_tests_of_others(self):
        self.expect(
            {"src/rt/test/loop_test.cc": "#include <openssl/ssl.h>\n"},
            ("src/rt/test/loop_test.cc", 1, "OpenSSL belongs to"),
        )

    def test_openssl_in_what_belongs_to_crypto(self):
        self.expect(
            {
                "src/crypto/testing/CMakeLists.txt": "i2_library(crypto_testing LEVEL 100 SOURCES src/a.cc)\n",
                "src/crypto/testing/src/a.cc": "#include <openssl/rand.h>\n",
            }
        )

    def test_http_libraries_outside_gateway(self):
        self.expect(
            {"src/crypto/src/key.cc": "#include <nghttp3/nghttp3.h>\n"},
            ("src/crypto/src/key.cc", 1, "nghttp2 and nghttp3 belong to src/gateway"),
        )

    def test_ngtcp2_outside_stoq_core(self):
        self.expect(
            {"src/crypto/src/key.cc": "#include <ngtcp2/ngtcp2.h>\n"},
            ("src/crypto/src/key.cc", 1, "ngtcp2 belongs to src/stoq/core"),
        )

    def test_reserved_headers_in_programs(self):
        self.expect(
            {"apps/internet2-server/main.cc": "#include <openssl/evp.h>\n"},
            ("apps/internet2-server/main.cc", 1, "OpenSSL belongs to"),
        )

    def test_asio_tls_outside_gateway(self):
        self.expect(
            {"src/rt/src/loop.cc": "#include <boost/asio/ssl/stream.hpp>\n"},
            ("src/rt/src/loop.cc", 1, "Asio's TLS wrapper belongs to src/gateway"),
        )

    def test_heavy_headers_in_headers(self):
        heavy = [
            "boost/asio.hpp",
            "boost/beast/core.hpp",
            "boost/beast.hpp",
            "toml++/toml.hpp",
            "CLI/CLI.hpp",
            "nlohmann/json.hpp",
        ]
        for name in heavy:
            with self.subTest(name):
                self.expect(
                    {"src/rt/src/detail.h": f"#pragma once\n#include <{name}>\n"},
                    ("src/rt/src/detail.h", 2, "only in .cc files"),
                )

    def test_light_headers_are_fine(self):
        self.expect(
            {
                "src/rt/src/detail.h": "#pragma once\n#include <nlohmann/json_fwd.hpp>\n"
                "#include <boost/asio/awaitable.hpp>\n",
                "src/rt/src/loop.cc": "#include <toml++/toml.hpp>\n",
            }
        )


class Purity(Tree):
    def test_headers(self):
        cases = {
            "sockets": ["sys/socket.h", "netinet/in.h", "netdb.h", "net/if.h", "boost/asio/ip/udp.hpp"],
            "files": ["fstream", "filesystem", "fcntl.h"],
            "clocks": ["sys/time.h"],
            "threads": ["thread", "mutex", "condition_variable", "future", "pthread.h"],
            "entropy": ["sys/random.h"],
        }
        for reason, names in cases.items():
            for name in names:
                with self.subTest(name):
                    self.base_source(f"\n#include <{name}>\n", (2, f"no {reason} in a pure library"))

    def test_names(self):
        cases = {
            "clocks": [
                "auto t = std::chrono::steady_clock::now();",
                "using C = std::chrono::system_clock;",
                "clock_gettime(CLOCK_MONOTONIC, &t);",
                "gettimeofday(&t, nullptr);",
                "auto t = time(nullptr);",
                "auto t = ::time(NULL);",
                "auto t = std::time(&out);",
                "usleep(5);",
            ],
            "threads": ["std::thread t(f);", "std::jthread t(f);", "pthread_create(&t, 0, f, 0);"],
            "entropy": ["std::random_device d;", "getrandom(b, n, 0);", "int x = rand();", "srand(1);"],
            "files": ['auto f = fopen("x", "r");'],
        }
        for reason, lines in cases.items():
            for text in lines:
                with self.subTest(text):
                    self.base_source(f"\n\n{text}\n", (3, f"no {reason} in a pure library"))

    def test_what_only_looks_impure(self):
        self.base_source(
            "#include <atomic>\n#include <chrono>\n"
            "// std::thread in a comment, time(nullptr) too\n"
            'const char* a = "steady_clock // not a comment";\n'
            'const char* b = R"x(getrandom( \\")x";\n'
            "char c = '\"'; int million = 1'000'000; /* rand() */\n"
            "int round_time(int); int y = round_time(0); int z = packet.time(0);\n"
            "void handle(Timestamp time); int strand(int); int q = strand(1);\n"
        )

    def test_level_four_is_pure_and_level_five_is_not(self):
        for level, expected in ((4, [("src/rt/src/loop.cc", 1, "level 4")]), (5, [])):
            self.expect(
                {
                    "src/rt/CMakeLists.txt": GOOD["src/rt/CMakeLists.txt"].replace("LEVEL 5", f"LEVEL {level}"),
                    "src/rt/src/loop.cc": "#include <thread>\n",
                },
                *expected,
            )

    def test_tests_of_pure_libraries_may_use_threads(self):
        self.expect({"src/base/test/base_test.cc": "#include <thread>\n#include <fstream>\n"})


class Program(Tree):
    def run_on(self, files):
        with tempfile.TemporaryDirectory() as folder:
            for name, text in files.items():
                path = Path(folder, name)
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text, encoding="utf-8")
            return subprocess.run(
                [sys.executable, PROGRAM, folder], capture_output=True, text=True, check=False
            )

    def test_clean_tree(self):
        result = self.run_on(GOOD)
        self.assertEqual((result.returncode, result.stdout), (0, "3 libraries keep the layer rules\n"))

    def test_violations_are_listed_with_file_and_line(self):
        result = self.run_on({**GOOD, "src/base/src/base.cc": "\n#include <thread>\n"})
        self.assertEqual(result.returncode, 1)
        self.assertTrue(
            result.stdout.startswith("src/base/src/base.cc:2: <thread>: no threads"), result.stdout
        )

    def test_a_tree_without_libraries_fails(self):
        self.assertEqual(self.run_on({"README.md": "x\n"}).returncode, 1)


if __name__ == "__main__":
    unittest.main()
