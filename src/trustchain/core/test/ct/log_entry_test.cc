#include <gtest/gtest.h>
#include <i2/trustchain/core/ct/log_entry.h>
#include <i2/wire/text.h>

#include "entries.h"

namespace i2::trustchain::ct {
namespace {

using testing::kNow;
using testing::log_key;
using testing::submission;

Bytes hex(std::string_view text) {
  std::string packed;
  for (const char c : text) {
    if (c != ' ') {
      packed += c;
    }
  }
  return wire::from_hex(packed).value();
}

LogEntry x509_entry() {
  return {.submission = {.type = EntryType::kX509,
                         .issuer_key_hash = {},
                         .certificate = {0xc1, 0xc2, 0xc3},
                         .precertificate = {},
                         .issuers = {crypto::sha256(as_bytes("a"))}},
          .index = 0x0123456789,
          .timestamp = 0x0000019aa4b12345};
}

LogEntry precert_entry() {
  LogEntry out = x509_entry();
  out.submission.type = EntryType::kPrecert;
  out.submission.issuer_key_hash.fill(0xee);
  out.submission.precertificate = {0xd1, 0xd2};
  return out;
}

const std::string kIssuerA = "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb";
const std::string kKeyHash(64, 'e');

TEST(LogEntry, TheBytesOfRfc6962) {
  // version, leaf type | timestamp | entry type | length, certificate | extensions
  EXPECT_EQ(merkle_tree_leaf(x509_entry()),
            hex("00 00 0000019aa4b12345 0000 000003 c1c2c3 0008 00 0005 0123456789"));
  EXPECT_EQ(merkle_tree_leaf(precert_entry()), hex("00 00 0000019aa4b12345 0001 " + kKeyHash +
                                                   " 000003 c1c2c3 0008 00 0005 0123456789"));
  EXPECT_EQ(leaf_hash(x509_entry()), leaf_hash(merkle_tree_leaf(x509_entry())));
}

TEST(LogEntry, TheBytesOfStaticCt) {
  Bytes tile;
  append_tile_leaf(tile, x509_entry());
  EXPECT_EQ(tile,
            hex("0000019aa4b12345 0000 000003 c1c2c3 0008 00 0005 0123456789 0020" + kIssuerA));
  tile.clear();
  append_tile_leaf(tile, precert_entry());
  EXPECT_EQ(tile, hex("0000019aa4b12345 0001" + kKeyHash +
                      "000003 c1c2c3 0008 00 0005 0123456789 000002 d1d2 0020" + kIssuerA));
  wire::Reader r(tile);
  EXPECT_EQ(read_tile_leaf(r), precert_entry());
  EXPECT_TRUE(r.done());
}

TEST(LogEntry, ATileLeafThatIsCutOrAlteredIsNotTheSame) {
  Bytes tile;
  append_tile_leaf(tile, precert_entry());
  for (std::size_t size = 0; size < tile.size(); ++size) {
    wire::Reader r(ByteView(tile).first(size));
    static_cast<void>(read_tile_leaf(r));
    EXPECT_FALSE(r.ok()) << size;
  }
  for (std::size_t i = 0; i < tile.size(); ++i) {
    Bytes altered = tile;
    altered[i] ^= 0x80;
    wire::Reader r(altered);
    const LogEntry entry = read_tile_leaf(r);
    EXPECT_FALSE(r.done() && entry == precert_entry()) << i;
    if (r.done()) {
      Bytes again;
      append_tile_leaf(again, entry);
      EXPECT_EQ(again, altered);
    }
  }
}

TEST(LogEntry, ADataTileHasExactlyItsEntries) {
  Bytes bytes;
  for (std::uint64_t i = 0; i < 3; ++i) {
    append_tile_leaf(bytes, {.submission = submission(i), .index = 512 + i, .timestamp = kNow});
  }
  const Tile tile{.level = kDataLevel, .index = 2, .width = 3};
  const auto entries = read_data_tile(bytes, tile).value();
  ASSERT_EQ(entries.size(), 3U);
  EXPECT_EQ(entries[2].submission, submission(2));
  EXPECT_EQ(entries[2].index, 514U);
  for (const Tile& wrong : {Tile{.level = kDataLevel, .index = 2, .width = 2},
                            Tile{.level = kDataLevel, .index = 2, .width = 4},
                            Tile{.level = kDataLevel, .index = 1, .width = 3}}) {
    EXPECT_EQ(read_data_tile(bytes, wrong).error().code(), "trust.log_entry_invalid");
  }
  bytes.push_back(0);
  EXPECT_FALSE(read_data_tile(bytes, tile));
}

TEST(LogEntry, WhatTheLogDoesNotTake) {
  const auto code = [](auto change) {
    Submission out = submission(2);
    change(out);
    const auto result = check(out);
    return result ? "good" : result.error().code();
  };
  EXPECT_EQ(code([](Submission&) {}), "good");
  EXPECT_EQ(code([](Submission& s) { s.issuers.resize(16); }), "good");
  for (const auto& change : {+[](Submission& s) { s.certificate.clear(); },
                             +[](Submission& s) { s.certificate.resize(65'536); },
                             +[](Submission& s) { s.precertificate.clear(); },
                             +[](Submission& s) { s.type = EntryType::kX509; },
                             +[](Submission& s) { s.issuers.resize(17); }}) {
    EXPECT_EQ(code(change), "trust.log_entry_invalid");
  }
}

TEST(LogEntry, DedupKeysAreOfWhatIsPromised) {
  // LogEntryType and signed_entry of RFC 6962 §3.1.
  EXPECT_EQ(dedup_key(x509_entry().submission), crypto::sha256(hex("0000 000003 c1c2c3")));
  EXPECT_EQ(dedup_key(precert_entry().submission),
            crypto::sha256(hex("0001" + kKeyHash + "000003 c1c2c3")));
  Submission other = precert_entry().submission;
  other.precertificate = {0xd1};
  other.issuers.clear();
  EXPECT_EQ(dedup_key(other), dedup_key(precert_entry().submission));
  other.issuer_key_hash[0] ^= 1;
  EXPECT_NE(dedup_key(other), dedup_key(precert_entry().submission));
}

TEST(LogEntry, ExtraDataOfGetEntries) {
  Submission s = precert_entry().submission;
  s.issuers.push_back(crypto::sha256(as_bytes("bb")));
  const IssuerReader read = [](const Hash256& fingerprint) -> Result<Bytes> {
    return to_bytes(as_bytes(to_hex(fingerprint) == kIssuerA ? "a" : "bb"));
  };
  // PrecertChainEntry: pre_certificate, precertificate_chain.
  EXPECT_EQ(extra_data(s, read).value(), hex("000002 d1d2 000009 000001 61 000002 6262"));
  s.type = EntryType::kX509;
  EXPECT_EQ(extra_data(s, read).value(), hex("000009 000001 61 000002 6262"));
  s.issuers.clear();
  EXPECT_EQ(extra_data(s, read).value(), hex("000000"));
  s.issuers.push_back(crypto::sha256(as_bytes("c")));
  EXPECT_EQ(extra_data(s, read).error().code(), "trust.issuer_damaged");
}

TEST(LeafIndex, AmongOtherExtensions) {
  EXPECT_EQ(leaf_index_extension(0), hex("00 0005 0000000000"));
  EXPECT_EQ(leaf_index_extension(kTreeSizeMax - 1), hex("00 0005 ffffffffff"));
  EXPECT_EQ(read_leaf_index(hex("07 0001 aa 00 0005 0000000102 08 0000")).value(), 0x102U);
  for (const std::string_view bad :
       {"", "07 0001 aa", "00 0004 00000001", "00 0006 000000000001", "00 0005 00000000",
        "00 0005 0000000001 00 0005 0000000001", "00 0005 0000000001 07 0000 07 0000",
        "00 0005 0000000001 07 0001", "00"}) {
    EXPECT_EQ(read_leaf_index(hex(bad)).error().code(), "trust.sct_invalid") << bad;
  }
}

TEST(Sct, PromisesOneEntryOfOneLog) {
  const LogEntry entry = precert_entry();
  const Sct sct = make_sct(entry, log_key()).value();
  EXPECT_EQ(sct.log_id, log_key().public_key().spki_sha256());
  EXPECT_EQ(sct.timestamp, entry.timestamp);
  EXPECT_EQ(read_leaf_index(sct.extensions).value(), entry.index);
  const auto& key = log_key().public_key();
  EXPECT_TRUE(verify_sct(sct, entry.submission, key));
  // The signature covers what RFC 6962 §3.2 says.
  EXPECT_TRUE(key.verify(
      hex("00 00 0000019aa4b12345 0001" + kKeyHash + "000003 c1c2c3 0008 00 0005 0123456789"),
      sct.signature));
  const auto code = [&](const Sct& s, const Submission& of, const crypto::PublicKey& by) {
    const auto result = verify_sct(s, of, by);
    return result ? "good" : result.error().code();
  };
  Sct later = sct;
  ++later.timestamp;
  EXPECT_EQ(code(later, entry.submission, key), "trust.sct_invalid");
  Sct elsewhere = sct;
  elsewhere.extensions = leaf_index_extension(1);
  EXPECT_EQ(code(elsewhere, entry.submission, key), "trust.sct_invalid");
  EXPECT_EQ(code(sct, x509_entry().submission, key), "trust.sct_invalid");
  EXPECT_EQ(code(sct, Submission{}, key), "trust.sct_invalid");
  const auto other = crypto::PrivateKey::generate(crypto::SignatureAlgorithm::kEcdsaP256).value();
  EXPECT_EQ(code(sct, entry.submission, other.public_key()), "trust.sct_invalid");
  EXPECT_EQ(code(sct, entry.submission, {}), "trust.sct_invalid");
}

TEST(Sct, Encoding) {
  Sct sct{
      .log_id = {}, .timestamp = 0x0102, .extensions = leaf_index_extension(3), .signature = {9}};
  sct.log_id.fill(0xab);
  const Bytes encoding = encode(sct);
  EXPECT_EQ(encoding, hex("00" + to_hex(sct.log_id) +
                          "0000000000000102 0008 00 0005 0000000003 0403 0001 09"));
  EXPECT_EQ(decode_sct(encoding).value(), sct);
  for (std::size_t size = 0; size < encoding.size(); ++size) {
    EXPECT_EQ(decode_sct(ByteView(encoding).first(size)).error().code(), "trust.sct_invalid");
  }
  Bytes longer = encoding;
  longer.push_back(0);
  EXPECT_FALSE(decode_sct(longer));
  for (const std::size_t at : {std::size_t{0}, encoding.size() - 5, encoding.size() - 4}) {
    Bytes altered = encoding;  // another version, hash, signature algorithm
    ++altered[at];
    EXPECT_FALSE(decode_sct(altered)) << at;
  }
}

TEST(TreeHead, SignedPart) {
  const TreeHead head{.size = 0x0a0b, .root = crypto::sha256(as_bytes("a"))};
  EXPECT_EQ(tree_head_signed_part(head, 0x0000019aa4b12345),
            hex("00 01 0000019aa4b12345 0000000000000a0b" + kIssuerA));
}

}  // namespace
}  // namespace i2::trustchain::ct
