// What the HTTP gateway of a node is told: part of Config.
#pragma once

#include <i2/stoq/core/address.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace i2::node {

struct HttpConfig {
  bool enabled = true;
  // Of HTTP/1.1 and HTTP/2 over TLS, and plain HTTP for clients on this machine. Nothing: [::1],
  // and HTTP/3 then is for clients on this machine too.
  std::optional<stoq::core::SocketAddress> bind;
  std::uint16_t port = 0;      // 0: as the QUIC port
  bool open_loopback = false;  // clients on this machine write without a token, over TLS
  bool ask_clients_for_certificates = false;
  std::vector<std::string> names;  // DNS names under which it is reached, besides the node's own
  std::size_t connections_max = 1'024;
};

}  // namespace i2::node
