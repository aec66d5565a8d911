// DnsClient: questions to a DNS server, by libunbound.
//
// libunbound works in a thread of its own and tells by a descriptor that there are answers. Nothing
// is answered from memory: a record that was not there is often there at the next check.
#pragma once

#include <i2/base/bytes.h>
#include <i2/base/error.h>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

struct ub_ctx;

namespace i2::trustchain::checks {

enum class DnsType : std::uint16_t { kTxt = 16, kAaaa = 28, kCaa = 257 };

// The DNS servers to ask, as libunbound writes them, `server` as
// ChallengeChecker::Config::resolver. Error: acme.options_invalid.
[[nodiscard]] Result<std::vector<std::string>> forwarders_of(std::string_view server);

class DnsClient {
 public:
  // `server` as ChallengeChecker::Config::resolver. Error: acme.options_invalid.
  [[nodiscard]] static Result<std::unique_ptr<DnsClient>> open(
      boost::asio::any_io_executor executor, std::string_view server);
  // After the last lookup() has ended; on any thread after stop(). Joins libunbound's thread, which
  // is not waiting for the network then.
  ~DnsClient();
  DnsClient(const DnsClient&) = delete;
  DnsClient& operator=(const DnsClient&) = delete;

  // The data of the records, aliases followed; none: there are none, or no such name. Cancelled, it
  // throws as Asio's operations do. Error: acme.dns, for anything else than an answer.
  [[nodiscard]] boost::asio::awaitable<Result<std::vector<Bytes>>> lookup(std::string name,
                                                                          DnsType type);
  // No answer arrives any more.
  void stop();

 private:
  struct Query;
  struct ContextDelete {
    void operator()(ub_ctx* context) const;
  };

  explicit DnsClient(boost::asio::any_io_executor executor);
  [[nodiscard]] Result<void> set_up(const std::vector<std::string>& servers);
  void wait_for_answers();

  boost::asio::any_io_executor executor_;
  std::unique_ptr<ub_ctx, ContextDelete> context_;  // null: there is no server
  boost::asio::posix::stream_descriptor answers_;
  // Shared with the handler that waits at answers_: it may come to run when this is gone.
  std::shared_ptr<bool> stopped_ = std::make_shared<bool>(false);
};

}  // namespace i2::trustchain::checks
