"""Commands that need no daemon: founding, admitting, joining, usage, configuration."""

import os
import re
import shlex
import stat
import unittest
from pathlib import Path

from fleet import CLIENT, SERVER, FleetTest, run

SOURCE = Path(__file__).resolve().parents[2]


class SetUp(FleetTest):
    def test_init_is_idempotent_and_private(self):
        node = self.node("alpha")
        first = node.ok("init", "--fleet", "lab", "--name", "alpha")
        self.assertEqual(first["schema"], "i2.init/1")
        self.assertEqual((first["fleet"]["name"], first["node"]["name"]), ("lab", "alpha"))
        self.assertTrue(first["changed"])
        again = node.ok("init", "--fleet", "lab", "--name", "alpha")
        self.assertFalse(again["changed"])
        self.assertEqual(again["fleet"]["chain_id"], first["fleet"]["chain_id"])
        self.assert_fails(node.i2("init", "--fleet", "other", "--name", "alpha"), 1, "fleet.already_member")
        self.assertEqual(stat.S_IMODE(node.data.stat().st_mode), 0o700)
        for key in (node.data / "identity").rglob("*.pem"):
            self.assertEqual(stat.S_IMODE(key.stat().st_mode), 0o600, key)

    def test_default_node_name_is_the_hosts(self):
        node = self.node("any")
        name = node.ok("init")["node"]["name"]
        self.assertRegex(name, r"^[a-z0-9][a-z0-9-]*$")

    def test_bad_name(self):
        self.assert_fails(self.node("x").i2("init", "--name", "Not_A_Name"), 2, "fleet.name_invalid")

    def test_join_gives_the_bundles_identity(self):
        alpha = self.founder()
        bundle = self.folder / "beta.bundle"
        made = alpha.ok("provision", "--name", "beta", "--out", bundle, "--address", "[2001:db8::1]:9292")
        self.assertEqual(made["addresses"], ["[2001:db8::1]:9292"])
        self.assertEqual(stat.S_IMODE(bundle.stat().st_mode), 0o600)
        beta = self.node("beta")
        joined = beta.ok("join", bundle)
        self.assertEqual(joined["node"], made["node"])
        self.assertEqual(joined["fleet"], made["fleet"])
        self.assertFalse(beta.ok("join", bundle)["changed"])
        self.assert_fails(alpha.i2("provision", "--name", "beta", "--out", self.folder / "b2"), 1,
                          "fleet.name_taken")
        self.assert_fails(alpha.i2("provision", "--name", "gamma", "--out", bundle), 1,
                          "fleet.bundle_exists")
        self.assert_fails(beta.i2("provision", "--name", "gamma", "--out", self.folder / "g"), 5,
                          "fleet.no_operator_keys")

    def test_provision_refuses_addresses_that_mean_nothing_elsewhere(self):
        alpha = self.founder()
        for address, error, code in (("10.0.0.1:9292", "stoq.ipv4_refused", 2),
                                     ("[::ffff:10.0.0.1]:9292", "stoq.ipv4_refused", 2),
                                     ("[fe80::1%1]:9292", "fleet.hint_refused", 1),
                                     ("somewhere", "stoq.address_malformed", 2)):
            answer = alpha.i2("provision", "--name", "beta", "--out", self.folder / "b",
                              "--address", address)
            self.assert_fails(answer, code, error)
            self.assertFalse((self.folder / "b").exists())

    def test_a_bundle_that_is_not_as_it_was_written_is_refused(self):
        alpha = self.founder()
        bundle = self.bundle_of(alpha)
        good = bundle.read_bytes()
        for position in (len(good) // 3, len(good) // 2, len(good) - 1):
            altered = bytearray(good)
            altered[position] ^= 1
            bundle.write_bytes(altered)
            self.assert_fails(self.node(f"beta{position}").i2("join", bundle), 8, "fleet.bundle_altered")
        bundle.write_bytes(good[: len(good) // 2])
        self.assert_fails(self.node("cut").i2("join", bundle), 8, "fleet.bundle_truncated")
        bundle.write_bytes(b"hello")
        self.assert_fails(self.node("noise").i2("join", bundle), 8, "fleet.bundle_malformed")
        self.assert_fails(self.node("none").i2("join", self.folder / "absent"), 1, "node.file_missing")

    def test_a_bundle_of_another_fleet_is_refused(self):
        alpha = self.founder()
        other = self.founder("omega", "elsewhere")
        chain = alpha.ok("init", "--fleet", "home", "--name", "alpha")["fleet"]["chain_id"]
        self.assert_fails(self.node("beta").i2("join", self.bundle_of(other), "--expect", chain), 8,
                          "fleet.bundle_foreign")

    def test_a_node_that_is_alone_gives_way(self):
        alpha = self.founder()
        beta = self.founder("beta", "mine")
        bundle = self.bundle_of(alpha)
        self.assert_fails(beta.i2("join", bundle), 1, "fleet.already_member")
        was = beta.ok("init", "--fleet", "mine", "--name", "beta")
        joined = beta.ok("join", bundle, "--replace")
        self.assertEqual((joined["fleet"]["name"], joined["changed"]), ("home", True))
        aside = beta.data / "replaced" / was["fleet"]["chain_id"][:16]
        self.assertTrue((aside / "identity/root/root.falcon.pem").exists())
        # Not one that others rely on.
        self.assert_fails(alpha.i2("join", self.bundle_of(self.founder("omega", "elsewhere")), "--replace"), 1,
                          "fleet.already_member")

    def test_a_bundle_that_others_can_read_is_refused(self):
        bundle = self.bundle_of(self.founder())
        bundle.chmod(0o644)
        self.assert_fails(self.node("beta").i2("join", bundle), 5, "node.secret_exposed")

    def bundle_of(self, node):
        path = self.folder / f"of-{node.name}.bundle"
        node.ok("provision", "--name", "beta", "--out", path, "--address", "[::1]:9292")
        return path


class Usage(FleetTest):
    def test_unknown_flags_and_verbs_suggest_the_nearest(self):
        for arguments, suggestion in ((["--jsn", "status"], "'--json'"),
                                      (["status", "--jsn"], "'--json'"),
                                      (["ping", "beta", "--cuont", "3"], "'--count'"),
                                      (["sttatus"], "'status'"),
                                      (["bench", "beta", "--stream=3"], "'--streams'")):
            answer = run(CLIENT, *arguments)
            self.assertEqual(answer.code, 2, str(answer))
            self.assertIn(f"did you mean {suggestion}?", answer.err)
        answer = run(SERVER, "--data-dri", "x", "development")
        self.assertEqual(answer.code, 2, str(answer))
        self.assertIn("did you mean '--data-dir'?", answer.err)

    def test_missing_and_wrong_arguments(self):
        for arguments in ([], ["ping"], ["send", "only-a-file"], ["completion", "tcsh"],
                          ["ping", "beta", "--count", "0"], ["ping", "beta", "gamma"],
                          ["status", "--timeout", "soon"], ["frobnicate"]):
            answer = run(CLIENT, *arguments)
            self.assertEqual(answer.code, 2, f"{arguments}: {answer}")
            self.assertEqual(answer.out, "")

    def test_verbs_of_layers_that_are_not_there(self):
        for arguments in (["put", "x", "--unheard-of"], ["wallet"], ["asset", "ls"]):
            answer = run(CLIENT, "--data-dir", self.folder / "none", *arguments)
            self.assertEqual(answer.code, 1, f"{arguments}: {answer}")
            self.assertIn("not available: ", answer.err)
        answer = run(SERVER, "--data-dir", self.folder / "none", "gateway", "--translate-protocols")
        self.assertEqual(answer.code, 1, str(answer))
        self.assertIn("not available: ", answer.err)

    def test_no_daemon(self):
        node = self.founder()
        for arguments in (["status"], ["peers"], ["ping", "beta"], ["recv"]):
            self.assert_fails(node.i2(*arguments), 3, "node.no_daemon")
        answer = node.i2("status", "--json")
        self.assertEqual(answer.json["error"]["code"], "node.no_daemon")
        self.assertEqual(answer.json["schema"], "i2.status/1")

    def test_every_verb_has_help_with_an_example(self):
        for verb in self.verbs():
            answer = run(CLIENT, verb, "--help")
            self.assertEqual(answer.code, 0, verb)
            self.assertRegex(answer.out, rf"Example:\s+(i2|internet2-server) .*\b{verb}\b", verb)

    def test_documents_name_every_verb_and_flag(self):
        manual = "".join((SOURCE / f"docs/man/{page}").read_text() for page in ("i2.1", "internet2-server.8"))
        manual = manual.replace("\\-", "-")
        reference = (SOURCE / "docs/reference/cli.md").read_text()
        for verb in self.verbs():
            self.assertIn(f"`{verb}", reference)
            self.assertRegex(manual, rf"(?m)^\.BR? {verb}\b")
            for flag in set(re.findall(r"--[a-z][a-z-]+", run(CLIENT, verb, "--help").out)) - {"--help"}:
                self.assertIn(flag, reference, verb)
                self.assertIn(flag, manual, verb)

    def verbs(self):
        listing = run(CLIENT, "--help").out
        verbs = re.findall(r"^  ([a-z][a-z-]+)\s{2,}", listing, re.MULTILINE)
        self.assertIn("status", verbs)
        self.assertGreaterEqual(len(verbs), 14)
        return verbs

    def test_completion_in_bash(self):
        script = self.completion("bash")
        probe = (f". {script}; COMP_WORDS=(i2 sta); COMP_CWORD=1; _i2; echo ${{COMPREPLY[0]}};"
                 "COMP_WORDS=(i2 ping --cou); COMP_CWORD=2; _i2; echo ${COMPREPLY[0]};"
                 "COMP_WORDS=(i2 config re); COMP_CWORD=2; _i2; echo ${COMPREPLY[0]}")
        self.assertEqual(run("bash", "-c", probe).out.split(), ["status", "--count", "reload"])

    def test_completion_in_zsh(self):
        script = self.completion("zsh")
        # What the completion system would be told, on standard output.
        tell = ('compadd() { [[ $1 == -- ]] && shift; print -l -- "$@" }; _files() { print FILES }; '
                '_describe() { print -l -- "${(P@)2}" }; ')

        def complete(*words):
            quoted = " ".join(shlex.quote(word) for word in words)
            answer = run("zsh", "-f", "-c", f"{tell} words=({quoted}); CURRENT={len(words)}; . {script}")
            self.assertEqual((answer.code, answer.err), (0, ""))
            return answer.out.splitlines()

        self.assertIn("status:the node, its fleet, its certificate", complete("i2", ""))
        self.assertIn("--count", complete("i2", "ping", ""))
        self.assertIn("FILES", complete("i2", "send", ""))
        self.assertIn("reload", complete("i2", "--json", "config", ""))
        self.assertNotIn("reload", complete("i2", "status", ""))

    def test_completion_in_fish(self):
        script = self.completion("fish")

        def complete(line):
            answer = run("fish", "--no-config", "-c", f"source {script}; complete -C {shlex.quote(line)}",
                         env={"HOME": str(self.folder), "PATH": f"{CLIENT.parent}:{os.environ['PATH']}"})
            self.assertEqual(answer.code, 0, str(answer))
            return [choice.split("\t")[0] for choice in answer.out.splitlines()]

        self.assertEqual(complete("i2 sta"), ["status"])
        self.assertIn("--count", complete("i2 ping --co"))
        self.assertEqual(complete("i2 config relo"), ["reload"])
        self.assertEqual(complete("i2 completion ba"), ["bash"])

    def completion(self, shell):
        answer = run(CLIENT, "completion", shell)
        self.assertEqual(answer.code, 0)
        script = self.folder / f"i2.{shell}"
        script.write_text(answer.out)
        check = {"bash": ["bash", "-n"], "zsh": ["zsh", "-f", "-n"], "fish": ["fish", "--no-config", "--no-execute"]}
        parsed = run(*check[shell], script)
        self.assertEqual((parsed.code, parsed.err), (0, ""))
        return script

    def test_version(self):
        self.assertRegex(run(SERVER, "version").out, r"^internet2-server \d+\.\d+\.\d+\n$")
        self.assertEqual(run(CLIENT, "version", "--json").json["schema"], "i2.version/1")


class CheckConfig(FleetTest):
    def check(self, text, env=None, *arguments):
        path = self.folder / "node.toml"
        path.write_text(text)
        return run(SERVER, "--config", path, *arguments, "check-config", env=env)

    def test_good(self):
        for name in ("development", "production", "gateway", "stoq"):
            path = SOURCE / f"config/{name}.toml"
            for answer in (run(SERVER, "--config", path, "check-config"), run(SERVER, "check-config", path),
                           run(CLIENT, "config", "check", path)):
                self.assertEqual((answer.code, answer.out, answer.err), (0, "ok\n", ""), name)

    def test_a_setting_that_is_not_there_yet_warns(self):
        answer = self.check("[extensions]\nenable_packet_sharding = true\n")
        self.assertEqual((answer.code, answer.out), (0, "ok\n"), str(answer))
        self.assertIn("node.toml:2: warning: enable_packet_sharding = true: not available yet: packet shards",
                      answer.err)

    def test_json(self):
        path = self.folder / "node.toml"
        path.write_text("[extensions]\nenable_packet_sharding = true\n[transport]\nprot = 1\n")
        answer = run(CLIENT, "config", "check", path, "--json")
        self.assertEqual(answer.code, 2, str(answer))
        self.assertEqual(answer.json["schema"], "i2.config/1")
        self.assertFalse(answer.json["ok"])
        self.assertEqual({(p["severity"], p["code"]) for p in answer.json["problems"]},
                         {("warning", "config.not_available"), ("error", "config.key_unknown")})

    def test_show_says_where_values_come_from(self):
        path = self.folder / "node.toml"
        path.write_text("[global]\nport = 1001\n")
        answer = run(CLIENT, "--config", path, "config", "show", "--origin", env={"I2_WORKERS": "3"})
        self.assertEqual(answer.code, 0, str(answer))
        self.assertRegex(answer.out, rf"(?m)^port = 1001 +# {path}:2$")
        self.assertRegex(answer.out, r"(?m)^workers = 3 +# I2_WORKERS$")
        shown = self.folder / "shown.toml"
        shown.write_text(run(CLIENT, "--config", path, "config", "show").out)
        self.assertEqual(run(CLIENT, "config", "check", shown).out, "ok\n")

    def test_the_environment_names_the_file(self):
        path = self.folder / "node.toml"
        path.write_text("[transport]\nprot = 1\n")
        for variable in ("I2_CONFIG", "STOQ_CONFIG_PATH"):
            answer = run(SERVER, "check-config", env={variable: str(path)})
            self.assertEqual(answer.code, 2, str(answer))
            self.assertIn("node.toml:2:", answer.err)

    def test_all_problems_at_once(self):
        answer = self.check('[transport]\nprot = 1\nidle_timeout = 30\n[logging]\nlevel = "loud"\n',
                            {"I2_WORKERS": "many"}, "--bind", "0.0.0.0")
        self.assertEqual(answer.code, 2, str(answer))
        self.assertEqual(len(answer.err.splitlines()), 5, str(answer))
        for part in ("node.toml:2: [transport] has no key 'prot'; did you mean 'port'?",
                     "node.toml:3: idle_timeout wants a string", "node.toml:5: 'loud' is not one of",
                     "I2_WORKERS: ", "--bind: ", "[stoq.ipv4_refused]"):
            self.assertIn(part, answer.err)


if __name__ == "__main__":
    os.umask(0o022)
    unittest.main(verbosity=2)
