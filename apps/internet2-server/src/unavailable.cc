#include "unavailable.h"

#include <array>

namespace i2::app {
namespace {

constexpr std::string_view kContent =
    "the content store is not part of this version; `i2 send` and `i2 recv` move single files";
constexpr std::string_view kProxy = "remote resources are not part of this version";
constexpr std::string_view kTrust =
    "the certificate and transparency services are not part of this version; nodes renew their own "
    "certificates by themselves";
constexpr std::string_view kNames = "the name service is not part of this version";
constexpr std::string_view kAssets = "assets and their proofs are not part of this version";
constexpr std::string_view kCatalog = "packages and their execution are not part of this version";
constexpr std::string_view kLedger = "the ledger is not part of this version";
constexpr std::string_view kConsensus = "ordering among validators is not part of this version";
constexpr std::string_view kMonitoring =
    "monitoring is not part of this version; `i2 status` and `i2 peers` tell how the node is";
constexpr std::string_view kConfig = "use `internet2-server check-config`";
constexpr std::string_view kBackup =
    "backups are not part of this version; copy the data directory of a stopped node";

constexpr auto kVerbs = std::to_array<Unavailable>({
    {"alerts", kMonitoring},   {"asset", kAssets},        {"backup", kBackup},
    {"cache", kContent},       {"cancel", kCatalog},      {"cert", kTrust},
    {"config", kConfig},       {"consensus", kConsensus}, {"ct", kTrust},
    {"dns", kNames},           {"doctor", kMonitoring},   {"forward", kProxy},       {"get", kContent},         {"install", kCatalog},
    {"logs", kCatalog},
    {"ls", kContent},          {"metrics", kMonitoring},  {"pin", kContent},         {"proof", kAssets},        {"proxy", kProxy},
    {"ps", kCatalog},          {"publish", kCatalog},     {"put", kContent},
    {"restore", kBackup},      {"run", kCatalog},
    {"search", kCatalog},      {"seed", kContent},        {"stake", kLedger},
    {"statement", kLedger},    {"top", kMonitoring},      {"transfer", kLedger},
    {"ui", kMonitoring},       {"unpin", kContent},       {"unstake", kLedger},
    {"validator", kConsensus}, {"wallet", kLedger},
});

constexpr auto kModes = std::to_array<Unavailable>({
    {"bootstrap", "run `i2 init`, then `internet2-server development`"},
    {"gateway", "the HTTP gateway is not part of this version"},
    {"production",
     "it wants the ledger and the gateway, which this version does not have; `development` runs "
     "the same "
     "transport and trust"},
});

}  // namespace

std::span<const Unavailable> unavailable_verbs() {
  return kVerbs;
}
std::span<const Unavailable> unavailable_modes() {
  return kModes;
}

}  // namespace i2::app
