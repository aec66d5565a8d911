// [node] and what production.toml says about the whole program: [global], [deployment].
#include <array>

#include "settings.h"

namespace i2::node {
namespace {

using enum SettingType;
using enum Standing;

constexpr std::array kNodeRows{
    SettingRow{{.section = "node",
                .key = "data_dir",
                .environment = "I2_DATA_DIR",
                .type = kPath,
                .meaning = "identity, ledger and inbox of the node"},
               [](Config& c, const SettingValue& v) { c.data_dir = v.path; }},
    SettingRow{{.section = "node",
                .key = "inbox",
                .environment = "I2_INBOX",
                .type = kPath,
                .meaning = "where received files go: `<inbox>/<sender>/<name>`; default "
                           "`<data_dir>/inbox`"},
               [](Config& c, const SettingValue& v) { c.inbox = v.path; }},
    SettingRow{{.section = "node",
                .key = "socket",
                .environment = "I2_SOCKET",
                .type = kPath,
                .meaning = "the UNIX socket on which `i2` finds the daemon; default "
                           "`<data_dir>/admin.sock`"},
               [](Config& c, const SettingValue& v) { c.socket = v.path; }},
    SettingRow{{.section = "node",
                .key = "drain_timeout",
                .environment = "I2_DRAIN_TIMEOUT",
                .type = kDuration,
                .default_value = "5s",
                .standing = kLive,
                .range = {0, 600 * kSecond},
                .meaning = "how long a stopping node waits for commands under way"},
               [](Config& c, const SettingValue& v) { c.drain_timeout = v.number; }},
    SettingRow{{.section = "node",
                .key = "name",
                .environment = "I2_NAME",
                .meaning = "what this node must be called; the identity in the data directory has "
                           "the name, and one of another name is not started"},
               [](Config& c, const SettingValue& v) { c.name = v.text; }},
    SettingRow{{.section = "node",
                .key = "user",
                .environment = "I2_USER",
                .meaning = "the user to become when started as root; only the right to use ports "
                           "below 1024 is kept"},
               [](Config& c, const SettingValue& v) { c.user = v.text; }},
    SettingRow{{.section = "node",
                .key = "open_files",
                .environment = "I2_OPEN_FILES",
                .type = kInteger,
                .default_value = "0",
                .range = {0, 1'048'576},
                .meaning = "limit of open files and sockets; 0 is all that the system allows"},
               [](Config& c, const SettingValue& v) { c.open_files = v.number; }},

    SettingRow{{.section = "global",
                .key = "bind_address",
                .type = kAddress,
                .standing = kAlias,
                .note = "[transport] bind_address"}},
    SettingRow{{.section = "global",
                .key = "port",
                .type = kInteger,
                .standing = kAlias,
                .note = "[transport] port"}},
    SettingRow{
        {.section = "global", .key = "server_id", .standing = kAlias, .note = "[node] name"}},
    SettingRow{{.section = "global",
                .key = "max_connections",
                .type = kInteger,
                .standing = kAlias,
                .note = "[performance] max_concurrent_connections"}},
    SettingRow{{.section = "global",
                .key = "ipv6_only",
                .type = kBoolean,
                .standing = kAlias,
                .note = "[transport] enable_ipv6_only"}},
    SettingRow{
        {.section = "global", .key = "log_level", .standing = kAlias, .note = "[logging] level"}},
    SettingRow{{.section = "global",
                .key = "metrics_interval",
                .type = kDuration,
                .standing = kAlias,
                .note = "[telemetry] interval"}},

    SettingRow{{.section = "deployment",
                .key = "mode",
                .choices = "development production",
                .meaning = "the mode that the file is written for; the other one refuses it"},
               [](Config& c, const SettingValue& v) {
                 c.intended_mode = v.number == 0 ? "development" : "production";
               }},
    SettingRow{{.section = "deployment",
                .key = "production_security",
                .type = kBoolean,
                .default_value = "false",
                .meaning = "the safety checks of `production` in every mode"},
               [](Config& c, const SettingValue& v) { c.production_checks = v.flag; }},
    SettingRow{{.section = "deployment",
                .key = "consensus_mandatory",
                .type = kBoolean,
                .standing = kAlias,
                .note = "[hypermesh.consensus] mandatory_four_proof"}},
    SettingRow{{.section = "deployment",
                .key = "legacy_compatibility",
                .type = kBoolean,
                .standing = kAlias,
                .note = "[gateway] enabled"}},
    SettingRow{{.section = "deployment",
                .key = "federated_bootstrap",
                .type = kBoolean,
                .standing = kVoid,
                .note = "operators say who validates with `i2 validator`; `production --federated` "
                        "insists on several"}},
};

}  // namespace

std::span<const SettingRow> node_rows() {
  return kNodeRows;
}

}  // namespace i2::node
