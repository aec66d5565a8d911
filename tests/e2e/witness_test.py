"""Members cosign the fleet's transparency log, and convict it when it shows two trees."""

import http.client
import random
import shutil
import unittest

from fleet import DEADLINE, PATIENCE, FleetTest, wait_for


def fetch(node, method, path, body=None):
    connection = http_connection(node)
    connection.request(method, path, body)
    response = connection.getresponse()
    answer = response.status, response.read().decode()
    connection.close()
    return answer


def http_connection(node):
    return http.client.HTTPConnection("::1", node.http_port, timeout=DEADLINE)


def heads(note):
    """Size and root of a signed note, and how many lines it has."""
    lines = note.splitlines()
    return int(lines[1]), lines[2], sum(line.startswith("\u2014 ") for line in lines)


class WitnessTest(FleetTest):
    def issue(self, node, name):
        return node.ok("cert", "issue", "--cn", f"{name}.home.i2.internal",
                       "--out", self.folder)["certificate"]["fingerprint"]

    def wait_cosigned(self, alpha, count):
        """alpha's status once so many members have cosigned its last checkpoint."""
        def status():
            found = alpha.ask("ct_status") or {"witnesses": []}
            return found if sum(w["current"] for w in found["witnesses"]) == count else None
        return wait_for(status, f"{count} members to cosign the last checkpoint", PATIENCE)

    def three(self):
        alpha = self.founder().start()
        beta, gamma = (self.invited(alpha, name).start() for name in ("beta", "gamma"))
        wait_for(lambda: all(len(n.connected()) == 2 for n in (alpha, beta, gamma)), "everybody to meet", PATIENCE)
        return alpha, beta, gamma


class Witnesses(WitnessTest):
    def test_members_cosign_what_the_log_publishes(self):
        alpha, beta, gamma = self.three()
        self.wait_cosigned(alpha, 2)
        fingerprint = self.issue(alpha, "web")
        status = self.wait_cosigned(alpha, 2)
        self.assertEqual({w["name"] for w in status["witnesses"]}, {"beta", "gamma"})
        self.assertTrue(all(w["size"] == status["entries"] for w in status["witnesses"]))
        # The log's own lines first, then two of each witness.
        code, note = fetch(alpha, "GET", "/ct/checkpoint")
        self.assertEqual((code, heads(note)[0], heads(note)[2]), (200, status["entries"], 3 + 4))
        self.assertIn(f"\u2014 {status['origin']} ", note.splitlines()[4])
        of_beta = beta.ok("ct", "status")
        self.assertEqual(of_beta["witness"]["cosigned"], {"size": status["entries"], "root": status["root"]})
        self.assertEqual((of_beta["holder_name"], of_beta["keys"]), ("alpha", status["keys"]))
        self.check_proof(alpha, status, fingerprint)
        self.check_http(alpha, beta, status)
        # Nothing is forgotten.
        beta.stop()
        beta.start()
        self.assertEqual(beta.ok("ct", "status")["witness"]["cosigned"], of_beta["witness"]["cosigned"])
        self.issue(alpha, "mail")
        later = self.wait_cosigned(alpha, 2)
        self.assertGreater(later["entries"], status["entries"])
        audit = alpha.ok("ct", "audit", "--require-witnesses", "2")
        self.assertEqual((audit["witnesses"], audit["cosigned_size"]), (2, later["entries"]))
        self.assert_fails(alpha.i2("ct", "audit", "--require-witnesses", "3"), 8, "trust.note_unsigned")
        self.assertEqual(beta.ok("ct", "evidence")["evidence"], [])

    def check_proof(self, alpha, status, fingerprint):
        proof = self.folder / "proof"
        alpha.ok("ct", "proof", fingerprint, "--out", proof)
        witnesses = [word for w in status["witnesses"] for key in w["keys"] for word in ("--witness", key)]
        verify = ["ct", "verify", proof, "--key", status["keys"][0], *witnesses, "--require-witnesses"]
        self.assertEqual(alpha.ok(*verify, "2")["tree_size"], status["entries"])
        self.assert_fails(alpha.i2(*verify, "3"), 8, "trust.note_unsigned")
        text = proof.read_text()
        at = text.rindex("\n", 0, -1) + 300  # in a line of a witness
        proof.write_text(text[:at] + ("A" if text[at] != "A" else "B") + text[at + 1:])
        self.assertEqual(alpha.i2(*verify, "2").code, 8)

    def check_http(self, alpha, beta, status):
        path = "/ct/witness/add-checkpoint"
        note = alpha.ask("ct_status")["checkpoint"]
        code, lines = fetch(beta, "POST", path, f"old {status['entries']}\n\n{note}".encode())
        self.assertEqual((code, lines.count("\u2014 ")), (200, 2), lines)
        self.assertEqual(fetch(beta, "POST", path, f"old 0\n\n{note}".encode()), (409, f"{status['entries']}\n"))
        foreign = note.replace(status["origin"], "log.example", 1)
        self.assertEqual(fetch(beta, "POST", path, f"old 0\n\n{foreign}".encode())[0], 404)
        short = "\n".join(note.splitlines()[:5]) + "\n"  # one key of the log is not enough
        self.assertEqual(fetch(beta, "POST", path, f"old {status['entries']}\n\n{short}".encode())[0], 403)
        random.seed(7)
        good = f"old {status['entries']}\n\n{note}".encode()
        connection = http_connection(beta)
        answers = {}
        for _ in range(300):
            body = bytearray(good)
            body[random.randrange(len(good) - 1)] ^= 1 << random.randrange(8)
            connection.request("POST", path, bytes(body[:random.choice([len(body), random.randrange(1, len(body))])]))
            response = connection.getresponse()
            response.read()
            answers[response.status] = answers.get(response.status, 0) + 1
        connection.close()
        self.assertLessEqual(set(answers), {400, 403, 404, 409, 422, 429}, answers)
        self.assertIn(400, answers)


class SplitViews(WitnessTest):
    def test_a_log_that_was_copied_is_convicted_by_a_member(self):
        alpha, beta, gamma = self.three()
        before = self.wait_cosigned(alpha, 2)
        alpha.stop()
        copy = self.node("copy")
        shutil.copytree(alpha.data, copy.data)
        alpha.start()
        self.issue(alpha, "web")
        shown = self.wait_cosigned(alpha, 2)
        self.assertGreater(shown["entries"], before["entries"])
        gamma.stop()
        alpha.stop()
        # The same identity and key, and another tree.
        copy.start(port=alpha.port)
        wait_for(lambda: "alpha" in beta.connected(), "beta to meet the copy", PATIENCE)
        for number in range(shown["entries"] - before["entries"] + 1):
            self.issue(copy, f"other{number}")
        wait_for(lambda: beta.events("log_split_view"), "beta to notice", PATIENCE)
        self.assertEqual((beta.ask("ct_evidence") or {})["evidence"][0]["origin"], before["origin"])
        health = fetch(beta, "GET", "/health")[1]
        self.assertIn("degraded", health)
        self.assertIn("signed two trees", health)
        # Whoever was away hears of it from a member.
        copy.stop()
        gamma.start()
        wait_for(lambda: gamma.events("log_split_view"), "gamma to hear of it", PATIENCE)
        proof = self.folder / "evidence"
        found = gamma.ok("ct", "evidence", "--out", proof)["evidence"][0]
        keys = [word for key in before["keys"] for word in ("--key", key)]
        verified = gamma.ok("ct", "verify-evidence", proof, *keys)
        self.assertEqual(verified["first_size"], found["first_size"])
        self.assertNotEqual(verified["first_root"], verified["second_root"])
        own = gamma.ok("ct", "status")["witness"]["keys"][0]
        self.assert_fails(gamma.i2("ct", "verify-evidence", proof, "--key", own), 8, "trust.evidence_invalid")
        damaged = bytearray(proof.read_bytes())
        damaged[len(damaged) // 2] ^= 1
        proof.write_bytes(damaged)
        self.assert_fails(gamma.i2("ct", "verify-evidence", proof, *keys), 8, "trust.evidence_invalid")
        # It stays convicted.
        beta.stop()
        beta.start()
        self.assertEqual(len(beta.ok("ct", "evidence")["evidence"]), 1)

    def test_a_log_that_grew_out_of_another_tree_is_convicted(self):
        alpha, beta = self.pair()
        before = self.wait_cosigned(alpha, 1)["entries"]
        alpha.stop()
        copy = self.node("copy")
        shutil.copytree(alpha.data, copy.data)
        alpha.start()
        # A proof from a power of two does not have the root of the smaller tree: the log has to say it.
        size = before
        while size == before or size & (size - 1):
            self.issue(alpha, f"web{size}")
            size = self.wait_cosigned(alpha, 1)["entries"]
        beta.stop()
        alpha.stop()
        copy.start(port=alpha.port)
        for number in range(size - before + 2):
            self.issue(copy, f"other{number}")
        beta.start()
        wait_for(lambda: beta.events("log_split_view"), "beta to notice", PATIENCE)
        found = beta.ok("ct", "evidence")["evidence"][0]
        self.assertEqual(found["first_size"], size)
        self.assertGreater(found["second_size"], size)
        self.assertEqual(beta.ok("ct", "status")["witness"]["cosigned"]["size"], size)


if __name__ == "__main__":
    unittest.main()
