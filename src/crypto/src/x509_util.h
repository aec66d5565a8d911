// Pieces that certificates, requests and lists of revoked certificates have in common.
#pragma once

#include <i2/base/bytes.h>
#include <i2/base/error.h>
#include <i2/crypto/x509.h>

#include <string>
#include <string_view>
#include <vector>

#include "native.h"

namespace i2::crypto {

using AuthorityKeyIdPointer = NativePointer<AUTHORITY_KEYID, AUTHORITY_KEYID_free>;

// A larger certificate or request is refused before it is parsed.
inline constexpr std::size_t kMaxX509Size = 64 * 1024;

// The DER of an object whose i2d function of OpenSSL's is `encode`.
template <auto encode, class T>
[[nodiscard]] Bytes to_der(T* object) {
  unsigned char* der = nullptr;
  const int size = encode(object, &der);
  const CharsPointer owner(der);
  return size > 0 ? Bytes(der, der + size) : Bytes();
}

// The first PEM block with this label. Error: `code`.
[[nodiscard]] Result<Bytes> read_pem(std::string_view pem, const char* label, ErrorCode code);

// A subject with nothing but a common name, or nothing at all. Null when it is longer than 64
// characters of UTF-8 or has control characters (RFC 5280 appendix A, ub-common-name).
[[nodiscard]] NamePointer make_name(std::string_view common_name);
// The first common name; empty when absent.
[[nodiscard]] std::string read_common_name(const X509_NAME* name);

// Letters, digits and "-._*", 1 to 253 of them.
[[nodiscard]] bool is_dns_text(std::string_view name);
// GEN_DNS, GEN_URI, GEN_IPADD. Null without memory.
[[nodiscard]] GENERAL_NAME* make_general_name(int kind, ByteView bytes);
// subjectAltName contents. Null when a DNS name is not one.
[[nodiscard]] NamesPointer make_alt_names(const std::vector<std::string>& dns_names,
                                          const std::vector<IpAddress>& ip_addresses);
[[nodiscard]] std::vector<std::string> read_dns_names(const GENERAL_NAMES* names);
[[nodiscard]] std::vector<IpAddress> read_ip_addresses(const GENERAL_NAMES* names);
// Kinds of the names that the two above leave out.
[[nodiscard]] std::vector<std::string> read_other_names(const GENERAL_NAMES* names);

// Makes `name` a URI. False for one that is not 1 to 1024 visible ASCII characters.
[[nodiscard]] bool set_url(GENERAL_NAME* name, std::string_view url);
[[nodiscard]] std::string read_text(const ASN1_STRING* text);
// The URIs of a distribution point. Null when one is not well formed.
[[nodiscard]] DIST_POINT_NAME* make_distribution_point(const std::vector<std::string>& urls);
[[nodiscard]] std::vector<std::string> read_distribution_point(const DIST_POINT_NAME* name);

// iPAddress of a name constraint (RFC 5280 §4.2.1.10): address and mask, and back.
[[nodiscard]] std::array<std::uint8_t, 32> address_and_mask(const IpPrefix& prefix);
[[nodiscard]] std::optional<IpPrefix> read_prefix(ByteView address_and_mask);

// keyIdentifier of `issuer`; null when it has none.
[[nodiscard]] AuthorityKeyIdPointer make_authority_key_id(const Certificate& issuer);

[[nodiscard]] int purpose_nid(KeyPurpose purpose);
[[nodiscard]] std::string dotted_oid(const ASN1_OBJECT* object);

// RFC 5280 §4.1.2.2: positive and at most 20 octets, leading zeros aside.
[[nodiscard]] bool set_serial(ASN1_INTEGER* out, ByteView serial);
[[nodiscard]] Bytes read_serial(const ASN1_INTEGER* serial);  // no leading zero
[[nodiscard]] UnixMillis read_time(const ASN1_TIME* time);    // 0 before 1970

// The AlgorithmIdentifier of signatures by a key of ours.
[[nodiscard]] bool set_signature_algorithm(X509_ALGOR* out, SignatureAlgorithm algorithm);

}  // namespace i2::crypto
