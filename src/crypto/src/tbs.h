// A TBSCertificate (RFC 5280 §4.1) as bytes: what is not looked at stays as it was signed.
#pragma once

#include <i2/base/bytes.h>

#include <optional>
#include <vector>

namespace i2::crypto {

struct Tbs {
  struct Extension {
    ByteView oid;  // as a value in DER
    ByteView whole;
  };
  ByteView front;  // the fields in front of the extensions
  std::vector<Extension> extensions;
};

// Of a certificate that OpenSSL can read. It keeps what is signed as it was, and need not have been
// in DER: then nothing, where that shows in the certificate, a field or an extension.
[[nodiscard]] std::optional<Tbs> read_tbs(ByteView certificate);
[[nodiscard]] Bytes write_tbs(const Tbs& tbs);

}  // namespace i2::crypto
