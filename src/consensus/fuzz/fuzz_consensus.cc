// Messages of validators: what decodes encodes to the same bytes, and an engine survives any
// sequence of them. Every signature counts as good here, so that the fuzzer gets behind them.
//
// Input: letters one after another, each the sender (u8), size (u16) and bytes.
#include <i2/base/assert.h>
#include <i2/consensus/account.h>
#include <i2/consensus/engine.h>
#include <i2/wire/reader.h>

namespace {

using namespace i2;             // NOLINT(google-build-using-namespace)
using namespace i2::consensus;  // NOLINT(google-build-using-namespace)

class AnySignature final : public VoteSigner, public VoteVerifier {
 public:
  [[nodiscard]] Result<Bytes> sign(ByteView /*message*/) const override { return Bytes{1}; }
  [[nodiscard]] bool verify(ByteView /*message*/, ByteView signature) const override {
    return !signature.empty() && signature[0] == 1;
  }
};

std::shared_ptr<const ValidatorSet> make_set() {
  std::vector<Validator> validators;
  for (std::uint8_t i = 0; i < 4; ++i) {
    Validator validator{.node = {}, .weight = 1, .key = std::make_shared<AnySignature>()};
    validator.node.bytes[0] = i;
    validators.push_back(std::move(validator));
  }
  return std::make_shared<const ValidatorSet>(
      ValidatorSet::create({}, 0, std::move(validators), {}).value());
}

void carry_out(Engine& engine, Timestamp now) {
  for (auto actions = engine.poll(); !actions.empty(); actions = engine.poll()) {
    for (const Action& action : actions) {
      if (const auto* const build = std::get_if<Build>(&action)) {
        engine.built(build->view, Engine::Built{.id = {}, .payload = {7}, .ends_epoch = false},
                     now);
      } else if (const auto* const validate = std::get_if<Validate>(&action)) {
        engine.validated(validate->proposal, validate->payload[0] != 0, validate->payload[0] == 9,
                         now);
      } else if (const auto* const accuse = std::get_if<Accuse>(&action)) {
        I2_ASSERT(convict(engine.set(), accuse->evidence).has_value());
        const auto decoded = decode_evidence(encode(accuse->evidence));
        I2_ASSERT(!decoded || *decoded == accuse->evidence);
      }
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const auto set = make_set();
  static const AnySignature signer;
  if (const auto evidence = decode_evidence(ByteView(data, size))) {
    I2_ASSERT(equal(encode(*evidence), ByteView(data, size)));
    (void)convict(*set, *evidence);
  }
  if (const auto account = decode_account(ByteView(data, size))) {
    I2_ASSERT(equal(encode(*account), ByteView(data, size)));
    for (const ProposalMessage& message : account->chain) {
      const Seal other{.proposal = message.proposal.proposal,
                       .finalization = account->seal.finalization};
      I2_ASSERT(contradictions(*set, other, *account).size() <= set->size());
    }
  }
  Timestamp now = kSecond;
  Engine engine(set, signer, {}, {}, {}, now);
  engine.set_demand(true, now);
  wire::Reader letters(ByteView(data, size));
  while (!letters.rest().empty() && letters.ok()) {
    const std::uint8_t from = letters.u8();
    const ByteView encoding = letters.bytes(letters.u16());
    if (const auto envelope = decode_envelope(encoding)) {
      I2_ASSERT(equal(encode(*envelope), encoding));
      engine.handle(from % 4, envelope->message, now);
      carry_out(engine, now);
    }
    now += (from / 4U) * 20 * kMillisecond;
    if (engine.deadline() <= now) {
      engine.handle_time(now);
      carry_out(engine, now);
    }
  }
  return 0;
}
