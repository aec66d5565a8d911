// The ledger on disk, and whom a node knows by it.
#include <gtest/gtest.h>
#include <i2/fleet/data_dir.h>
#include <i2/fleet/trust_store.h>

#include "founded.h"

namespace i2::fleet {
namespace {

namespace fs = std::filesystem;
using testing::code;
using testing::follow;
using testing::Founded;
using testing::kHour;
using testing::kNow;
using testing::TempDir;

TEST(Ledger, KeepsItsBlocksAndItsStateOverOpening) {
  const TempDir temp;
  Founded home(temp / "alpha");
  EXPECT_EQ(home.ledger->height(), 0u);
  EXPECT_FALSE(*home.ledger->snapshot());
  EXPECT_FALSE(home.ledger->head());
  const auto first = home.append({home.invite(0), home.invite(1)});
  ASSERT_TRUE(first) << first.error().to_string();
  ASSERT_TRUE(home.append({home.invite(2)}));
  const Hash256 root = home.ledger->chain()->state.root();

  home.open();
  EXPECT_EQ(home.ledger->height(), 2u);
  EXPECT_EQ(home.ledger->chain()->state.root(), root);
  EXPECT_EQ(home.invites(), 3u);
  EXPECT_EQ(home.ledger->head()->header, home.ledger->chain()->head);
  const OperationId second = id(decode_operation(first->operations[1]).value());
  const auto receipt = home.ledger->find(second).value();
  ASSERT_TRUE(receipt);
  EXPECT_EQ(receipt->height, 1u);
  EXPECT_EQ(receipt->index, 1u);
  EXPECT_EQ(receipt->time, first->header.time);
  EXPECT_FALSE(home.ledger->find(OperationId{}).value());
  EXPECT_EQ(home.ledger->blocks_after(0, 1u << 20)->size(), 2u);
  EXPECT_EQ(home.ledger->blocks_after(0, 1)->size(), 1u);
  EXPECT_EQ(home.ledger->blocks_after(2, 1)->size(), 0u);
}

TEST(Ledger, FollowsAnotherOne) {
  const TempDir temp;
  Founded home(temp / "alpha");
  ASSERT_TRUE(home.append({home.invite(0)}));
  ASSERT_TRUE(home.append({home.invite(1)}));
  const auto blocks = home.ledger->blocks_after(0, 1u << 20).value();
  const Genesis genesis = FleetState(home.ledger->chain()->state).genesis().value();

  fs::create_directories(temp / "beta/ledger");
  ASSERT_TRUE(Ledger::create(temp / "beta", genesis));
  const auto follower = Ledger::open(temp / "beta", home.machine, chain_id(genesis)).value();
  std::vector<std::uint64_t> heights;
  follower->on_change([&](const LedgerChange& change) {
    heights.push_back(change.chain->head.height);
    EXPECT_FALSE(change.changed.empty());
  });
  EXPECT_EQ(code(follow(*follower, blocks[1])), "fleet.block_invalid");
  EXPECT_EQ(follow(*follower, blocks[0]).value(), true);
  EXPECT_EQ(follow(*follower, blocks[0]).value(), false);
  EXPECT_EQ(follow(*follower, blocks[1]).value(), true);
  EXPECT_EQ(heights, (std::vector<std::uint64_t>{1, 2}));
  EXPECT_EQ(follower->chain()->state.root(), home.ledger->chain()->state.root());

  // From here on, one may begin with the state alone.
  fs::create_directories(temp / "gamma/ledger");
  const auto point = home.ledger->head().value();
  const StateTree& state = home.ledger->chain()->state;
  StateTree other = state;
  other.erase(parameters_key());
  EXPECT_EQ(code(Ledger::create(temp / "gamma", genesis, {}, point, other)),
            "fleet.snapshot_invalid");
  SealedHeader forged = point;
  forged.header.state = other.root();
  EXPECT_EQ(code(Ledger::create(temp / "gamma", genesis, {}, forged, other)),
            "fleet.block_invalid");
  ASSERT_TRUE(Ledger::create(temp / "gamma", genesis, {}, point, state));
  const auto late = Ledger::open(temp / "gamma", home.machine, chain_id(genesis)).value();
  EXPECT_EQ(late->height(), 2u);
  EXPECT_EQ(code(late->blocks_after(0, 1)), "fleet.blocks_unavailable");
  ASSERT_TRUE(home.append({home.invite(2)}));
  EXPECT_EQ(follow(*late, home.ledger->blocks_after(2, 1).value().at(0)).value(), true);
  EXPECT_EQ(late->chain()->state.root(), home.ledger->chain()->state.root());
}

// Who has been away for longer than others keep blocks goes on from their state.
TEST(Ledger, OldBlocksGoAndTheStateStandsForThem) {
  const TempDir temp;
  Founded home(temp / "alpha");
  fs::create_directories(temp / "beta/ledger");
  const Genesis genesis = FleetState(home.ledger->chain()->state).genesis().value();
  ASSERT_TRUE(Ledger::create(temp / "beta", genesis));
  auto beta = Ledger::open(temp / "beta", home.machine, chain_id(genesis)).value();
  const auto first = home.append({home.invite(0)}).value();
  testing::follow_all(*beta, *home.ledger);
  ASSERT_TRUE(home.append({home.invite(1)}));
  const auto early = home.ledger->snapshot().value().value();

  home.ledger->keep_blocks(3);
  for (std::uint64_t i = 2; i < 8; ++i) {
    ASSERT_TRUE(home.append({home.invite(i)}));
  }
  EXPECT_EQ(home.ledger->first_block(), 6u);
  EXPECT_EQ(code(home.ledger->blocks_after(4, 1)), "fleet.blocks_unavailable");
  EXPECT_EQ(home.ledger->blocks_after(5, 1u << 20).value().size(), 3u);
  EXPECT_FALSE(home.ledger->find(id(decode_operation(first.operations[0]).value())).value());
  home.open();
  EXPECT_EQ(home.ledger->first_block(), 6u);
  EXPECT_EQ(home.invites(), 8u);

  std::set<Bytes> changed;
  beta->on_change([&](const LedgerChange& change) { changed = change.changed; });
  const auto late = home.ledger->snapshot().value().value();
  StateTree other = late.chain->state;
  other.erase(parameters_key());
  EXPECT_EQ(code(beta->adopt({}, late.point, other)), "fleet.snapshot_invalid");
  SealedHeader forged = late.point;
  forged.header.state = other.root();
  EXPECT_EQ(code(beta->adopt({}, forged, other)), "fleet.block_invalid");
  EXPECT_EQ(beta->height(), 1u);

  EXPECT_EQ(beta->adopt(late.links, late.point, late.chain->state).value(), true);
  EXPECT_EQ(beta->height(), 8u);
  EXPECT_EQ(beta->first_block(), 9u);
  EXPECT_EQ(beta->chain()->state.count(invite_key(ByteView{})), 8u);
  EXPECT_GE(changed.size(), 7u);  // the invites it did not know, and what else is new
  // What is not later changes nothing.
  EXPECT_EQ(beta->adopt(early.links, early.point, early.chain->state).value(), false);
  beta = nullptr;
  beta = Ledger::open(temp / "beta", home.machine, chain_id(genesis)).value();
  EXPECT_EQ(beta->chain()->state.root(), home.ledger->chain()->state.root());
  EXPECT_EQ(code(beta->blocks_after(0, 1)), "fleet.blocks_unavailable");
  ASSERT_TRUE(home.append({home.invite(8)}));
  testing::follow_all(*beta, *home.ledger);
  EXPECT_EQ(beta->height(), 9u);
  EXPECT_EQ(beta->first_block(), 9u);
}

// Blocks whose durability is left for later are there after a kill; the head file says how far all
// of it is safe from more than that.
TEST(Ledger, SyncsLaterWhatIsKeptElsewhere) {
  const TempDir temp;
  Founded home(temp / "alpha");
  ASSERT_TRUE(home.append({home.invite(0)}));
  const std::string synced = testing::contents(temp / "alpha" / kHeadFile);
  for (std::uint64_t i = 1; i < 4; ++i) {
    BlockBuilder builder(home.machine, *home.ledger->chain(), kNow + kHour);
    ASSERT_TRUE(builder.add(home.invite(i)));
    ASSERT_TRUE(home.ledger->append(home.seal(std::move(builder)), Ledger::Durability::kLater));
  }
  EXPECT_EQ(home.ledger->height(), 4u);
  EXPECT_EQ(testing::contents(temp / "alpha" / kHeadFile), synced);
  ASSERT_TRUE(home.ledger->sync());
  EXPECT_NE(testing::contents(temp / "alpha" / kHeadFile), synced);
  ASSERT_TRUE(home.ledger->sync());  // again: nothing to do
  home.open();
  EXPECT_EQ(home.ledger->height(), 4u);
}

TEST(Ledger, NoticesASecondHistory) {
  const TempDir temp;
  Founded home(temp / "alpha");
  fs::create_directories(temp / "beta/ledger");
  const Genesis genesis = FleetState(home.ledger->chain()->state).genesis().value();
  ASSERT_TRUE(Ledger::create(temp / "beta", genesis));
  const auto follower = Ledger::open(temp / "beta", home.machine, chain_id(genesis)).value();
  BlockBuilder builder(home.machine, *home.ledger->chain(), kNow + kHour);
  ASSERT_TRUE(builder.add(home.invite(0)));
  const fleet::Run other = home.seal(std::move(builder));
  ASSERT_TRUE(home.append({home.invite(0)}));
  EXPECT_EQ(follow(*follower,
                   {.block = encode(other.blocks.front().block), .seal = fleet::encode(other.seal)})
                .value(),
            true);
  const auto block = home.ledger->blocks_after(0, 1).value().at(0);
  EXPECT_EQ(code(follow(*follower, block)), "fleet.ledger_diverged");
}

TEST(Ledger, ACopyThatIsTooOldIsNotOpened) {
  const TempDir temp;
  Founded home(temp / "alpha");
  ASSERT_TRUE(home.append({home.invite(0)}));
  home.ledger.reset();
  fs::copy(home.data_dir / kStateDir, temp / "old", fs::copy_options::recursive);
  home.open();
  ASSERT_TRUE(home.append({home.invite(1)}));
  home.ledger.reset();
  fs::remove_all(home.data_dir / kStateDir);
  fs::copy(temp / "old", home.data_dir / kStateDir, fs::copy_options::recursive);
  const auto opened = open_ledger(home.data_dir, home.machine);
  EXPECT_EQ(code(opened), "fleet.ledger_rolled_back");
  EXPECT_NE(opened.error().message().find("ends with block 1, but block 2"), std::string::npos);
}

// Any file of the database cut short or with a wrong byte: either nothing is missing all the same,
// or it is not opened. It never goes on from fewer blocks than it had.
TEST(Ledger, ATornDatabaseIsWholeOrRefused) {
  const TempDir temp;
  Founded home(temp / "alpha");
  constexpr std::uint64_t kBlocks = 6;
  for (std::uint64_t i = 0; i < kBlocks; ++i) {
    ASSERT_TRUE(home.append({home.invite(i)}));
    if (i == 2) {
      home.open();  // some of it in other files
    }
  }
  home.ledger.reset();
  const fs::path good = temp / "good";
  fs::copy(home.data_dir / kStateDir, good, fs::copy_options::recursive);
  std::size_t refused = 0;
  const auto check = [&](const fs::path& name, std::string_view how, std::string_view bytes) {
    fs::remove_all(home.data_dir / kStateDir);
    fs::copy(good, home.data_dir / kStateDir, fs::copy_options::recursive);
    testing::overwrite(home.data_dir / kStateDir / name, bytes);
    const auto opened = open_ledger(home.data_dir, home.machine);
    if (!opened) {
      const std::string error = code(opened);
      EXPECT_TRUE(error.starts_with("store.") || error.starts_with("fleet.ledger_"))
          << name << ' ' << how << ": " << error;
      ++refused;
      return;
    }
    EXPECT_EQ((*opened)->height(), kBlocks) << name << ' ' << how;
    const auto blocks = (*opened)->blocks_after(0, 1 << 24);
    if (blocks) {
      EXPECT_EQ(blocks->size(), kBlocks) << name << ' ' << how;
    }
  };
  for (const auto& entry : fs::directory_iterator(good)) {
    const std::string whole = testing::contents(entry.path());
    const fs::path name = entry.path().filename();
    for (const std::size_t size : {std::size_t{0}, whole.size() / 2, whole.size() - 1}) {
      if (size < whole.size()) {
        check(name, "cut to " + std::to_string(size), whole.substr(0, size));
      }
    }
    if (!whole.empty()) {
      std::string flipped = whole;
      flipped[whole.size() / 2] = static_cast<char>(flipped[whole.size() / 2] ^ 0x40);
      check(name, "with a wrong byte", flipped);
    }
  }
  EXPECT_GE(refused, 4u);
}

TEST(Ledger, AMissingOrForeignPartIsDamage) {
  const TempDir temp;
  Founded home(temp / "alpha");
  Founded other(temp / "other");
  ASSERT_TRUE(home.append({home.invite(0)}));
  home.ledger.reset();
  other.ledger.reset();
  fs::rename(home.data_dir / kStateDir, temp / "aside");
  EXPECT_EQ(code(open_ledger(home.data_dir, home.machine)), "store.missing");
  fs::remove_all(home.data_dir / kStateDir);
  fs::copy(other.data_dir / kStateDir, home.data_dir / kStateDir, fs::copy_options::recursive);
  EXPECT_EQ(code(open_ledger(home.data_dir, home.machine)), "fleet.ledger_damaged");
  fs::remove_all(home.data_dir / kStateDir);
  fs::rename(temp / "aside", home.data_dir / kStateDir);
  fs::rename(home.data_dir / kHeadFile, temp / "head");
  EXPECT_EQ(code(open_ledger(home.data_dir, home.machine)), "store.missing");
  fs::copy(other.data_dir / kHeadFile, home.data_dir / kHeadFile);
  EXPECT_EQ(code(open_ledger(home.data_dir, home.machine)), "store.damaged");
  fs::remove(home.data_dir / kHeadFile);
  fs::rename(temp / "head", home.data_dir / kHeadFile);
  EXPECT_TRUE(open_ledger(home.data_dir, home.machine));
}

// A value in the database that somebody changed, with all of RocksDB's checksums right.
TEST(Ledger, AStateThatIsNotTheHeadersIsDamage) {
  const TempDir temp;
  Founded home(temp / "alpha");
  ASSERT_TRUE(home.append({home.invite(0)}));
  home.ledger.reset();
  {
    auto store = store::KeyValueStore::open(home.data_dir / kStateDir,
                                            store::KeyValueStore::Mode::kExisting);
    Bytes key{'s'};
    append(key, parameters_key());
    store::Batch batch;
    batch.put(key, encode(FleetParameters{.epoch_ms = 60'001}));
    ASSERT_TRUE((*store)->commit(batch));
  }
  EXPECT_EQ(code(open_ledger(home.data_dir, home.machine)), "fleet.ledger_damaged");
}

TEST(Ledger, ADataDirectoryWithoutOneGetsOne) {
  const TempDir temp;
  const StateMachine machine;
  const fs::path dir = temp / "alpha";
  const auto version = [&dir] { return testing::contents(dir / kVersionFile).substr(0, 10); };
  EXPECT_EQ(code(open_ledger(dir, machine)), "fleet.not_joined");
  ASSERT_TRUE(init({.data_dir = dir, .fleet_name = "home", .node_name = "alpha", .now = kNow}));
  EXPECT_EQ(version(), "i2-data 1 ");
  fs::create_directories(dir / kStateDir / "left");  // of an attempt that was killed
  const auto opened = open_ledger(dir, machine);
  ASSERT_TRUE(opened) << opened.error().to_string();
  EXPECT_EQ((*opened)->height(), 0u);
  EXPECT_EQ(version(), "i2-data 2 ");
  EXPECT_EQ(inspect_data_dir(dir).value(), DataDirState::kComplete);
}

TEST(Ledger, OnceThereItHasToStay) {
  const TempDir temp;
  Founded home(temp / "alpha");
  home.ledger.reset();
  fs::remove_all(home.data_dir / kStateDir);
  EXPECT_EQ(code(open_ledger(home.data_dir, home.machine)), "store.missing");
}

TEST(TrustStore, FollowsTheLedger) {
  const TempDir temp;
  Founded home(temp / "alpha");
  const auto trust = TrustStore::load(home.data_dir, kNow, home.ledger->chain()).value();
  home.ledger->on_change([&](const LedgerChange& change) { EXPECT_TRUE(trust->follow(change)); });
  const auto beta = provision({.data_dir = home.data_dir,
                               .node_name = "beta",
                               .peers = {},
                               .bundle = temp / "beta.bundle",
                               .now = kNow});
  ASSERT_TRUE(beta);
  ASSERT_EQ(trust->reload_members().value(), 2u);
  const auto unordered = trust->unordered_members();
  ASSERT_EQ(unordered.size(), 1u);

  const AccountId alpha = account_of(trust->node_id());
  const auto anchor = *trust->members()->anchors().front();
  ASSERT_TRUE(home.append({home.sign(home.identity, alpha, 0, AddAnchor{anchor})}));
  EXPECT_NE(trust->members()->find("beta"), nullptr) << "a record that has not been ordered yet";
  const auto wanted =
      trustchain::make_leaf_request("beta", trust->members()->genesis().fleet_name).value();
  const auto stated = [&] {
    return trust->application_for(wanted.request, beta->node_id, kNow).value().state_height;
  };
  EXPECT_EQ(stated(), std::nullopt) << "no state authorises it";
  ASSERT_TRUE(home.append({home.sign(home.identity, alpha, 1, Register{unordered.front()})}));
  EXPECT_EQ(stated(), 2u);
  EXPECT_TRUE(trust->unordered_members().empty());
  EXPECT_NE(trust->members()->find("beta"), nullptr);

  const AccountId operator_account = account_of(operator_id(home.operator_key.public_key()));
  ASSERT_TRUE(home.append({home.sign(home.operator_key, operator_account, 0,
                                     Expel{.node = beta->node_id, .reason = "stolen"})}));
  EXPECT_EQ(trust->members()->find("beta"), nullptr);
  ASSERT_NE(trust->members()->find_revoked(beta->node_id), nullptr);
  // Its record is still in the directory, and means nothing any more.
  ASSERT_TRUE(trust->reload_members());
  EXPECT_EQ(trust->members()->find("beta"), nullptr);
  const auto again = TrustStore::load(home.data_dir, kNow, home.ledger->chain()).value();
  EXPECT_EQ(again->members()->find("beta"), nullptr);
  EXPECT_NE(again->members()->find("alpha"), nullptr);
  EXPECT_EQ(again->members()->anchors().size(), 1u);
}

TEST(TrustStore, TellsOfLeavesThatNoStateAuthorises) {
  const TempDir temp;
  Founded home(temp / "alpha");
  const auto trust = TrustStore::load(home.data_dir, kNow, home.ledger->chain()).value();
  home.ledger->on_change([&](const LedgerChange& change) { EXPECT_TRUE(trust->follow(change)); });
  const auto anchor = *trust->members()->anchors().front();
  ASSERT_TRUE(
      home.append({home.sign(home.identity, account_of(trust->node_id()), 0, AddAnchor{anchor})}));
  const auto issuer = trust->issuer().value();
  const auto wanted = trustchain::make_leaf_request("alpha", "home").value();
  const auto leaf = [&](const std::string& name, std::uint64_t height, std::uint8_t serial) {
    return crypto::build_certificate({.subject_key = wanted.key.public_key(),
                                      .common_name = name,
                                      .dns_names = {trustchain::leaf_dns_name(name, "home")},
                                      .not_before = kNow,
                                      .not_after = kNow + 3'600'000,
                                      .serial = Bytes(16, serial),
                                      .state_height = height},
                                     &issuer.certificate, issuer.key)
        .value();
  };
  std::vector<std::string> told;
  const auto ghost = leaf("ghost", 1, 1);
  EXPECT_EQ(code(trust->check_leaf(ghost, kNow)), "trust.leaf_untrusted") << "nobody listens";
  trust->on_doubtful_leaf([&told](const crypto::Certificate& one) {
    told.push_back(one.subject_common_name() + std::to_string(one.serial().front()));
  });
  EXPECT_EQ(code(trust->check_leaf(ghost, kNow)), "trust.leaf_untrusted");
  EXPECT_EQ(code(trust->check_leaf(leaf("alpha", 1, 2), kNow)), "ok");
  EXPECT_EQ(code(trust->check_leaf(leaf("alpha", 2, 3), kNow)), "ok") << "this node may be behind";
  // Without the anchor's signature it says nothing of the authority.
  Bytes damaged = leaf("ghost", 1, 4).der();
  damaged[damaged.size() - 100] ^= 1;
  EXPECT_EQ(code(trust->check_leaf(crypto::Certificate::from_der(damaged).value(), kNow)),
            "trust.leaf_untrusted");
  EXPECT_EQ(told, (std::vector<std::string>{"ghost1", "alpha3"}));
}

}  // namespace
}  // namespace i2::fleet
