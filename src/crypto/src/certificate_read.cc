// Extensions of certificates (RFC 5280 §4.2, RFC 6962 §3): reading.
#include <openssl/err.h>

#include <algorithm>

#include "certificate_extensions.h"
#include "der.h"
#include "sct_list.h"
#include "x509_util.h"

namespace i2::crypto {
namespace {

// The decoded value of an extension; null when it is absent, there twice or malformed.
template <class T, auto kFree>
NativePointer<T, kFree> value_of(const X509* certificate, int nid) {
  return NativePointer<T, kFree>(
      static_cast<T*>(X509_get_ext_d2i(certificate, nid, nullptr, nullptr)));
}

void read_subtrees(const STACK_OF(GENERAL_SUBTREE) * list, std::vector<std::string>& dns,
                   std::vector<IpPrefix>& prefixes) {
  for (int i = 0; list != nullptr && i < sk_GENERAL_SUBTREE_num(list); ++i) {
    const GENERAL_NAME* base = sk_GENERAL_SUBTREE_value(list, i)->base;
    if (base->type == GEN_DNS) {
      dns.push_back(read_text(base->d.dNSName));
    } else if (base->type == GEN_IPADD) {
      if (const auto prefix = read_prefix(as_bytes(read_text(base->d.iPAddress)))) {
        prefixes.push_back(*prefix);
      }
    }
  }
}

void read_authority(const X509* certificate, CertificateFields& out) {
  if (const auto limits =
          value_of<BASIC_CONSTRAINTS, BASIC_CONSTRAINTS_free>(certificate, NID_basic_constraints);
      limits != nullptr && limits->pathlen != nullptr) {
    out.path_length = static_cast<int>(ASN1_INTEGER_get(limits->pathlen));
  }
  out.name_constraints = read_name_constraints(certificate);
}

void read_purposes(const X509* certificate, CertificateFields& out) {
  out.purposes.clear();
  const auto usage =
      value_of<EXTENDED_KEY_USAGE, EXTENDED_KEY_USAGE_free>(certificate, NID_ext_key_usage);
  for (int i = 0; usage != nullptr && i < sk_ASN1_OBJECT_num(usage.get()); ++i) {
    const int nid = OBJ_obj2nid(sk_ASN1_OBJECT_value(usage.get(), i));
    for (const KeyPurpose purpose :
         {KeyPurpose::kServerAuth, KeyPurpose::kClientAuth, KeyPurpose::kOcspSigning}) {
      if (nid == purpose_nid(purpose)) {
        out.purposes.push_back(purpose);
      }
    }
  }
}

void read_pointers(const X509* certificate, CertificateFields& out) {
  const auto points =
      value_of<CRL_DIST_POINTS, CRL_DIST_POINTS_free>(certificate, NID_crl_distribution_points);
  for (int i = 0; points != nullptr && i < sk_DIST_POINT_num(points.get()); ++i) {
    std::ranges::move(read_distribution_point(sk_DIST_POINT_value(points.get(), i)->distpoint),
                      std::back_inserter(out.crl_urls));
  }
  const auto access =
      value_of<AUTHORITY_INFO_ACCESS, AUTHORITY_INFO_ACCESS_free>(certificate, NID_info_access);
  for (int i = 0; access != nullptr && i < sk_ACCESS_DESCRIPTION_num(access.get()); ++i) {
    const ACCESS_DESCRIPTION* entry = sk_ACCESS_DESCRIPTION_value(access.get(), i);
    const int method = OBJ_obj2nid(entry->method);
    if (entry->location->type == GEN_URI &&
        (method == NID_ad_OCSP || method == NID_ad_ca_issuers)) {
      (method == NID_ad_OCSP ? out.ocsp_urls : out.issuer_urls)
          .push_back(read_text(entry->location->d.uniformResourceIdentifier));
    }
  }
  const auto policies = value_of<CERTIFICATEPOLICIES, CERTIFICATEPOLICIES_free>(
      certificate, NID_certificate_policies);
  for (int i = 0; policies != nullptr && i < sk_POLICYINFO_num(policies.get()); ++i) {
    out.policies.push_back(dotted_oid(sk_POLICYINFO_value(policies.get(), i)->policyid));
  }
}

void read_transparency(const X509* certificate, CertificateFields& out) {
  out.precertificate = X509_get_ext_by_NID(certificate, NID_ct_precert_poison, -1) >= 0;
  const int at = X509_get_ext_by_NID(certificate, NID_ct_precert_scts, -1);
  if (at >= 0) {
    const std::string value = read_text(X509_EXTENSION_get_data(X509_get_ext(certificate, at)));
    if (auto scts = read_sct_list(as_bytes(value))) {
      out.scts = *std::move(scts);
    }
  }
}

}  // namespace

std::optional<std::uint64_t> read_state_height(ByteView der) {
  // X.690 §8.3, §10.1: no more octets than it takes, and one in front of a set first bit.
  if (der.size() < 3 || der[0] != kDerInteger || der[1] != der.size() - 2) {
    return std::nullopt;
  }
  ByteView octets = der.subspan(2);
  const bool padded = octets[0] == 0 && octets.size() > 1;
  if (octets[0] >= 0x80 || (padded && octets[1] < 0x80)) {
    return std::nullopt;
  }
  octets = octets.subspan(padded ? 1 : 0);
  if (octets.size() > sizeof(std::uint64_t)) {
    return std::nullopt;
  }
  std::uint64_t out = 0;
  for (const std::uint8_t octet : octets) {
    out = out << 8 | octet;
  }
  return out;
}

NameConstraints read_name_constraints(const X509* certificate) {
  NameConstraints out;
  if (const auto limits =
          value_of<NAME_CONSTRAINTS, NAME_CONSTRAINTS_free>(certificate, NID_name_constraints)) {
    read_subtrees(limits->permittedSubtrees, out.permitted_dns, out.permitted_ip);
    read_subtrees(limits->excludedSubtrees, out.excluded_dns, out.excluded_ip);
  }
  return out;
}

void read_extensions(const X509* certificate, CertificateFields& out) {
  read_authority(certificate, out);
  read_purposes(certificate, out);
  read_pointers(certificate, out);
  read_transparency(certificate, out);
  ERR_clear_error();
}

}  // namespace i2::crypto
