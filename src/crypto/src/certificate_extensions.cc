// Extensions of certificates (RFC 5280 §4.2, RFC 6962 §3): writing.
#include "certificate_extensions.h"

#include <algorithm>

#include "der.h"
#include "sct_list.h"
#include "x509_util.h"

namespace i2::crypto {
namespace {

// Bits of KeyUsage, RFC 5280 §4.2.1.3.
constexpr int kDigitalSignature = 0;
constexpr int kKeyCertSign = 5;
constexpr int kCrlSign = 6;

bool add(X509* certificate, int nid, void* value, bool critical) {
  return value != nullptr &&
         X509_add1_ext_i2d(certificate, nid, value, critical ? 1 : 0, X509V3_ADD_DEFAULT) == 1;
}

// An extension whose value is `der` as it is.
bool add_raw(X509* certificate, int nid, ByteView der, bool critical) {
  const NativePointer<ASN1_OCTET_STRING, ASN1_OCTET_STRING_free> value(ASN1_OCTET_STRING_new());
  if (value == nullptr ||
      ASN1_OCTET_STRING_set(value.get(), der.data(), static_cast<int>(der.size())) != 1) {
    return false;
  }
  const NativePointer<X509_EXTENSION, X509_EXTENSION_free> extension(
      X509_EXTENSION_create_by_NID(nullptr, nid, critical ? 1 : 0, value.get()));
  return extension != nullptr && X509_add_ext(certificate, extension.get(), -1) == 1;
}

bool add_key_usage(X509* certificate, bool ca) {
  const NativePointer<ASN1_BIT_STRING, ASN1_BIT_STRING_free> usage(ASN1_BIT_STRING_new());
  if (usage == nullptr) {
    return false;
  }
  const bool set = ca ? ASN1_BIT_STRING_set_bit(usage.get(), kKeyCertSign, 1) == 1 &&
                            ASN1_BIT_STRING_set_bit(usage.get(), kCrlSign, 1) == 1
                      : ASN1_BIT_STRING_set_bit(usage.get(), kDigitalSignature, 1) == 1;
  return set && add(certificate, NID_key_usage, usage.get(), true);
}

bool add_basic_constraints(X509* certificate, std::optional<int> path_length) {
  const NativePointer<BASIC_CONSTRAINTS, BASIC_CONSTRAINTS_free> constraints(
      BASIC_CONSTRAINTS_new());
  if (constraints == nullptr) {
    return false;
  }
  constraints->ca = 0xff;  // X.690 §11.1; OpenSSL writes the octet as it is
  if (path_length) {
    constraints->pathlen = ASN1_INTEGER_new();
    if (*path_length < 0 || constraints->pathlen == nullptr ||
        ASN1_INTEGER_set_int64(constraints->pathlen, *path_length) != 1) {
      return false;
    }
  }
  return add(certificate, NID_basic_constraints, constraints.get(), true);
}

bool add_extended_key_usage(X509* certificate, const std::vector<KeyPurpose>& purposes) {
  const NativePointer<EXTENDED_KEY_USAGE, EXTENDED_KEY_USAGE_free> usage(EXTENDED_KEY_USAGE_new());
  if (usage == nullptr) {
    return false;
  }
  for (const KeyPurpose purpose : purposes) {
    if (sk_ASN1_OBJECT_push(usage.get(), OBJ_nid2obj(purpose_nid(purpose))) <= 0) {
      return false;
    }
  }
  if (!add(certificate, NID_ext_key_usage, usage.get(), false)) {
    return false;
  }
  constexpr std::array<std::uint8_t, 2> kNull = {0x05, 0x00};
  return !std::ranges::contains(purposes, KeyPurpose::kOcspSigning) ||
         add_raw(certificate, NID_id_pkix_OCSP_noCheck, kNull, false);
}

// RFC 7093 §2 (1): the leftmost 160 bits of SHA-256 over the subjectPublicKey bits.
bool add_subject_key_id(X509* certificate) {
  constexpr int kIdSize = 20;
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned size = 0;
  const NativePointer<ASN1_OCTET_STRING, ASN1_OCTET_STRING_free> id(ASN1_OCTET_STRING_new());
  return id != nullptr &&
         X509_pubkey_digest(certificate, EVP_sha256(), digest.data(), &size) == 1 &&
         ASN1_OCTET_STRING_set(id.get(), digest.data(), kIdSize) == 1 &&
         add(certificate, NID_subject_key_identifier, id.get(), false);
}

bool add_authority_key_id(X509* certificate, const Certificate* issuer) {
  if (issuer == nullptr || X509_get0_subject_key_id(issuer->native()) == nullptr) {
    return true;
  }
  const AuthorityKeyIdPointer id = make_authority_key_id(*issuer);
  return add(certificate, NID_authority_key_identifier, id.get(), false);
}

bool add_policies(X509* certificate, const std::vector<std::string>& oids) {
  if (oids.empty()) {
    return true;
  }
  const NativePointer<CERTIFICATEPOLICIES, CERTIFICATEPOLICIES_free> list(
      CERTIFICATEPOLICIES_new());
  for (const std::string& oid : oids) {
    NativePointer<POLICYINFO, POLICYINFO_free> policy(POLICYINFO_new());
    if (list == nullptr || policy == nullptr) {
      return false;
    }
    policy->policyid = OBJ_txt2obj(oid.c_str(), 1);
    if (policy->policyid == nullptr || sk_POLICYINFO_push(list.get(), policy.get()) <= 0) {
      return false;
    }
    (void)policy.release();
  }
  return add(certificate, NID_certificate_policies, list.get(), false);
}

bool add_crl_urls(X509* certificate, const std::vector<std::string>& urls) {
  if (urls.empty()) {
    return true;
  }
  const NativePointer<CRL_DIST_POINTS, CRL_DIST_POINTS_free> list(CRL_DIST_POINTS_new());
  NativePointer<DIST_POINT, DIST_POINT_free> point(DIST_POINT_new());
  if (list == nullptr || point == nullptr) {
    return false;
  }
  point->distpoint = make_distribution_point(urls);
  if (point->distpoint == nullptr || sk_DIST_POINT_push(list.get(), point.get()) <= 0) {
    return false;
  }
  (void)point.release();
  return add(certificate, NID_crl_distribution_points, list.get(), false);
}

bool push_access(AUTHORITY_INFO_ACCESS* list, int method, const std::vector<std::string>& urls) {
  for (const std::string& url : urls) {
    NativePointer<ACCESS_DESCRIPTION, ACCESS_DESCRIPTION_free> access(ACCESS_DESCRIPTION_new());
    if (list == nullptr || access == nullptr || !set_url(access->location, url)) {
      return false;
    }
    access->method = OBJ_nid2obj(method);
    if (sk_ACCESS_DESCRIPTION_push(list, access.get()) <= 0) {
      return false;
    }
    (void)access.release();
  }
  return true;
}

bool add_information_access(X509* certificate, const CertificateFields& fields) {
  if (fields.ocsp_urls.empty() && fields.issuer_urls.empty()) {
    return true;
  }
  const NativePointer<AUTHORITY_INFO_ACCESS, AUTHORITY_INFO_ACCESS_free> list(
      AUTHORITY_INFO_ACCESS_new());
  return push_access(list.get(), NID_ad_OCSP, fields.ocsp_urls) &&
         push_access(list.get(), NID_ad_ca_issuers, fields.issuer_urls) &&
         add(certificate, NID_info_access, list.get(), false);
}

// The subtrees of one side; none when there are none. RFC 5280 §4.2.1.10: an address with its mask.
bool push_subtrees(STACK_OF(GENERAL_SUBTREE) * *out, const std::vector<std::string>& dns,
                   const std::vector<IpPrefix>& prefixes) {
  const auto push = [out](GENERAL_NAME* name) {
    NativePointer<GENERAL_NAME, GENERAL_NAME_free> owner(name);
    NativePointer<GENERAL_SUBTREE, GENERAL_SUBTREE_free> subtree(GENERAL_SUBTREE_new());
    if (*out == nullptr) {
      *out = sk_GENERAL_SUBTREE_new_null();
    }
    if (name == nullptr || subtree == nullptr || *out == nullptr) {
      return false;
    }
    GENERAL_NAME_free(subtree->base);
    subtree->base = owner.release();
    if (sk_GENERAL_SUBTREE_push(*out, subtree.get()) <= 0) {
      return false;
    }
    (void)subtree.release();
    return true;
  };
  for (const std::string& name : dns) {
    if (!is_dns_text(name) || !push(make_general_name(GEN_DNS, as_bytes(name)))) {
      return false;
    }
  }
  for (const IpPrefix& prefix : prefixes) {
    if (prefix.bits < 0 || prefix.bits > 128 ||
        !push(make_general_name(GEN_IPADD, address_and_mask(prefix)))) {
      return false;
    }
  }
  return true;
}

bool add_name_constraints(X509* certificate, const NameConstraints& limits) {
  if (limits == NameConstraints{}) {
    return true;
  }
  const NativePointer<NAME_CONSTRAINTS, NAME_CONSTRAINTS_free> out(NAME_CONSTRAINTS_new());
  return out != nullptr &&
         push_subtrees(&out->permittedSubtrees, limits.permitted_dns, limits.permitted_ip) &&
         push_subtrees(&out->excludedSubtrees, limits.excluded_dns, limits.excluded_ip) &&
         add(certificate, NID_name_constraints, out.get(), true);
}

bool add_names(X509* certificate, const CertificateFields& fields) {
  if (fields.dns_names.empty() && fields.ip_addresses.empty()) {
    return true;
  }
  // RFC 5280 §4.2.1.6: critical if the subject is empty.
  const NamesPointer names = make_alt_names(fields.dns_names, fields.ip_addresses);
  return add(certificate, NID_subject_alt_name, names.get(), fields.common_name.empty());
}

// X.690 §8.3: the shortest form, whose first bit is the sign.
Bytes integer_octets(std::uint64_t value) {
  Bytes out;
  for (int shift = 56; shift >= 0; shift -= 8) {
    const auto octet = static_cast<std::uint8_t>(value >> shift);
    if (out.empty() && octet == 0 && shift > 0) {
      continue;
    }
    if (out.empty() && octet >= 0x80) {
      out.push_back(0);
    }
    out.push_back(octet);
  }
  return out;
}

bool add_state_height(X509* certificate, std::optional<std::uint64_t> height) {
  if (!height) {
    return true;
  }
  const NativePointer<ASN1_OBJECT, ASN1_OBJECT_free> oid(OBJ_txt2obj(kStateHeightOid, 1));
  const NativePointer<ASN1_OCTET_STRING, ASN1_OCTET_STRING_free> value(ASN1_OCTET_STRING_new());
  const Bytes der = der_value(kDerInteger, {integer_octets(*height)});
  if (oid == nullptr || value == nullptr ||
      ASN1_OCTET_STRING_set(value.get(), der.data(), static_cast<int>(der.size())) != 1) {
    return false;
  }
  const NativePointer<X509_EXTENSION, X509_EXTENSION_free> extension(
      X509_EXTENSION_create_by_OBJ(nullptr, oid.get(), 0, value.get()));
  return extension != nullptr && X509_add_ext(certificate, extension.get(), -1) == 1;
}

bool add_transparency(X509* certificate, const CertificateFields& fields) {
  constexpr std::array<std::uint8_t, 2> kNull = {0x05, 0x00};
  if (fields.precertificate) {
    return fields.scts.empty() && add_raw(certificate, NID_ct_precert_poison, kNull, true);
  }
  if (fields.scts.empty()) {
    return true;
  }
  const auto list = write_sct_list(fields.scts);
  return list && add_raw(certificate, NID_ct_precert_scts, *list, false);
}

}  // namespace

bool add_extensions(X509* certificate, const CertificateFields& fields, const Certificate* issuer) {
  if (fields.ca && (!add_basic_constraints(certificate, fields.path_length) ||
                    !add_name_constraints(certificate, fields.name_constraints))) {
    return false;
  }
  return (!(fields.ca || fields.subject_key_id) || add_subject_key_id(certificate)) &&
         add_key_usage(certificate, fields.ca) &&
         (fields.ca || fields.purposes.empty() ||
          add_extended_key_usage(certificate, fields.purposes)) &&
         add_names(certificate, fields) && add_authority_key_id(certificate, issuer) &&
         add_policies(certificate, fields.policies) && add_crl_urls(certificate, fields.crl_urls) &&
         add_information_access(certificate, fields) &&
         add_state_height(certificate, fields.state_height) &&
         add_transparency(certificate, fields);
}

}  // namespace i2::crypto
