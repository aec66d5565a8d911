// What the ACME server of a node consists of: acme_service.cc takes requests and jobs,
// acme_service_records.cc keeps the records, acme_service_work.cc asks others.
#pragma once

#include <i2/store/key_value_store.h>
#include <i2/trustchain/acme_service.h>

#include <condition_variable>
#include <map>
#include <mutex>
#include <set>
#include <utility>

namespace i2::trustchain {

// The first byte of every key of the database; the id follows.
enum class AcmeTable : std::uint8_t {
  kAccount = 'a',
  kExternalKey = 'e',
  kOrder = 'o',
  kAuthorization = 'z',
};

[[nodiscard]] Bytes acme_key(AcmeTable table, std::string_view id = {});

// Every record of a table, until one is not what it should be.
[[nodiscard]] Result<void> each_record(const store::KeyValueStore& from, AcmeTable table,
                                       const std::function<Result<void>(ByteView)>& take);

// With commas.
[[nodiscard]] std::string joined(const std::vector<std::string>& names);

struct AcmeService::Core final : acme::Authority, std::enable_shared_from_this<Core> {
  using Waiting = std::function<void(const Result<void>&)>;
  struct Work {
    std::vector<acme::Validation> checks{};
    std::vector<acme::Issuance> issuances{};
    std::vector<acme::Revocation> revocations{};
    [[nodiscard]] bool empty() const {
      return checks.empty() && issuances.empty() && revocations.empty();
    }
  };
  // What goes to the disk at once, who waits for that, and what may begin after it.
  struct Group {
    store::Batch batch{};
    std::vector<Waiting> waiting{};
    Work work{};
    [[nodiscard]] bool empty() const {
      return batch.changes().empty() && waiting.empty() && work.empty();
    }
  };

  explicit Core(Parts given) : parts(std::move(given)) {}

  // acme::Authority; under `mutex`, by way of the server.
  [[nodiscard]] Result<void> check_name(const acme::Account& account,
                                        std::string_view name) const override;
  [[nodiscard]] const crypto::SecretBytes* external_key(std::string_view kid) const override;
  [[nodiscard]] std::optional<acme::RenewalInfo> renewal_info(const acme::CertificateId& id,
                                                              UnixMillis now) const override;

  [[nodiscard]] Result<void> load();
  // `job` in a job, or `otherwise` when stop() came first.
  void later(std::function<void()> job, const std::function<void()>& otherwise = {});
  [[nodiscard]] bool enter();
  void leave();

  void respond(const Request& request, std::function<void(acme::Response)> done);
  void change(std::function<Result<void>()> make, const Done& done);
  void change_now(const std::function<Result<void>()>& make, Done done);
  void on_time();
  // Under `mutex`: takes what the server has changed. True: the caller calls write().
  [[nodiscard]] bool collect();
  void write();
  [[nodiscard]] bool take(Group& group);  // under `mutex`
  void close(const Group& lost, const Error& why);
  void begin(Work work);

  void checked(const acme::Validation& validation, Result<void> outcome);
  void issue(const acme::Issuance& wish);
  [[nodiscard]] Result<std::optional<acme::Issued>> issued_before(const acme::Issuance& wish) const;
  void issued(const acme::Issuance& wish, Result<acme::Issued> outcome);
  [[nodiscard]] Result<void> take_back(const acme::Revocation& revocation) const;
  void revoke(const acme::Revocation& revocation);
  void count(const acme::Response& response);  // under `mutex`
  void stop();
  void report(const AcmeEvent& event) const {
    if (parts.report) {
      parts.report(event);
    }
  }

  const Parts parts;
  mutable std::mutex mutex;  // the rest
  std::unique_ptr<store::KeyValueStore> store;
  std::unique_ptr<acme::Server> server;
  std::map<std::string, ExternalKey, std::less<>> external_keys;
  Group next;
  bool writing = false;  // somebody is in write(), and nobody else touches `store`
  bool closed = true;    // `store` cannot be written
  std::set<std::string> checking;
  std::set<std::string> issuing;
  std::set<std::string> deferred;  // orders, until on_time()
  std::map<std::uint64_t, std::function<void(acme::Response)>> tickets;
  Stats counts;
  std::size_t running = 0;  // jobs
  bool stopping = false;
  std::condition_variable idle;
};

}  // namespace i2::trustchain
