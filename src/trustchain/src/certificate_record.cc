#include <i2/crypto/random.h>
#include <i2/trustchain/certificate_store.h>

namespace i2::trustchain {
namespace {

constexpr std::uint16_t kRecordVersion = 1;
constexpr std::size_t kIssuedSizeMax = 64 * 1024;
constexpr std::uint8_t kStateLast = static_cast<std::uint8_t>(RecordState::kAbandoned);

}  // namespace

std::string_view name(RecordState state) {
  switch (state) {
    case RecordState::kOpen:
      return "open";
    case RecordState::kIssued:
      return "issued";
    case RecordState::kFailed:
      return "failed";
    case RecordState::kAbandoned:
      return "abandoned";
  }
  return "open";
}

Bytes encode(const CertificateRecord& record) {
  wire::CanonicalWriter w(kCertificateRecordType, kRecordVersion);
  w.u8(static_cast<std::uint8_t>(record.state));
  w.bytes(encode(record.intent));
  w.u64(record.changed_at);
  w.bytes(record.certificate);
  w.boolean(record.log_index.has_value());
  if (record.log_index) {
    w.u64(*record.log_index);
  }
  return std::move(w).take();
}

Result<CertificateRecord> decode_certificate_record(ByteView encoding) {
  wire::CanonicalReader r(encoding, kCertificateRecordType, kRecordVersion);
  CertificateRecord out;
  const std::uint8_t state = r.u8();
  const auto intent = decode_intent(r.bytes(kIntentSizeMax));
  out.changed_at = r.u64();
  out.certificate = to_bytes(r.bytes(kIssuedSizeMax));
  if (r.boolean()) {
    out.log_index = r.u64();
  }
  const bool known = state >= 1 && state <= kStateLast;
  const bool issued = static_cast<RecordState>(state) == RecordState::kIssued;
  if (!r.finish() || !intent || !known || issued == out.certificate.empty() ||
      (out.log_index && !issued)) {
    return fail("trust.record_invalid", "the record of a certificate is malformed");
  }
  out.intent = *intent;
  out.state = static_cast<RecordState>(state);
  return out;
}

Bytes random_certificate_serial() {
  constexpr std::size_t kSize = 16;
  constexpr std::uint8_t kPositiveMax = 0x7f;
  Bytes out(kSize);
  do {
    crypto::random_bytes(out);
    out.front() &= kPositiveMax;
  } while (out.front() == 0);
  return out;
}

std::uint8_t crl_shard(ByteView serial) {
  return serial.empty() ? 0 : static_cast<std::uint8_t>(serial.back() % kCrlShards);
}

}  // namespace i2::trustchain
