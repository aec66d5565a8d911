#include "member_sync.h"

#include <i2/crypto/hash.h>
#include <i2/node/addresses.h>
#include <i2/node/fleet.pb.h>

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace i2::node {
namespace asio = boost::asio;

namespace {

constexpr std::string_view kList = "fleet.Members/List";
constexpr std::string_view kChanged = "fleet.Members/Changed";
// Of the records in one answer; a record is at most fleet::kMemberSizeMax.
constexpr std::size_t kPageSize = 512 * 1024;

Hash256 digest_of(const fleet::MemberSet& members) {
  crypto::Sha256 hash;
  for (const auto& record : members.records()) {
    hash.update(fleet::id(*record));
  }
  return hash.finish();
}

template <class Message>
Result<Bytes> serialize(const Message& message) {
  Bytes out(message.ByteSizeLong());
  if (!message.SerializeToArray(out.data(), static_cast<int>(out.size()))) {
    return fail("wire.malformed", "the message does not serialize");
  }
  return out;
}

template <class Message>
Result<Message> parse(ByteView bytes) {
  Message out;
  if (!out.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    return fail("wire.malformed", "the message is not what its method wants");
  }
  return out;
}

std::string to_string(ByteView bytes) {
  return std::string(as_text(bytes));
}

// The records behind `after`, as many as fit one answer.
void add_page(const fleet::MemberSet& members, const std::string& after, MembersResponse& out) {
  std::size_t size = 0;
  for (const auto& record : members.records()) {
    if (!after.empty() && as_text(record->info.node_id.view()) <= after) {
      continue;
    }
    const Bytes bytes = fleet::encode(*record);
    if (size > 0 && size + bytes.size() > kPageSize) {
      out.set_more(true);
      return;
    }
    size += bytes.size();
    out.add_records(to_string(bytes));
  }
}

struct Added {
  std::size_t count = 0;
  std::vector<Error> refused;
  std::string last;  // node id of the last record of the page; empty when it made no sense
};

// On the pool: each new record costs signatures to verify and a file to write.
Added add_records(fleet::TrustStore& trust, const MembersResponse& page) {
  Added out;
  for (const std::string& record : page.records()) {
    const auto member = fleet::decode_member(as_bytes(record));
    if (!member) {
      out.last.clear();
      out.refused.push_back(member.error());
      return out;
    }
    out.last = to_string(member->info.node_id.view());
    const auto added = trust.add_member(as_bytes(record));
    if (!added) {
      out.refused.push_back(added.error());
    } else if (*added) {
      ++out.count;
    }
  }
  return out;
}

std::optional<fleet::PeerHint> hint_of(const PeerAddress& peer) {
  fleet::PeerHint out;
  if (peer.node_id().size() != out.node_id.bytes.size() ||
      peer.address().size() != out.address.size() || peer.port() > 65'535) {
    return std::nullopt;
  }
  std::ranges::copy(as_bytes(peer.node_id()), out.node_id.bytes.begin());
  std::ranges::copy(as_bytes(peer.address()), out.address.begin());
  out.port = static_cast<std::uint16_t>(peer.port());
  return fleet::check_hint(out) ? std::optional(out) : std::nullopt;
}

}  // namespace

void MemberSync::attach(stoq::RpcServer& server) {
  server.add_unary(std::string(kList), [this](stoq::CallContext context, Bytes request) {
    return serve_list(std::move(context), std::move(request));
  });
  server.add_unary(std::string(kChanged), [this](stoq::CallContext context, Bytes request) {
    return serve_changed(std::move(context), std::move(request));
  });
}

Task<Result<Bytes>> MemberSync::serve_list(stoq::CallContext context, Bytes request) {
  I2_CO_TRY_VALUE(const auto asked, parse<MembersRequest>(request));
  const auto members = parts_.trust.members();
  MembersResponse out;
  if (asked.after().empty()) {
    const auto hints = co_await asio::co_spawn(
        parts_.runtime.control(), hints_for(context.peer().node_id), asio::use_awaitable);
    for (const fleet::PeerHint& hint : hints) {
      PeerAddress& peer = *out.add_peers();
      peer.set_node_id(to_string(hint.node_id.view()));
      peer.set_address(to_string(hint.address));
      peer.set_port(hint.port);
    }
    out.set_same(equal(as_bytes(asked.digest()), digest_of(*members)));
  }
  if (!out.same()) {
    add_page(*members, asked.after(), out);
  }
  co_return serialize(out);
}

// A loopback address is passed on only to a peer on the same machine.
Task<std::vector<fleet::PeerHint>> MemberSync::hints_for(NodeId peer) {
  const LinkPtr link = parts_.peers.link_to(peer);
  const bool local = link != nullptr && link->remote.is_loopback();
  auto out = parts_.peers.connected_hints();
  std::erase_if(out, [&](const fleet::PeerHint& hint) {
    return hint.node_id == peer || (to_address(hint).is_loopback() && !local);
  });
  co_return out;
}

Task<Result<Bytes>> MemberSync::serve_changed(stoq::CallContext context, Bytes request) {
  if (!request.empty()) {
    co_return fail("wire.malformed", "the message is not what its method wants");
  }
  parts_.tasks.spawn(parts_.runtime.control(), note_changed(context.peer().node_id));
  co_return Bytes{};
}

Task<> MemberSync::note_changed(NodeId peer) {
  if (const LinkPtr link = parts_.peers.link_to(peer)) {
    link_up(link);
  }
  co_return;
}

void MemberSync::link_up(const LinkPtr& link) {
  if (syncing_.contains(link->peer)) {
    again_.insert(link->peer);
    return;
  }
  syncing_.insert(link->peer);
  parts_.tasks.spawn(parts_.runtime.control(), sync(link));
}

Task<> MemberSync::sync(LinkPtr link) {
  do {
    again_.erase(link->peer);
    const auto added = co_await pull(link);
    if (!added) {
      parts_.log.debug("fleet", "sync_failed", added.error().to_string(), {{"peer", link->name}});
      break;
    }
    if (*added > 0) {
      parts_.log.info("fleet", "members_learned", "new members of the fleet",
                      {{"count", *added}, {"from", link->name}});
      tell_peers(&link->peer);
    }
  } while (again_.contains(link->peer));
  again_.erase(link->peer);
  syncing_.erase(link->peer);
}

// Ends because `after` grows with every page.
Task<Result<std::size_t>> MemberSync::pull(LinkPtr link) {
  MembersRequest request;
  request.set_digest(to_string(digest_of(*parts_.trust.members())));
  std::size_t count = 0;
  for (;;) {
    I2_CO_TRY_VALUE(Bytes body, serialize(request));
    auto call = stoq::call(link->connection, std::string(kList), std::move(body));
    const Result<Bytes> answer =
        co_await asio::co_spawn(link->connection.executor(), std::move(call), asio::use_awaitable);
    if (!answer) {
      co_return fail(answer.error());
    }
    I2_CO_TRY_VALUE(const auto page, parse<MembersResponse>(*answer));
    for (const PeerAddress& peer : page.peers()) {
      if (const auto hint = hint_of(peer);
          hint && (link->remote.is_loopback() || !to_address(*hint).is_loopback())) {
        parts_.peers.learn(hint->node_id, to_address(*hint));
      }
    }
    const auto work = [&trust = parts_.trust, &page] { return add_records(trust, page); };
    const Added added = co_await rt::run_on(parts_.runtime.pool(), work);
    for (const Error& error : added.refused) {
      parts_.log.warning("fleet", "member_refused", error.message(),
                         {{"from", link->name}, {"error", error.code()}});
    }
    count += added.count;
    if (!page.more() || added.last <= request.after()) {
      co_return count;
    }
    request.clear_digest();
    request.set_after(added.last);
  }
}

void MemberSync::tell_peers(const NodeId* except) {
  for (const LinkPtr& link : parts_.peers.links()) {
    if (except == nullptr || link->peer != *except) {
      parts_.tasks.spawn(link->connection.executor(), tell(link));
    }
  }
}

Task<> MemberSync::tell(LinkPtr link) {
  // A peer that does not hear it asks by itself when it connects again.
  stoq::CallOptions options;
  options.deadline = 5 * kSecond;
  (void)co_await stoq::call(link->connection, std::string(kChanged), {}, std::move(options));
}

Task<Result<std::size_t>> MemberSync::reload() {
  const std::size_t before = parts_.trust.members()->size();
  const auto work = [&trust = parts_.trust] { return trust.reload_members(); };
  const Result<std::size_t> count = co_await rt::run_on(parts_.runtime.pool(), work);
  if (count && *count != before) {
    tell_peers(nullptr);
  }
  if (count) {
    parts_.log.info("fleet", "members_reloaded", "the members were read again",
                    {{"count", *count}});
  } else {
    parts_.log.error("fleet", "reload_failed", count.error().to_string());
  }
  co_return count;
}

}  // namespace i2::node
