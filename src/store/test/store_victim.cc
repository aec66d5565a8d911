// store_victim kill|full PATH KEY: commits KEY to the store at PATH, and then
//   kill   is killed before anything else happens;
//   full   may not write files of more than 256 KiB (EFBIG, as a full disk is ENOSPC), and goes on.
// The exit code says which step went wrong.
#include <i2/store/key_value_store.h>
#include <signal.h>
#include <sys/resource.h>

#include <string_view>

namespace i2::store {
namespace {

Batch put(std::string_view key, Bytes value) {
  Batch out;
  out.put(to_bytes(as_bytes(key)), std::move(value));
  return out;
}

int commit_after_disk_is_full(KeyValueStore& store, std::string_view key) {
  ::signal(SIGXFSZ, SIG_IGN);
  const rlimit limit{.rlim_cur = 256 * 1024, .rlim_max = 256 * 1024};
  ::setrlimit(RLIMIT_FSIZE, &limit);
  const auto full = store.commit(put("large", Bytes(1024 * 1024, 7)));
  if (full || full.error().code() != "store.disk_full") {
    return 2;
  }
  const auto later = store.commit(put("later", Bytes{1}));
  if (later || later.error().code() != "store.failed") {
    return 3;
  }
  return store.get(as_bytes(key)).value() == Bytes{1} ? 0 : 4;
}

int run(std::string_view what, const char* path, std::string_view key) {
  auto store = KeyValueStore::open(path, KeyValueStore::Mode::kExisting);
  if (!store || !(*store)->commit(put(key, Bytes{1}))) {
    return 1;
  }
  return what == "kill" ? ::raise(SIGKILL) : commit_after_disk_is_full(**store, key);
}

}  // namespace
}  // namespace i2::store

int main(int argc, char** argv) {
  return argc == 4 ? i2::store::run(argv[1], argv[2], argv[3]) : 5;
}
