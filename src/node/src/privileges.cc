#include "privileges.h"

#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <vector>

namespace i2::node {
namespace {

struct Identity {
  uid_t user;
  gid_t group;
};

Result<Identity> find_user(const std::string& name) {
  std::vector<char> buffer(16 * 1024);
  passwd entry{};
  passwd* found = nullptr;
  const int error = ::getpwnam_r(name.c_str(), &entry, buffer.data(), buffer.size(), &found);
  if (found == nullptr) {
    return fail("node.user_unknown",
                "there is no user '" + name + "' on this machine ([node] user)", error);
  }
  return Identity{.user = entry.pw_uid, .group = entry.pw_gid};
}

Result<void> make_data_dir(const std::filesystem::path& path, const Identity& owner) {
  std::error_code error;
  std::filesystem::create_directories(path.parent_path(), error);
  if (::mkdir(path.c_str(), 0700) != 0) {
    if (errno == EEXIST) {
      return {};
    }
    return fail(errno_error("node.file_failed", "make '" + path.string() + "'", errno));
  }
  if (::chown(path.c_str(), owner.user, owner.group) != 0) {
    return fail(errno_error("node.file_failed", "give away '" + path.string() + "'", errno));
  }
  return {};
}

// capset(2): only the right to bind low ports, for this and every later thread.
bool keep_only_low_ports() {
  __user_cap_header_struct header{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
  std::array<__user_cap_data_struct, _LINUX_CAPABILITY_U32S_3> data{};
  data[0].effective = data[0].permitted = 1U << CAP_NET_BIND_SERVICE;
  return ::syscall(SYS_capset, &header, data.data()) == 0;
}

}  // namespace

Result<void> become_user(const std::string& user, const std::filesystem::path& data_dir) {
  I2_TRY_VALUE(const Identity identity, find_user(user));
  if (::geteuid() == identity.user) {
    return {};
  }
  const std::string doing = "become the user '" + user + "'";
  if (::geteuid() != 0) {
    return fail("node.user_denied",
                "cannot " + doing + " ([node] user): start the daemon as root or as that user");
  }
  I2_TRY(make_data_dir(data_dir, identity));
  if (::initgroups(user.c_str(), identity.group) != 0 ||
      ::setresgid(identity.group, identity.group, identity.group) != 0 ||
      ::prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) != 0 ||
      ::setresuid(identity.user, identity.user, identity.user) != 0 || !keep_only_low_ports() ||
      ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) {
    return fail(errno_error("node.user_denied", doing, errno));
  }
  return {};
}

}  // namespace i2::node
