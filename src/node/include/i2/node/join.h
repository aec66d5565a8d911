// Joining a fleet with an invite token: what `i2 join TOKEN` does. No daemon runs meanwhile.
#pragma once

#include <i2/base/clock.h>
#include <i2/fleet/core/invite_token.h>
#include <i2/fleet/membership.h>
#include <i2/stoq/core/address.h>

#include <filesystem>
#include <string>

namespace i2::node {

struct InvitedOptions {
  std::filesystem::path data_dir;
  const fleet::InviteToken& token;
  std::string name;                // wished for; a taken one gets a number
  stoq::core::SocketAddress bind;  // of the socket; port 0 is fine
  Duration timeout = 30 * kSecond;
  bool replace = false;  // put a node aside that is alone in another fleet
};

// Asks the nodes that the token names, all at once a little apart, takes the first that answers and
// proves itself, and makes the directory a member. Blocks. Not `changed`: it already was that node.
// The same token again continues where an interrupted attempt ended. Errors: fleet.name_invalid,
// fleet.already_member, node.data_dir_*, trust.invite_expired (by this machine's clock),
// trust.join_*, what the fleet refused with, node.timeout, stoq.* (nobody could be reached),
// node.disk_full, store.*.
[[nodiscard]] Result<fleet::NodeSummary> join_by_invite(const InvitedOptions& options,
                                                        const Clock& clock);

}  // namespace i2::node
