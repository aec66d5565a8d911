#include "x509_util.h"

#include <algorithm>

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

std::string to_string(const ASN1_STRING* text) {
  return {reinterpret_cast<const char*>(ASN1_STRING_get0_data(text)),
          static_cast<std::size_t>(ASN1_STRING_length(text))};
}

bool push_name(GENERAL_NAMES* list, int kind, int string_type, ByteView bytes) {
  NativePointer<GENERAL_NAME, GENERAL_NAME_free> entry(GENERAL_NAME_new());
  NativePointer<ASN1_STRING, ASN1_STRING_free> text(ASN1_STRING_type_new(string_type));
  if (list == nullptr || entry == nullptr || text == nullptr ||
      ASN1_STRING_set(text.get(), bytes.data(), static_cast<int>(bytes.size())) != 1) {
    return false;
  }
  GENERAL_NAME_set0_value(entry.get(), kind, text.release());
  if (sk_GENERAL_NAME_push(list, entry.get()) <= 0) {
    return false;
  }
  (void)entry.release();
  return true;
}

}  // namespace

NamePointer make_name(std::string_view common_name) {
  constexpr std::size_t kMaxBytes = 4 * 64;
  NamePointer name(X509_NAME_new());
  if (name == nullptr || common_name.empty() || common_name.size() > kMaxBytes ||
      !printable(common_name) ||
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

NamesPointer make_alt_names(const std::vector<std::string>& dns_names,
                            const std::vector<IpAddress>& ip_addresses) {
  NamesPointer list(GENERAL_NAMES_new());
  for (const std::string& name : dns_names) {
    if (name.empty() || name.size() > kMaxDnsName || !std::ranges::all_of(name, dns_character) ||
        !push_name(list.get(), GEN_DNS, V_ASN1_IA5STRING, as_bytes(name))) {
      return nullptr;
    }
  }
  for (const IpAddress& address : ip_addresses) {
    if (!push_name(list.get(), GEN_IPADD, V_ASN1_OCTET_STRING, address)) {
      return nullptr;
    }
  }
  return list;
}

std::vector<std::string> read_dns_names(const GENERAL_NAMES* names) {
  std::vector<std::string> out;
  for (int i = 0; names != nullptr && i < sk_GENERAL_NAME_num(names); ++i) {
    int type = 0;
    const void* value = GENERAL_NAME_get0_value(sk_GENERAL_NAME_value(names, i), &type);
    if (type == GEN_DNS) {
      out.push_back(to_string(static_cast<const ASN1_STRING*>(value)));
    }
  }
  return out;
}

std::vector<IpAddress> read_ip_addresses(const GENERAL_NAMES* names) {
  std::vector<IpAddress> out;
  for (int i = 0; names != nullptr && i < sk_GENERAL_NAME_num(names); ++i) {
    int type = 0;
    const void* value = GENERAL_NAME_get0_value(sk_GENERAL_NAME_value(names, i), &type);
    const auto* octets = static_cast<const ASN1_OCTET_STRING*>(value);
    IpAddress address{};
    if (type == GEN_IPADD && ASN1_STRING_length(octets) == static_cast<int>(address.size())) {
      std::copy_n(ASN1_STRING_get0_data(octets), address.size(), address.begin());
      out.push_back(address);
    }
  }
  return out;
}

const EVP_MD* x509_digest(SignatureAlgorithm algorithm) {
  return algorithm == SignatureAlgorithm::kEcdsaP256 ? EVP_sha256() : nullptr;
}

}  // namespace i2::crypto
