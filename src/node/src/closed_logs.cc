#include <i2/node/closed_logs.h>

#include <algorithm>
#include <system_error>

namespace i2::node {

Result<std::vector<std::filesystem::path>> closed_logs(const std::filesystem::path& data_dir) {
  const std::filesystem::path dir = data_dir / "ct" / "closed";
  std::vector<std::filesystem::path> out;
  std::error_code error;
  if (!std::filesystem::exists(dir, error)) {
    return out;
  }
  for (std::filesystem::directory_iterator at(dir, error), end; !error && at != end;
       at.increment(error)) {
    out.push_back(at->path());
  }
  if (error) {
    return fail("node.file_failed", "the folder '" + dir.string() + "': " + error.message(),
                error.value());
  }
  std::ranges::sort(out);
  return out;
}

}  // namespace i2::node
