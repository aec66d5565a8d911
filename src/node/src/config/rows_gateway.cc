// [gateway]: HTTP for software that is no peer.
#include <array>

#include "settings.h"

namespace i2::node {
namespace {

using enum SettingType;

constexpr std::array kGatewayRows{
    SettingRow{{.section = "gateway",
                .key = "enabled",
                .environment = "I2_GATEWAY",
                .type = kBoolean,
                .default_value = "true",
                .meaning = "serve HTTP/3 on the QUIC port, HTTP/1.1 and HTTP/2 on the TCP port"},
               [](Config& c, const SettingValue& v) { c.http.enabled = v.flag; }},
    SettingRow{{.section = "gateway",
                .key = "bind_address",
                .environment = "I2_GATEWAY_BIND",
                .type = kAddress,
                .default_value = "::1",
                .meaning = "the IPv6 address to listen on; `::1` is for programs on this machine "
                           "only, over HTTP/3 too"},
               [](Config& c, const SettingValue& v) { c.http.bind = v.address; }},
    SettingRow{{.section = "gateway",
                .key = "port",
                .environment = "I2_GATEWAY_PORT",
                .type = kInteger,
                .default_value = "0",
                .range = {0, 65'535},
                .meaning = "the TCP port; 0 is the number of the QUIC port"},
               [](Config& c, const SettingValue& v) {
                 c.http.port = static_cast<std::uint16_t>(v.number);
               }},
    SettingRow{{.section = "gateway",
                .key = "open_loopback",
                .type = kBoolean,
                .default_value = "false",
                .meaning = "programs on this machine may write over TLS without a token"},
               [](Config& c, const SettingValue& v) { c.http.open_loopback = v.flag; }},
    SettingRow{
        {.section = "gateway",
         .key = "ask_client_certificates",
         .environment = "I2_GATEWAY_CLIENT_CERTIFICATES",
         .type = kBoolean,
         .default_value = "false",
         .meaning = "ask clients for a certificate, so that members may ask for what is "
                    "their own; browsers put that to their users"},
        [](Config& c, const SettingValue& v) { c.http.ask_clients_for_certificates = v.flag; }},
    SettingRow{{.section = "gateway",
                .key = "translate_protocols",
                .type = kBoolean,
                .default_value = "false",
                .standing = Standing::kLater,
                .note = "services of other nodes over HTTP"}},
};

}  // namespace

std::span<const SettingRow> gateway_rows() {
  return kGatewayRows;
}

}  // namespace i2::node
