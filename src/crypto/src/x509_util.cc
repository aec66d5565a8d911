#include "x509_util.h"

#include <algorithm>
#include <bit>
#include <ctime>
#include <string>

namespace i2::crypto {
namespace {

constexpr std::size_t kMaxDnsName = 253;  // RFC 1035 §2.3.4, without the root's dot

bool printable(std::string_view text) {
  return std::ranges::none_of(text, [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte < 0x20 || byte == 0x7f;
  });
}

bool dns_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
         c == '.' || c == '_' || c == '*';
}

bool push_name(GENERAL_NAMES* list, GENERAL_NAME* name) {
  NativePointer<GENERAL_NAME, GENERAL_NAME_free> owner(name);
  if (list == nullptr || name == nullptr || sk_GENERAL_NAME_push(list, name) <= 0) {
    return false;
  }
  (void)owner.release();
  return true;
}

// RFC 5280 §4.2.1.6: the kinds of a GeneralName that we have no use for.
std::string_view kind_of(const GENERAL_NAME* name) {
  switch (name->type) {
    case GEN_EMAIL:
      return "email";
    case GEN_URI:
      return "uri";
    case GEN_IPADD:
      return "ipv4";
    case GEN_DIRNAME:
      return "directory";
    default:
      return "other";
  }
}

bool is_ipv6(const GENERAL_NAME* name) {
  return name->type == GEN_IPADD &&
         ASN1_STRING_length(name->d.iPAddress) == static_cast<int>(std::tuple_size_v<IpAddress>);
}

}  // namespace

NamePointer make_name(std::string_view common_name) {
  constexpr std::size_t kMaxBytes = 4 * 64;
  NamePointer name(X509_NAME_new());
  if (common_name.empty()) {
    return name;
  }
  if (name == nullptr || common_name.size() > kMaxBytes || !printable(common_name) ||
      X509_NAME_add_entry_by_NID(name.get(), NID_commonName, MBSTRING_UTF8,
                                 reinterpret_cast<const unsigned char*>(common_name.data()),
                                 static_cast<int>(common_name.size()), -1, 0) != 1) {
    return nullptr;
  }
  return name;
}

std::string read_common_name(const X509_NAME* name) {
  const int index = X509_NAME_get_index_by_NID(name, NID_commonName, -1);
  if (index < 0) {
    return {};
  }
  unsigned char* text = nullptr;
  const int size =
      ASN1_STRING_to_UTF8(&text, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, index)));
  if (size < 0) {
    return {};
  }
  const CharsPointer owner(text);
  return {reinterpret_cast<const char*>(text), static_cast<std::size_t>(size)};
}

bool is_dns_text(std::string_view name) {
  return !name.empty() && name.size() <= kMaxDnsName && std::ranges::all_of(name, dns_character);
}

std::string read_text(const ASN1_STRING* text) {
  return {reinterpret_cast<const char*>(ASN1_STRING_get0_data(text)),
          static_cast<std::size_t>(ASN1_STRING_length(text))};
}

GENERAL_NAME* make_general_name(int kind, ByteView bytes) {
  NativePointer<GENERAL_NAME, GENERAL_NAME_free> name(GENERAL_NAME_new());
  NativePointer<ASN1_STRING, ASN1_STRING_free> text(
      ASN1_STRING_type_new(kind == GEN_IPADD ? V_ASN1_OCTET_STRING : V_ASN1_IA5STRING));
  if (name == nullptr || text == nullptr ||
      ASN1_STRING_set(text.get(), bytes.data(), static_cast<int>(bytes.size())) != 1) {
    return nullptr;
  }
  GENERAL_NAME_set0_value(name.get(), kind, text.release());
  return name.release();
}

NamesPointer make_alt_names(const std::vector<std::string>& dns_names,
                            const std::vector<IpAddress>& ip_addresses) {
  NamesPointer list(GENERAL_NAMES_new());
  for (const std::string& name : dns_names) {
    if (!is_dns_text(name) || !push_name(list.get(), make_general_name(GEN_DNS, as_bytes(name)))) {
      return nullptr;
    }
  }
  for (const IpAddress& address : ip_addresses) {
    if (!push_name(list.get(), make_general_name(GEN_IPADD, address))) {
      return nullptr;
    }
  }
  return list;
}

std::vector<std::string> read_dns_names(const GENERAL_NAMES* names) {
  std::vector<std::string> out;
  for (int i = 0; names != nullptr && i < sk_GENERAL_NAME_num(names); ++i) {
    const GENERAL_NAME* name = sk_GENERAL_NAME_value(names, i);
    if (name->type == GEN_DNS) {
      out.push_back(read_text(name->d.dNSName));
    }
  }
  return out;
}

std::vector<IpAddress> read_ip_addresses(const GENERAL_NAMES* names) {
  std::vector<IpAddress> out;
  for (int i = 0; names != nullptr && i < sk_GENERAL_NAME_num(names); ++i) {
    const GENERAL_NAME* name = sk_GENERAL_NAME_value(names, i);
    if (is_ipv6(name)) {
      IpAddress& address = out.emplace_back();
      std::copy_n(ASN1_STRING_get0_data(name->d.iPAddress), address.size(), address.begin());
    }
  }
  return out;
}

std::vector<std::string> read_other_names(const GENERAL_NAMES* names) {
  std::vector<std::string> out;
  for (int i = 0; names != nullptr && i < sk_GENERAL_NAME_num(names); ++i) {
    const GENERAL_NAME* name = sk_GENERAL_NAME_value(names, i);
    if (name->type != GEN_DNS && !is_ipv6(name)) {
      out.emplace_back(kind_of(name));
    }
  }
  return out;
}

bool set_url(GENERAL_NAME* name, std::string_view url) {
  constexpr std::size_t kMaxUrl = 1024;
  const NativePointer<ASN1_IA5STRING, ASN1_IA5STRING_free> text(ASN1_IA5STRING_new());
  if (url.empty() || url.size() > kMaxUrl || text == nullptr ||
      !std::ranges::all_of(url, [](char c) { return c > 0x20 && c < 0x7f; })) {
    return false;
  }
  return ASN1_STRING_set(text.get(), url.data(), static_cast<int>(url.size())) == 1 &&
         (GENERAL_NAME_set0_value(name, GEN_URI, ASN1_STRING_dup(text.get())),
          name->d.uniformResourceIdentifier != nullptr);
}

DIST_POINT_NAME* make_distribution_point(const std::vector<std::string>& urls) {
  constexpr int kFullName = 0;  // the choice of RFC 5280 §4.2.1.13
  NativePointer<DIST_POINT_NAME, DIST_POINT_NAME_free> point(DIST_POINT_NAME_new());
  NamesPointer names(GENERAL_NAMES_new());
  for (const std::string& url : urls) {
    GENERAL_NAME* name = GENERAL_NAME_new();
    if (name == nullptr || !set_url(name, url)) {
      GENERAL_NAME_free(name);
      return nullptr;
    }
    if (!push_name(names.get(), name)) {
      return nullptr;
    }
  }
  if (point == nullptr || names == nullptr) {
    return nullptr;
  }
  point->type = kFullName;
  point->name.fullname = names.release();
  return point.release();
}

std::vector<std::string> read_distribution_point(const DIST_POINT_NAME* point) {
  std::vector<std::string> out;
  const GENERAL_NAMES* names =
      point != nullptr && point->type == 0 ? point->name.fullname : nullptr;
  for (int i = 0; names != nullptr && i < sk_GENERAL_NAME_num(names); ++i) {
    const GENERAL_NAME* name = sk_GENERAL_NAME_value(names, i);
    if (name->type == GEN_URI) {
      out.push_back(read_text(name->d.uniformResourceIdentifier));
    }
  }
  return out;
}

std::array<std::uint8_t, 32> address_and_mask(const IpPrefix& prefix) {
  std::array<std::uint8_t, 32> out{};
  for (std::size_t bit = 0; bit < static_cast<std::size_t>(prefix.bits); ++bit) {
    out[16 + bit / 8] |= static_cast<std::uint8_t>(0x80 >> bit % 8);
  }
  for (std::size_t i = 0; i < 16; ++i) {
    out[i] = prefix.address[i] & out[16 + i];
  }
  return out;
}

std::optional<IpPrefix> read_prefix(ByteView encoded) {
  if (encoded.size() != 32) {
    return std::nullopt;
  }
  IpPrefix out{.address = {}, .bits = 0};
  std::ranges::copy(encoded.first(16), out.address.begin());
  for (const std::uint8_t byte : encoded.subspan(16)) {
    out.bits += std::popcount(byte);
  }
  return equal(address_and_mask(out), encoded) ? std::optional(out) : std::nullopt;
}

bool contains(const IpPrefix& prefix, const IpAddress& address) {
  const auto masked = [&prefix](const IpAddress& of) {
    return address_and_mask({.address = of, .bits = prefix.bits});
  };
  return masked(prefix.address) == masked(address);
}

AuthorityKeyIdPointer make_authority_key_id(const Certificate& issuer) {
  const ASN1_OCTET_STRING* issuer_id = X509_get0_subject_key_id(issuer.native());
  AuthorityKeyIdPointer id(AUTHORITY_KEYID_new());
  if (issuer_id == nullptr || id == nullptr) {
    return nullptr;
  }
  id->keyid = ASN1_OCTET_STRING_dup(issuer_id);
  return id->keyid != nullptr ? std::move(id) : nullptr;
}

int purpose_nid(KeyPurpose purpose) {
  switch (purpose) {
    case KeyPurpose::kServerAuth:
      return NID_server_auth;
    case KeyPurpose::kClientAuth:
      return NID_client_auth;
    case KeyPurpose::kOcspSigning:
      return NID_OCSP_sign;
  }
  return NID_undef;
}

std::string dotted_oid(const ASN1_OBJECT* object) {
  char text[128];
  const int size = OBJ_obj2txt(text, sizeof text, object, 1);
  return size > 0 && size < static_cast<int>(sizeof text) ? std::string(text) : std::string();
}

bool set_serial(ASN1_INTEGER* out, ByteView serial) {
  constexpr std::size_t kMaxOctets = 20;  // of which a set top bit costs one
  const auto first = std::ranges::find_if(serial, [](std::uint8_t byte) { return byte != 0; });
  const ByteView number(first, serial.end());
  if (number.empty() || number.size() + (number[0] >= 0x80 ? 1 : 0) > kMaxOctets) {
    return false;
  }
  // ASN1_INTEGER holds the magnitude and a sign.
  return ASN1_STRING_set(out, number.data(), static_cast<int>(number.size())) == 1;
}

Bytes read_serial(const ASN1_INTEGER* serial) {
  const BignumPointer number(ASN1_INTEGER_to_BN(serial, nullptr));
  if (number == nullptr) {
    return {};
  }
  Bytes out(static_cast<std::size_t>(BN_num_bytes(number.get())));
  BN_bn2bin(number.get(), out.data());
  return out;
}

UnixMillis read_time(const ASN1_TIME* time) {
  std::tm parts{};
  if (time == nullptr || ASN1_TIME_to_tm(time, &parts) != 1) {
    return 0;
  }
  const std::time_t seconds = timegm(&parts);
  return seconds < 0 ? 0 : static_cast<UnixMillis>(seconds) * 1000;
}

bool set_signature_algorithm(X509_ALGOR* out, SignatureAlgorithm algorithm) {
  // RFC 5758 §3.2 for ECDSA with SHA-256; the pure schemes have one OID for key and signature.
  ASN1_OBJECT* oid = algorithm == SignatureAlgorithm::kEcdsaP256
                         ? OBJ_nid2obj(NID_ecdsa_with_SHA256)
                         : OBJ_txt2obj(std::string(info(algorithm).oid).c_str(), 1);
  return oid != nullptr && X509_ALGOR_set0(out, oid, V_ASN1_UNDEF, nullptr) == 1;
}

}  // namespace i2::crypto
