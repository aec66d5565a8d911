#include "records.h"

#include <algorithm>
#include <utility>

#include "names.h"

namespace i2::trustchain::checks {
namespace {

std::string_view trim_blanks(std::string_view text) {
  const std::size_t first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) {
    return {};
  }
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

// Whom an issue or issuewild value permits, lower case; empty: nobody. RFC 8659 §4.2: a value that
// does not match the grammar is as good as an empty domain.
std::string permitted_by(std::string_view value) {
  const std::size_t semicolon = value.find(';');
  const std::string_view domain = trim_blanks(value.substr(0, semicolon));
  const std::string_view parameters =
      semicolon == std::string_view::npos ? "" : trim_blanks(value.substr(semicolon + 1));
  return parameters.empty() && is_issuer_domain(domain) ? lower_case(domain) : std::string();
}

std::unexpected<Error> caa_refusal(std::string_view name, std::string_view why) {
  return fail("acme.caa", "CAA records of " + std::string(name) + ": " + std::string(why));
}

std::unexpected<Error> wrong_certificate(std::string_view name, std::string_view why) {
  return fail("acme.incorrect_response",
              "the certificate that " + std::string(name) + " shows " + std::string(why));
}

}  // namespace

std::optional<std::string> parse_txt(ByteView rdata) {
  std::string out;
  while (!rdata.empty()) {
    const std::size_t size = rdata[0];
    if (rdata.size() - 1 < size) {
      return std::nullopt;
    }
    out += as_text(rdata.subspan(1, size));
    rdata = rdata.subspan(1 + size);
  }
  return out;
}

std::optional<CaaRecord> parse_caa(ByteView rdata) {
  // RFC 8659 §4.1: flags, length of the tag, tag, value.
  if (rdata.size() < 2 || rdata[1] == 0 || rdata.size() - 2 < rdata[1]) {
    return std::nullopt;
  }
  CaaRecord out{.critical = (rdata[0] & 0x80U) != 0,
                .tag = lower_case(as_text(rdata.subspan(2, rdata[1]))),
                .value = std::string(as_text(rdata.subspan(2U + rdata[1])))};
  const auto is_tag = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); };
  if (!std::ranges::all_of(out.tag, is_tag)) {
    return std::nullopt;
  }
  return out;
}

bool is_issuer_domain(std::string_view domain) {
  const std::string name = lower_case(domain);
  char before = '.';
  for (const char c : name) {
    const bool inner = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
    if (!inner && c != '-' && c != '.') {
      return false;
    }
    if ((!inner && before == '.') || (c == '.' && before == '-')) {
      return false;
    }
    before = c;
  }
  return !name.empty() && before != '.' && before != '-';
}

Result<void> judge_caa(std::string_view name, std::span<const Bytes> records, bool wildcard,
                       std::span<const std::string> identities) {
  std::vector<CaaRecord> parsed;
  for (const Bytes& rdata : records) {
    auto record = parse_caa(rdata);
    if (!record) {
      return caa_refusal(name, "one is malformed");
    }
    const bool known =
        record->tag == "issue" || record->tag == "issuewild" || record->tag == "iodef";
    if (record->critical && !known) {
      // RFC 8659 §4.1: not to be issued without understanding it.
      return caa_refusal(name, "'" + record->tag + "' is critical, and not known here");
    }
    parsed.push_back(*std::move(record));
  }
  // RFC 8659 §4.3: issuewild is for wildcards only, and takes the place of issue there.
  const bool has_wild = std::ranges::contains(parsed, "issuewild", &CaaRecord::tag);
  const std::string_view property = wildcard && has_wild ? "issuewild" : "issue";
  bool excluded = false;
  for (const CaaRecord& record : parsed) {
    if (record.tag != property) {
      continue;
    }
    const std::string permitted = permitted_by(record.value);
    if (!permitted.empty() && std::ranges::any_of(identities, [&](const std::string& own) {
          return lower_case(own) == permitted;
        })) {
      return {};
    }
    excluded = true;
  }
  return excluded ? caa_refusal(name, std::string(property) + " does not name this authority")
                  : Result<void>();
}

Result<void> judge_certificate(const crypto::Certificate& certificate,
                               const acme::TlsAlpnCheck& check) {
  const auto names = certificate.dns_names();
  if (names.size() != 1 || lower_case(names.front()) != lower_case(check.name) ||
      !certificate.ip_addresses().empty() || !certificate.other_names().empty()) {
    return wrong_certificate(check.name, "is not for that one name");
  }
  const auto identifier = certificate.extension(std::string(acme::kAcmeIdentifierOid));
  if (!identifier) {
    return wrong_certificate(check.name, "has no acmeIdentifier");
  }
  if (!identifier->critical) {
    return wrong_certificate(check.name, "has an acmeIdentifier that is not critical");
  }
  Bytes expected{0x04, 0x20};  // RFC 8737 §3: an OCTET STRING of 32 bytes
  append(expected, check.digest);
  if (identifier->value != expected) {
    return wrong_certificate(check.name, "has another acmeIdentifier than the challenge asks for");
  }
  if (!certificate.is_self_signed()) {
    return wrong_certificate(check.name, "is not self-signed");
  }
  return {};
}

}  // namespace i2::trustchain::checks
