// The log as its users see it, its restarts, and every operation of its stores failing.
#include <gmock/gmock.h>
#include <i2/trustchain/core/issuance.h>
#include <i2/trustchain/core/ordinary.h>

#include <format>

#include "log_harness.h"

namespace i2::trustchain {
namespace {

using ct::testing::kNow;
using ct::testing::submission;
using testing::code;
using testing::FailingStore;
using testing::Home;
using testing::kDay;
using testing::TempDir;

class Log : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_EQ(code(home.open()), "ok"); }
  void reopen() {
    home.clock.time += 1000;
    ASSERT_EQ(code(home.open(CtLog::Mode::kExisting)), "ok");
  }
  // Entry number `index` is `submission`, and the promise for it holds.
  void expect_kept(const ct::Sct& sct, const ct::Submission& wanted) {
    EXPECT_EQ(code(ct::verify_sct(sct, wanted, home.key.public_key())), "ok");
    const auto view = home.log().view();
    const std::uint64_t index = ct::read_leaf_index(sct.extensions).value();
    const auto entry = view->entry(index);
    ASSERT_TRUE(entry) << entry.error().to_string();
    EXPECT_EQ(entry->submission, wanted);
    EXPECT_EQ(entry->timestamp, sct.timestamp);
    const Hash256 leaf = ct::leaf_hash(*entry);
    EXPECT_EQ(home.log().index().find_leaf(leaf).value(), index);
    EXPECT_EQ(code(ct::verify_inclusion(leaf, index, view->head().tree,
                                        view->inclusion_proof(index, view->size()).value())),
              "ok");
  }

  TempDir temp;
  Home home{temp / "ct"};
};

TEST_F(Log, PromisesWhatItHas) {
  EXPECT_EQ(home.log().view()->size(), 0U);
  EXPECT_EQ(home.log().view()->head().timestamp, kNow);
  EXPECT_EQ(home.fill(0, 600), 600U);
  EXPECT_EQ(home.log().view()->size(), 600U);
  const auto sct = home.promised(submission(600)).value();
  expect_kept(sct, submission(600));
  const auto view = home.log().view();
  EXPECT_EQ(
      code(ct::verify_consistency({.size = 300, .root = view->root(300).value()}, view->head().tree,
                                  view->consistency_proof(300, 601).value())),
      "ok");
  EXPECT_EQ(view->entries(250, 400)->size(), 6U);  // not beyond the tile
  EXPECT_EQ(code(view->entries(601, 601)), "trust.log_range");
  EXPECT_EQ(view->issuer(crypto::sha256(ct::testing::issuer())).value(), ct::testing::issuer());
  EXPECT_EQ(home.audit_code(), "ok");
  EXPECT_EQ(home.log().stats().promises, 601U);
  const auto note = ct::parse_note(view->note()).value();
  EXPECT_EQ(ct::verify_note(note, home.log().keys())->size(), 2U);
}

TEST_F(Log, ThatIsClosedProvesAndPromisesNothing) {
  EXPECT_EQ(home.fill(0, 300), 300U);
  const auto sct = home.promised(submission(300)).value();
  const auto keys = home.log().keys();
  const std::string note = home.log().view()->note();
  EXPECT_FALSE(home.log().is_closed());
  ASSERT_EQ(code(home.open_closed(keys)), "ok");
  EXPECT_TRUE(home.log().is_closed());
  EXPECT_TRUE(home.log().stats().stopped);
  expect_kept(sct, submission(300));
  EXPECT_EQ(home.audit_code(), "ok");
  // Neither what is new nor what it has promised before.
  EXPECT_EQ(code(home.promised(submission(301))), "trust.log_restored");
  EXPECT_EQ(code(home.promised(submission(300))), "trust.log_restored");
  home.log().refresh();
  EXPECT_EQ(home.log().view()->note(), note);

  EXPECT_EQ(code(home.open_closed({})), "trust.note_key");
  const auto other = crypto::PrivateKey::generate(crypto::SignatureAlgorithm::kEcdsaP256).value();
  const auto stranger = ct::NoteKey::make(std::string(ct::testing::kOrigin),
                                          ct::NoteKeyType::kTreeHead, other.public_key())
                            .value();
  EXPECT_EQ(code(home.open_closed({stranger})), "trust.note_unsigned");
}

TEST_F(Log, GivesTheSamePromiseAgain) {
  const auto first = home.promised(submission(1)).value();
  home.clock.time += 5000;
  EXPECT_EQ(home.promised(submission(2))->timestamp, kNow + 5000);
  const auto again = home.promised(submission(1)).value();
  EXPECT_EQ(again.timestamp, first.timestamp);
  EXPECT_EQ(again.extensions, first.extensions);
  EXPECT_EQ(home.log().view()->size(), 2U);
  reopen();
  EXPECT_EQ(home.promised(submission(1))->timestamp, first.timestamp);
  EXPECT_EQ(home.log().view()->size(), 2U);
  expect_kept(first, submission(1));
}

TEST_F(Log, ServesTilesOfOlderCheckpoints) {
  std::vector<Bytes> partial;
  for (std::size_t i = 0; i < 3; ++i) {
    ASSERT_TRUE(home.promised(submission(i)));
    partial.push_back(home.log().view()->log().last_entries);
  }
  EXPECT_EQ(home.fill(3, 300), 300U);
  const auto view = home.log().view();
  for (std::uint16_t width = 1; width <= 3; ++width) {
    const ct::Tile data{.level = ct::kDataLevel, .index = 0, .width = width};
    EXPECT_EQ(view->tile(data).value(), partial[width - 1U]);
    EXPECT_EQ(view->tile({.level = 0, .index = 0, .width = width})->size(), 32U * width);
    // Only the newest partial tiles are stored.
    EXPECT_EQ(code(home.back_end().objects().get(ct::path(data))), "trust.log_object_missing");
  }
  EXPECT_EQ(view->tile({.level = 0, .index = 0})->size(), 8192U);
  EXPECT_EQ(view->tile({.level = 1, .index = 0, .width = 1})->size(), 32U);
  EXPECT_EQ(view->tile({.level = ct::kDataLevel, .index = 0}).value(),
            home.back_end().objects().get("tile/data/000").value());
  for (const ct::Tile& none :
       {ct::Tile{.level = 0, .index = 1}, ct::Tile{.level = 0, .index = 1, .width = 48},
        ct::Tile{.level = 0, .index = 2, .width = 1}, ct::Tile{.level = 1, .index = 0, .width = 2},
        ct::Tile{.level = 5, .index = 0, .width = 1},
        ct::Tile{.level = ct::kDataLevel, .index = 1, .width = 48},
        ct::Tile{.level = ct::kDataLevel, .index = 7}}) {
    EXPECT_EQ(code(view->tile(none)), "trust.log_range") << ct::path(none);
  }
}

TEST_F(Log, RefreshesItsCheckpoint) {
  ASSERT_TRUE(home.promised(submission(1)));
  home.clock.time += 30'000;
  home.log().refresh();
  ASSERT_TRUE(home.promised(submission(2)));  // behind it, or in the same round
  EXPECT_GE(home.log().view()->head().timestamp, kNow + 30'000);
  EXPECT_LE(home.log().view()->head().timestamp, kNow + 30'001);
  EXPECT_EQ(home.log().view()->size(), 2U);
  const UnixMillis last = home.log().view()->head().timestamp;
  reopen();
  EXPECT_EQ(home.log().view()->head().timestamp, last);
}

TEST_F(Log, FollowsTheClockOnlyForwards) {
  ASSERT_TRUE(home.promised(submission(1)));
  home.clock.time -= 2000;
  EXPECT_EQ(home.promised(submission(2))->timestamp, kNow + 2);
  home.clock.time -= kDay;
  EXPECT_EQ(home.promised(submission(3))->timestamp, kNow + 3);
  EXPECT_EQ(home.promised(submission(2))->timestamp, kNow + 2);  // a promise there was
  home.clock.time = kNow + kDay;
  EXPECT_EQ(home.promised(submission(4))->timestamp, kNow + kDay);
  home.clock.time = kNow + 5000;
  EXPECT_EQ(home.promised(submission(5))->timestamp, kNow + kDay + 1);
  EXPECT_EQ(code(home.open(CtLog::Mode::kExisting)), "ok");
  EXPECT_EQ(home.promised(submission(6))->timestamp, kNow + kDay + 2);
  home.clock.time = kNow + kDay + 5000;
  EXPECT_EQ(home.promised(submission(7))->timestamp, kNow + kDay + 5000);
  EXPECT_EQ(home.log().view()->size(), 7U);
}

TEST_F(Log, WaitsForRoomOnTheDisk) {
  ASSERT_TRUE(home.promised(submission(1)));
  home.room = [](std::size_t size) {
    return size > 1000 ? fail("store.disk_full", "no room") : Result<void>();
  };
  ct::Submission large = submission(3);
  large.certificate = Bytes(5000, 1);
  EXPECT_EQ(code(home.promised(large)), "store.disk_full");
  EXPECT_EQ(home.stops, 0);
  home.room = [](std::size_t) { return Result<void>(); };
  ASSERT_TRUE(home.promised(large));
  EXPECT_EQ(home.log().view()->size(), 2U);
}

TEST_F(Log, PromisesNothingBehindItsFence) {
  const auto before = home.promised(submission(1));
  ASSERT_TRUE(before);
  home.fence = [] { return fail("trust.log_fenced", "another log is the fleet's"); };
  EXPECT_EQ(code(home.promised(submission(2))), "trust.log_fenced");
  EXPECT_EQ(code(home.promised(submission(1))), "trust.log_fenced");  // not again either
  EXPECT_EQ(home.log().view()->size(), 1U);
  EXPECT_EQ(home.stops, 0);
  // What is there is served still, under fresh checkpoints.
  const UnixMillis then = home.log().view()->head().timestamp;
  home.clock.time += kDay;
  home.log().refresh();
  for (int i = 0; i < 2; ++i) {  // the second one comes after the round of the checkpoint
    EXPECT_EQ(code(home.promised(submission(3))), "trust.log_fenced");
  }
  EXPECT_GE(home.log().view()->head().timestamp, then + kDay - 1);
  EXPECT_EQ(home.log().view()->size(), 1U);
  EXPECT_EQ(home.audit_code(), "ok");
  reopen();
  home.fence = [] { return Result<void>(); };
  EXPECT_EQ(home.promised(submission(1))->timestamp, before->timestamp);
  EXPECT_TRUE(home.promised(submission(2)));
}

TEST_F(Log, HasABoundedPool) {
  std::vector<std::future<Result<Bytes>>> answers;
  std::promise<void> gate;
  const std::shared_future<void> opened(gate.get_future());
  home.room = [opened](std::size_t) {
    opened.wait();
    return Result<void>();
  };
  ct::Submission large = submission(0);
  large.certificate = Bytes(ct::kLoggedCertificateSizeMax, 1);
  std::size_t accepted = 0;
  for (std::uint32_t i = 0; i < 1100; ++i) {
    std::memcpy(large.certificate.data(), &i, sizeof i);
    answers.push_back(home.submit(large));
  }
  gate.set_value();
  std::map<std::string, int> codes;
  for (auto& answer : answers) {
    ++codes[code(answer.get())];
    ++accepted;
  }
  EXPECT_EQ(codes["ok"] + codes["trust.log_busy"], 1100);
  EXPECT_GE(codes["ok"], 1020);  // 64 MiB
  EXPECT_GE(codes["trust.log_busy"], 1);
  EXPECT_EQ(home.log().view()->size(), static_cast<std::uint64_t>(codes["ok"]));
}

TEST_F(Log, AnswersWhoWaitsWhenItStops) {
  home.log().stop();
  EXPECT_EQ(code(home.promised(submission(1))), "trust.log_stopped");
  EXPECT_EQ(home.log().view()->size(), 0U);
  EXPECT_EQ(home.stops, 0);
}

TEST_F(Log, IsNeverMadeAnewOrOlder) {
  ASSERT_TRUE(home.promised(submission(1)));
  home.close();
  testing::fs::copy(home.dir() / "log", home.dir() / "old", testing::fs::copy_options::recursive);
  reopen();
  home.clock.time += 2000;
  ASSERT_TRUE(home.promised(submission(2)));
  home.close();
  testing::fs::rename(home.dir() / "log", home.dir() / "new");
  EXPECT_EQ(code(home.open(CtLog::Mode::kCreate)), "trust.log_missing");
  home.close();
  testing::fs::remove_all(home.dir() / "log");
  testing::fs::rename(home.dir() / "old", home.dir() / "log");
  EXPECT_EQ(code(home.open(CtLog::Mode::kCreate)), "trust.log_backwards");
  home.close();
  testing::fs::remove_all(home.dir() / "log");
  testing::fs::rename(home.dir() / "new", home.dir() / "log");
  ASSERT_EQ(code(home.open(CtLog::Mode::kExisting)), "ok");
  EXPECT_EQ(home.log().view()->size(), 2U);
  Home other(temp / "other");
  EXPECT_EQ(code(other.open(CtLog::Mode::kExisting)), "trust.log_missing");
}

TEST_F(Log, NoticesChangedObjects) {
  EXPECT_EQ(home.fill(0, 600), 600U);
  const auto change = [&](const std::string& name, std::size_t at) {
    store::Batch batch;
    Bytes bytes = home.back_end().objects().get(name).value();
    bytes[at] ^= 1;
    batch.put(to_bytes(as_bytes("o" + name)), bytes);
    ASSERT_EQ(code(home.back_end().database().commit(batch)), "ok");
  };
  change("tile/0/000", 17);
  home.log().refresh();
  reopen();  // without what was verified before
  EXPECT_EQ(code(home.log().view()->inclusion_proof(3, 600)), "trust.tile_damaged");
  EXPECT_EQ(code(home.log().view()->tile({.level = 0, .index = 0})), "trust.tile_damaged");
  EXPECT_EQ(home.audit_code(), "trust.tile_damaged");
  change("tile/0/000", 17);
  reopen();
  EXPECT_EQ(home.audit_code(), "ok");
  change("tile/data/001", 25);  // in a certificate
  EXPECT_EQ(code(home.log().view()->entry(256)), "trust.tile_damaged");
  EXPECT_EQ(code(home.log().view()->entry(255)), "ok");
  EXPECT_EQ(code(home.log().view()->tile({.level = ct::kDataLevel, .index = 1})),
            "trust.tile_damaged");
  change("tile/data/001", 25);
  const Hash256 issuer = crypto::sha256(ct::testing::issuer());
  change(ct::issuer_path(issuer), 0);
  EXPECT_EQ(code(home.log().view()->issuer(issuer)), "trust.issuer_damaged");
  EXPECT_EQ(home.audit_code(), "trust.issuer_damaged");
  change(ct::issuer_path(issuer), 0);
  EXPECT_EQ(home.audit_code(), "ok");
  change("tile/data/002.p/88", 25);
  EXPECT_EQ(code(home.open(CtLog::Mode::kExisting)), "trust.tile_damaged");
}

// The n-th operation that changes something fails, for every n that there is.
class EachOperation : public Log,
                      public ::testing::WithParamInterface<std::pair<std::size_t, bool>> {};

TEST_P(EachOperation, LosesNothing) {
  const auto [passing, done] = GetParam();
  EXPECT_EQ(home.fill(0, 250), 250U);
  reopen();
  home.failing().fail_after(passing, done ? FailingStore::Way::kDone : FailingStore::Way::kNotDone);
  std::vector<std::pair<ct::Sct, std::size_t>> promises;
  std::size_t next = 250;
  // Rounds of one entry, so that the failing one is behind, at and before the end of a tile.
  for (; next < 260; ++next) {
    home.clock.time += 10;
    const auto sct = home.promised(submission(next));
    if (!sct) {
      EXPECT_EQ(sct.error().code(), "trust.log_stopped");
      break;
    }
    promises.emplace_back(*sct, next);
  }
  ASSERT_TRUE(home.failing().has_failed());
  EXPECT_EQ(home.stops, 1);
  EXPECT_TRUE(home.log().stats().stopped);
  EXPECT_EQ(code(home.promised(submission(1000))), "trust.log_stopped");
  EXPECT_EQ(home.log().view()->size(), next);  // what it published goes on being served
  EXPECT_EQ(code(home.log().view()->inclusion_proof(next - 1, next)), "ok");
  reopen();
  EXPECT_THAT(home.log().view()->size(), ::testing::AnyOf(next, next + 1));
  EXPECT_EQ(home.audit_code(), "ok");
  const std::size_t size = home.log().view()->size();
  EXPECT_EQ(home.fill(next, 300), 300U);
  EXPECT_EQ(home.log().view()->size(), next + 300) << "logged twice: " << size;
  EXPECT_EQ(home.audit_code(), "ok");
  for (const auto& [sct, number] : promises) {
    expect_kept(sct, submission(number));
  }
  reopen();
  EXPECT_EQ(home.audit_code(), "ok");
}

// Four operations a round: bundle, checkpoint, objects, removal.
std::vector<std::pair<std::size_t, bool>> each_operation() {
  std::vector<std::pair<std::size_t, bool>> out;
  for (std::size_t i = 0; i < 32; ++i) {
    out.emplace_back(i, false);
    out.emplace_back(i, true);
  }
  return out;
}
INSTANTIATE_TEST_SUITE_P(Log, EachOperation, ::testing::ValuesIn(each_operation()));

const crypto::PrivateKey& root_key() {
  static const auto key =
      crypto::PrivateKey::generate(crypto::SignatureAlgorithm::kEcdsaP256).value();
  return key;
}

TEST_F(Log, TakesChainsToItsRoots) {
  const OrdinaryAuthority authority =
      make_ordinary_authority(root_key(), "home", kNow, [] { return Bytes(16, 0x77); }).value();
  const Issuer issuer = issuer_of(authority);
  crypto::CertificateFields fields{.subject_key = root_key().public_key(),
                                   .common_name = "web.example",
                                   .dns_names = {"web.example"},
                                   .not_before = kNow,
                                   .not_after = kNow + kDay,
                                   .serial = Bytes(16, 0x11)};
  fields.precertificate = true;
  const auto precertificate =
      crypto::build_certificate(fields, &issuer.certificate, issuer.key).value();
  const auto add = [&](ct::EntryType type, std::vector<crypto::Certificate> chain) {
    std::promise<Result<Bytes>> answer;
    home.log().add_chain(type, std::move(chain),
                         [&](Result<Bytes> sct) { answer.set_value(std::move(sct)); });
    return answer.get_future().get();
  };
  EXPECT_EQ(code(add(ct::EntryType::kPrecert, {precertificate, issuer.certificate})),
            "trust.log_entry_invalid");
  home.roots = {issuer.certificate};
  const auto sct = add(ct::EntryType::kPrecert, {precertificate, issuer.certificate});
  ASSERT_TRUE(sct) << sct.error().to_string();
  EXPECT_EQ(home.log().view()->entry(0)->submission.precertificate, precertificate.der());
  // The root may be left out, and a chain of the root's is no other entry.
  EXPECT_EQ(code(add(ct::EntryType::kPrecert, {precertificate})), "ok");
  EXPECT_EQ(home.log().view()->size(), 1U);
  const auto add_own = [&](std::vector<crypto::Certificate> chain) {
    std::promise<Result<Bytes>> answer;
    home.log().add(precertificate, std::move(chain),
                   [&](Result<Bytes> given) { answer.set_value(std::move(given)); });
    return answer.get_future().get();
  };
  EXPECT_EQ(code(add_own({issuer.certificate})), "ok");
  EXPECT_EQ(home.log().view()->size(), 1U);
  EXPECT_EQ(code(add_own({})), "trust.log_entry_invalid");
  EXPECT_EQ(code(add_own({authority.root})), "trust.log_entry_invalid");
  EXPECT_EQ(code(add(ct::EntryType::kX509, {precertificate})), "trust.log_entry_invalid");
  EXPECT_EQ(code(add(ct::EntryType::kPrecert, {})), "trust.log_entry_invalid");

  fields.precertificate = false;
  fields.scts = {*sct};
  const auto final = crypto::build_certificate(fields, &issuer.certificate, issuer.key).value();
  const Hash256 fingerprint = crypto::sha256(final.der());
  EXPECT_EQ(home.log().index().find_certificate(fingerprint).value(), std::nullopt);
  EXPECT_EQ(code(home.log().add_name(final, issuer.certificate)), "ok");
  EXPECT_EQ(home.log().index().find_certificate(fingerprint).value(), 0U);
  EXPECT_EQ(code(add(ct::EntryType::kPrecert, {final})), "trust.log_entry_invalid");
  EXPECT_EQ(code(add(ct::EntryType::kX509, {final})), "ok");
  EXPECT_EQ(home.log().view()->size(), 2U);
  Bytes der = final.der();
  der.back() ^= 1;  // of the signature
  const auto forged = crypto::Certificate::from_der(der).value();
  EXPECT_EQ(code(add(ct::EntryType::kX509, {forged, issuer.certificate})),
            "trust.log_entry_invalid");

  // An issuer that only looks like the one that is known by now.
  home.roots = {authority.root};
  EXPECT_EQ(code(add(ct::EntryType::kX509, {final, issuer.certificate, authority.root})), "ok");
  EXPECT_EQ(code(add(ct::EntryType::kX509, {final, issuer.certificate})), "ok");
  der = issuer.certificate.der();
  der.back() ^= 1;
  const auto pretender = crypto::Certificate::from_der(der).value();
  EXPECT_EQ(code(add(ct::EntryType::kX509, {final, pretender, authority.root})),
            "trust.log_entry_invalid");
  EXPECT_EQ(code(add(ct::EntryType::kX509, {final, pretender})), "trust.log_entry_invalid");
}

}  // namespace
}  // namespace i2::trustchain
