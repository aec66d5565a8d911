"""An authority that certifies whom the fleet does not know is convicted by the certificate."""

import base64
import http.client
import json
import re
import shutil
import unittest

from fleet import DEADLINE, PATIENCE, FleetTest, wait_for

# docs/wire/trust.md, "State height".
STATE_HEIGHT = (840, 113556, 1, 8000, 2554, 32562, 44255, 65228, 21576, 46208, 430335, 6886422)


def base128(number):
    out = [number & 0x7F]
    while number := number >> 7:
        out.append(number & 0x7F | 0x80)
    return bytes(reversed(out))


def leaf_of(node):
    """The certificate of a node in DER."""
    text = (node.data / "identity" / "leaf" / "leaf.pem").read_text()
    block = re.search(r"-----BEGIN CERTIFICATE-----(.*?)-----END", text, re.DOTALL)
    return base64.b64decode(block.group(1))


def stated_height(der):
    """None when there is none."""
    oid = bytes([1 * 40 + 2]) + b"".join(map(base128, STATE_HEIGHT))
    at = der.find(bytes([6, len(oid)]) + oid)
    if at < 0:
        return None
    value = der[at + 2 + len(oid):]
    assert value[0] == 4 and value[2] == 2, value[:8]
    return int.from_bytes(value[4:4 + value[3]], "big")


def fetch(node, method, path, body=None):
    connection = http.client.HTTPConnection("::1", node.http_port, timeout=DEADLINE)
    connection.request(method, path, body)
    response = connection.getresponse()
    answer = response.status, response.read().decode()
    connection.close()
    return answer


def height(node):
    return node.ask("status")["consensus"]["height"]


class Issuance(FleetTest):
    def test_leaves_state_the_height_that_authorises_them(self):
        alpha = self.founder()
        self.assertIsNone(stated_height(leaf_of(alpha)), "made before there was a state")
        alpha.start()
        self.assertLessEqual(stated_height(leaf_of(alpha)), height(alpha))
        before = height(alpha)
        beta = self.invited(alpha, "beta")
        self.assertGreater(stated_height(leaf_of(beta)), before, "not below the block that admitted it")
        self.assertLessEqual(stated_height(leaf_of(beta)), height(alpha))
        # What is made for a bundle is made before the admission, and renewed at once.
        gamma = self.member(alpha, "gamma")
        self.assertIsNone(stated_height(leaf_of(gamma)))
        gamma.start()
        wait_for(lambda: stated_height(leaf_of(gamma)) is not None, "gamma to renew")
        wait_for(lambda: "gamma" in alpha.connected(), "gamma to connect")
        self.assertEqual(alpha.ok("ct", "audit")["unauthorised"], 0)
        self.assertEqual(alpha.ok("ct", "evidence")["authorities"], [])

    def copied(self):
        """alpha and beta, and a node that a copy of alpha has admitted since."""
        alpha = self.founder().start()
        beta = self.invited(alpha, "beta").start()
        wait_for(lambda: beta.connected() == {"alpha"}, "the nodes to connect")
        self.agree([alpha, beta])
        beta.stop()
        alpha.stop()
        copy = self.node("copy")
        shutil.copytree(alpha.data, copy.data)
        copy.start(port=alpha.port)
        ghost = self.invited(copy, "ghost")
        reached = height(copy)
        copy.stop()
        alpha.start()
        beta.start()
        while height(alpha) < reached:
            alpha.ok("invite", "--address", alpha.address)
        wait_for(lambda: beta.connected() == {"alpha"}, "the nodes to connect")
        self.agree([alpha, beta])
        return alpha, beta, ghost

    def test_a_copied_authority_is_convicted_by_what_it_issued(self):
        alpha, beta, ghost = self.copied()
        stated = stated_height(leaf_of(ghost))
        self.assertLessEqual(stated, height(alpha))
        ghost.start()
        seen = wait_for(lambda: alpha.events("unauthorised_issuance"), "alpha to refuse the leaf", PATIENCE)[0]
        self.assertEqual((seen["authority"], seen["name"], seen["state_height"]), ("alpha", "ghost", stated))
        for node in (alpha, beta):
            told = wait_for(lambda n=node: n.events("authority_convicted"), f"{node.name} to hear of it", PATIENCE)
            self.assertEqual([line["authority"] for line in told], ["alpha"])
        self.assertNotIn("ghost", alpha.connected())
        ghost.stop()
        self.check_evidence(beta, stated)
        self.assertIn("CONVICTED", beta.i2("authority", "ls").out)
        self.assertIn("no state authorises", fetch(beta, "GET", "/health")[1])
        wait_for(lambda: json.loads(fetch(alpha, "GET", "/metrics")[1])["trust"]["convicted_authorities"] == 1,
                 "alpha to count it")
        # The log promises it nothing.
        chain = json.dumps({"chain": [base64.b64encode(leaf_of(ghost)).decode()]})
        code, answer = fetch(alpha, "POST", "/ct/v1/add-chain", chain)
        self.assertEqual((code, "trust.issuance_unauthorised" in answer), (403, True), answer)
        # Members go on, and it stays convicted.
        beta.stop()
        beta.start()
        wait_for(lambda: beta.connected() == {"alpha"}, "beta to be let in")
        self.assertEqual(len(beta.ok("ct", "evidence")["authorities"]), 1)
        self.assertEqual(alpha.ok("ct", "audit")["unauthorised"], 0)

    def check_evidence(self, node, stated):
        proof = self.folder / "evidence"
        found = node.ok("ct", "evidence", "--out", proof)["authorities"]
        self.assertEqual([(c["name"], c["certificate_name"], c["state_height"], c["present"]) for c in found],
                         [("alpha", "ghost", stated, True)])
        self.assertIsNotNone(found[0]["ordered"])
        listed = node.ok("authority", "ls")["authorities"]
        self.assertEqual([(a["key"], a["convicted"]) for a in listed], [(found[0]["key"], True)])
        verify = ["ct", "verify-evidence", proof, "--key"]
        verified = node.ok(*verify, found[0]["key"])
        self.assertEqual((verified["certificate_name"], verified["state_height"]), ("ghost", stated))
        self.assertEqual((verified["checked"], verified["unchecked"]), (["signature", "statement"], ["membership"]))
        self.assert_fails(node.i2(*verify, "00" * 32), 8, "trust.evidence_invalid")
        text = proof.read_text()
        at = text.index("\n-----END") - 100  # in the signature
        proof.write_text(text[:at] + ("A" if text[at] != "A" else "B") + text[at + 1:])
        self.assert_fails(node.i2(*verify, found[0]["key"]), 8, "trust.evidence_invalid")


if __name__ == "__main__":
    unittest.main()
