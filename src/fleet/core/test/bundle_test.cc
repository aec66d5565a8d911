#include <gtest/gtest.h>
#include <i2/crypto/hash.h>

#include <algorithm>
#include <set>

#include "fleet.h"

namespace i2::fleet {
namespace {

using testing::code;
using testing::Fleet;
using testing::kNow;
using testing::Node;

Fleet& home() {
  static Fleet fleet("home", 1);
  return fleet;
}
const Node& beta() {
  static const Node node = home().make_node("beta");
  return node;
}
const Bundle& bundle() {
  static const Bundle made = home().bundle(beta(), home().admit(beta()));
  return made;
}
const Bytes& file() {
  static const Bytes made = to_bytes(encode_bundle(bundle(), home().operator_1).value().view());
  return made;
}

// Makes the checksum right again, as somebody would who alters a bundle on purpose.
Bytes repaired(Bytes altered) {
  const ByteView body = ByteView(altered).first(altered.size() - 32);
  std::ranges::copy(crypto::sha256(body), altered.end() - 32);
  return altered;
}

TEST(Bundle, SurvivesItsFile) {
  EXPECT_EQ(as_text(ByteView(file()).first(8)), "I2BUNDLE");
  const auto decoded = decode_bundle(file());
  ASSERT_TRUE(decoded) << decoded.error().to_string();
  EXPECT_EQ(decoded->created, kNow);
  EXPECT_EQ(decoded->node_id, beta().info.node_id);
  EXPECT_EQ(chain_id(decoded->genesis), chain_id(home().genesis));
  EXPECT_EQ(decoded->identity.public_key(), beta().info.identity);
  EXPECT_EQ(decoded->leaf.der(), bundle().leaf.der());
  EXPECT_TRUE(equal(decoded->leaf_key.pkcs8().view(), bundle().leaf_key.pkcs8().view()));
  EXPECT_EQ(decoded->binding, bundle().binding);
  EXPECT_EQ(decoded->peers, bundle().peers);
  ASSERT_EQ(decoded->members.size(), 1u);
  EXPECT_EQ(decoded->members[0].info, beta().info);
  EXPECT_EQ(decoded->anchors.size(), 1u);
}

TEST(Bundle, EveryAlteredByteIsRefused) {
  const std::set<std::string> reasons{"fleet.bundle_malformed", "fleet.bundle_version",
                                      "fleet.bundle_truncated", "fleet.bundle_altered"};
  std::set<std::string> seen;
  for (std::size_t i = 0; i < file().size(); ++i) {
    Bytes altered = file();
    altered[i] ^= static_cast<std::uint8_t>(1u << (i % 8));
    const std::string result = code(decode_bundle(altered));
    ASSERT_TRUE(reasons.contains(result)) << "byte " << i << ": " << result;
    if (i >= 46) {
      ASSERT_EQ(result, "fleet.bundle_altered") << "byte " << i;
    }
    seen.insert(result);
  }
  EXPECT_EQ(seen, reasons);
}

TEST(Bundle, AnAlterationWithACorrectChecksumIsRefused) {
  const std::set<std::string> reasons{"fleet.bundle_malformed", "fleet.bundle_foreign",
                                      "fleet.bundle_signature"};
  std::set<std::string> seen;
  for (std::size_t i = 10; i < file().size() - 32; i += 97) {
    if (i >= 42 && i < 46) {
      continue;  // the length: covered above
    }
    Bytes altered = file();
    altered[i] ^= 0x10;
    const std::string result = code(decode_bundle(repaired(altered)));
    ASSERT_TRUE(reasons.contains(result)) << "byte " << i << ": " << result;
    seen.insert(result);
  }
  EXPECT_EQ(seen, reasons);
}

TEST(Bundle, ATruncatedFileIsRefused) {
  for (const std::size_t size :
       {std::size_t{0}, std::size_t{5}, std::size_t{8}, std::size_t{9}, std::size_t{45},
        std::size_t{46}, file().size() / 2, file().size() - 1}) {
    EXPECT_EQ(code(decode_bundle(ByteView(file()).first(size))), "fleet.bundle_truncated") << size;
  }
  Bytes longer = file();
  longer.push_back(0);
  EXPECT_EQ(code(decode_bundle(longer)), "fleet.bundle_altered");
  EXPECT_EQ(code(decode_bundle(as_bytes("-----BEGIN PRIVATE KEY-----"))), "fleet.bundle_malformed");
}

TEST(Bundle, ANewerFormatIsNamed) {
  Bytes newer = file();
  newer[9] = 2;
  EXPECT_EQ(code(decode_bundle(newer)), "fleet.bundle_version");
}

TEST(Bundle, OnlyAnOperatorOfItsFleetSigns) {
  const auto by = [](const trustchain::HybridKey& key) {
    return code(decode_bundle(encode_bundle(bundle(), key).value().view()));
  };
  EXPECT_EQ(by(home().operator_2), "ok");
  EXPECT_EQ(by(home().root), "fleet.bundle_signature");
  EXPECT_EQ(by(beta().identity), "fleet.bundle_signature");
}

TEST(Bundle, AnotherFleetIsRefusedWhereOneIsExpected) {
  EXPECT_EQ(code(decode_bundle(file(), chain_id(home().genesis))), "ok");
  ChainId other;
  other.bytes.fill(3);
  EXPECT_EQ(code(decode_bundle(file(), other)), "fleet.bundle_foreign");
  // The chain id of the header is not that of the genesis inside.
  Bytes altered = file();
  altered[10] ^= 1;
  EXPECT_EQ(code(decode_bundle(repaired(altered))), "fleet.bundle_foreign");
}

TEST(Bundle, RecordsOfAnotherFleetAreRefusedEvenIfAnOperatorSigns) {
  Fleet other("other", 1);
  Bundle mixed = bundle();
  mixed.anchors.push_back(other.anchor);
  const auto verdict = [](const Bundle& candidate) {
    return code(decode_bundle(encode_bundle(candidate, home().operator_1).value().view()));
  };
  EXPECT_EQ(verdict(mixed), "fleet.bundle_foreign");
  mixed = bundle();
  mixed.members.push_back(other.admit(other.make_node("gamma")));
  EXPECT_EQ(verdict(mixed), "fleet.bundle_foreign");
}

TEST(Bundle, ItsPartsMustBelongTogether) {
  const auto verdict = [](auto change) {
    Bundle candidate = bundle();
    change(candidate);
    return code(decode_bundle(encode_bundle(candidate, home().operator_1).value().view()));
  };
  const std::string malformed = "fleet.bundle_malformed";
  EXPECT_EQ(verdict([](Bundle&) {}), "ok");
  EXPECT_EQ(verdict([](Bundle& b) { b.identity = home().alpha.identity; }), malformed);
  EXPECT_EQ(verdict([](Bundle& b) { b.node_id = home().alpha.info.node_id; }), malformed);
  EXPECT_EQ(verdict([](Bundle& b) { b.node_id = {}; }), malformed);
  EXPECT_EQ(verdict([](Bundle& b) { b.members.clear(); }), malformed);
  EXPECT_EQ(verdict([](Bundle& b) { b.leaf_key = home().anchor_key; }), malformed);
  EXPECT_EQ(verdict([](Bundle& b) { b.leaf = home().anchor.certificate; }), malformed);
  EXPECT_EQ(verdict([](Bundle& b) { b.anchors.clear(); }), malformed);
  EXPECT_EQ(verdict([](Bundle& b) { b.binding.clear(); }), malformed);
  EXPECT_EQ(verdict([](Bundle& b) { b.binding[40] ^= 1; }), malformed);
  EXPECT_EQ(verdict([](Bundle& b) { b.peers[0].port = 0; }), malformed);
}

}  // namespace
}  // namespace i2::fleet
