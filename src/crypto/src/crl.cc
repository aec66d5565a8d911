#include <i2/base/assert.h>
#include <i2/crypto/crl.h>
#include <i2/crypto/provider.h>
#include <openssl/err.h>

#include <algorithm>
#include <array>
#include <ctime>

#include "der.h"
#include "error_queue.h"
#include "x509_util.h"

namespace i2::crypto {
namespace {

using CrlPointer = NativePointer<X509_CRL, X509_CRL_free>;
using TimePointer = NativePointer<ASN1_TIME, ASN1_TIME_free>;
using EnumPointer = NativePointer<ASN1_ENUMERATED, ASN1_ENUMERATED_free>;
using PointPointer = NativePointer<ISSUING_DIST_POINT, ISSUING_DIST_POINT_free>;

constexpr std::uint32_t kMayBeUsedForLists = KU_CRL_SIGN;

// RFC 5280 §5.1.2.4: as ASN1_TIME_set() chooses the type. `scratch` saves an allocation.
bool put_time(Bytes& out, ASN1_TIME* scratch, UnixMillis time) {
  if (ASN1_TIME_set(scratch, static_cast<std::time_t>(time / 1000)) == nullptr) {
    return false;
  }
  const int size = ASN1_STRING_length(scratch);
  put_der_header(out, static_cast<std::uint8_t>(ASN1_STRING_type(scratch)),
                 static_cast<std::size_t>(size));
  append(out, {ASN1_STRING_get0_data(scratch), static_cast<std::size_t>(size)});
  return true;
}

ByteView without_zeros(ByteView serial) {
  return {std::ranges::find_if(serial, [](std::uint8_t byte) { return byte != 0; }), serial.end()};
}

bool smaller(ByteView a, ByteView b) {
  return a.size() != b.size() ? a.size() < b.size() : std::ranges::lexicographical_compare(a, b);
}

// revokedCertificates, ascending by serial: one set of entries makes one list. Empty when an entry
// is not well formed, or two have one serial.
std::optional<Bytes> write_entries(std::span<const CrlEntry> entries) {
  constexpr std::size_t kMaxSerial = 20;
  constexpr std::size_t kMaxEntry = 64;
  // RFC 5280 §5.3.1: the extension reasonCode, an ENUMERATED, up to its value.
  constexpr std::array<std::uint8_t, 13> kReason = {0x30, 0x0c, 0x30, 0x0a, 0x06, 0x03, 0x55,
                                                    0x1d, 0x15, 0x04, 0x03, 0x0a, 0x01};
  std::vector<const CrlEntry*> sorted;
  sorted.reserve(entries.size());
  for (const CrlEntry& entry : entries) {
    sorted.push_back(&entry);
  }
  std::ranges::sort(sorted, smaller,
                    [](const CrlEntry* entry) { return without_zeros(entry->serial); });
  const TimePointer scratch(ASN1_TIME_new());
  Bytes out;
  out.reserve(entries.size() * kMaxEntry);
  Bytes contents;
  ByteView last;
  for (const CrlEntry* entry : sorted) {
    const ByteView serial = without_zeros(entry->serial);
    const std::size_t pad = !serial.empty() && serial[0] >= 0x80 ? 1 : 0;
    if (serial.empty() || serial.size() + pad > kMaxSerial || equal(serial, last)) {
      return std::nullopt;
    }
    contents.clear();
    put_der_header(contents, kDerInteger, serial.size() + pad);
    contents.insert(contents.end(), pad, 0);
    append(contents, serial);
    if (scratch == nullptr || !put_time(contents, scratch.get(), entry->revocation.revoked_at)) {
      return std::nullopt;
    }
    // The reason is left out instead of saying "unspecified".
    if (entry->revocation.reason != RevocationReason::kUnspecified) {
      append(contents, kReason);
      contents.push_back(static_cast<std::uint8_t>(entry->revocation.reason));
    }
    put_der_header(out, kDerSequence, contents.size());
    append(out, contents);
    last = serial;
  }
  return out;
}

bool add_crl_extensions(X509_CRL* crl, const CrlFields& fields, const Certificate& issuer) {
  const NativePointer<ASN1_INTEGER, ASN1_INTEGER_free> number(ASN1_INTEGER_new());
  if (number == nullptr || ASN1_INTEGER_set_uint64(number.get(), fields.number) != 1 ||
      X509_CRL_add1_ext_i2d(crl, NID_crl_number, number.get(), 0, X509V3_ADD_DEFAULT) != 1) {
    return false;
  }
  if (const AuthorityKeyIdPointer id = make_authority_key_id(issuer);
      id != nullptr && X509_CRL_add1_ext_i2d(crl, NID_authority_key_identifier, id.get(), 0,
                                             X509V3_ADD_DEFAULT) != 1) {
    return false;
  }
  if (fields.distribution_point.empty()) {
    return true;
  }
  // RFC 5280 §5.2.5: critical.
  const PointPointer point(ISSUING_DIST_POINT_new());
  if (point == nullptr) {
    return false;
  }
  point->distpoint = make_distribution_point({fields.distribution_point});
  return point->distpoint != nullptr &&
         X509_CRL_add1_ext_i2d(crl, NID_issuing_distribution_point, point.get(), 1,
                               X509V3_ADD_DEFAULT) == 1;
}

// RFC 5280 §5.1.2: TBSCertList. Empty when a field is not well formed.
std::optional<Bytes> write_list(const CrlFields& fields, const Certificate& issuer,
                                ByteView algorithm) {
  constexpr std::array<std::uint8_t, 3> kVersion2 = {kDerInteger, 1, 1};
  const CrlPointer holder(X509_CRL_new());
  const TimePointer scratch(ASN1_TIME_new());
  Bytes times;
  if (holder == nullptr || scratch == nullptr ||
      !add_crl_extensions(holder.get(), fields, issuer) ||
      !put_time(times, scratch.get(), fields.this_update) ||
      !put_time(times, scratch.get(), fields.next_update)) {
    return std::nullopt;
  }
  const auto entries = write_entries(fields.entries);
  if (!entries) {
    return std::nullopt;
  }
  // §5.1.2.6: absent when nothing is revoked.
  const Bytes revoked = entries->empty() ? Bytes() : der_value(kDerSequence, {*entries});
  const Bytes extensions = to_der<i2d_X509_EXTENSIONS>(X509_CRL_get0_extensions(holder.get()));
  return der_value(kDerSequence, {kVersion2, algorithm, issuer.subject(), times, revoked,
                                  der_value(kDerExplicit0, {extensions})});
}

bool may_sign_lists(const Certificate& issuer) {
  const auto usage = issuer.key_usage();
  return issuer.is_ca() && (!usage || (*usage & kMayBeUsedForLists) != 0);
}

constexpr std::array kReasons{
    RevocationReason::kUnspecified,        RevocationReason::kKeyCompromise,
    RevocationReason::kCaCompromise,       RevocationReason::kAffiliationChanged,
    RevocationReason::kSuperseded,         RevocationReason::kCessationOfOperation,
    RevocationReason::kPrivilegeWithdrawn, RevocationReason::kAaCompromise};
// Of kReasons, in the same order.
constexpr std::array<std::string_view, kReasons.size()> kReasonNames{
    "unspecified", "keyCompromise",        "cACompromise",       "affiliationChanged",
    "superseded",  "cessationOfOperation", "privilegeWithdrawn", "aACompromise"};

}  // namespace

std::span<const RevocationReason> revocation_reasons() {
  return kReasons;
}

std::optional<RevocationReason> revocation_reason(int code) {
  const auto* const found =
      std::ranges::find(kReasons, code, [](RevocationReason one) { return static_cast<int>(one); });
  return found == kReasons.end() ? std::nullopt : std::optional(*found);
}

std::string_view name(RevocationReason reason) {
  const auto* const found = std::ranges::find(kReasons, reason);
  I2_ASSERT(found != kReasons.end());
  return kReasonNames[static_cast<std::size_t>(found - kReasons.begin())];
}

std::optional<RevocationReason> revocation_reason(std::string_view name) {
  const auto* const found = std::ranges::find(kReasonNames, name);
  return found == kReasonNames.end()
             ? std::nullopt
             : std::optional(kReasons[static_cast<std::size_t>(found - kReasonNames.begin())]);
}

Result<Bytes> build_crl(const CrlFields& fields, const Certificate& issuer,
                        const PrivateKey& issuer_key) {
  I2_TRY(install_provider());
  if (!issuer || !issuer_key || !may_sign_lists(issuer) ||
      EVP_PKEY_eq(issuer.public_key().native(), issuer_key.native()) != 1) {
    ERR_clear_error();
    return fail("crypto.crl_build", "the key is not that of a CA that may sign lists");
  }
  if (fields.next_update <= fields.this_update) {
    return fail("crypto.crl_build", "the next list must be due after this one");
  }
  const NativePointer<X509_ALGOR, X509_ALGOR_free> named(X509_ALGOR_new());
  if (named == nullptr || !set_signature_algorithm(named.get(), issuer_key.algorithm())) {
    return fail(openssl_error("crypto.crl_build", "the signature has no name"));
  }
  const Bytes algorithm = to_der<i2d_X509_ALGOR>(named.get());
  const auto list = write_list(fields, issuer, algorithm);
  if (!list) {
    return fail(openssl_error("crypto.crl_build",
                              "a serial, a time or the URL of the list is not well formed, or two "
                              "entries have one serial"));
  }
  I2_TRY_VALUE(const Bytes signature, issuer_key.sign(*list));
  return signed_der(*list, algorithm, signature);
}

Result<Crl> Crl::from_der(ByteView der) {
  I2_TRY(install_provider());
  if (der.empty() || der.size() > kCrlSizeMax) {
    return fail("crypto.crl_malformed",
                std::to_string(der.size()) + " bytes are not a list of revoked certificates");
  }
  const unsigned char* cursor = der.data();
  Crl out;
  out.crl_ = {d2i_X509_CRL(nullptr, &cursor, static_cast<long>(der.size())), X509_CRL_free};
  if (out.crl_ == nullptr || !equal(out.der(), der)) {
    return fail(openssl_error("crypto.crl_malformed", "the list is not exactly one DER value"));
  }
  return out;
}

Bytes Crl::der() const {
  I2_ASSERT(crl_ != nullptr);
  return to_der<i2d_X509_CRL>(crl_.get());
}

std::uint64_t Crl::number() const {
  const NativePointer<ASN1_INTEGER, ASN1_INTEGER_free> number(static_cast<ASN1_INTEGER*>(
      X509_CRL_get_ext_d2i(crl_.get(), NID_crl_number, nullptr, nullptr)));
  std::uint64_t out = 0;
  if (number == nullptr || ASN1_INTEGER_get_uint64(&out, number.get()) != 1) {
    ERR_clear_error();
    return 0;
  }
  return out;
}

UnixMillis Crl::this_update() const {
  return read_time(X509_CRL_get0_lastUpdate(crl_.get()));
}

UnixMillis Crl::next_update() const {
  return read_time(X509_CRL_get0_nextUpdate(crl_.get()));
}

std::size_t Crl::size() const {
  const int count = sk_X509_REVOKED_num(X509_CRL_get_REVOKED(crl_.get()));
  return count > 0 ? static_cast<std::size_t>(count) : 0;
}

std::string Crl::distribution_point() const {
  const PointPointer point(static_cast<ISSUING_DIST_POINT*>(
      X509_CRL_get_ext_d2i(crl_.get(), NID_issuing_distribution_point, nullptr, nullptr)));
  ERR_clear_error();
  const auto urls = read_distribution_point(point != nullptr ? point->distpoint : nullptr);
  return urls.empty() ? std::string() : urls.front();
}

std::optional<Revocation> Crl::find(ByteView serial) const {
  const NativePointer<ASN1_INTEGER, ASN1_INTEGER_free> number(ASN1_INTEGER_new());
  X509_REVOKED* entry = nullptr;
  if (number == nullptr || !set_serial(number.get(), serial) ||
      X509_CRL_get0_by_serial(crl_.get(), &entry, number.get()) != 1 || entry == nullptr) {
    ERR_clear_error();
    return std::nullopt;
  }
  const EnumPointer reason(static_cast<ASN1_ENUMERATED*>(
      X509_REVOKED_get_ext_d2i(entry, NID_crl_reason, nullptr, nullptr)));
  const int code = reason != nullptr ? static_cast<int>(ASN1_ENUMERATED_get(reason.get())) : 0;
  return Revocation{.revoked_at = read_time(X509_REVOKED_get0_revocationDate(entry)),
                    .reason = revocation_reason(code).value_or(RevocationReason::kUnspecified)};
}

bool Crl::verify(const Certificate& issuer) const {
  const bool good =
      crl_ != nullptr && issuer && may_sign_lists(issuer) &&
      X509_NAME_cmp(X509_CRL_get_issuer(crl_.get()), X509_get_subject_name(issuer.native())) == 0 &&
      X509_CRL_verify(crl_.get(), issuer.public_key().native()) == 1;
  ERR_clear_error();
  return good;
}

}  // namespace i2::crypto
