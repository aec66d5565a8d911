#include <i2/trustchain/core/lint.h>
#include <i2/trustchain/core/policy.h>

#include <algorithm>
#include <set>

namespace i2::trustchain {
namespace {

constexpr std::uint32_t kDigitalSignatureOnly = 0x80;
constexpr int kSecurityBitsMin = 112;

class Linter {
 public:
  Linter(const crypto::Certificate& certificate, const crypto::Certificate& issuer,
         const LintTarget& target)
      : certificate_(certificate),
        issuer_(issuer),
        target_(target),
        profile_(info(target.profile)),
        fields_(certificate.fields()) {}

  std::vector<Finding> run() && {
    serial();
    validity();
    subject();
    names();
    key();
    usage();
    issuer();
    transparency();
    state_height();
    encoding();
    return std::move(found_);
  }

 private:
  void require(bool good, std::string_view rule, std::string detail) {
    if (!good) {
      found_.push_back({.rule = rule, .detail = std::move(detail)});
    }
  }

  // RFC 5280 §4.1.2.2: 20 octets, a set top bit costs one. 64 bits of randomness leave 8 octets
  // unless the generator is broken.
  void serial() {
    const Bytes& number = fields_.serial;
    const std::size_t octets = number.size() + (!number.empty() && number[0] >= 0x80 ? 1 : 0);
    require(octets <= 20, "serial", "has more than 20 octets");
    require(number.size() >= 8 && std::set(number.begin(), number.end()).size() > 1, "serial",
            "is too regular to be random: " + to_hex(number));
  }

  void validity() {
    require(fields_.not_before < fields_.not_after, "validity", "ends before it begins");
    require(
        fields_.not_after - std::min(fields_.not_before, fields_.not_after) <= profile_.life_ms_max,
        "validity", "is longer than the profile's");
    require(fields_.not_before >= issuer_.not_before() && fields_.not_after <= issuer_.not_after(),
            "validity", "is not within that of the issuer");
  }

  // The common name repeats a subjectAltName; a member's is the first label of one.
  void subject() {
    const std::string& common = fields_.common_name;
    const auto begins = [&common](const std::string& dns_name) {
      return dns_name.starts_with(common + ".");
    };
    const bool matches = std::ranges::contains(fields_.dns_names, common) ||
                         (profile_.names_member && std::ranges::any_of(fields_.dns_names, begins));
    require(matches || (common.empty() && !profile_.names_member), "subject",
            "the common name '" + common + "' is not among the names");
  }

  void names() {
    const auto& dns = fields_.dns_names;
    const auto& addresses = fields_.ip_addresses;
    require(!dns.empty() || !addresses.empty(), "names", "there are none");
    require(dns.size() <= profile_.names_max && addresses.size() <= profile_.addresses_max, "names",
            "there are more than the profile allows");
    require(std::set(dns.begin(), dns.end()).size() == dns.size() &&
                std::set(addresses.begin(), addresses.end()).size() == addresses.size(),
            "names", "one is there twice");
    require(certificate_.other_names().empty(), "names", "one is neither DNS nor IPv6");
    const crypto::NameConstraints limits = issuer_.name_constraints();
    for (const std::string& one : dns) {
      require(is_dns_name(one) && (profile_.wildcards || !is_wildcard(one)), "names",
              "'" + one + "' is not a name of this profile");
      require(permits(limits, one) && permits(target_.constraints, one), "constraints",
              "'" + one + "' is not what the issuer may certify");
    }
    for (const crypto::IpAddress& one : addresses) {
      require(permits(limits, one) && permits(target_.constraints, one), "constraints",
              to_hex(one) + " is not what the issuer may certify");
    }
  }

  void key() {
    const crypto::PublicKey& subject_key = fields_.subject_key;
    require(std::ranges::contains(profile_.algorithms, subject_key.algorithm()), "key",
            "is not of an algorithm of the profile");
    require(subject_key.security_bits() >= kSecurityBitsMin, "key", "is too weak");
  }

  void usage() {
    require(!fields_.ca, "usage", "a leaf may not issue certificates");
    require(certificate_.key_usage() == kDigitalSignatureOnly, "usage",
            "keyUsage is not digitalSignature alone");
    require(std::ranges::equal(fields_.purposes, profile_.purposes), "usage",
            "extendedKeyUsage is not the profile's");
  }

  void issuer() {
    require(issuer_.is_ca(), "issuer", "is no CA");
    require(certificate_.issuer() == issuer_.subject(), "issuer", "has another name");
    require(!certificate_.authority_key_id().empty() &&
                certificate_.authority_key_id() == issuer_.subject_key_id(),
            "issuer", "has another key identifier");
  }

  void transparency() {
    require(fields_.precertificate == (target_.form == Form::kPrecertificate), "transparency",
            fields_.precertificate ? "poisoned" : "not poisoned");
    require(fields_.scts.empty() == (target_.form != Form::kLogged), "transparency",
            fields_.scts.empty() ? "without SCTs" : "with SCTs");
  }

  // What states one is evidence; only what members show one another may be.
  void state_height() {
    require(target_.profile == Profile::kNode || !fields_.state_height, "state_height",
            "a certificate of this profile states none");
    require(fields_.state_height == target_.state_height, "state_height",
            fields_.state_height ? "is another one than was decided" : "is missing");
  }

  void encoding() {
    const auto extensions = certificate_.extensions();
    require(std::set(extensions.begin(), extensions.end()).size() == extensions.size(), "encoding",
            "an extension is there twice");
    const Bytes& der = certificate_.der();
    require(der.size() <= profile_.size_max, "encoding",
            std::to_string(der.size()) + " bytes are too many");
    require(says_its_fields(der), "encoding", "it says more than its fields do");
  }

  // Not more, and not in another way: one set of fields makes one string of bytes.
  [[nodiscard]] bool says_its_fields(ByteView der) const {
    if (target_.fields != nullptr) {
      return fields_ == *target_.fields;
    }
    const auto again = crypto::prepare_certificate(fields_, &issuer_);
    return again && equal(again->tbs(), crypto::tbs_of(der));
  }

  const crypto::Certificate& certificate_;
  const crypto::Certificate& issuer_;
  const LintTarget& target_;
  const ProfileInfo& profile_;
  const crypto::CertificateFields fields_;
  std::vector<Finding> found_;
};

}  // namespace

std::vector<Finding> lint(const crypto::Certificate& certificate, const crypto::Certificate& issuer,
                          const LintTarget& target) {
  if (!certificate || !issuer) {
    return {{.rule = "encoding", .detail = "there is no certificate or no issuer"}};
  }
  return Linter(certificate, issuer, target).run();
}

}  // namespace i2::trustchain
