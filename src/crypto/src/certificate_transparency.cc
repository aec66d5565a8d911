// Certificates as a transparency log sees them (RFC 6962 §3.2).
#include <i2/crypto/x509.h>

#include <algorithm>

#include "der.h"

namespace i2::crypto {
namespace {

// Object identifiers in DER: 1.3.6.1.4.1.11129.2.4.3 (RFC 6962 §3.1) and .2 (§3.3).
constexpr std::array<std::uint8_t, 12> kPoison = {0x06, 0x0a, 0x2b, 0x06, 0x01, 0x04,
                                                  0x01, 0xd6, 0x79, 0x02, 0x04, 0x03};
constexpr std::array<std::uint8_t, 12> kSctList = {0x06, 0x0a, 0x2b, 0x06, 0x01, 0x04,
                                                   0x01, 0xd6, 0x79, 0x02, 0x04, 0x02};

// A TBSCertificate, its extensions apart (RFC 5280 §4.1).
struct Contents {
  ByteView front;  // the fields in front of the extensions
  std::vector<ByteView> extensions;
};

std::optional<Contents> read_contents(ByteView tbs) {
  const auto sequence = take_der(tbs);
  if (!sequence) {
    return std::nullopt;
  }
  Contents out;
  ByteView in = sequence->contents;
  std::optional<DerValue> field;
  while (!in.empty()) {
    field = take_der(in);
    if (!field) {
      return std::nullopt;
    }
  }
  out.front = sequence->contents;
  if (!field || field->identifier != kDerExplicit3) {
    return out;
  }
  out.front = out.front.first(out.front.size() - field->whole.size());
  const auto list = take_der(field->contents);
  for (in = list ? list->contents : ByteView(); !in.empty();) {
    const auto extension = take_der(in);
    if (!extension) {
      return std::nullopt;
    }
    out.extensions.push_back(extension->whole);
  }
  return out;
}

bool is_of(ByteView extension, ByteView oid) {
  const auto sequence = take_der(extension);
  return sequence && sequence->contents.size() > oid.size() &&
         equal(sequence->contents.first(oid.size()), oid);
}

Bytes write_contents(const Contents& contents) {
  Bytes list;
  for (const ByteView one : contents.extensions) {
    append(list, one);
  }
  return contents.extensions.empty()
             ? der_value(kDerSequence, {contents.front})
             : der_value(
                   kDerSequence,
                   {contents.front, der_value(kDerExplicit3, {der_value(kDerSequence, {list})})});
}

}  // namespace

bool Certificate::is_precertificate() const {
  const auto contents = read_contents(tbs_of(der()));
  return contents && std::ranges::any_of(contents->extensions,
                                         [](ByteView one) { return is_of(one, kPoison); });
}

Result<PrecertificateEntry> precertificate_entry(const Certificate& certificate,
                                                 const Certificate& issuer) {
  if (!certificate || !issuer) {
    return fail("crypto.certificate_malformed", "a log entry needs a certificate and its issuer");
  }
  const ByteView tbs = tbs_of(certificate.der());
  auto contents = read_contents(tbs);
  if (!contents || !equal(write_contents(*contents), tbs)) {
    return fail("crypto.certificate_malformed", "the certificate is not in DER");
  }
  std::erase_if(contents->extensions,
                [](ByteView one) { return is_of(one, kPoison) || is_of(one, kSctList); });
  return PrecertificateEntry{.issuer_key_hash = issuer.public_key().spki_sha256(),
                             .tbs = write_contents(*contents)};
}

}  // namespace i2::crypto
