// make_aged_fleet FOLDER HOURS ADDRESS: a fleet as it was founded HOURS ago and then switched off.
//
// FOLDER/alpha is the founder's data directory, FOLDER/beta.bundle a bundle of that time,
// FOLDER/gamma.bundle one of now; their peer is alpha at ADDRESS ([address]:port). Certificates
// live for 24 h.
#include <i2/fleet/membership.h>
#include <i2/rt/clock.h>
#include <i2/stoq/core/address.h>

#include <cstdio>
#include <cstdlib>

namespace i2 {
namespace {

Result<void> make(const std::filesystem::path& folder, UnixMillis now, UnixMillis age,
                  std::string_view address) {
  I2_TRY_VALUE(const auto parsed, stoq::core::SocketAddress::parse(address));
  I2_TRY_VALUE(const auto alpha, fleet::init({.data_dir = folder / "alpha",
                                              .fleet_name = "home",
                                              .node_name = "alpha",
                                              .now = now - age}));
  const fleet::PeerHint hint{.node_id = alpha.node_id, .address = parsed.ip, .port = parsed.port};
  // gamma first: the bundle of beta then knows it.
  I2_TRY(fleet::provision({.data_dir = folder / "alpha",
                           .node_name = "gamma",
                           .peers = {hint},
                           .bundle = folder / "gamma.bundle",
                           .now = now}));
  I2_TRY(fleet::provision({.data_dir = folder / "alpha",
                           .node_name = "beta",
                           .peers = {hint},
                           .bundle = folder / "beta.bundle",
                           .now = now - age}));
  return {};
}

}  // namespace
}  // namespace i2

int main(int argc, char** argv) {
  if (argc != 4) {
    std::fputs("usage: make_aged_fleet FOLDER HOURS ADDRESS\n", stderr);
    return 2;
  }
  const i2::UnixMillis age = std::strtoull(argv[2], nullptr, 10) * 3'600'000;
  const auto made = i2::make(argv[1], i2::rt::SystemClock().unix_now(), age, argv[3]);
  if (!made) {
    std::fprintf(stderr, "%s\n", made.error().to_string().c_str());
    return 1;
  }
  return 0;
}
