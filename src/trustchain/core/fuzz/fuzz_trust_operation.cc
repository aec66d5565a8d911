// Bodies of trust operations and the values that the state keeps of them: what decodes encodes to
// the same bytes. A certificate that somebody sends as evidence convicts nobody whom the fleet does
// not know.
#include <i2/base/assert.h>
#include <i2/trustchain/core/trust_state.h>

#include <algorithm>

namespace {

namespace ports = i2::ports;

// A fleet without authorities and members.
class EmptyFleet final : public ports::Registry, public ports::StateReader {
 public:
  i2::Result<std::size_t> operators_required(const StateReader&) const override { return 1; }
  ports::Standing standing(const StateReader&, const ports::AccountId&) const override {
    return ports::Standing::kOther;
  }
  i2::Result<bool> holds_anchor(const StateReader&, const ports::AccountId&) const override {
    return false;
  }
  i2::Result<std::vector<Anchor>> anchors(const StateReader&) const override {
    return std::vector<Anchor>();
  }
  i2::Result<std::string> fleet_name(const StateReader&) const override { return "home"; }
  i2::Result<bool> had_member(const StateReader&, std::string_view, std::uint64_t) const override {
    return false;
  }
  std::optional<i2::ByteView> get(i2::ByteView) const override { return std::nullopt; }
  void scan(i2::ByteView, i2::ByteView,
            const std::function<bool(i2::ByteView, i2::ByteView)>&) const override {}
  std::uint64_t count(i2::ByteView) const override { return 0; }
};

void check_evidence(const i2::trustchain::TrustOperation& body) {
  if (const auto* evidence = std::get_if<i2::trustchain::AuthorityEvidence>(&body)) {
    const EmptyFleet fleet;
    const auto found = i2::trustchain::convicted_authority(evidence->certificate, fleet, fleet, 7);
    I2_ASSERT(!found && found.error().is("trust.evidence_invalid"));
  }
}

template <class T>
void check_value(i2::Result<T> (*decode)(i2::ByteView), i2::ByteView input) {
  if (const auto value = decode(input)) {
    I2_ASSERT(i2::equal(encode(*value), input));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  namespace trust = i2::trustchain;
  const i2::ByteView input(data, size);
  for (std::uint16_t kind = trust::kSetLog; kind <= trust::kAuthorityEvidence; ++kind) {
    if (const auto body = trust::decode_trust_operation(kind, input)) {
      I2_ASSERT(trust::kind_of(*body) == kind);
      I2_ASSERT(i2::equal(encode(*body), input));
      check_evidence(*body);
    }
  }
  check_value(trust::decode_log_record, input);
  check_value(trust::decode_index_record, input);
  check_value(trust::decode_revocation_record, input);
  check_value(trust::decode_pin_record, input);
  check_value(trust::decode_log_evidence_record, input);
  check_value(trust::decode_log_standbys, input);
  check_value(trust::decode_authority_evidence_record, input);
  if (const auto id = trust::certificate_of_key(input, trust::index_prefix());
      id && input.size() >= trust::index_prefix().size()) {
    const auto key = trust::index_key(*id);
    I2_ASSERT(std::equal(key.rbegin(), key.rend() - std::ptrdiff_t(trust::index_prefix().size()),
                         input.rbegin()));
  }
  return 0;
}
