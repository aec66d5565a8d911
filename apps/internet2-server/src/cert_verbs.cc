// cert: certificates that this node's authority issues, and this node's own; revocation and pins of
// the fleet are in revocation_verbs.cc.
#include <fcntl.h>
#include <i2/crypto/hash.h>
#include <i2/crypto/x509.h>
#include <i2/node/units.h>
#include <i2/trustchain/audit_log.h>
#include <i2/wire/text.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <format>
#include <fstream>
#include <functional>
#include <nlohmann/json.hpp>

#include "operator_session.h"
#include "output.h"
#include "text_file.h"
#include "verbs.h"

namespace i2::app {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using node::ExitCode;

using AdminArguments = std::map<std::string, node::AdminValue, std::less<>>;

constexpr std::size_t kPemSizeMax = 256 * 1024;

Result<std::string> read_pem_file(const fs::path& path) {
  auto out = read_text(path, kPemSizeMax);
  if (!out) {
    return fail("file.read_failed", "'" + path.string() + "' cannot be read, or is too large");
  }
  return *std::move(out);
}

// A new file: what is there is never overwritten.
Result<void> write_new(const fs::path& path, std::string_view text, mode_t mode) {
  const int fd = ::open(path.c_str(), O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, mode);
  const bool written =
      fd >= 0 && ::write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size());
  const int error = errno;
  if (fd >= 0) {
    ::close(fd);
  }
  return written ? Result<void>()
                 : fail(errno_error("file.write_failed", "write '" + path.string() + "'", error));
}

Result<void> check_new(const fs::path& path) {
  std::error_code ignored;
  const fs::path dir = path.parent_path();
  if (!dir.empty() && !fs::is_directory(dir, ignored)) {
    return fail("file.write_failed", "there is no directory '" + dir.string() + "'");
  }
  if (fs::exists(path, ignored)) {
    return fail("file.write_failed", "'" + path.string() + "' is there already");
  }
  return {};
}

struct Prepared {
  crypto::PrivateKey key;  // empty with --csr
  crypto::CertificateRequest request;
};

Result<Prepared> prepare_request(const Options& options) {
  Prepared out;
  if (!options.csr.empty()) {
    I2_TRY_VALUE(const std::string pem, read_pem_file(options.csr));
    I2_TRY_VALUE(out.request, crypto::CertificateRequest::from_pem(pem));
    return out;
  }
  auto algorithm = crypto::SignatureAlgorithm::kEcdsaP256;
  if (options.algorithm == "ed25519") {
    algorithm = crypto::SignatureAlgorithm::kEd25519;
  } else if (options.algorithm == "falcon1024") {
    algorithm = crypto::SignatureAlgorithm::kFalcon1024;
  }
  I2_TRY_VALUE(out.key, crypto::PrivateKey::generate(algorithm));
  I2_TRY_VALUE(out.request, crypto::CertificateRequest::create(out.key, options.common_name));
  return out;
}

std::string cert_text(const json& c) {
  std::string out = std::format("serial      {}\n", c["serial_number"].get<std::string>());
  if (c.contains("common_name")) {
    out += std::format("name        {}\n", c["common_name"].get<std::string>());
  }
  if (c.contains("san_entries")) {
    for (const json& name : c["san_entries"]) {
      out += std::format("            {}\n", name.get<std::string>());
    }
  }
  if (c.contains("state")) {
    out += std::format("state       {}\nrequester   {}\n", c["state"].get<std::string>(),
                       c["requester"].get<std::string>());
  }
  out += std::format("expires     {}\n", c["expires_at"].get<std::string>());
  if (c.contains("fingerprint")) {
    out += std::format("sha256      {}\n", c["fingerprint"].get<std::string>());
  }
  return out;
}

Result<json> issue_cert(const Options& options, const node::Config& config) {
  const fs::path dir = options.out.empty() ? fs::path(".") : fs::path(options.out);
  const fs::path key_file = dir / (options.common_name + ".key");
  const fs::path file = dir / (options.common_name + ".pem");
  I2_TRY_VALUE(const Prepared prepared, prepare_request(options));
  // Before there is a certificate that nobody gets.
  I2_TRY(check_new(file));
  I2_TRY(prepared.key ? check_new(key_file) : Result<void>());
  std::string names;
  for (const std::string& one : options.names_more) {
    names += (names.empty() ? "" : ",") + one;
  }
  I2_TRY_VALUE(json answer, ask_json(config, options, "cert_issue",
                                     {{"csr", wire::to_base64(prepared.request.der())},
                                      {"common_name", options.common_name},
                                      {"names", names}}));
  if (prepared.key) {
    constexpr mode_t kSecret = 0600;
    I2_TRY(write_new(key_file, as_text(prepared.key.pem().view()), kSecret));
    answer["key_file"] = key_file.string();
  }
  constexpr mode_t kPublic = 0644;
  I2_TRY(write_new(file, answer["certificate"]["chain_pem"].get<std::string>(), kPublic));
  answer["file"] = file.string();
  return answer;
}

ExitCode run_cert_issue(const Options& options, const node::Config& config) {
  const Output out(options);
  const auto answer = issue_cert(options, config);
  if (!answer) {
    return out.failure(answer.error());
  }
  out.result(*answer, cert_text((*answer)["certificate"]) +
                          std::format("file        {}\n", (*answer)["file"].get<std::string>()));
  return ExitCode::kOk;
}

Result<json> show_file(const std::string& path) {
  I2_TRY_VALUE(const std::string pem, read_pem_file(path));
  I2_TRY_VALUE(const auto certificate, crypto::Certificate::from_pem(pem));
  return json{{"serial_number", to_hex(certificate.serial())},
              {"common_name", certificate.subject_common_name()},
              {"san_entries", certificate.dns_names()},
              {"issued_at", node::format_time(certificate.not_before())},
              {"expires_at", node::format_time(certificate.not_after())},
              {"fingerprint", to_hex(crypto::sha256(certificate.der()))}};
}

ExitCode run_cert_show(const Options& options, const node::Config& config) {
  const Output out(options);
  const std::string word = options.words.empty() ? "" : options.words.front();
  std::error_code ignored;
  const bool is_file = !word.empty() && fs::exists(word, ignored);
  if (!is_file && !wire::from_hex(word)) {
    return out.failure({"admin.argument", "'" + word + "' is neither a file nor a serial number"});
  }
  auto answer = is_file        ? show_file(word)
                : word.empty() ? ask_json(config, options, "cert_show", {})
                               : ask_json(config, options, "cert_show", {{"serial", word}});
  if (!answer) {
    return out.failure(answer.error());
  }
  std::string text;
  if (answer->contains("node")) {
    for (const auto& [kind, one] : answer->items()) {
      text += std::format("{}{}\n{}", text.empty() ? "" : "\n", kind, cert_text(one));
    }
  } else {
    text = cert_text(*answer);
  }
  out.result(*std::move(answer), text);
  return ExitCode::kOk;
}

ExitCode run_cert_list(const Options& options, const node::Config& config) {
  const Output out(options);
  json all = json::array();
  std::string text;
  std::string after;
  AdminArguments asked{{"requester", options.requester}};
  if (!options.of_fleet) {
    asked["name"] = options.name;
  }
  do {
    asked["after"] = after;
    const auto page =
        ask_json(config, options, options.of_fleet ? "certificates" : "cert_list", asked);
    if (!page) {
      return out.failure(page.error());
    }
    // The index has no names: whose it is, and from whom.
    for (const json& one : (*page)["certificates"]) {
      text += std::format("{}  {}  {:9}  {}  {}\n", one["serial_number"].get<std::string>(),
                          one["expires_at"].get<std::string>(), one["state"].get<std::string>(),
                          one[options.of_fleet ? "requester" : "common_name"].get<std::string>(),
                          one[options.of_fleet ? "authority" : "requester"].get<std::string>());
      all.push_back(one);
    }
    after = page->value("next", "");
  } while (!after.empty());
  out.result({{"certificates", std::move(all)}}, text);
  return ExitCode::kOk;
}

// What is asked for, without `from`.
Result<AdminArguments> audit_question(const Options& options) {
  AdminArguments out{
      {"limit", std::int64_t{500}}, {"actor", options.actor}, {"action", options.decision}};
  if (!options.since.empty()) {
    I2_TRY_VALUE(const Duration ago, node::parse_duration(options.since));
    const UnixMillis now = unix_now();
    out["since"] = static_cast<std::int64_t>(now - std::min<UnixMillis>(now, ago / kMillisecond));
  }
  return out;
}

// Each entry that is asked for, in order.
Result<void> read_entries(const Options& options, const node::Config& config,
                          const std::function<void(const json&)>& visit) {
  I2_TRY_VALUE(AdminArguments question, audit_question(options));
  for (std::int64_t from = 1; from != 0;) {
    question["from"] = from;
    I2_TRY_VALUE(const json page, ask_json(config, options, "cert_audit", question));
    for (const json& one : page["entries"]) {
      visit(one);
    }
    from = page.value("next", std::int64_t{0});
  }
  return {};
}

// As lines of JSON.
Result<std::size_t> export_audit(const Options& options, const node::Config& config) {
  std::ofstream file(options.file, std::ios::trunc);
  std::size_t count = 0;
  I2_TRY(read_entries(options, config, [&](const json& one) {
    file << one.dump() << '\n';
    ++count;
  }));
  file.close();
  if (!file) {
    return fail("file.write_failed", "'" + options.file + "' could not be written");
  }
  return count;
}

std::optional<trustchain::AuditEntry> entry_of(const std::string& line) {
  const json one = json::parse(line, nullptr, false);
  const auto text = [&one](const char* name) {
    const auto at = one.find(name);
    return at != one.end() && at->is_string() ? at->get<std::string>() : std::string();
  };
  if (!one.is_object() || !one.value("number", json()).is_number_unsigned() ||
      !one.value("time_ms", json()).is_number_unsigned()) {
    return std::nullopt;
  }
  const auto previous = wire::hash_from_hex(text("previous"));
  const auto outcome = trustchain::audit_outcome(text("outcome"));
  if (!previous || !outcome) {
    return std::nullopt;
  }
  return trustchain::AuditEntry{.number = one["number"].get<std::uint64_t>(),
                                .previous = *previous,
                                .at = one["time_ms"].get<UnixMillis>(),
                                .actor = text("actor"),
                                .action = text("action"),
                                .subject = text("subject"),
                                .outcome = *outcome,
                                .rule = text("rule")};
}

// A file of all entries, as --out writes it.
Result<json> verify_file(const std::string& path) {
  std::ifstream file(path);
  if (!file) {
    return fail("file.read_failed", "'" + path + "' cannot be read");
  }
  trustchain::AuditChain chain;
  for (std::string line; std::getline(file, line);) {
    // One that cannot be read has number 0, which follows nothing.
    I2_TRY(chain.follow(entry_of(line).value_or(trustchain::AuditEntry{})));
  }
  return json{{"entries", chain.head().number}, {"head", to_hex(chain.head().hash)}};
}

ExitCode verify_entries(const Options& options, const node::Config& config) {
  const Output out(options);
  const auto head = options.words.empty()
                        ? ask_json(config, options, "cert_audit", {{"verify", true}})
                        : verify_file(options.words.front());
  if (!head) {
    return out.failure(head.error());
  }
  out.result(*head, std::format("{} entries, none changed or missing; head {}\n",
                                (*head)["entries"].get<std::uint64_t>(),
                                (*head)["head"].get<std::string>()));
  return ExitCode::kOk;
}

ExitCode run_cert_audit(const Options& options, const node::Config& config) {
  const Output out(options);
  if (options.verify) {
    return verify_entries(options, config);
  }
  if (!options.file.empty()) {
    const auto count = export_audit(options, config);
    if (!count) {
      return out.failure(count.error());
    }
    out.result({{"entries", *count}, {"file", options.file}}, std::format("{} entries\n", *count));
    return ExitCode::kOk;
  }
  json all = json::array();
  std::string text;
  const auto read = read_entries(options, config, [&](const json& one) {
    text += std::format("{:6}  {}  {:17}  {:8}  {}  {}  {}\n", one["number"].get<std::uint64_t>(),
                        one["time"].get<std::string>(), one["action"].get<std::string>(),
                        one["outcome"].get<std::string>(), one["actor"].get<std::string>(),
                        one["subject"].get<std::string>(), one["rule"].get<std::string>());
    all.push_back(one);
  });
  if (!read) {
    return out.failure(read.error());
  }
  out.result({{"entries", std::move(all)}}, text);
  return ExitCode::kOk;
}

ExitCode run_cert_change(const Options& options, Result<json> answer) {
  const Output out(options);
  if (!answer) {
    return out.failure(answer.error());
  }
  const json& shown = answer->contains("node") ? (*answer)["node"] : *answer;
  const std::string text = cert_text(shown);
  out.result(*std::move(answer), text);
  return ExitCode::kOk;
}

}  // namespace

ExitCode run_cert(const Options& options, const node::Config& config) {
  if (options.action == "issue") {
    return run_cert_issue(options, config);
  }
  if (options.action == "show") {
    return run_cert_show(options, config);
  }
  if (options.action == "list") {
    return run_cert_list(options, config);
  }
  if (options.action == "audit") {
    return run_cert_audit(options, config);
  }
  if (options.action == "rotate") {
    return run_cert_change(options, ask_json(config, options, "cert_rotate", {}));
  }
  if (options.action == "pin") {
    return run_pin(options, config);
  }
  if (const auto ordered = revoke_by_fleet(options, config)) {
    return *ordered;
  }
  return run_cert_change(
      options, ask_json(config, options, "cert_revoke",
                        {{"serial", options.words.front()},
                         {"reason", options.reason.empty() ? "unspecified" : options.reason}}));
}

}  // namespace i2::app
