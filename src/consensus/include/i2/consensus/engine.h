// Engine: one validator's part in ordering payloads during one epoch. Simplex (Chan and Pass,
// ePrint 2023/463) with votes notarize, nullify and finalize; docs/consensus.md says what it
// guarantees.
//
//   handle(...)      messages, answers of the application, time  ──▶ Engine ──▶  poll(): actions
//
// Pure: no clock, disk, network or randomness of its own; a copy behaves like the original. Not
// thread-safe. The driver carries out the actions of one poll() in their order, and everything that
// it is told to remember is durable before it sends anything that comes after.
//
// Bounded: what it holds is limited by the number of validators and the views above the last seal,
// of which it looks kViewsAhead into the future.
#pragma once

#include <i2/consensus/evidence.h>
#include <i2/consensus/message.h>

#include <map>
#include <memory>
#include <set>

namespace i2::consensus {

// Votes for views further ahead are dropped; certificates are not.
inline constexpr View kViewsAhead = 64;
// The same for proposals, which are large.
inline constexpr View kProposalsAhead = 4;

struct Timing {
  Duration proposal = 500 * kMillisecond;     // for the leader's proposal: 2 hops
  Duration certificate = 750 * kMillisecond;  // for the end of the view: 3 hops
  Duration timeout_max = 60 * kSecond;        // they double while views fail
  Duration heartbeat = 10 * kSecond;          // without demand, one empty payload in this time
  Duration fetch = 250 * kMillisecond;        // before another validator is asked
  Duration repeat = 1 * kSecond;              // what was said is said again; doubles
  Duration repeat_max = 10 * kSecond;
};

// The last sealed proposal.
struct Root {
  View view = 0;  // 0: what the epoch begins with
  ProposalId proposal;
  PayloadId payload;
  bool ends_epoch = false;
  std::optional<Seal> seal;  // of a view above 0
  friend bool operator==(const Root&, const Root&) = default;
};

// What has to be durable, and is given back after a restart. Certificates are those behind a vote
// to finalize: who cast it can never give the view up, and must be able to show others the way out.
using Record = std::variant<Vote, ProposalMessage, Certificate>;
[[nodiscard]] View view_of(const Record& record);

struct Remember {
  Record record;
};
struct Broadcast {
  Message message;  // to every other validator
};
struct Send {
  ValidatorIndex to = 0;
  Message message;
};
// Answered by built(). The payload follows `parent`.
struct Build {
  View view = 0;
  PayloadId parent;
  bool may_be_empty = false;  // otherwise only when there is something to order
};
// Answered by validated(). Whether `payload` is `id` and may follow `parent`.
struct Validate {
  View view = 0;
  ProposalId proposal;
  PayloadId parent;
  PayloadId id;
  Bytes payload;
};
// The payloads of these proposals are final, in this order (one that is empty has been there
// before); the last one is the one of the seal. Kept with their justifications they account for
// every view since the seal before: fork_evidence().
struct Commit {
  std::vector<ProposalMessage> chain;
  Seal seal;
};
struct Accuse {
  Evidence evidence;
};
// Others have sealed something that this validator lacks: it comes from their ledgers.
struct CatchUp {
  View view = 0;
};
// Two seals contradict each other: a third of the weight or more has lied. Nothing is signed or
// committed any more. `proof` convicts them, as far as this validator has seen both sides; each has
// also been accused.
struct Halt {
  Seal ours;
  Seal theirs;
  std::vector<Evidence> proof;
};

using Action =
    std::variant<Remember, Broadcast, Send, Build, Validate, Commit, Accuse, CatchUp, Halt>;

class Engine {
 public:
  struct Options {
    ValidatorIndex self = 0;
    Timing timing;
    // Nothing is signed for views up to here: it may have been before, by a memory that is lost.
    View silent_through = 0;
  };
  // `set` is shared by the copies of an engine; `signer` outlives them. `records`: what had been
  // remembered in this epoch, oldest first; of views up to `root` it is ignored.
  Engine(std::shared_ptr<const ValidatorSet> set, const VoteSigner& signer, Options options,
         Root root, std::vector<Record> records, Timestamp now);

  // From validator `from`, which the driver has authenticated.
  void handle(ValidatorIndex from, Message message, Timestamp now);
  // There is a connection to `peer`, perhaps again.
  void handle_connected(ValidatorIndex peer, Timestamp now);
  void handle_time(Timestamp now);
  // When handle_time() is due. kNever: not before something else happens.
  [[nodiscard]] Timestamp deadline() const;

  // Whether there is something to order that tip() does not contain.
  void set_demand(bool demand, Timestamp now);
  // There may be something that was not there when built() said that there is nothing.
  void ask_again(Timestamp now);
  struct Built {
    PayloadId id;
    Bytes payload;
    bool ends_epoch = false;
  };
  // None: there is nothing to order.
  void built(View view, std::optional<Built> built, Timestamp now);
  void validated(const ProposalId& proposal, bool good, bool ends_epoch, Timestamp now);
  // The ledger has been brought to this seal, which has been verified.
  void advance(const Seal& seal, bool ends_epoch, Timestamp now);

  [[nodiscard]] std::vector<Action> poll() { return std::exchange(actions_, {}); }

  [[nodiscard]] const ValidatorSet& set() const { return *set_; }
  [[nodiscard]] View view() const { return view_; }
  [[nodiscard]] const Root& root() const { return root_; }
  // What the next proposal would follow, as far as this validator knows.
  [[nodiscard]] PayloadId tip() const;
  // The epoch's last payload is sealed.
  [[nodiscard]] bool finished() const { return root_.ends_epoch; }
  [[nodiscard]] bool halted() const { return halted_; }
  // Whether enough others have been heard since the start to sign anything.
  [[nodiscard]] bool may_sign() const;
  // Of everything that decides what it does, except times: two engines with the same one differ in
  // nothing but how long they have been waiting. For explorers.
  [[nodiscard]] Hash256 fingerprint() const;

 private:
  struct Round {
    std::optional<ProposalId> proposed;  // the leader's first
    std::map<std::pair<VoteKind, ValidatorIndex>, Vote> votes;
    std::set<std::pair<VoteKind, ValidatorIndex>> verified;
    std::optional<Certificate> notarization;
    std::optional<Certificate> nullification;
  };
  enum class Standing : std::uint8_t { kWaiting, kValidating, kGood, kBad };
  struct Entry {
    ProposalMessage message;
    Standing standing = Standing::kWaiting;
    bool ends_epoch = false;
  };
  struct Fetch {
    View view = 0;
    Timestamp again = 0;
    std::size_t attempt = 0;
  };

  void recover(std::vector<Record> records);
  template <class Event>
  void take(Timestamp now, Event event);
  void on(ValidatorIndex from, ProposalMessage message);
  void on(ValidatorIndex from, const Vote& vote);
  void on(ValidatorIndex from, Certificate certificate);
  void on(ValidatorIndex from, Seal seal);
  void on(ValidatorIndex from, const Greeting& greeting);
  void on(ValidatorIndex from, const FetchProposal& fetch);
  void on(ValidatorIndex from, const FetchCertificates& fetch);

  // Votes and certificates.
  [[nodiscard]] bool is_known(const Vote& vote) const;
  void record(const Vote& vote, bool verified);
  void tally(View view, VoteKind kind);
  void certified(Certificate certificate, bool tell);
  void finalized(Certificate finalization);
  void cast(View view, VoteKind kind, const ProposalId& proposal);
  [[nodiscard]] const Vote* own(View view, VoteKind kind) const;
  void nullify();
  void finalize(View view, const ProposalId& proposal);
  void note_signers(const Certificate& certificate);
  void compare(const Certificate& one, const std::optional<Certificate>& other);
  void show_seal_once(ValidatorIndex peer);
  void accuse_all(std::vector<Evidence> evidence);
  void accuse(Evidence evidence);

  // Proposals.
  void insert(const ProposalId& id, ProposalMessage message);
  void examine(const ProposalId& id);
  void examine_waiting();
  void fetch(const ProposalId& id, View view, std::optional<ValidatorIndex> from);
  [[nodiscard]] const Entry* find(const ProposalId& id) const;
  struct Parent {
    View view = 0;
    ProposalId proposal;
    PayloadId payload;
    bool ends_epoch = false;
    Justification justification;
  };
  // What a proposal in the current view would follow. None: a certificate or proposal is missing;
  // `missing` says of which view.
  [[nodiscard]] std::optional<Parent> parent(View& missing) const;

  // The current view.
  void enter(View view);
  void step();
  void propose();
  void propose(PayloadId payload, Bytes bytes, bool ends_epoch, const Parent& parent);
  void vote();
  void commit();
  void fork(const std::vector<const Entry*>& chain);
  void halt(const Seal& theirs, std::vector<Evidence> proof);
  void set_root(Root root);
  [[nodiscard]] bool can_sign(View view) const {
    return may_sign() && view > options_.silent_through;
  }
  [[nodiscard]] bool leads() const { return set_->leader(view_) == options_.self; }
  [[nodiscard]] Timestamp active_at() const;
  [[nodiscard]] Duration stretched(Duration timeout) const;
  [[nodiscard]] bool leader_is_absent() const;
  [[nodiscard]] bool tip_is_sealed() const;
  void greet(ValidatorIndex peer);
  void repeat();

  std::shared_ptr<const ValidatorSet> set_;
  const VoteSigner* signer_;
  Options options_;
  Timestamp now_;
  std::vector<Action> actions_;

  Root root_;
  std::map<View, Round> rounds_;  // above the root
  std::map<ProposalId, Entry> entries_;
  std::map<ProposalId, Fetch> fetches_;
  std::optional<Certificate> finalization_;  // the highest above the root

  View view_ = 1;
  Timestamp entered_ = 0;
  Timestamp last_payload_ = 0;  // when the tip last grew
  std::optional<Timestamp> demand_since_;
  std::optional<Timestamp> activity_;  // of others in this view
  struct Building {
    View view = 0;
    PayloadId parent;
  };
  std::optional<Building> building_;
  bool declined_ = false;   // there was nothing to order
  std::size_t failed_ = 0;  // views in a row that ended without a notarization
  Timestamp repeat_at_ = 0;
  Duration repeat_after_ = 0;
  Timestamp certificates_asked_ = 0;
  std::vector<View> seen_;  // per validator: the highest view of anything it signed
  std::vector<View> told_;  // per validator: the seal it was sent because it was behind
  std::vector<bool> greeted_;
  std::set<ValidatorIndex> accused_;
  bool halted_ = false;
};

}  // namespace i2::consensus
