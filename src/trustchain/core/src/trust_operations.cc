#include <i2/crypto/hash.h>
#include <i2/trustchain/core/trust_operations.h>
#include <i2/wire/alternatives.h>

#include <algorithm>
#include <type_traits>
#include <utility>

namespace i2::trustchain {
namespace {

constexpr std::uint16_t kTrustBodyVersion = 1;
constexpr std::size_t kOriginSizeMax = 255;
constexpr std::size_t kLogSpkiSizeMax = 128;
constexpr std::size_t kVkeySizeMax = 4096;

Bytes read_serial(wire::CanonicalReader& r) {
  Bytes out = to_bytes(r.bytes(kSerialSizeMax));
  if (out.empty() || out.front() == 0) {
    r.fail();
  }
  return out;
}

// Origin, key and cosigners of a log.
template <class Log>
void write_log(wire::CanonicalWriter& w, const Log& log) {
  w.text(log.origin);
  w.bytes(log.spki);
  w.count(log.cosigners.size());
  for (const std::string& vkey : log.cosigners) {
    w.text(vkey);
  }
}
template <class Log>
void read_log(wire::CanonicalReader& r, Log& log) {
  log.origin = r.text(kOriginSizeMax);
  log.spki = to_bytes(r.bytes(kLogSpkiSizeMax));
  const std::size_t count = r.count(kCosignersMax);
  for (std::size_t i = 0; i < count && r.ok(); ++i) {
    log.cosigners.push_back(r.text(kVkeySizeMax));
  }
}
// Whether all of its keys are keys.
template <class Log>
bool is_sound(const Log& log) {
  const auto is_cosigner = [](const std::string& vkey) {
    const auto key = ct::NoteKey::parse(vkey);
    return key && key->type() != ct::NoteKeyType::kTreeHead && key->vkey() == vkey;
  };
  auto key = crypto::PublicKey::from_spki(log.spki);
  return std::ranges::all_of(log.cosigners, is_cosigner) && key &&
         ct::NoteKey::make(log.origin, ct::NoteKeyType::kTreeHead, *std::move(key)).has_value();
}

void write_body(wire::CanonicalWriter& w, const SetLog& body) {
  write_log(w, body);
  w.fixed(body.holder.view());
  w.u64(body.epoch);
}
void read_body(wire::CanonicalReader& r, SetLog& body) {
  read_log(r, body);
  body.holder.bytes = r.fixed<32>();
  body.epoch = r.u64();
  if (!is_sound(body)) {
    r.fail();
  }
}

void write_body(wire::CanonicalWriter& w, const IndexCertificates& body) {
  w.fixed(body.issuer);
  w.count(body.entries.size());
  for (const IndexEntry& entry : body.entries) {
    w.u64(entry.not_after);
    w.bytes(entry.serial);
    w.u8(static_cast<std::uint8_t>(entry.profile));
    w.fixed(entry.key_hash);
    w.fixed(entry.requester.view());
    w.u64(entry.not_before);
    w.u64(entry.log_index);
  }
}
void read_body(wire::CanonicalReader& r, IndexCertificates& body) {
  body.issuer = r.fixed<32>();
  const std::size_t count = r.count(kCertificatesPerOperationMax);
  body.entries.reserve(count);
  for (std::size_t i = 0; i < count && r.ok(); ++i) {
    IndexEntry entry;
    entry.not_after = r.u64();
    entry.serial = read_serial(r);
    const auto known = profile(r.u8());
    entry.key_hash = r.fixed<32>();
    entry.requester.bytes = r.fixed<32>();
    entry.not_before = r.u64();
    entry.log_index = r.u64();
    if (!known || entry.not_before >= entry.not_after) {
      r.fail();
      return;
    }
    entry.profile = *known;
    if (i > 0 && std::tie(entry.not_after, entry.serial) <=
                     std::tie(body.entries.back().not_after, body.entries.back().serial)) {
      r.fail();
    }
    body.entries.push_back(std::move(entry));
  }
  if (body.entries.empty()) {
    r.fail();
  }
}

void write_body(wire::CanonicalWriter& w, const RevokeCertificates& body) {
  w.u8(static_cast<std::uint8_t>(body.reason));
  w.count(body.certificates.size());
  for (const CertificateId& id : body.certificates) {
    w.u64(id.not_after);
    w.fixed(id.issuer);
    w.bytes(id.serial);
  }
}
void read_body(wire::CanonicalReader& r, RevokeCertificates& body) {
  body.reason = read_reason(r);
  const std::size_t count = r.count(kCertificatesPerOperationMax);
  body.certificates.reserve(count);
  for (std::size_t i = 0; i < count && r.ok(); ++i) {
    CertificateId id;
    id.not_after = r.u64();
    id.issuer = r.fixed<32>();
    id.serial = read_serial(r);
    if (i > 0 && id <= body.certificates.back()) {
      r.fail();
    }
    body.certificates.push_back(std::move(id));
  }
  if (body.certificates.empty()) {
    r.fail();
  }
}

void write_body(wire::CanonicalWriter& w, const RevokeAccount& body) {
  w.fixed(body.account.view());
  w.u8(static_cast<std::uint8_t>(body.reason));
}
void read_body(wire::CanonicalReader& r, RevokeAccount& body) {
  body.account.bytes = r.fixed<32>();
  body.reason = read_reason(r);
}

void write_body(wire::CanonicalWriter& w, const SetPins& body) {
  w.fixed(body.node.view());
  w.boolean(body.enforced);
  w.count(body.issuers.size());
  for (const Hash256& issuer : body.issuers) {
    w.fixed(issuer);
  }
}
void read_body(wire::CanonicalReader& r, SetPins& body) {
  body.node.bytes = r.fixed<32>();
  body.enforced = r.boolean();
  const std::size_t count = r.count(kPinsMax);
  for (std::size_t i = 0; i < count && r.ok(); ++i) {
    const Hash256 issuer = r.fixed<32>();
    if (!body.issuers.empty() && issuer <= body.issuers.back()) {
      r.fail();
    }
    body.issuers.push_back(issuer);
  }
}

void write_body(wire::CanonicalWriter& w, const LogEvidence& body) {
  w.bytes(encode(body.evidence));
}
void read_body(wire::CanonicalReader& r, LogEvidence& body) {
  const ByteView encoding = r.bytes(kLogEvidenceSizeMax);
  auto evidence = ct::decode_split_view(encoding);
  if (!evidence || !equal(encode(*evidence), encoding)) {
    r.fail();
    return;
  }
  body.evidence = *std::move(evidence);
}

void write_body(wire::CanonicalWriter& w, const SetLogStandby& body) {
  write_standby(w, body.log);
}
void read_body(wire::CanonicalReader& r, SetLogStandby& body) {
  body.log = read_standby(r);
  const bool bare = body.log.origin.empty() && body.log.cosigners.empty();
  if (body.removes() ? !bare : !is_sound(body.log)) {
    r.fail();
  }
}

// To read a key costs more than its size suggests, so the rules do that.
void write_body(wire::CanonicalWriter& w, const AuthorityEvidence& body) {
  w.bytes(body.certificate);
}
void read_body(wire::CanonicalReader& r, AuthorityEvidence& body) {
  body.certificate = to_bytes(r.bytes(kMisissuedSizeMax));
  if (body.certificate.empty()) {
    r.fail();
  }
}

}  // namespace

static_assert(
    std::is_same_v<std::variant_alternative_t<kLogStandby - kSetLog, TrustOperation>,
                   SetLogStandby> &&
    std::is_same_v<std::variant_alternative_t<kAuthorityEvidence - kSetLog, TrustOperation>,
                   AuthorityEvidence> &&
    std::is_same_v<std::variant_alternative_t<kLogEvidence - kSetLog, TrustOperation>,
                   LogEvidence> &&
    std::is_same_v<std::variant_alternative_t<kSetPins - kSetLog, TrustOperation>, SetPins> &&
    std::is_same_v<std::variant_alternative_t<kRevokeCertificates - kSetLog, TrustOperation>,
                   RevokeCertificates>);

CertificateId certificate_id(const crypto::Certificate& certificate, const Hash256& issuer) {
  return {.not_after = certificate.not_after(), .issuer = issuer, .serial = certificate.serial()};
}

crypto::RevocationReason read_reason(wire::CanonicalReader& r) {
  const auto reason = crypto::revocation_reason(r.u8());
  if (!reason) {
    r.fail();
  }
  return reason.value_or(crypto::RevocationReason::kUnspecified);
}

void write_standby(wire::CanonicalWriter& w, const StandbyLog& log) {
  w.fixed(log.node.view());
  write_log(w, log);
}

StandbyLog read_standby(wire::CanonicalReader& r) {
  StandbyLog out;
  out.node.bytes = r.fixed<32>();
  read_log(r, out);
  return out;
}

std::uint16_t kind_of(const TrustOperation& operation) {
  return static_cast<std::uint16_t>(kSetLog + operation.index());
}

Bytes encode(const TrustOperation& operation) {
  wire::CanonicalWriter w(kind_of(operation), kTrustBodyVersion);
  std::visit([&w](const auto& body) { write_body(w, body); }, operation);
  return std::move(w).take();
}

Result<TrustOperation> decode_trust_operation(std::uint16_t kind, ByteView body) {
  // The kinds follow one another in the order of the variant.
  auto out = wire::decode_alternative<TrustOperation>(
      kind, kSetLog, kTrustBodyVersion, body, [](auto& r, auto& value) { read_body(r, value); });
  if (!out) {
    return fail("fleet.operation_malformed", "the body of the operation is malformed");
  }
  return *std::move(out);
}

}  // namespace i2::trustchain
