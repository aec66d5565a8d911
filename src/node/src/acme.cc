#include "acme.h"

#include <i2/trustchain/challenge_checker.h>
#include <i2/trustchain/core/leaf.h>

#include <boost/asio/post.hpp>
#include <future>

#include "config/acme_values.h"
#include "secret_file.h"

namespace i2::node {
namespace {

namespace asio = boost::asio;
namespace fs = std::filesystem;
using trustchain::AcmeEvent;
using trustchain::AcmeService;

constexpr Duration kMinute = 60 * kSecond;

Result<std::string> base_url_of(const Config& config, const fleet::TrustStore& trust) {
  if (!config.acme.base_url.empty()) {
    return config.acme.base_url;
  }
  I2_TRY_VALUE(const std::uint16_t port, acme_port(config));
  constexpr std::uint16_t kHttps = 443;
  return "https://" +
         trustchain::leaf_dns_name(trust.name(), trust.members()->genesis().fleet_name) +
         (port == kHttps ? "" : ":" + std::to_string(port)) + std::string(kAcmePath);
}

std::string host_of(std::string_view url) {
  url.remove_prefix(std::min(url.size(), std::string_view("https://").size()));
  return std::string(url.substr(0, url.find_first_of(":/")));
}

std::string_view unavailable_because(const Acme::Parts& parts) {
  if (!parts.served) {
    return "there is no ACME server: the HTTP gateway is off";
  }
  if (parts.authority == nullptr ||
      parts.authority->issuers().current(trustchain::IssuerKind::kOrdinary,
                                         parts.clock.unix_now()) == nullptr) {
    return "there is no ACME server: this node has no key that signs ordinary certificates";
  }
  return {};
}

}  // namespace

Acme::Acme(Parts parts) : parts_(parts), wakeup_(parts.runtime.control()) {}
Acme::~Acme() = default;

Result<std::unique_ptr<Acme>> Acme::open(Parts parts) {
  if (!parts.config.acme.enabled) {
    return nullptr;
  }
  if (const std::string_view why = unavailable_because(parts); !why.empty()) {
    parts.log.warning("trust", "acme_unavailable", why);
    return nullptr;
  }
  std::unique_ptr<Acme> out(new Acme(parts));
  I2_TRY(out->open_checker());
  if (auto opened = out->open_service(); !opened) {
    out->stop();
    return fail(std::move(opened).error());
  }
  asio::post(parts.runtime.control(), [raw = out.get()] {
    raw->parts_.tasks.spawn(raw->parts_.runtime.control(), raw->each_minute());
  });
  return out;
}

Result<void> Acme::open_checker() {
  const AcmeConfig& config = parts_.config.acme;
  Result<void> out;
  on_control([&] {
    auto opened = trustchain::ChallengeChecker::open(
        parts_.runtime.control(), parts_.runtime.pool(),
        {.resolver = config.resolver,
         .hosts_file = config.hosts_file,
         .http_port = config.http_port,
         .tls_port = config.tls_port,
         .caa_identities = words_of(config.caa_identities),
         .internal_zone =
             trustchain::fleet_dns_suffix(parts_.trust.members()->genesis().fleet_name)});
    if (opened) {
      checker_ = *std::move(opened);
    } else {
      out = fail(std::move(opened).error());
    }
  });
  return out;
}

Result<void> Acme::open_service() {
  const AcmeConfig& config = parts_.config.acme;
  I2_TRY_VALUE(std::string base_url, base_url_of(parts_.config, parts_.trust));
  I2_TRY_VALUE(std::vector<std::string> domains, acme_domains(config.names));
  host_ = host_of(base_url);
  const fs::path dir = parts_.config.data_dir / "ca" / "acme";
  I2_TRY(make_private_folder(dir));
  const auto control = parts_.runtime.control();
  I2_TRY_VALUE(
      service_,
      AcmeService::open(
          {.dir = dir,
           .options = {.base_url = std::move(base_url),
                       .caa_identities = words_of(config.caa_identities),
                       .external_account_required = config.external_account_required},
           .domains = std::move(domains),
           .certificates = parts_.authority->store(),
           .revocations = parts_.authority->revocations(),
           .issue =
               [this, control](crypto::CertificateRequest request,
                               trustchain::Application application,
                               trustchain::CertificateAuthority::Done done) {
                 parts_.tasks.spawn(
                     control, issue(std::move(request), std::move(application), std::move(done)));
               },
           .check =
               [this, control](trustchain::acme::Validation validation, AcmeService::Checked done) {
                 checks_.spawn(control, check(std::move(validation), std::move(done)));
               },
           .check_caa =
               [this, control](std::vector<std::string> names, AcmeService::Checked done) {
                 checks_.spawn(control, check_caa(std::move(names), std::move(done)));
               },
           .clock = parts_.clock,
           .rng = parts_.rng,
           .post = [pool = parts_.runtime.pool()](
                       std::function<void()> job) { asio::post(pool, std::move(job)); },
           .report = [this](const AcmeEvent& event) { report(event); }}));
  parts_.log.info("trust", "acme_opened", "ordinary programs get certificates here",
                  {{"directory", service_->options().base_url + "/directory"}});
  return {};
}

Task<> Acme::each_minute() {
  while (!stopping_) {
    co_await wakeup_.wait(kMinute);
    if (!stopping_) {
      service_->handle_time();
    }
  }
}

Task<> Acme::issue(crypto::CertificateRequest request, trustchain::Application application,
                   trustchain::CertificateAuthority::Done done) {
  done(co_await parts_.authority->issue(std::move(request), std::move(application)));
}

Task<> Acme::check(trustchain::acme::Validation validation, AcmeService::Checked done) {
  done(co_await checker_->check(std::move(validation)));
}

Task<> Acme::check_caa(std::vector<std::string> names, AcmeService::Checked done) {
  done(co_await checker_->check_caa(std::move(names)));
}

void Acme::report(const AcmeEvent& event) const {
  const Logger& log = parts_.log;
  switch (event.kind) {
    case AcmeEvent::Kind::kValidated:
      log.info("trust", "acme_validated", "an ACME client has proven a name",
               {{"name", event.about}});
      break;
    case AcmeEvent::Kind::kValidationFailed:
      log.info("trust", "acme_validation_failed", event.error->message(),
               {{"name", event.about}, {"error", event.error->code()}});
      break;
    case AcmeEvent::Kind::kIssued:
      log.info("trust", "acme_issued", "a certificate was issued to an ACME client",
               {{"names", event.about}, {"requester", event.requester}, {"serial", event.serial}});
      break;
    case AcmeEvent::Kind::kRefused:
      log.warning(
          "trust", "acme_refused", event.error->message(),
          {{"names", event.about}, {"requester", event.requester}, {"error", event.error->code()}});
      break;
    case AcmeEvent::Kind::kDeferred:
      log.warning(
          "trust", "acme_deferred", event.error->message(),
          {{"names", event.about}, {"requester", event.requester}, {"error", event.error->code()}});
      break;
    case AcmeEvent::Kind::kRevoked:
      log.info("trust", "acme_revoked", "an ACME client took a certificate back",
               {{"requester", event.requester}, {"serial", event.serial}});
      break;
    case AcmeEvent::Kind::kClosed:
      log.error("trust", "acme_closed", event.error->message(), {{"error", event.error->code()}});
      break;
    case AcmeEvent::Kind::kReopened:
      log.info("trust", "acme_reopened", "the records of the ACME server can be written again");
      break;
  }
}

void Acme::on_control(std::function<void()> work) {
  std::promise<void> done;
  asio::post(parts_.runtime.control(), [&] {
    work();
    done.set_value();
  });
  done.get_future().get();
}

void Acme::stop() {
  if (service_ != nullptr) {
    service_->stop();
  }
  on_control([this] {
    stopping_ = true;
    wakeup_.wake();
    checker_->stop();
  });
  constexpr Duration kEndTime = 10 * kSecond;
  if (checks_.wait(kEndTime)) {
    on_control([this] { checker_.reset(); });
  }
}

}  // namespace i2::node
