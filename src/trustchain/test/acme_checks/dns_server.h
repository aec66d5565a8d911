// A DNS server of Debian's (Knot DNS) with a zone `test`, and a zone `broken.test` that fails.
#pragma once

#include "harness.h"

namespace i2::trustchain::testing {

class DnsServer {
 public:
  // `records`: lines of a zone file, names relative to test.
  explicit DnsServer(std::string_view records) {
    write_zone(records, 1);
    asio::io_context io;
    port_ = free_port(io);
    write_file(dir_ / "knot.conf", "server:\n  rundir: " + dir_.path().string() +
                                       "\n  listen: \"::1@" + std::to_string(port_) +
                                       "\"\n"
                                       "log:\n  - target: stdout\n    any: info\n"
                                       "database:\n  storage: " +
                                       (dir_ / "db").string() +
                                       "\n"
                                       "template:\n  - id: default\n    storage: " +
                                       dir_.path().string() +
                                       "\n    file: \"%s.zone\"\n    zonefile-load: whole\n"
                                       "    zonefile-sync: -1\n    journal-content: none\n"
                                       "zone:\n  - domain: test\n  - domain: broken.test\n");
    server_.emplace(std::vector<std::string>{I2_KNOTD, "-c", dir_ / "knot.conf"});
    EXPECT_TRUE(server_->wait_for("server started"));
  }

  [[nodiscard]] std::string address() const { return "[::1]:" + std::to_string(port_); }

  // Answers with other records from now on.
  void replace(std::string_view records, int serial) {
    write_zone(records, serial);
    run_program({I2_KNOTC, "-c", dir_ / "knot.conf", "-b", "zone-reload", "test"});
  }

 private:
  void write_zone(std::string_view records, int serial) {
    write_file(dir_ / "test.zone",
               "$ORIGIN test.\n$TTL 3600\n@ SOA ns admin " + std::to_string(serial) +
                   " 3600 600 86400 3600\n@ NS ns\nns AAAA ::1\n" + std::string(records));
  }

  TempDir dir_;
  std::uint16_t port_ = 0;
  std::optional<Program> server_;
};

}  // namespace i2::trustchain::testing
