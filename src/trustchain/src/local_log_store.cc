#include <i2/trustchain/local_log_store.h>

namespace i2::trustchain {
namespace {

using Durability = store::KeyValueStore::Durability;

constexpr char kObjectKind = 'o';
constexpr std::string_view kCheckpointKey = "c";

Bytes object_key(std::string_view name) {
  Bytes out;
  out.reserve(1 + name.size());
  out.push_back(kObjectKind);
  append(out, as_bytes(name));
  return out;
}

}  // namespace

Result<std::optional<std::string>> origin_of(const LogLock& lock) {
  I2_TRY_VALUE(const auto note, lock.read());
  if (!note) {
    return std::nullopt;
  }
  I2_TRY_VALUE(const auto last, ct::parse_signed_checkpoint(*note));
  return last.checkpoint.origin;
}

Result<Bytes> LocalLogStore::get(std::string_view name) const {
  I2_TRY_VALUE(auto bytes, store_.get(object_key(name)));
  if (!bytes) {
    return fail("trust.log_object_missing", "the log has no " + std::string(name));
  }
  return std::move(*bytes);
}

Result<void> LocalLogStore::create(std::span<const ct::StoredObject> objects) {
  const std::scoped_lock lock(changing_);
  store::Batch batch;
  for (const ct::StoredObject& object : objects) {
    Bytes key = object_key(object.path);
    I2_TRY_VALUE(const auto present, store_.get(key));
    if (!present) {
      batch.put(std::move(key), object.bytes);
    } else if (*present != object.bytes) {
      return fail("trust.log_object_differs",
                  object.path + " is there already, with another content");
    }
  }
  return store_.commit(batch, Durability::kLater);
}

Result<void> LocalLogStore::remove(std::span<const std::string> names) {
  const std::scoped_lock lock(changing_);
  store::Batch batch;
  for (const std::string& name : names) {
    batch.erase(object_key(name));
  }
  return store_.commit(batch, Durability::kLater);
}

Result<std::optional<std::string>> LocalLogStore::read() const {
  I2_TRY_VALUE(const auto note, store_.get(as_bytes(kCheckpointKey)));
  return note ? std::optional(std::string(as_text(*note))) : std::nullopt;
}

Result<void> LocalLogStore::swap(const std::optional<std::string>& expected,
                                 std::string_view next) {
  const std::scoped_lock lock(changing_);
  I2_TRY_VALUE(const auto present, read());
  if (present != expected) {
    return fail("trust.log_lock_lost",
                "the log's last checkpoint is not the one that this process wrote: another "
                "process writes the log");
  }
  store::Batch batch;
  batch.put(to_bytes(as_bytes(kCheckpointKey)), to_bytes(as_bytes(next)));
  return store_.commit(batch, Durability::kSynced);
}

}  // namespace i2::trustchain
