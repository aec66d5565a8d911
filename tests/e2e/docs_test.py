"""The commands in the documents do what the documents say.

Every line of a ```console block that begins with `$ ` is run, in the order of the page, in one shell: `i2` and
`internet2-server` are the built ones, HOME and the working folder are new and empty, the network is a loopback
interface of its own. It has to exit with 0. Lines below a command are what it prints; numbers may differ.
What cannot run in a test is in ELSEWHERE, with the reason.
"""

import re
import shlex
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

from checkout import SOURCE, make_checkout, run_isolated

# Command -> who runs it instead, or why nobody does.
ELSEWHERE = {
    "./test.sh": "this is one of its tests",
    "tools/devroot cmake --build --preset release --target internet2-server package_files": "packaging_package",
    "tools/devroot cpack --config build/release/CPackConfig.cmake -B build/package": "packaging_package",
    "apt install ./build/package/internet2-server_*.deb": "packaging_package installs it with dpkg into a root of its own",
    "runuser -u internet2 -- i2 --data-dir /var/lib/internet2 init --fleet home": "needs the package's user",
    "systemctl enable --now internet2-server": "needs systemd; packaging_units judges the unit",
    "systemctl reload internet2-server": "needs systemd; e2e_service hears RELOADING and READY",
    "journalctl -u internet2-server -o cat": "needs systemd",
    "docker build -f packaging/docker/Dockerfile -t internet2/stoq .": "needs a container engine",
    "docker compose -f packaging/docker/compose.yaml run --rm stoq-transport i2 init": "needs a container engine",
    "docker compose -f packaging/docker/compose.yaml up -d": "needs a container engine",
}

# What a page needs before its first command.
NODE = "export I2_DATA_DIR=$PWD/node; i2 init --name alpha; serve 'internet2-server --bind ::1 development'"
PREPARE = {
    "README.md": "truncate -s 3M big.iso",
    "docs/quickstart.md": "truncate -s 2M backup.tar; mkdir ~/Downloads",
    "docs/reference/cli.md": """
export I2_DATA_DIR=$PWD/var
i2 init --name alpha
i2 provision --name beta --out beta.bundle --address '[::1]:9292'
i2 --data-dir beta join beta.bundle
internet2-server --data-dir beta --bind ::1 --port 9393 development 2>/dev/null &
mkdir -p ~/.local/share/bash-completion/completions
""",
    "docs/concepts.md": NODE,
    "docs/reference/acme.md": "export I2_ACME=true; " + NODE,
    "docs/reference/config.md": NODE,
    "docs/reference/http.md": NODE,
    "packaging/README.md": NODE,
}

# A daemon. In a document it may be in the foreground, which then is a terminal of its own.
DAEMON = re.compile(r"^(\w+=\S+ )*(internet2-server|stoq-transport)\b(?!.*\b(check-config|version)\b)")

SHELL = r"""
set -o pipefail
declare -A served
# A reader is slower than a script: nodes that know one another are connected by now.
settle() {
  local socket until=$((SECONDS + 20))
  for socket in $(find "$PWD" -name admin.sock); do
    until i2 --socket "$socket" peers --json | jq -e 'all(.peers[]; .state == "connected")' >/dev/null ||
      [ $SECONDS -ge $until ]; do
      sleep 0.1
    done
  done
}
# Runs a daemon in the background until it is well. The one on the same data directory ends first.
serve() {
  local words=($1) data=${I2_DATA_DIR:-} i
  for ((i = 1; i < ${#words[@]}; i++)); do
    [ "${words[i - 1]}" != --data-dir ] || data=${words[i]}
  done
  data=$(realpath -m "$data")
  if [ -n "${served[$data]:-}" ]; then
    kill "${served[$data]}" && wait "${served[$data]}"
  fi
  eval "$1 >>daemon.log 2>&1 &"
  served[$data]=$!
  i2 --data-dir "$data" status --wait >/dev/null && settle
}
"""


def commands(page):
    """[(command, lines that it prints)] of a page."""
    out = []
    for block in re.findall(r"(?ms)^```console\n(.*?)^```", (SOURCE / page).read_text()):
        for line in block.splitlines():
            if line.startswith("$ "):
                command, _, _ = line[2:].partition("  #")
                out.append((command.rstrip(), []))
            else:
                out[-1][1].append(line)
    return out


def pattern(line):
    """What a printed line looks like: units and numbers are of the day."""
    text = re.escape(line)
    text = re.sub(r"[\d.\\]*\d(\\ (ns|us|ms|s)\b)", r"[\\d.]+\\ (ns|us|ms|s)", text)
    text = re.sub(r"\d+", r"\\d+", re.sub(r"(\\ )+", r"\\s+", text))
    return re.sub(r"opened\\s\+by.*", "opened by (this node|the peer)", text)  # whoever came first


def pages():
    named = ["README.md", "packaging/README.md"]
    return named + sorted(str(path.relative_to(SOURCE)) for path in (SOURCE / "docs").rglob("*.md"))


class Documents(unittest.TestCase):
    def follow(self, page):
        """Runs the commands of a page; returns [(command, exit code, output, expected)]."""
        top = Path(tempfile.mkdtemp(prefix="i2-docs-"))
        self.addCleanup(shutil.rmtree, top, ignore_errors=True)
        folder, home = top / "work", top / "home"
        home.mkdir(parents=True)
        make_checkout(folder)
        todo = [(command, lines) for command, lines in commands(page) if command not in ELSEWHERE]
        script = SHELL + PREPARE.get(page, "") + "\n"
        for number, (command, _) in enumerate(todo):
            run = command
            if DAEMON.match(command):
                run = f"serve {shlex.quote(command.rstrip('& '))}"
            elif command.startswith("./deploy-internet2.sh") and " stop" not in command:
                run = f"{command} && settle"
            script += f"{{\n{run}\n}} >{top}/{number}.out 2>{top}/{number}.err; echo $? >{top}/{number}.code\n"
        done = run_isolated(script, folder, home)
        out = []
        for number, (command, lines) in enumerate(todo):
            code = top / f"{number}.code"
            self.assertTrue(code.exists(), f"{page}: `{command}` was not reached: {done.stderr}")
            said = (top / f"{number}.out").read_text(errors="replace")
            errors = (top / f"{number}.err").read_text(errors="replace")
            out.append((command, int(code.read_text()), said, errors, lines))
        return out

    def check(self, page):
        for command, code, said, errors, lines in self.follow(page):
            with self.subTest(page=page, command=command):
                self.assertEqual(code, 0, f"stdout: {said}\nstderr: {errors}")
                for line in lines:
                    self.assertRegex(said, rf"(?m)^{pattern(line)}\s*$")

    def test_every_command_of_every_page(self):
        for page in pages():
            if commands(page):
                self.check(page)

    def test_prometheus_takes_its_configuration(self):
        blocks = re.findall(r"(?ms)^```yaml\n(.*?)^```", (SOURCE / "docs/operations.md").read_text())
        self.assertEqual(len(blocks), 1)
        with tempfile.NamedTemporaryFile("w", suffix=".yml") as file:
            file.write(blocks[0])
            file.flush()
            done = subprocess.run(["promtool", "check", "config", file.name], capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_what_is_run_elsewhere_is_still_there(self):
        known = {command for page in pages() for command, _ in commands(page)}
        self.assertEqual(set(ELSEWHERE) - known, set())
        for runner in (name for name in ELSEWHERE.values() if name.startswith("packaging_")):
            self.assertTrue((SOURCE / "tests/packaging" / f"{runner.split()[0][10:]}_test.py").exists(), runner)


if __name__ == "__main__":
    unittest.main(verbosity=2)
