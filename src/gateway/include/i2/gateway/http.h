// HTTP requests and responses as values, the same for HTTP/1.1, HTTP/2 and HTTP/3.
#pragma once

#include <i2/crypto/x509.h>
#include <i2/stoq/core/address.h>

#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace i2::gateway {

template <class T>
using Task = boost::asio::awaitable<T>;

enum class Method : std::uint8_t { kGet, kHead, kPost, kPut, kPatch, kDelete, kOptions, kOther };
[[nodiscard]] Method parse_method(std::string_view text);
[[nodiscard]] std::string_view name_of(Method method);

enum class Protocol : std::uint8_t { kHttp1, kHttp2, kHttp3 };
[[nodiscard]] std::string_view name_of(Protocol protocol);

struct Header {
  std::string name;  // lower case
  std::string value;
};

class Headers {
 public:
  void add(std::string_view name, std::string value);  // the name is lowered
  // The first of this name (given in lower case), or none.
  [[nodiscard]] std::optional<std::string_view> find(std::string_view name) const;
  [[nodiscard]] std::size_t count(std::string_view name) const;
  [[nodiscard]] const std::vector<Header>& all() const { return all_; }

 private:
  std::vector<Header> all_;
};

// Who asks, as the connection knows it.
struct Client {
  stoq::core::SocketAddress address;
  Protocol protocol = Protocol::kHttp1;
  bool encrypted = false;
  // That the client proved to have the key of, mostly empty; and what it says leads from it to a
  // root.
  crypto::Certificate certificate{};
  std::vector<crypto::Certificate> chain{};
};

struct Request {
  Method method = Method::kGet;
  std::string method_text = "GET";
  std::string scheme;     // "https"
  std::string authority;  // Host or :authority
  std::string target;     // as it came: "/path?query"
  Headers headers;
  std::string body;
  Client client;

  // Set by the service before a handler sees the request.
  std::string path;                                           // "/api/v1/members/alpha"
  std::vector<std::pair<std::string, std::string>> query;     // decoded
  std::vector<std::pair<std::string, std::string>> captured;  // of the route's {parameters}
  // How the client has shown who it is (access.h).
  std::string token;         // the name of its token; empty: none
  bool from_member = false;  // its certificate is that of a member, whose name is in it

  [[nodiscard]] std::string_view parameter(std::string_view name) const;
  [[nodiscard]] std::optional<std::string_view> query_value(std::string_view name) const;
};

// The pieces of a body that is made while it is sent. Asked again when the last piece has been
// taken by the network; nothing ends the body. It must answer within half a minute, if only with an
// empty piece, so that a client that is gone is noticed.
using BodySource = std::function<Task<std::optional<std::string>>()>;

struct Response {
  int status = 200;
  Headers headers;
  std::string body;
  BodySource source{};  // instead of `body`
};

[[nodiscard]] Response json_response(std::string body, int status = 200);
[[nodiscard]] Response text_response(std::string body, std::string_view media_type);

}  // namespace i2::gateway
