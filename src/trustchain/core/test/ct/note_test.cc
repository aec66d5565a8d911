#include <gtest/gtest.h>
#include <i2/trustchain/core/ct/checkpoint.h>
#include <i2/trustchain/core/ct/note_key.h>
#include <i2/trustchain/core/hybrid.h>
#include <i2/wire/text.h>

#include "entries.h"

namespace i2::trustchain::ct {
namespace {

using crypto::SignatureAlgorithm;
using testing::kNow;
using testing::kOrigin;

// The example of C2SP signed-note, "Verifier keys".
constexpr std::string_view kExampleKey =
    "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k";
constexpr std::string_view kExampleNote =
    "This is an example message.\n"
    "\n"
    "\xe2\x80\x94 example.com/foo "
    "Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM="
    "\n";

// The example of C2SP tlog-cosignature: a checkpoint, a line of its log and one of a witness.
constexpr std::string_view kExampleCheckpoint =
    "example.com/behind-the-sofa\n"
    "20852163\n"
    "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"
    "\n"
    "\xe2\x80\x94 example.com/behind-the-sofa "
    "Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=\n"
    "\xe2\x80\x94 witness.example.com/w1 "
    "jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dlrDJsX3b2oyin1nPZqhf5nNo0xUe+"
    "mbIUBkBIfZ+qnA==\n";

std::string code_of(const auto& result) {
  return result ? "good" : result.error().code();
}

TEST(Note, ExampleOfTheSpecification) {
  const NoteKey key = NoteKey::parse(kExampleKey).value();
  EXPECT_EQ(key.name(), "example.com/foo");
  EXPECT_EQ(key.type(), NoteKeyType::kEd25519);
  EXPECT_EQ(key.id(), 0x530d903aU);
  EXPECT_EQ(key.vkey(), kExampleKey);
  Note note = parse_note(kExampleNote).value();
  EXPECT_EQ(note.text, "This is an example message.\n");
  EXPECT_EQ(encode(note), kExampleNote);
  EXPECT_EQ(verify_note(note, {&key, 1}).value(), (std::vector<Signer>{{.key = 0, .time = 0}}));
  note.text[0] = 't';
  EXPECT_EQ(code_of(verify_note(note, {&key, 1})), "trust.note_signature");
}

TEST(Note, ExampleCheckpoint) {
  const SignedCheckpoint example = parse_signed_checkpoint(kExampleCheckpoint).value();
  EXPECT_EQ(example.checkpoint.origin, "example.com/behind-the-sofa");
  EXPECT_EQ(example.checkpoint.head.size, 20'852'163U);
  EXPECT_EQ(to_hex(example.checkpoint.head.root),
            "0ac5186a91863e8e1d90c808014aa89bf5da8e3ee1d9f07630f0378f68f1ab62");
  EXPECT_EQ(note_text(example.checkpoint), example.note.text);
  EXPECT_EQ(encode(example.note), kExampleCheckpoint);
  ASSERT_EQ(example.note.signatures.size(), 2U);
  const NoteSignature& witness = example.note.signatures[1];
  EXPECT_EQ(witness.name, "witness.example.com/w1");
  EXPECT_EQ(witness.key_id, 0x8d66cf3fU);
  // timestamped_signature: 8 bytes of time, 64 of Ed25519.
  ASSERT_EQ(witness.signature.size(), 72U);
  EXPECT_EQ(wire::Reader(witness.signature).u64(), 1'679'315'147U);
}

TEST(Note, TheLastEmptyLineSeparates) {
  const Note note{.text = "a\n\n\nb\n",
                  .signatures = {{.name = "n", .key_id = 1, .signature = {2}}}};
  EXPECT_EQ(encode(note), "a\n\n\nb\n\n\xe2\x80\x94 n AAAAAQI=\n");
  EXPECT_EQ(parse_note(encode(note)).value(), note);
}

TEST(Note, MalformedOnes) {
  const std::string line = "\xe2\x80\x94 n AAAAAQI=\n";
  EXPECT_TRUE(parse_note("a\n\n" + line));
  for (const std::string& bad :
       std::vector<std::string>{"",
                                "\n",
                                "a\n",
                                "a\n\n",
                                line,
                                "\n" + line,
                                "a\n" + line,
                                "a\n\n" + line.substr(0, line.size() - 1),
                                "a\n\n" + line + "\n",
                                "a\n\n" + line + "b\n",
                                "a\n\n- n AAAAAQI=\n",
                                "a\n\n\xe2\x80\x94 n\n",
                                "a\n\n\xe2\x80\x94 n \n",
                                "a\n\n\xe2\x80\x94  AAAAAQI=\n",
                                "a\n\n\xe2\x80\x94 n+m AAAAAQI=\n",
                                "a\n\n\xe2\x80\x94 n AAAAAQ==\n",
                                "a\n\n\xe2\x80\x94 n AAAAAQI\n",
                                "a\n\n\xe2\x80\x94 n AAAAAQJ=\n",
                                "a\n\n\xe2\x80\x94 n AAAAAQI= \n",
                                "a\n\n\xe2\x80\x94 n\xc2\xa0m AAAAAQI=\n",
                                "a\tb\n\n" + line,
                                "a\r\n\n" + line,
                                "\xff\n\n" + line,
                                std::string("a\0\n\n", 4) + line,
                                std::string(kNoteSizeMax, 'a') + "\n\n" + line}) {
    EXPECT_EQ(code_of(parse_note(bad)), "trust.note_invalid") << bad.substr(0, 80);
  }
  std::string many = "a\n\n";
  for (std::size_t i = 0; i < kNoteSignaturesMax; ++i) {
    many += line;
  }
  EXPECT_TRUE(parse_note(many));
  EXPECT_FALSE(parse_note(many + line));
}

TEST(Note, SixteenPostQuantumSignaturesFit) {
  Note note{.text = "a\n", .signatures = {}};
  for (std::uint32_t i = 0; i < 16; ++i) {
    note.signatures.push_back(
        {.name = std::string(255, 'n'), .key_id = i, .signature = Bytes(5000)});
  }
  EXPECT_EQ(parse_note(encode(note)).value(), note);
}

TEST(Checkpoint, BothWays) {
  Checkpoint checkpoint{.origin = "a log with spaces", .head = {}, .extensions = {"one", "two"}};
  EXPECT_EQ(note_text(checkpoint),
            "a log with spaces\n0\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\none\ntwo\n");
  EXPECT_EQ(parse_checkpoint(note_text(checkpoint)).value(), checkpoint);
  const std::string root = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n";
  for (const std::string& bad : std::vector<std::string>{
           "", "a\n", "a\n0\n", "\n0\n" + root, "a\n00\n" + root, "a\n01\n" + root,
           "a\n-1\n" + root, "a\n\n" + root, "a\n18446744073709551616\n" + root,
           "a\n0\n" + root + "\n", "a\n0\n" + root + "x\n\n", "a\n0\n" + root + "x",
           "a\n0\n" + root.substr(1), "a\n0\n" + root.substr(0, root.size() - 1), "a\n0\n!" + root,
           std::string(kOriginSizeMax + 1, 'a') + "\n0\n" + root,
           "a\n0\n" + root + std::string(kCheckpointSizeMax, 'x') + "\n", "a\r\n0\n" + root}) {
    EXPECT_EQ(code_of(parse_checkpoint(bad)), "trust.checkpoint_invalid") << bad.substr(0, 80);
  }
  EXPECT_EQ(parse_checkpoint("a\n18446744073709551615\n" + root).value().head.size, UINT64_MAX);
}

struct Kind {
  NoteKeyType type;
  SignatureAlgorithm algorithm;
};
constexpr Kind kKinds[] = {
    {NoteKeyType::kEd25519, SignatureAlgorithm::kEd25519},
    {NoteKeyType::kEd25519Cosignature, SignatureAlgorithm::kEd25519},
    {NoteKeyType::kTreeHead, SignatureAlgorithm::kEcdsaP256},
    {NoteKeyType::kMlDsa44Cosignature, SignatureAlgorithm::kMlDsa44},
    {NoteKeyType::kFalconCosignature, SignatureAlgorithm::kFalcon1024},
};

const Checkpoint& three_entries() {
  static const Checkpoint checkpoint{.origin = std::string(kOrigin),
                                     .head = {.size = 3, .root = crypto::sha256(as_bytes("root"))},
                                     .extensions = {}};
  return checkpoint;
}

class EveryNoteKey : public ::testing::TestWithParam<Kind> {
 protected:
  NoteSigner signer_ = NoteSigner::make(std::string(kOrigin), GetParam().type,
                                        crypto::PrivateKey::generate(GetParam().algorithm).value())
                           .value();
};

TEST_P(EveryNoteKey, SignsWhatItsSpecificationSays) {
  const std::string text = note_text(three_entries());
  const NoteSignature line = signer_.sign(text, kNow + 999).value();
  EXPECT_EQ(line.name, kOrigin);
  const crypto::PublicKey& key = signer_.key().key();
  wire::Reader r(line.signature);
  const auto message = [&](std::initializer_list<ByteView> parts) {
    Bytes out;
    for (const ByteView part : parts) {
      append(out, part);
    }
    return out;
  };
  const Bytes seconds = wire::from_hex("00000000691fed20").value();
  ASSERT_EQ(wire::Reader(seconds).u64(), kNow / 1000);
  const Bytes cosigned =
      message({as_bytes(std::string_view("subtree/v1\n\0\x12", 13)), as_bytes(kOrigin), seconds,
               as_bytes("\x12"), as_bytes(kOrigin), Bytes(8),
               wire::from_hex("0000000000000003").value(), three_entries().head.root});
  switch (GetParam().type) {
    case NoteKeyType::kEd25519:
      EXPECT_TRUE(key.verify(as_bytes(text), line.signature));
      break;
    case NoteKeyType::kEd25519Cosignature:
      EXPECT_EQ(r.u64(), kNow / 1000);
      EXPECT_TRUE(key.verify(as_bytes("cosignature/v1\ntime 1763700000\n" + text), r.rest()));
      break;
    case NoteKeyType::kTreeHead:
      EXPECT_EQ(r.u64(), kNow + 999);
      EXPECT_EQ(r.u16(), 0x0403);  // sha256, ecdsa
      EXPECT_EQ(line.signature.size(), 8U + 4U + r.u16());
      EXPECT_TRUE(key.verify(tree_head_signed_part(three_entries().head, kNow + 999), r.rest()));
      break;
    case NoteKeyType::kMlDsa44Cosignature:
      EXPECT_EQ(r.u64(), kNow / 1000);
      EXPECT_EQ(r.rest().size(), 2420U);
      EXPECT_TRUE(key.verify(cosigned, r.rest()));
      break;
    case NoteKeyType::kFalconCosignature:
      EXPECT_EQ(r.u64(), kNow / 1000);
      EXPECT_TRUE(key.verify(message({as_bytes("i2/cosignature/v1"), cosigned}), r.rest()));
      break;
  }
}

TEST_P(EveryNoteKey, HasTheIdOfItsSpecification) {
  const crypto::PublicKey& key = signer_.key().key();
  Bytes bytes = to_bytes(as_bytes(std::string(kOrigin) + "\n"));
  bytes.push_back(static_cast<std::uint8_t>(GetParam().type));
  if (GetParam().type == NoteKeyType::kFalconCosignature) {
    append(bytes, as_bytes("i2/falcon1024-cosignature/v1"));
  }
  append(bytes,
         GetParam().type == NoteKeyType::kTreeHead ? to_bytes(key.spki_sha256()) : key.raw());
  const Hash256 hash = crypto::sha256(bytes);
  EXPECT_EQ(signer_.key().id(), wire::Reader(hash).u32());
  const NoteKey parsed = NoteKey::parse(signer_.key().vkey()).value();
  EXPECT_EQ(parsed.id(), signer_.key().id());
  EXPECT_EQ(parsed.name(), kOrigin);
  EXPECT_EQ(parsed.key().spki(), key.spki());
}

TEST_P(EveryNoteKey, NothingElseVerifies) {
  const NoteKey& key = signer_.key();
  const std::string text = note_text(three_entries());
  const NoteSignature line = signer_.sign(text, kNow).value();
  const UnixMillis time = key.type() == NoteKeyType::kEd25519 ? 0 : kNow;
  EXPECT_EQ(key.verify(text, line).value(), time);
  Checkpoint other = three_entries();
  ++other.head.size;
  EXPECT_EQ(code_of(key.verify(note_text(other), line)), "trust.note_signature");
  other = three_entries();
  other.head.root[0] ^= 1;
  EXPECT_EQ(code_of(key.verify(note_text(other), line)), "trust.note_signature");
  other = three_entries();
  other.origin += "x";
  EXPECT_EQ(code_of(key.verify(note_text(other), line)), "trust.note_signature");
  for (std::size_t i = 0; i < line.signature.size(); i += 1 + i / 8) {
    NoteSignature altered = line;
    altered.signature[i] ^= 1;
    EXPECT_EQ(code_of(key.verify(text, altered)), "trust.note_signature") << i;
    altered.signature.resize(i);
    EXPECT_EQ(code_of(key.verify(text, altered)), "trust.note_signature") << i;
  }
  NoteSignature longer = line;
  longer.signature.push_back(0);
  EXPECT_EQ(code_of(key.verify(text, longer)), "trust.note_signature");
  NoteSignature renamed = line;
  renamed.name += "x";
  EXPECT_EQ(code_of(key.verify(text, renamed)), "trust.note_signature");
}

INSTANTIATE_TEST_SUITE_P(All, EveryNoteKey, ::testing::ValuesIn(kKinds));

TEST(NoteKey, OnlyTreeHeadsBindTheOriginAndHaveNoExtensions) {
  Checkpoint checkpoint = three_entries();
  checkpoint.extensions = {"x"};
  const NoteSigner log = testing::log_signer();
  EXPECT_EQ(code_of(log.sign(note_text(checkpoint), kNow)), "trust.checkpoint_invalid");
  checkpoint = three_entries();
  checkpoint.origin = "other.example";
  EXPECT_EQ(code_of(log.sign(note_text(checkpoint), kNow)), "trust.checkpoint_invalid");
  EXPECT_EQ(code_of(log.sign("no checkpoint\n", kNow)), "trust.checkpoint_invalid");
}

TEST(NoteKey, WrongOnes) {
  const auto key = crypto::PrivateKey::generate(SignatureAlgorithm::kEd25519).value().public_key();
  for (const char* name : {"", "a b", "a+b", "a\nb", "a\xe2\x80\xa9z", "\xff"}) {
    EXPECT_EQ(code_of(NoteKey::make(name, NoteKeyType::kEd25519, key)), "trust.note_key") << name;
  }
  EXPECT_EQ(code_of(NoteKey::make(std::string(256, 'a'), NoteKeyType::kEd25519, key)),
            "trust.note_key");
  EXPECT_EQ(code_of(NoteKey::make("a", NoteKeyType::kTreeHead, key)), "trust.note_key");
  EXPECT_EQ(code_of(NoteKey::make("a", static_cast<NoteKeyType>(2), key)), "trust.note_key");
  EXPECT_EQ(code_of(NoteKey::make("a", NoteKeyType::kEd25519, {})), "trust.note_key");
  const std::string good(kExampleKey);
  for (const std::string& bad :
       std::vector<std::string>{"", "+", "++", good.substr(0, 24), good + "A", "x" + good,
                                good.substr(0, 16) + "00000000" + good.substr(24),
                                "example.com/foo+530d903a+", "example.com/foo+530d903a+/w==",
                                "example.com/foo+530d903a+Ag==", "example.com/foo+530d903a+BQ=="}) {
    EXPECT_FALSE(NoteKey::parse(bad)) << bad;
  }
}

TEST(VerifyNote, KnownAndUnknownKeys) {
  const auto make = [](std::string name) {
    return NoteSigner::make(std::move(name), NoteKeyType::kEd25519Cosignature,
                            crypto::PrivateKey::generate(SignatureAlgorithm::kEd25519).value())
        .value();
  };
  const NoteSigner a = make("a");
  const NoteSigner b = make("b");
  const NoteSigner stranger = make("a");  // the name, but another key
  const std::vector<NoteKey> keys{a.key(), b.key()};
  const NoteSigner signers[] = {stranger, b, a, b};
  Note note = testing::sign(three_entries(), signers).note;
  EXPECT_EQ(verify_note(note, keys).value(),
            (std::vector<Signer>{{.key = 1, .time = kNow}, {.key = 0, .time = kNow}}));
  EXPECT_EQ(code_of(verify_note(note, {})), "trust.note_unsigned");
  note.signatures.resize(1);
  EXPECT_EQ(code_of(verify_note(note, keys)), "trust.note_unsigned");
  // A line that claims to be of a known key: one good line beside it does not save the note.
  note = testing::sign(three_entries(), {&a, 1}).note;
  note.signatures.push_back(note.signatures[0]);
  note.signatures[1].signature.back() ^= 1;
  EXPECT_EQ(code_of(verify_note(note, keys)), "trust.note_signature");
}

}  // namespace
}  // namespace i2::trustchain::ct
