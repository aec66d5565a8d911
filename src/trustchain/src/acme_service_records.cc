#include <i2/wire/canonical.h>

#include "acme_service_core.h"

namespace i2::trustchain {
namespace {

constexpr std::uint16_t kExternalKeyVersion = 1;
constexpr std::size_t kKidSizeMax = 256;
constexpr std::size_t kMacKeySizeMax = 256;
// Under way at once; the others wait in the server, which bounds them.
constexpr std::size_t kChecksMax = 256;
constexpr std::size_t kIssuancesMax = 256;

AcmeTable table_of(acme::RecordKind kind) {
  switch (kind) {
    case acme::RecordKind::kAccount:
      return AcmeTable::kAccount;
    case acme::RecordKind::kAuthorization:
      return AcmeTable::kAuthorization;
    case acme::RecordKind::kOrder:
      return AcmeTable::kOrder;
  }
  std::unreachable();
}

}  // namespace

Bytes acme_key(AcmeTable table, std::string_view id) {
  Bytes out{static_cast<std::uint8_t>(table)};
  append(out, as_bytes(id));
  return out;
}

Result<void> each_record(const store::KeyValueStore& from, AcmeTable table,
                         const std::function<Result<void>(ByteView)>& take) {
  Result<void> out;
  I2_TRY(from.scan(acme_key(table), [&](ByteView, ByteView value) {
    out = take(value);
    return out.has_value();
  }));
  return out;
}

Bytes encode(const ExternalKey& key) {
  wire::CanonicalWriter w(kExternalKeyType, kExternalKeyVersion);
  w.text(key.kid);
  w.bytes(key.key.view());
  w.u64(key.created);
  return std::move(w).take();
}

Result<ExternalKey> decode_external_key(ByteView record) {
  wire::CanonicalReader r(record, kExternalKeyType, kExternalKeyVersion);
  ExternalKey out;
  out.kid = r.text(kKidSizeMax);
  out.key = crypto::SecretBytes(to_bytes(r.bytes(kMacKeySizeMax)));
  out.created = r.u64();
  if (!r.finish() || out.kid.empty() || out.key.empty()) {
    return fail("trust.record_invalid", "the record of an external key is malformed");
  }
  return out;
}

Result<void> AcmeService::Core::load() {
  store.reset();
  I2_TRY_VALUE(auto opened,
               store::KeyValueStore::open(parts.dir, store::KeyValueStore::Mode::kCreate));
  auto fresh = std::make_unique<acme::Server>(parts.options, *this, parts.rng);
  for (const AcmeTable table :
       {AcmeTable::kAccount, AcmeTable::kAuthorization, AcmeTable::kOrder}) {
    I2_TRY(each_record(*opened, table, [&](ByteView record) { return fresh->restore(record); }));
  }
  std::map<std::string, ExternalKey, std::less<>> keys;
  I2_TRY(each_record(*opened, AcmeTable::kExternalKey, [&](ByteView record) -> Result<void> {
    I2_TRY_VALUE(ExternalKey key, decode_external_key(record));
    std::string kid = key.kid;
    keys.insert_or_assign(std::move(kid), std::move(key));
    return {};
  }));
  fresh->resume(parts.clock.unix_now());
  store = std::move(opened);
  server = std::move(fresh);
  external_keys = std::move(keys);
  deferred.clear();  // resume() asks for them again
  closed = false;
  return {};
}

bool AcmeService::Core::collect() {
  while (auto changed = server->poll_change()) {
    Bytes key = acme_key(table_of(changed->kind), changed->id);
    if (changed->record.empty()) {
      next.batch.erase(std::move(key));
    } else {
      next.batch.put(std::move(key), std::move(changed->record));
    }
  }
  return !std::exchange(writing, true);
}

bool AcmeService::Core::take(Group& group) {
  if (stopping || closed) {
    return false;
  }
  // One that is under way already was asked for again by load().
  while (checking.size() < kChecksMax) {
    auto one = server->poll_validation();
    if (!one) {
      break;
    }
    if (checking.insert(one->authorization).second) {
      next.work.checks.push_back(*std::move(one));
    }
  }
  while (issuing.size() < kIssuancesMax) {
    auto one = server->poll_issuance();
    if (!one) {
      break;
    }
    if (issuing.insert(one->order).second) {
      next.work.issuances.push_back(*std::move(one));
    }
  }
  while (auto one = server->poll_revocation()) {
    next.work.revocations.push_back(*std::move(one));
  }
  group = std::exchange(next, {});
  return !group.empty();
}

void AcmeService::Core::write() {
  for (;;) {
    Group group;
    {
      const std::scoped_lock lock(mutex);
      if (!take(group)) {
        writing = false;
        return;
      }
    }
    const auto kept = group.batch.changes().empty() ? Result<void>() : store->commit(group.batch);
    if (!kept) {
      close(group, kept.error());
    }
    for (const Waiting& one : group.waiting) {
      one(kept);
    }
    if (kept) {
      begin(std::move(group.work));
    }
  }
}

// What is in memory may differ from what is on disk now, so that nobody may see it.
void AcmeService::Core::close(const Group& lost, const Error& why) {
  Group unwritten;
  decltype(tickets) open;
  {
    const std::scoped_lock lock(mutex);
    closed = true;
    counts.closed = true;
    unwritten = std::exchange(next, {});
    open.swap(tickets);
    for (const Work* const work : {&lost.work, &std::as_const(unwritten).work}) {
      for (const acme::Validation& one : work->checks) {
        checking.erase(one.authorization);
      }
      for (const acme::Issuance& one : work->issuances) {
        issuing.erase(one.order);
      }
    }
  }
  for (const Waiting& one : unwritten.waiting) {
    one(fail(why));
  }
  for (const auto& [ticket, done] : open) {
    done(acme::unavailable());
  }
  report({.kind = AcmeEvent::Kind::kClosed, .error = why});
}

}  // namespace i2::trustchain
