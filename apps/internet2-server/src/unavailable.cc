#include "unavailable.h"

#include <array>

namespace i2::app {
namespace {

constexpr std::string_view kContent =
    "the content store is not part of this version; `i2 send` and `i2 recv` move single files";
constexpr std::string_view kProxy = "remote resources are not part of this version";
constexpr std::string_view kTrust =
    "the transparency log is not part of this version; `i2 cert` has the certificates";
constexpr std::string_view kNames = "the name service is not part of this version";
constexpr std::string_view kAssets = "assets and their proofs are not part of this version";
constexpr std::string_view kCatalog = "packages and their execution are not part of this version";
constexpr std::string_view kLedger = "the ledger is not part of this version";
constexpr std::string_view kMonitoring =
    "monitoring is not part of this version; `i2 status` and `i2 peers` tell how the node is";

constexpr auto kVerbs = std::to_array<Unavailable>({
    {"alerts", kMonitoring}, {"asset", kAssets},   {"cache", kContent},   {"cancel", kCatalog},
    {"dns", kNames},         {"forward", kProxy},  {"get", kContent},     {"install", kCatalog},
    {"logs", kCatalog},      {"ls", kContent},     {"pin", kContent},     {"proof", kAssets},
    {"proxy", kProxy},       {"ps", kCatalog},     {"publish", kCatalog}, {"put", kContent},
    {"run", kCatalog},       {"search", kCatalog}, {"seed", kContent},    {"stake", kLedger},
    {"statement", kLedger},  {"top", kMonitoring}, {"transfer", kLedger}, {"ui", kMonitoring},
    {"unpin", kContent},     {"unstake", kLedger}, {"wallet", kLedger},
});

}  // namespace

std::span<const Unavailable> unavailable_verbs() {
  return kVerbs;
}

}  // namespace i2::app
