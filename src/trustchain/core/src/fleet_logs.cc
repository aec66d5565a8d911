#include <i2/trustchain/core/ct/log_entry.h>
#include <i2/trustchain/core/fleet_logs.h>

#include <algorithm>

namespace i2::trustchain {

namespace {

Result<ct::Submission> logged_part_of(const crypto::Certificate& certificate,
                                      const crypto::Certificate& issuer) {
  I2_TRY_VALUE(auto entry, crypto::precertificate_entry(certificate, issuer));
  return ct::Submission{.type = ct::EntryType::kPrecert,
                        .issuer_key_hash = entry.issuer_key_hash,
                        .certificate = std::move(entry.tbs),
                        .precertificate = {},
                        .issuers = {}};
}

}  // namespace

UnixMillis issued_at(const crypto::Certificate& certificate) {
  return certificate.not_before() + kLeafBackdateMs;
}

Result<FleetLogs> FleetLogs::from_state(const ports::StateReader& state) {
  I2_TRY_VALUE(const auto records, TrustState(state).logs());
  FleetLogs out;
  for (const LogRecord& record : records) {
    auto key = crypto::PublicKey::from_spki(record.spki);
    if (!key) {
      return fail("fleet.state_invalid", "the key of the fleet's log cannot be read");
    }
    out.logged_since_ = record.logged_since;
    const Hash256 id = key->spki_sha256();
    out.logs_.push_back({.id = id,
                         .key = *std::move(key),
                         .since = record.since == record.logged_since ? 0 : record.since,
                         .until = record.until});
  }
  return out;
}

Result<void> FleetLogs::check(const crypto::Certificate& leaf,
                              const crypto::Certificate& issuer) const {
  const bool early = empty() || issued_at(leaf) < logged_since_ + kFirstLogGraceMs;
  if (early) {
    return {};
  }
  if (!leaf.state_height()) {
    return fail("trust.sct_missing",
                "the certificate does not say by which state of the fleet it was issued");
  }
  return check_promise(leaf, issuer);
}

Result<void> FleetLogs::check_promise(const crypto::Certificate& leaf,
                                      const crypto::Certificate& issuer) const {
  const auto scts = leaf.fields().scts;
  if (scts.empty()) {
    return fail("trust.sct_missing",
                "the certificate is not in the fleet's log: it carries no promise of one");
  }
  I2_TRY_VALUE(const auto submission, logged_part_of(leaf, issuer));
  if (std::ranges::any_of(scts, [&](const Bytes& sct) { return is_promise(sct, submission); })) {
    return {};
  }
  return fail("trust.sct_missing",
              "the certificate is not in the fleet's log: no promise that it carries is valid");
}

Result<void> FleetLogs::check_sct(ByteView sct, const crypto::Certificate& certificate,
                                  const crypto::Certificate& issuer) const {
  I2_TRY_VALUE(const auto submission, logged_part_of(certificate, issuer));
  if (!is_promise(sct, submission)) {
    return fail("trust.sct_invalid", "what the log answered is no promise of the fleet's log");
  }
  return {};
}

bool FleetLogs::is_promise(ByteView encoding, const ct::Submission& submission) const {
  const auto sct = ct::decode_sct(encoding);
  // One key may have been the fleet's log more than once.
  const auto in_office = [&](const Log& log) {
    return log.id == sct->log_id && sct->timestamp + kLeafBackdateMs >= log.since &&
           (log.until == 0 || sct->timestamp < log.until + kLeafBackdateMs);
  };
  const auto log = sct ? std::ranges::find_if(logs_, in_office) : logs_.end();
  return log != logs_.end() && ct::verify_sct(*sct, submission, log->key);
}

}  // namespace i2::trustchain
