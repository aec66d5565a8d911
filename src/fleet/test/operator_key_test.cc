// What an operator has at hand.
#include <gtest/gtest.h>
#include <i2/fleet/membership.h>
#include <i2/fleet/operator_key.h>

#include "layout.h"
#include "temp_dir.h"

namespace i2::fleet {
namespace {

namespace fs = std::filesystem;
using testing::code;
using testing::kNow;
using testing::TempDir;

TEST(OperatorKey, IsMadeOnceAndReadBack) {
  const TempDir temp;
  const fs::path dir = temp / "operator";
  EXPECT_EQ(code(read_operator_key(dir)), "fleet.no_operator_keys");
  const auto made = make_operator_key(dir);
  ASSERT_TRUE(made) << made.error().to_string();
  EXPECT_EQ(read_operator_key(dir)->public_key(), made->public_key());
  EXPECT_EQ(read_operator_public(dir / "operator.public").value(), made->public_key());
  EXPECT_EQ(testing::mode_of(dir / "operator.falcon.pem"), 0600u);
  EXPECT_EQ(code(make_operator_key(dir)), "fleet.operator_exists");
  EXPECT_EQ(read_operator_key(dir)->public_key(), made->public_key());
  testing::overwrite(dir / "operator.public", "something else");
  EXPECT_EQ(code(read_operator_public(dir / "operator.public")), "fleet.operator_public_invalid");
  EXPECT_EQ(code(read_operator_public(dir / "none")), "node.file_missing");
}

TEST(OperatorKey, AnOperationSurvivesItsFile) {
  const TempDir temp;
  const auto key = make_operator_key(temp / "operator").value();
  Operation operation;
  operation.kind = kRootExported;
  operation.body = encode(FleetOperation(RootExported{}));
  ASSERT_TRUE(approve_operation(operation, key));
  ASSERT_TRUE(write_operation(temp / "file", operation));
  EXPECT_EQ(read_operation(temp / "file").value(), operation);
  testing::overwrite(temp / "file", "x");
  EXPECT_EQ(code(read_operation(temp / "file")), "fleet.operation_malformed");
}

TEST(RootExport, MovesTheKeysAndNeverLosesThem) {
  const TempDir temp;
  const fs::path data = temp / "alpha";
  ASSERT_TRUE(init({.data_dir = data, .fleet_name = "home", .node_name = "alpha", .now = kNow}));
  const std::string key = testing::contents(data / kRootFalconFile);
  // Something is in the way: everything stays where it was.
  fs::create_directory(temp / "usb");
  testing::overwrite(temp / "usb/root.ecdsa.pem", "of another fleet");
  EXPECT_EQ(code(export_root(data, temp / "usb")), "fleet.root_exists");
  EXPECT_EQ(testing::contents(data / kRootFalconFile), key);
  EXPECT_EQ(testing::contents(temp / "usb/root.ecdsa.pem"), "of another fleet");
  ASSERT_TRUE(export_root(data, temp / "safe"));
  EXPECT_EQ(testing::contents(temp / "safe/root.falcon.pem"), key);
  EXPECT_EQ(testing::mode_of(temp / "safe/root.falcon.pem"), 0600u);
  EXPECT_FALSE(fs::exists(data / kRootFalconFile));
  EXPECT_FALSE(fs::exists(data / kRootEcdsaFile));
  EXPECT_EQ(code(export_root(data, temp / "again")), "fleet.root_absent");
}

}  // namespace
}  // namespace i2::fleet
