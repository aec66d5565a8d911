"""The container files, read only: no engine runs here."""

import re
import unittest
from pathlib import Path

import yaml

SOURCE = Path(__file__).resolve().parents[2]
DOCKER = SOURCE / "packaging/docker"


def instructions():
    text = (DOCKER / "Dockerfile").read_text().replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    return [tuple(line.split(None, 1)) for line in lines]


class Container(unittest.TestCase):
    def test_dockerfile(self):
        known = {"FROM", "WORKDIR", "COPY", "RUN", "ENV", "VOLUME", "USER", "EXPOSE", "STOPSIGNAL", "HEALTHCHECK",
                 "CMD"}
        lines = instructions()
        self.assertEqual({word for word, _ in lines} - known, set())
        values = dict(lines)  # the last of each
        self.assertEqual(values["USER"], "stoq")
        self.assertEqual(values["EXPOSE"], "9292/udp")
        self.assertEqual(values["CMD"], '["stoq-transport"]')
        self.assertEqual(sum(word == "FROM" for word, _ in lines), 2)
        for name in ("STOQ_CONFIG_PATH=/etc/stoq/config.toml", "STOQ_LOG_LEVEL=info", "I2_DATA_DIR=/var/lib/stoq"):
            self.assertIn(name, values["ENV"])
        for word, value in lines:
            if word == "RUN":
                for script in re.findall(r"\./([a-z0-9.-]+\.sh)", value):
                    self.assertTrue((SOURCE / script).exists(), script)

    def test_compose(self):
        compose = yaml.safe_load((DOCKER / "compose.yaml").read_text())
        self.assertEqual(set(compose), {"services", "volumes"})
        service = compose["services"]["stoq-transport"]
        self.assertEqual(service["network_mode"], "host")
        self.assertEqual(service["environment"],
                         {"STOQ_CONFIG_PATH": "/etc/stoq/config.toml", "STOQ_LOG_LEVEL": "info"})
        self.assertTrue((DOCKER / service["build"]["context"] / service["build"]["dockerfile"]).exists())
        for volume in service["volumes"]:
            source = volume.split(":")[0]
            if source.startswith("."):
                self.assertTrue((DOCKER / source).exists(), source)
            else:
                self.assertIn(source, compose["volumes"])


if __name__ == "__main__":
    unittest.main(verbosity=2)
