// A witness: what it cosigns is on the disk first, and what convicts a log is kept.
//
// I2_KILL_ROUNDS: how often its process is killed (default 6). I2_KILL_SEED repeats a run.
#include "../src/log_witness.h"

#include <gtest/gtest.h>
#include <i2/trustchain/testing/temp_dir.h>
#include <i2/trustchain/testing/victim.h>

#include <format>
#include <fstream>
#include <random>

#include "ct/entries.h"
#include "ct/naive_tree.h"
#include "log_harness.h"

namespace i2::node {
namespace {

namespace ct = trustchain::ct;
using ct::WitnessAnswer;
using trustchain::testing::code;
using trustchain::testing::TempDir;

constexpr std::size_t kLeaves = 300;

ChainId fleet_chain() {
  ChainId out;
  out.bytes.fill(7);
  return out;
}

const trustchain::HybridKey& identity() {
  static const auto key = trustchain::HybridKey::generate().value();
  return key;
}

const crypto::PrivateKey& second_key() {
  static const auto key =
      crypto::PrivateKey::generate(crypto::SignatureAlgorithm::kMlDsa44).value();
  return key;
}

// A log with two keys; a forked one has another entry `changed`.
struct ForkingLog {
  explicit ForkingLog(std::size_t changed = kLeaves) : leaves(ct::testing::make_leaves(kLeaves)) {
    if (changed < leaves.size()) {
      leaves[changed][0] ^= 1;
    }
  }
  static std::vector<ct::NoteSigner> signers() {
    return {ct::testing::log_signer(),
            ct::NoteSigner::make(std::string(ct::testing::kOrigin),
                                 ct::NoteKeyType::kMlDsa44Cosignature, second_key())
                .value()};
  }
  [[nodiscard]] ct::SignedCheckpoint head(std::size_t size) const {
    const ct::testing::Leaves d(leaves);
    return ct::testing::sign({.origin = std::string(ct::testing::kOrigin),
                              .head = {.size = size, .root = ct::testing::mth(d.first(size))},
                              .extensions = {}},
                             signers());
  }
  [[nodiscard]] ct::AddCheckpoint request(std::size_t old_size, std::size_t size) const {
    const ct::testing::Leaves d(leaves);
    return {.old_size = old_size,
            .proof = old_size == 0 || old_size >= size
                         ? ct::Proof()
                         : ct::testing::subproof(old_size, d.first(size), true),
            .checkpoint = head(size)};
  }
  std::vector<Hash256> leaves;
};

KnownLog known() {
  return known_log({.origin = std::string(ct::testing::kOrigin),
                    .spki = ct::testing::log_key().public_key().spki(),
                    .cosigners = {ForkingLog::signers()[1].key().vkey()},
                    .holder = {}})
      .value();
}

class LogWitnessTest : public ::testing::Test {
 protected:
  LogWitness& open() {
    witness_.reset();
    auto opened = LogWitness::open(dir(), fleet_chain(), identity(), clock_);
    EXPECT_TRUE(opened) << opened.error().to_string();
    witness_ = *std::move(opened);
    return *witness_;
  }
  std::string open_code() {
    return code(LogWitness::open(dir(), fleet_chain(), identity(), clock_));
  }
  [[nodiscard]] std::filesystem::path dir() const { return temp_ / "witness"; }
  WitnessAnswer ask(const ct::AddCheckpoint& request) {
    const auto answer = witness_->add_checkpoint(request, &log_);
    EXPECT_TRUE(answer) << answer.error().to_string();
    EXPECT_EQ(answer->lines.empty(), answer->answer != WitnessAnswer::kCosign);
    return answer->answer;
  }
  std::uint64_t last_size() {
    const auto last = witness_->last(log_);
    return last ? last->checkpoint.head.size : 0;
  }

  const TempDir temp_;
  trustchain::testing::FixedClock clock_{ct::testing::kNow};
  const KnownLog log_ = known();
  std::unique_ptr<LogWitness> witness_;
};

TEST_F(LogWitnessTest, CosignsWhatGrowsAndRemembersIt) {
  const ForkingLog log;
  open();
  EXPECT_EQ(ask(log.request(0, 7)), WitnessAnswer::kCosign);
  const Bytes statement = witness_->statement();
  open();
  EXPECT_EQ(witness_->statement(), statement);
  EXPECT_EQ(last_size(), 7U);
  EXPECT_EQ(ask(log.request(0, 9)), WitnessAnswer::kConflict);
  EXPECT_EQ(witness_->add_checkpoint(log.request(0, 9), &log_)->size, 7U);
  const auto answer = witness_->add_checkpoint(log.request(7, 30), &log_).value();
  // What leaves holds under the keys that the identity states.
  const auto keys = trustchain::decode_witness_keys(statement).value();
  EXPECT_TRUE(verify_witness_keys(keys, fleet_chain(), node_id(identity().public_key()),
                                  identity().public_key()));
  const ct::Note note = ct::parse_note(encode(log.head(30).note) + answer.lines).value();
  const auto signers = ct::verify_note(note, keys.keys).value();
  ASSERT_EQ(signers.size(), 2U);
  EXPECT_EQ(signers[0].time, ct::testing::kNow / 1000 * 1000);
  EXPECT_EQ(note.signatures.size(), 4U);
  // The same once more, and nothing that is smaller.
  EXPECT_EQ(ask(log.request(30, 30)), WitnessAnswer::kCosign);
  EXPECT_EQ(ask(log.request(30, 9)), WitnessAnswer::kSizes);
  EXPECT_EQ(ask(log.request(7, 9)), WitnessAnswer::kConflict);
  EXPECT_EQ(last_size(), 30U);
  EXPECT_EQ(witness_->stats().cosigned, 2U);
}

TEST_F(LogWitnessTest, RefusesWhatTheLogDidNotSign) {
  const ForkingLog log;
  open();
  EXPECT_EQ(witness_->add_checkpoint(log.request(0, 7), nullptr)->answer,
            WitnessAnswer::kUnknownOrigin);
  // One key of the log is not enough.
  ct::AddCheckpoint request = log.request(0, 7);
  request.checkpoint.note.signatures.pop_back();
  EXPECT_EQ(ask(request), WitnessAnswer::kNotSigned);
  request = log.request(0, 7);
  request.checkpoint.note.signatures[1].signature[99] ^= 1;
  EXPECT_EQ(ask(request), WitnessAnswer::kNotSigned);
  const auto other = crypto::PrivateKey::generate(crypto::SignatureAlgorithm::kEcdsaP256).value();
  request = log.request(0, 7);
  const ct::NoteSigner foreign[] = {ct::testing::log_signer(other), ForkingLog::signers()[1]};
  request.checkpoint = ct::testing::sign(request.checkpoint.checkpoint, foreign);
  EXPECT_EQ(ask(request), WitnessAnswer::kNotSigned);
  EXPECT_EQ(last_size(), 0U);
  EXPECT_EQ(witness_->stats().refused, 3U);
}

TEST_F(LogWitnessTest, NothingLeavesThatIsNotOnTheDisk) {
  const ForkingLog log;
  open();
  EXPECT_EQ(ask(log.request(0, 7)), WitnessAnswer::kCosign);
  std::filesystem::rename(dir() / "heads", dir() / "away");
  std::ofstream(dir() / "heads") << "not a folder";
  const auto answer = witness_->add_checkpoint(log.request(7, 9), &log_);
  EXPECT_EQ(code(answer), "node.file_failed");
  EXPECT_EQ(last_size(), 7U);
  std::filesystem::remove(dir() / "heads");
  // Keys that have been used, without what they signed.
  EXPECT_EQ(open_code(), "trust.witness_damaged");
  std::filesystem::rename(dir() / "away", dir() / "heads");
  open();
  EXPECT_EQ(ask(log.request(7, 9)), WitnessAnswer::kCosign);
}

TEST_F(LogWitnessTest, KeepsEvidenceAndCosignsNoMore) {
  open();
  EXPECT_EQ(ask(ForkingLog().request(0, 12)), WitnessAnswer::kCosign);
  const ForkingLog liar(3);
  const auto answer = witness_->add_checkpoint(liar.request(12, 12), &log_).value();
  EXPECT_EQ(answer.answer, WitnessAnswer::kInconsistent);
  EXPECT_TRUE(answer.convicted);
  EXPECT_FALSE(witness_->add_checkpoint(liar.request(12, 12), &log_)->convicted);
  open();
  ASSERT_EQ(witness_->evidence().size(), 1U);
  const ct::SplitView evidence = witness_->evidence().front();
  // About the key that a quantum computer cannot forge.
  EXPECT_TRUE(verify_split_view(evidence, ForkingLog::signers()[1].key()));
  EXPECT_TRUE(witness_->evidence_against(log_));
  EXPECT_EQ(ask(ForkingLog().request(12, 20)), WitnessAnswer::kInconsistent);
  EXPECT_EQ(last_size(), 12U);
}

TEST_F(LogWitnessTest, TakesEvidenceOfOthersOnce) {
  const ForkingLog honest;
  const ForkingLog liar(3);
  const auto evidence = ct::split_view(honest.head(12), liar.head(12),
                                       liar.head(12).checkpoint.head.root, {}, log_.keys)
                            .value();
  open();
  KnownLog other = log_;
  other.keys = {ct::NoteKey::make("other", ct::NoteKeyType::kEd25519Cosignature,
                                  identity().ed25519().public_key())
                    .value()};
  EXPECT_EQ(code(witness_->convict(evidence, other)), "trust.evidence_invalid");
  ct::SplitView forged = evidence;
  forged.second.text = forged.first.text;
  EXPECT_EQ(code(witness_->convict(forged, log_)), "trust.evidence_invalid");
  EXPECT_FALSE(witness_->evidence_against(log_));
  EXPECT_TRUE(witness_->convict(evidence, log_).value());
  EXPECT_FALSE(witness_->convict(evidence, log_).value());
  EXPECT_TRUE(witness_->evidence_against(log_));
  EXPECT_EQ(ask(honest.request(0, 12)), WitnessAnswer::kInconsistent);
}

TEST_F(LogWitnessTest, NoticesDamage) {
  open();
  EXPECT_EQ(ask(ForkingLog().request(0, 7)), WitnessAnswer::kCosign);
  const auto file = std::filesystem::directory_iterator(dir() / "heads")->path();
  std::filesystem::resize_file(file, 20);
  EXPECT_EQ(open_code(), "trust.witness_damaged");
  std::filesystem::remove(file);
  std::filesystem::permissions(dir() / "ed25519.pem", std::filesystem::perms::group_read,
                               std::filesystem::perm_options::add);
  EXPECT_EQ(open_code(), "node.secret_exposed");
  std::filesystem::remove_all(dir());
  const Bytes before = witness_->statement();
  EXPECT_NE(open().statement(), before);
}

TEST_F(LogWitnessTest, TenThousandMalformedRequestsChangeNothing) {
  const ForkingLog log;
  open();
  EXPECT_EQ(ask(log.request(0, 7)), WitnessAnswer::kCosign);
  const std::string good = encode(log.request(7, 30));
  std::mt19937_64 random(11);
  std::size_t parsed = 0;
  for (int i = 0; i < 10'000; ++i) {
    std::string body = good;
    switch (random() % 4) {
      case 0:
        body.resize(random() % body.size());
        break;
      case 1:
        body.insert(random() % body.size(), 1 + random() % 3, static_cast<char>(random()));
        break;
      default:
        body[random() % body.size()] ^= static_cast<char>(1U << random() % 8);
    }
    if (body == good) {
      continue;
    }
    const auto request = ct::parse_add_checkpoint(body);
    if (!request) {
      EXPECT_EQ(request.error().code(), "trust.witness_request");
      continue;
    }
    ++parsed;
    const bool ours = request->checkpoint.checkpoint.origin == log_.origin;
    const auto answer = witness_->add_checkpoint(*request, ours ? &log_ : nullptr);
    ASSERT_TRUE(answer) << answer.error().to_string();
    EXPECT_NE(answer->answer, WitnessAnswer::kCosign) << body;
  }
  EXPECT_GT(parsed, 100U);
  EXPECT_EQ(last_size(), 7U);
  EXPECT_TRUE(witness_->evidence().empty());
}

TEST_F(LogWitnessTest, AnotherLogOfTheSameNameBeginsAnew) {
  open();
  EXPECT_EQ(ask(ForkingLog().request(0, 12)), WitnessAnswer::kCosign);
  const auto key = crypto::PrivateKey::generate(crypto::SignatureAlgorithm::kEcdsaP256).value();
  const ct::NoteSigner signers[] = {ct::testing::log_signer(key), ForkingLog::signers()[1]};
  const KnownLog next = known_log({.origin = std::string(ct::testing::kOrigin),
                                   .spki = to_bytes(key.public_key().spki()),
                                   .cosigners = {signers[1].key().vkey()},
                                   .holder = {}})
                            .value();
  ct::AddCheckpoint request = ForkingLog(3).request(0, 5);
  request.checkpoint = ct::testing::sign(request.checkpoint.checkpoint, signers);
  EXPECT_EQ(witness_->add_checkpoint(request, &next)->answer, WitnessAnswer::kCosign);
  open();
  EXPECT_EQ(witness_->last(next)->checkpoint.head.size, 5U);
  EXPECT_EQ(last_size(), 12U);
}

// The process of a witness: cosigns one size after another and says which.
[[noreturn]] void cosign_and_tell(const std::filesystem::path& dir, int to) {
  const trustchain::testing::FixedClock clock{ct::testing::kNow};
  const KnownLog log = known();
  const ForkingLog tree;
  const auto witness = LogWitness::open(dir, fleet_chain(), identity(), clock);
  const auto last = witness ? (*witness)->last(log) : std::nullopt;
  std::size_t size = last ? last->checkpoint.head.size : 0;
  for (; witness && size < kLeaves; ++size) {
    const auto answer = (*witness)->add_checkpoint(tree.request(size, size + 1), &log);
    if (!answer || answer->answer != WitnessAnswer::kCosign) {
      ::_exit(1);
    }
    const std::string line = std::format("{}\n", size + 1);
    (void)!::write(to, line.data(), line.size());
  }
  ::_exit(witness ? 0 : 1);
}

TEST_F(LogWitnessTest, KilledBetweenTheDiskAndTheAnswer) {
  const auto seed = trustchain::testing::number_of("I2_KILL_SEED", std::random_device{}());
  SCOPED_TRACE(std::format("I2_KILL_SEED={}", seed));
  std::mt19937_64 random(seed);
  open();  // keys and trees are made before there are children
  const auto rounds = trustchain::testing::number_of("I2_KILL_ROUNDS", 6);
  for (std::uint64_t round = 0; round < rounds && last_size() < kLeaves; ++round) {
    std::array<int, 2> ends{};
    ASSERT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
    const pid_t pid = ::fork();
    if (pid == 0) {
      cosign_and_tell(dir(), ends[1]);
    }
    ::close(ends[1]);
    std::string text;
    std::array<char, 4096> buffer{};
    const auto lines = random() % 20;
    ssize_t got = 0;
    do {
      got = ::read(ends[0], buffer.data(), buffer.size());
      text.append(buffer.data(), static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
    } while (got > 0 && static_cast<std::size_t>(std::ranges::count(text, '\n')) <= lines);
    ::usleep(static_cast<unsigned>(random() % 5000));  // any moment will do
    ::kill(pid, SIGKILL);
    int status = 0;
    EXPECT_EQ(::waitpid(pid, &status, 0), pid);
    EXPECT_TRUE(WIFSIGNALED(status) || WEXITSTATUS(status) == 0);
    while ((got = ::read(ends[0], buffer.data(), buffer.size())) > 0) {
      text.append(buffer.data(), static_cast<std::size_t>(got));
    }
    ::close(ends[0]);
    text.resize(text.rfind('\n') + 1);
    std::uint64_t said = 0;
    for (std::size_t at = 0; at < text.size(); at = text.find('\n', at) + 1) {
      said = std::stoull(text.substr(at));
    }
    EXPECT_GT(said, 0U);
    open();
    EXPECT_GE(last_size(), said) << "it said more than it remembers";
    EXPECT_TRUE(is_head_of(witness_->last(log_).value(), log_));
  }
}

}  // namespace
}  // namespace i2::node
