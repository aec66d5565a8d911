#include "authority.h"

#include <i2/fleet/backups.h>

#include <boost/asio/post.hpp>

#include "await_answer.h"
#include "secret_file.h"

namespace i2::node {
namespace {

namespace fs = std::filesystem;
using trustchain::Issued;
using trustchain::IssuerKind;

}  // namespace

Result<std::unique_ptr<Authority>> Authority::open(const Parts& parts) {
  const auto anchor = parts.trust.issuer();
  const auto ordinary = parts.ordinary.authority();
  if (!anchor && !ordinary) {
    return nullptr;
  }
  const fs::path dir = parts.data_dir / "ca";
  I2_TRY(make_private_folder(dir));
  I2_TRY_VALUE(const auto backup, fleet::authority_backup(parts.data_dir));
  I2_TRY_VALUE(auto store,
               trustchain::CertificateStore::open(dir / "issued", parts.clock.unix_now(), backup));
  if (backup) {
    I2_TRY(fleet::forget_authority_backup(parts.data_dir));
  }
  std::unique_ptr<Authority> out(new Authority(parts, std::move(store)));
  if (anchor) {
    I2_TRY(out->add_anchor());
  }
  if (const auto former = parts.ordinary.former()) {
    I2_TRY(out->add(*former));
  }
  if (ordinary) {
    I2_TRY(out->add(*ordinary));
  }
  return out;
}

Result<void> Authority::add_anchor() {
  I2_TRY_VALUE(auto anchor, trust_.issuer());
  const crypto::Certificate certificate = anchor.certificate;
  return issuers_.add(IssuerKind::kAnchor, std::move(anchor), {certificate});
}

Result<void> Authority::add(const trustchain::OrdinaryAuthority& ordinary) {
  return issuers_.add(IssuerKind::kOrdinary, issuer_of(ordinary),
                      {ordinary.certificate, ordinary.root});
}

Authority::Authority(const Parts& parts, std::unique_ptr<trustchain::CertificateStore> store)
    : trust_(parts.trust),
      clock_(parts.clock),
      own_log_(parts.own_log),
      store_(std::move(store)),
      issuers_(*store_, parts.url),
      revocations_(
          {.store = *store_, .issuers = issuers_, .clock = parts.clock, .changed = parts.revoked}),
      authority_(
          {.store = *store_,
           .issuers = issuers_,
           .clock = parts.clock,
           .post = [pool = parts.runtime.pool()](
                       std::function<void()> job) { boost::asio::post(pool, std::move(job)); },
           .log = parts.log}) {}

Task<Result<Issued>> Authority::issue(crypto::CertificateRequest request,
                                      trustchain::Application application) {
  const auto begin = [this, &request, &application](std::function<void(Result<Issued>)> done) {
    authority_.issue(std::move(request), std::move(application),
                     [log = own_log_.get(), done = std::move(done)](Result<Issued> issued) {
                       if (issued && log != nullptr) {
                         // Without it the certificate is found in the log by its leaf alone.
                         (void)log->add_name(issued->certificate, issued->signer->chain.front());
                       }
                       done(std::move(issued));
                     });
  };
  co_return co_await answer_of<Result<Issued>>(begin);
}

Task<Result<crypto::Certificate>> Authority::issue_leaf(crypto::CertificateRequest request,
                                                        NodeId member, bool name_is_wish) {
  I2_CO_TRY_VALUE(auto application,
                  trust_.application_for(request, member, clock_.unix_now(), name_is_wish));
  auto issued = co_await issue(std::move(request), std::move(application));
  if (!issued) {
    co_return fail(std::move(issued).error());
  }
  co_return std::move(issued->certificate);
}

Task<Result<std::string>> Authority::issue_ordinary(crypto::CertificateRequest request,
                                                    std::string member,
                                                    fleet::OrdinaryCertificates::Names names) {
  I2_CO_TRY_VALUE(
      auto application,
      trustchain::application_for(
          request, trustchain::OrdinaryTerms{.node_name = std::move(member),
                                             .fleet_name = trust_.members()->genesis().fleet_name,
                                             .more_names = std::move(names.dns),
                                             .ip_addresses = std::move(names.addresses),
                                             .serial = {}}));
  const auto issued = co_await issue(std::move(request), std::move(application));
  if (!issued) {
    co_return fail(issued.error());
  }
  std::string pem = issued->certificate.pem();
  for (const crypto::Certificate& one : issued->signer->chain) {
    pem += one.pem();
  }
  co_return pem;
}

}  // namespace i2::node
