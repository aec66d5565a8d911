// Peers: from what a user typed to a connection, and the addresses that outlive the process.
#include <i2/node/addresses.h>
#include <i2/node/suggest.h>
#include <i2/wire/text.h>

#include <algorithm>
#include <cstdio>
#include <format>
#include <fstream>
#include <iterator>

#include "peers.h"

namespace i2::node {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kCacheSizeMax = 64 * 1024;
constexpr std::size_t kShortIdSize = 16;  // wire::short_id

bool is_address(std::string_view target) {
  return target.starts_with('[') || target.find(':') != target.npos;
}

bool is_ipv4(std::string_view target) {
  const auto parsed = stoq::SocketAddress::parse(target, 1);
  return !parsed && parsed.error().is("stoq.ipv4_refused");
}

// Off the control executor. The folder may have been removed: the cache may be lost at any time.
void store(const fs::path& path, const Bytes& bytes) {
  std::error_code ignored;
  if (fs::create_directory(path.parent_path(), ignored)) {
    fs::permissions(path.parent_path(), fs::perms::owner_all, ignored);
  }
  const fs::path temporary = path.string() + ".new";
  std::ofstream out(temporary, std::ios::binary | std::ios::trunc);
  out.write(reinterpret_cast<const char*>(bytes.data()),
            static_cast<std::streamsize>(bytes.size()));
  out.close();
  if (out) {
    fs::rename(temporary, path, ignored);
  }
}

Task<> store_on(boost::asio::any_io_executor pool, fs::path path, Bytes bytes) {
  const auto work = [path = std::move(path), bytes = std::move(bytes)] {
    store(path, bytes);
    return true;
  };
  (void)co_await rt::run_on(std::move(pool), work);
}

}  // namespace

Result<NodeId> Peers::resolve(const std::string& target) const {
  const auto members = parts_.trust.members();
  const fleet::MemberInfo* found = members->find(std::string_view(target));
  std::vector<std::string_view> names{members->genesis().first_member.name};
  const auto records = members->records();
  for (const auto& record : records) {
    names.push_back(record->info.name);
  }
  if (const auto id = wire::hash_from_hex(target); found == nullptr && id) {
    found = members->find(NodeId{*id});
  }
  if (found == nullptr && target.size() == kShortIdSize) {
    const auto matches = [&](const fleet::MemberInfo& member) {
      return wire::short_id(member.node_id) == target;
    };
    if (matches(members->genesis().first_member)) {
      found = &members->genesis().first_member;
    }
    for (const auto& record : records) {
      if (matches(record->info)) {
        found = &record->info;
      }
    }
  }
  if (found == nullptr) {
    return fail("node.peer_unknown", std::format("'{}' is no member of this fleet{}", target,
                                                 did_you_mean(target, names)));
  }
  if (found->node_id == parts_.trust.node_id()) {
    return fail("node.peer_self", "'" + target + "' is this node itself");
  }
  return found->node_id;
}

Task<Result<LinkUse>> Peers::reach(std::string target) {
  if (is_address(target) || is_ipv4(target)) {
    I2_CO_TRY_VALUE(const stoq::SocketAddress address, stoq::SocketAddress::parse(target));
    if (address.port == 0) {
      co_return fail("stoq.address_malformed",
                     "'" + target + "' names no port: write [address]:port");
    }
    for (const LinkPtr& link : links()) {
      if (link->remote == address) {
        co_return LinkUse(link);
      }
    }
    I2_CO_TRY_VALUE(LinkPtr link, co_await connect(address));
    co_return LinkUse(std::move(link));
  }
  I2_CO_TRY_VALUE(const NodeId id, resolve(target));
  if (LinkPtr link = link_to(id)) {
    co_return LinkUse(std::move(link));
  }
  const auto found = known_.find(id);
  if (found == known_.end() || found->second->addresses.empty()) {
    co_return fail("node.peer_no_address",
                   std::format("'{}' is a member, but it is not connected and no address of it is "
                               "known: is it running? Name it as [address]:port otherwise",
                               target));
  }
  I2_CO_TRY_VALUE(LinkPtr link, co_await dial(found->second));
  co_return LinkUse(std::move(link));
}

void Peers::read_cache() {
  std::ifstream in(parts_.cache, std::ios::binary);
  Bytes bytes(kCacheSizeMax);
  in.read(reinterpret_cast<char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
  bytes.resize(static_cast<std::size_t>(in.gcount()));
  if (const auto hints = fleet::decode_hints(bytes)) {
    for (const fleet::PeerHint& hint : *hints) {
      learn(hint.node_id, to_address(hint));
    }
  }
}

void Peers::write_cache() {
  cache_changed_ = true;
  if (!cache_writing_) {
    cache_writing_ = true;
    parts_.tasks.spawn(parts_.runtime.control(), store_cache());
  }
}

Task<> Peers::store_cache() {
  while (cache_changed_) {
    cache_changed_ = false;
    std::vector<fleet::PeerHint> hints;
    for (const auto& [id, known] : known_) {
      if (!known->addresses.empty() && hints.size() < fleet::kPeerHintsMax) {
        if (const auto hint = to_hint(id, known->addresses.front())) {
          hints.push_back(*hint);
        }
      }
    }
    co_await store_on(parts_.runtime.pool(), parts_.cache, fleet::encode(hints));
  }
  cache_writing_ = false;
}

}  // namespace i2::node
