// Sections of layers that this version does not have: production.toml's [hypermesh.*] [stoq.dns]
// [integration].
#include <array>

#include "settings.h"

namespace i2::node {
namespace {

using enum SettingType;
using enum Standing;

constexpr std::string_view kProofs = "the four proofs";
constexpr std::string_view kAssets = "assets";
constexpr std::string_view kMachines = "virtual machines";
constexpr std::string_view kProxy = "proxy addresses";
constexpr std::string_view kOneProgram = "the layers are one program and need no coordination";

// A switch that is off unless somebody asks for it.
constexpr SettingRow later_switch(std::string_view section, std::string_view key,
                                  std::string_view feature) {
  return {{.section = section,
           .key = key,
           .type = kBoolean,
           .default_value = "false",
           .standing = kLater,
           .note = feature}};
}
constexpr SettingRow later(std::string_view section, std::string_view key, SettingType type,
                           std::string_view feature) {
  return {{.section = section, .key = key, .type = type, .standing = kLater, .note = feature}};
}
constexpr SettingRow nothing(std::string_view section, std::string_view key, SettingType type,
                             std::string_view why) {
  return {{.section = section, .key = key, .type = type, .standing = kVoid, .note = why}};
}

constexpr std::array kMeshRows{
    SettingRow{{.section = "hypermesh.consensus",
                .key = "mandatory_four_proof",
                .type = kBoolean,
                .default_value = "false",
                .standing = kRefused,
                .meaning = "four proofs on every change of the fleet's state; `production` refuses "
                           "a file that says false",
                .note = kProofs},
               [](Config& c, const SettingValue& v) { c.proofs_optional = !v.flag; }},
    later("hypermesh.consensus", "validation_timeout", kDuration, kProofs),
    later("hypermesh.consensus", "min_stake_requirement", kInteger, kProofs),
    later("hypermesh.consensus", "pow_difficulty", kInteger, kProofs),
    SettingRow{{.section = "hypermesh.consensus",
                .key = "enable_byzantine_detection",
                .type = kBoolean,
                .default_value = "true",
                .standing = kFixed,
                .meaning = "validators that contradict themselves are expelled",
                .note = "evidence is always looked for and acted on"}},
    SettingRow{{.section = "hypermesh.consensus",
                .key = "vote_suite",
                .environment = "I2_VOTE_SUITE",
                .default_value = "ed25519",
                .choices = "ed25519 hybrid",
                .meaning = "of the key that this node makes when it first becomes a validator; "
                           "`hybrid` adds Falcon-1024 to every vote, for fleets with at most 16 "
                           "validators"},
               [](Config& c, const SettingValue& v) { c.hybrid_votes = v.number == 1; }},
    SettingRow{
        {.section = "hypermesh.consensus",
         .key = "blocks_kept",
         .environment = "I2_BLOCKS_KEPT",
         .type = kInteger,
         .default_value = "100000",
         .range = {16, 1'000'000'000},
         .meaning = "so many of the last blocks stay on disk; who is further behind gets the "
                    "state instead"},
        [](Config& c, const SettingValue& v) { c.blocks_kept = v.number; }},
    nothing("hypermesh.consensus", "max_consensus_participants", kInteger,
            "a fleet has at most 128 validators; operators say who with `i2 validator`"),

    later("hypermesh.assets", "max_assets_per_node", kInteger, kAssets),
    later("hypermesh.assets", "allocation_timeout", kDuration, kAssets),
    later_switch("hypermesh.assets", "enable_pooling", kAssets),
    later("hypermesh.assets", "pool_size", kInteger, kAssets),
    later("hypermesh.assets", "cleanup_interval", kDuration, kAssets),
    later("hypermesh.assets", "default_resource_capacity", kNumber, kAssets),
    later_switch("hypermesh.assets", "require_consensus_for_allocation", kAssets),

    later_switch("hypermesh.vm", "enable_vm_execution", kMachines),
    later("hypermesh.vm", "max_vms_per_node", kInteger, kMachines),
    later("hypermesh.vm", "execution_timeout", kDuration, kMachines),
    later("hypermesh.vm", "memory_limit_mb", kInteger, kMachines),
    later("hypermesh.vm", "cpu_limit_cores", kInteger, kMachines),
    later_switch("hypermesh.vm", "enable_snapshots", kMachines),

    later_switch("hypermesh.proxy", "enable_nat_addressing", kProxy),
    later("hypermesh.proxy", "connection_timeout", kDuration, kProxy),
    later("hypermesh.proxy", "max_proxy_connections", kInteger, kProxy),
    later_switch("hypermesh.proxy", "enable_trust_validation", kProxy),
    later_switch("hypermesh.proxy", "enable_performance_monitoring", kProxy),

    later_switch("stoq.dns", "use_embedded_resolver", kNameService),
    later("stoq.dns", "query_timeout", kDuration, kNameService),
    later_switch("stoq.dns", "enable_caching", kNameService),
    later("stoq.dns", "cache_size", kInteger, kNameService),
    later("stoq.dns", "cache_ttl", kDuration, kNameService),

    nothing("integration", "enable_cross_layer_optimization", kBoolean, kOneProgram),
    nothing("integration", "validation_timeout", kDuration, kOneProgram),
    nothing("integration", "coordination_interval", kDuration, kOneProgram),
    nothing("integration", "enable_layer_monitoring", kBoolean,
            "the health of every layer is always watched: `i2 status`"),
};

}  // namespace

std::span<const SettingRow> mesh_rows() {
  return kMeshRows;
}

}  // namespace i2::node
