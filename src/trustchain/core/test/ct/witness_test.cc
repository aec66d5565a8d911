#include <gtest/gtest.h>
#include <i2/trustchain/core/ct/tile_tree.h>
#include <i2/trustchain/core/ct/tlog_proof.h>
#include <i2/trustchain/core/ct/witness.h>

#include <format>

#include "entries.h"
#include "naive_tree.h"

namespace i2::trustchain::ct {
namespace {

using crypto::SignatureAlgorithm;
using testing::kNow;
using testing::kOrigin;
using testing::make_leaves;
using testing::mth;
using testing::subproof;

// The example of C2SP tlog-witness.
constexpr std::string_view kExampleRequest =
    "old 20852014\n"
    "PlRNCrwHpqhGrupue0L7gxbjbMiKA9temvuZZDDpkaw=\n"
    "jrJZDmY8Y7SyJE0MWLpLozkIVMSMZcD5kvuKxPC3swk=\n"
    "5+pKlUdi2LeF/BcMHBn+Ku6yhPGNCswZZD1X/6QgPd8=\n"
    "/6WVhPs2CwSsb5rYBH5cjHV/wSmA79abXAwhXw3Kj/0=\n"
    "\n"
    "example.com/behind-the-sofa\n"
    "20852163\n"
    "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"
    "\n"
    "\xe2\x80\x94 example.com/behind-the-sofa "
    "Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=\n"
    "\xe2\x80\x94 example.com/behind-the-sofa "
    "opLqBQsREYCgu6xQkYQwJr9fo45a62DN9EdmHXnZdXNqlcVGlCum2Wks+49/"
    "V6267UEjw6QUXTS5Rovnzv++qbSzm9Q=\n";

TEST(AddCheckpoint, ExampleOfTheSpecification) {
  const AddCheckpoint request = parse_add_checkpoint(kExampleRequest).value();
  EXPECT_EQ(request.old_size, 20'852'014U);
  ASSERT_EQ(request.proof.size(), 4U);
  EXPECT_EQ(to_hex(request.proof[0]),
            "3e544d0abc07a6a846aeea6e7b42fb8316e36cc88a03db5e9afb996430e991ac");
  EXPECT_EQ(request.checkpoint.checkpoint.head.size, 20'852'163U);
  EXPECT_EQ(encode(request), kExampleRequest);
}

TEST(AddCheckpoint, MalformedOnes) {
  const std::string good(kExampleRequest);
  const std::string tail = good.substr(good.find("\n\n"));
  const std::string hash = "PlRNCrwHpqhGrupue0L7gxbjbMiKA9temvuZZDDpkaw=\n";
  std::string many;
  for (std::size_t i = 0; i < kProofHashesMax; ++i) {
    many += hash;
  }
  EXPECT_TRUE(parse_add_checkpoint("old 0" + tail));
  EXPECT_TRUE(parse_add_checkpoint("old 1\n" + many + tail.substr(1)));
  for (const std::string& bad : std::vector<std::string>{
           "", "old 1", "old 1\n", "old 1\n\n", "old" + tail, "old " + tail, "old 01" + tail,
           "old -1" + tail, "old  1" + tail, "old 1 " + tail, "new 1" + tail,
           "old 18446744073709551616" + tail,
           std::format("old 1\n{}{}{}", many, hash, tail.substr(1)), "old 1\nAAAA" + tail,
           "old 1\n" + good, "old 1\n" + tail, good.substr(0, good.size() - 1),
           good.substr(0, good.rfind("\n\n") + 1)}) {
    const auto request = parse_add_checkpoint(bad);
    ASSERT_FALSE(request) << bad.substr(0, 60);
    EXPECT_EQ(request.error().code(), "trust.witness_request");
  }
}

// A log of thirty entries, and one with the same key where entry `changed` is another.
struct TwoFaces {
  explicit TwoFaces(std::size_t changed = 99) : leaves(make_leaves(30)) {
    if (changed < leaves.size()) {
      leaves[changed][0] ^= 1;
    }
  }
  [[nodiscard]] SignedCheckpoint head(std::size_t size) const {
    const NoteSigner signer = testing::log_signer();
    return testing::sign({.origin = std::string(kOrigin),
                          .head = {.size = size, .root = mth(testing::Leaves(leaves).first(size))},
                          .extensions = {}},
                         {&signer, 1});
  }
  [[nodiscard]] AddCheckpoint request(std::size_t old_size, std::size_t size) const {
    const testing::Leaves d(leaves);
    return {.old_size = old_size,
            .proof = old_size == 0 ? Proof() : subproof(old_size, d.first(size), true),
            .checkpoint = head(size)};
  }
  std::vector<Hash256> leaves;
};

WitnessedLog witnessed(std::optional<SignedCheckpoint> last) {
  return {.keys = {testing::log_signer().key()}, .last = std::move(last)};
}

TEST(Witness, FollowsALog) {
  const TwoFaces log;
  const NoteSigner signers[] = {
      NoteSigner::make("w.example", NoteKeyType::kMlDsa44Cosignature,
                       crypto::PrivateKey::generate(SignatureAlgorithm::kMlDsa44).value())
          .value(),
      NoteSigner::make("w.example", NoteKeyType::kEd25519Cosignature,
                       crypto::PrivateKey::generate(SignatureAlgorithm::kEd25519).value())
          .value()};
  const std::vector<NoteKey> keys{testing::log_signer().key(), signers[0].key(), signers[1].key()};
  WitnessedLog state = witnessed(std::nullopt);
  for (const auto& [from, to] :
       {std::pair<std::size_t, std::size_t>{0, 0}, {0, 7}, {7, 7}, {7, 8}, {8, 30}}) {
    AddCheckpoint request = log.request(from, to);
    // Lines of strangers are not kept.
    request.checkpoint.note.signatures.push_back({.name = "x", .key_id = 1, .signature = {1}});
    const WitnessDecision decision = judge(request, &state);
    ASSERT_EQ(decision.answer, WitnessAnswer::kCosign) << from << " " << to;
    EXPECT_EQ(decision.size, from);
    const Cosigned cosigned = cosign(request, state, signers, kNow).value();
    EXPECT_EQ(cosigned.last.checkpoint.head.size, to);
    EXPECT_EQ(cosigned.last.note.signatures.size(), 3U);
    EXPECT_EQ(verify_note(cosigned.last.note, keys).value().size(), 3U);
    // The answer completes the checkpoint that was sent.
    const Note merged = parse_note(encode(log.head(to).note) + cosigned.lines).value();
    EXPECT_EQ(verify_note(merged, keys).value().size(), 3U);
    state.last = cosigned.last;
  }
}

TEST(Witness, RefusesByTheRules) {
  const TwoFaces log;
  const WitnessedLog at7 = witnessed(log.head(7));
  const auto answer = [](const AddCheckpoint& request, const WitnessedLog* state) {
    const WitnessDecision decision = judge(request, state);
    EXPECT_FALSE(decision.evidence);
    return decision;
  };
  EXPECT_EQ(answer(log.request(7, 9), nullptr).answer, WitnessAnswer::kUnknownOrigin);
  AddCheckpoint request = log.request(7, 9);
  request.checkpoint.note.signatures[0].signature[20] ^= 1;
  EXPECT_EQ(answer(request, &at7).answer, WitnessAnswer::kNotSigned);
  request.checkpoint.note.signatures[0].key_id ^= 1;
  EXPECT_EQ(answer(request, &at7).answer, WitnessAnswer::kNotSigned);
  request = log.request(7, 9);
  request.old_size = 10;
  EXPECT_EQ(answer(request, &at7).answer, WitnessAnswer::kSizes);
  const WitnessDecision conflict = answer(log.request(6, 9), &at7);
  EXPECT_EQ(conflict.answer, WitnessAnswer::kConflict);
  EXPECT_EQ(conflict.size, 7U);
  EXPECT_EQ(answer(log.request(0, 9), &at7).answer, WitnessAnswer::kConflict);
  EXPECT_EQ(answer(log.request(3, 5), &at7).answer, WitnessAnswer::kConflict);
  request = log.request(7, 9);
  request.proof.pop_back();
  EXPECT_EQ(answer(request, &at7).answer, WitnessAnswer::kInconsistent);
  request = log.request(7, 9);
  request.proof[1][0] ^= 1;  // leads to a root that the log did not sign
  EXPECT_EQ(answer(request, &at7).answer, WitnessAnswer::kInconsistent);
  const WitnessedLog fresh = witnessed(std::nullopt);
  request = log.request(0, 9);
  request.proof.push_back({});
  EXPECT_EQ(answer(request, &fresh).answer, WitnessAnswer::kInconsistent);
  // A head of size 0 has the root of the empty tree.
  const NoteSigner signer = testing::log_signer();
  request = {
      .old_size = 0,
      .proof = {},
      .checkpoint = testing::sign(
          {.origin = std::string(kOrigin), .head = {.size = 0, .root = {}}, .extensions = {}},
          {&signer, 1})};
  EXPECT_EQ(answer(request, &fresh).answer, WitnessAnswer::kInconsistent);
}

void expect_convicts(const std::optional<SplitView>& evidence) {
  ASSERT_TRUE(evidence);
  const NoteKey key = testing::log_signer().key();
  EXPECT_TRUE(verify_split_view(*evidence, key));
  const Bytes encoding = encode(*evidence);
  EXPECT_EQ(decode_split_view(encoding).value(), *evidence);
  for (std::size_t i = 0; i < encoding.size(); ++i) {
    Bytes altered = encoding;
    altered[i] ^= 0x01;
    const auto decoded = decode_split_view(altered);
    EXPECT_FALSE(decoded && verify_split_view(*decoded, key)) << i;
  }
  for (std::size_t size = 0; size < encoding.size(); ++size) {
    EXPECT_EQ(decode_split_view(ByteView(encoding).first(size)).error().code(),
              "trust.evidence_invalid");
  }
  const auto other = crypto::PrivateKey::generate(SignatureAlgorithm::kEcdsaP256).value();
  EXPECT_EQ(verify_split_view(*evidence, testing::log_signer(other).key()).error().code(),
            "trust.evidence_invalid");
}

TEST(SplitView, TwoHeadsOfOneSize) {
  const WitnessedLog state = witnessed(TwoFaces().head(12));
  const TwoFaces liar(3);
  WitnessDecision decision = judge(liar.request(12, 12), &state);
  EXPECT_EQ(decision.answer, WitnessAnswer::kInconsistent);
  expect_convicts(decision.evidence);
  // Also when the request is to be refused for another reason.
  decision = judge(liar.request(4, 12), &state);
  EXPECT_EQ(decision.answer, WitnessAnswer::kConflict);
  expect_convicts(decision.evidence);
}

TEST(SplitView, InconsistentGrowth) {
  const WitnessedLog state = witnessed(TwoFaces().head(12));
  const WitnessDecision decision = judge(TwoFaces(3).request(12, 20), &state);
  EXPECT_EQ(decision.answer, WitnessAnswer::kInconsistent);
  expect_convicts(decision.evidence);
  // Grown honestly from there on.
  EXPECT_EQ(judge(TwoFaces(15).request(12, 20), &state).answer, WitnessAnswer::kCosign);
}

// docs/wire/ct-log.md: the example, whose bytes must not change.
TEST(SplitView, OfTheDocument) {
  const NoteKey key =
      NoteKey::make("log", NoteKeyType::kEd25519,
                    crypto::PrivateKey::from_ed25519_seed(Bytes(32, 7)).value().public_key())
          .value();
  EXPECT_EQ(key.vkey(), "log+d0ef8fb5+AepKbGPinFIKvvVQexMuxfmVR3auvr57kkIe6mkURtIs");
  const Bytes bytes = testing::corpus("fuzz_ct_witness/evidence");
  const SplitView evidence = decode_split_view(bytes).value();
  EXPECT_EQ(encode(evidence), bytes);
  EXPECT_TRUE(verify_split_view(evidence, key));
}

// The proof between the two says nothing about the root of a size that is a power of two: whoever
// has the tiles does.
TEST(SplitView, InconsistentGrowthFromAPowerOfTwo) {
  const TwoFaces honest;
  const TwoFaces liar(3);
  const WitnessedLog state = witnessed(honest.head(16));
  const AddCheckpoint request = liar.request(16, 20);
  const WitnessDecision decision = judge(request, &state);
  EXPECT_EQ(decision.answer, WitnessAnswer::kInconsistent);
  EXPECT_FALSE(decision.evidence);
  LogTree tree;
  testing::Store store;
  for (const Hash256& leaf : liar.leaves) {
    tree.append(leaf);
  }
  TileTree tiles(tree, store.reader());
  expect_convicts(split_view(*state.last, request.checkpoint, tiles.root(16).value(),
                             tiles.consistency_proof(16, 20).value(), state.keys));
}

TEST(SplitView, HonestLogsAreNotConvicted) {
  const TwoFaces log;
  const NoteKey key = testing::log_signer().key();
  for (std::size_t first = 0; first <= 20; ++first) {
    for (std::size_t second = first; second <= 20; ++second) {
      const AddCheckpoint request = log.request(first, second);
      EXPECT_FALSE(split_view(log.head(first), request.checkpoint,
                              log.head(first).checkpoint.head.root, request.proof, {&key, 1}));
      EXPECT_FALSE(
          split_view(log.head(first), request.checkpoint, Hash256{}, request.proof, {&key, 1}));
    }
  }
}

struct LoggedEntry {
  LoggedEntry() {
    const testing::Leaves d(log.leaves);
    const NoteSigner signers[] = {
        testing::log_signer(),
        NoteSigner::make("w1", NoteKeyType::kEd25519Cosignature,
                         crypto::PrivateKey::generate(SignatureAlgorithm::kEd25519).value())
            .value(),
        NoteSigner::make("w1", NoteKeyType::kMlDsa44Cosignature,
                         crypto::PrivateKey::generate(SignatureAlgorithm::kMlDsa44).value())
            .value(),
        NoteSigner::make("w2", NoteKeyType::kFalconCosignature,
                         crypto::PrivateKey::generate(SignatureAlgorithm::kFalcon1024).value())
            .value()};
    proof = {.extra = {1, 2, 3},
             .index = 17,
             .proof = testing::path_of(17, d),
             .checkpoint = testing::sign(log.head(30).checkpoint, signers)};
    policy = {.origin = std::string(kOrigin),
              .log_keys = {signers[0].key()},
              .witnesses = {signers[1].key(), signers[2].key(), signers[3].key()},
              .witnesses_required = 2};
  }
  [[nodiscard]] std::string verdict(const TlogProof& of) const {
    const auto result = verify_tlog_proof(of, log.leaves[17], policy);
    return result ? "good" : result.error().code();
  }
  TwoFaces log;
  TlogProof proof;
  ProofPolicy policy;
};

TEST(TlogProof, VerifiesOffline) {
  LoggedEntry logged;
  const std::string text = encode(logged.proof);
  EXPECT_TRUE(text.starts_with("c2sp.org/tlog-proof@v1\nextra AQID\nindex 17\n"));
  const TlogProof parsed = parse_tlog_proof(text).value();
  EXPECT_EQ(parsed, logged.proof);
  EXPECT_EQ(logged.verdict(parsed), "good");
  TlogProof plain = logged.proof;
  plain.extra.clear();
  EXPECT_TRUE(encode(plain).starts_with("c2sp.org/tlog-proof@v1\nindex 17\n"));
  EXPECT_EQ(parse_tlog_proof(encode(plain)).value(), plain);

  TlogProof wrong = logged.proof;
  wrong.index = 16;
  EXPECT_EQ(logged.verdict(wrong), "trust.proof_invalid");
  wrong = logged.proof;
  wrong.checkpoint.note.signatures[1].signature[20] ^= 1;
  EXPECT_EQ(logged.verdict(wrong), "trust.note_signature");
  wrong = logged.proof;
  wrong.checkpoint.note.signatures.pop_back();  // two lines of w1 are one witness
  EXPECT_EQ(logged.verdict(wrong), "trust.note_unsigned");
  logged.policy.witnesses_required = 0;
  EXPECT_EQ(logged.verdict(wrong), "good");
  wrong.checkpoint.note.signatures.erase(wrong.checkpoint.note.signatures.begin());
  EXPECT_EQ(logged.verdict(wrong), "trust.note_unsigned");
  logged.policy.origin = "other.example";
  EXPECT_EQ(logged.verdict(logged.proof), "trust.checkpoint_invalid");
}

TEST(TlogProof, MalformedOnes) {
  const LoggedEntry logged;
  const std::string good = encode(logged.proof);
  const auto with = [&](std::string_view old, std::string_view now) {
    std::string out = good;
    out.replace(out.find(old), old.size(), now);
    return out;
  };
  for (const std::string& bad : std::vector<std::string>{
           "", "c2sp.org/tlog-proof@v1\n", with("@v1", "@v2"), with("extra AQID\n", "extra \n"),
           with("extra AQID\n", "extra AQI\n"), with("extra AQID\n", "extra AQID\nextra AQID\n"),
           with("index 17\n", ""), with("index 17\n", "index 017\n"),
           with("index 17\n", "index  17\n"), with("index 17\n", "index 17\n\n\n"),
           with("\n\n", "\n"), good.substr(0, good.size() - 1), good + "\n"}) {
    const auto proof = parse_tlog_proof(bad);
    ASSERT_FALSE(proof) << bad.substr(0, 80);
    EXPECT_EQ(proof.error().code(), "trust.proof_invalid");
  }
}

}  // namespace
}  // namespace i2::trustchain::ct
