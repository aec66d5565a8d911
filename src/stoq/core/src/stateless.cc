// What an endpoint answers without a connection: Retry, Version Negotiation, stateless resets.
#include <algorithm>

#include "endpoint_impl.h"

namespace i2::stoq::core {
namespace {

constexpr std::size_t kStatelessQueueMax = 256;
constexpr std::uint64_t kResetsPerSecondMax = 100;
constexpr std::uint32_t kVersions[] = {NGTCP2_PROTO_VER_V1, NGTCP2_PROTO_VER_V2};

}  // namespace

bool Endpoint::Impl::queue_stateless(const PathAddresses& path, Bytes packet) {
  if (stateless_.size() >= kStatelessQueueMax) {
    return false;
  }
  stateless_.push_back({path, std::move(packet)});
  return true;
}

void Endpoint::Impl::send_retry(const PathAddresses& path, const ngtcp2_pkt_hd& header) {
  const ngtcp2_cid scid = new_cid();
  NativePath native(path);
  std::array<std::uint8_t, NGTCP2_CRYPTO_MAX_RETRY_TOKENLEN2> token{};
  const ngtcp2_ssize token_size = ngtcp2_crypto_generate_retry_token2(
      token.data(), token_secret_.data(), token_secret_.size(), header.version,
      native.path.remote.addr, native.path.remote.addrlen, &scid, &header.dcid, now_);
  if (token_size < 0) {
    return;
  }
  Bytes packet(256);
  const ngtcp2_ssize size =
      ngtcp2_crypto_write_retry(packet.data(), packet.size(), header.version, &header.scid, &scid,
                                &header.dcid, token.data(), static_cast<std::size_t>(token_size));
  if (size > 0) {
    packet.resize(static_cast<std::size_t>(size));
    stats_.retries_sent += queue_stateless(path, std::move(packet)) ? 1 : 0;
  }
}

void Endpoint::Impl::send_version_negotiation(const PathAddresses& path,
                                              const ngtcp2_version_cid& ids, std::size_t received) {
  // RFC 9000 §6.1: only in answer to what could be a first datagram.
  if (received < NGTCP2_MAX_UDP_PAYLOAD_SIZE || !accepting_) {
    ++stats_.datagrams_dropped;
    return;
  }
  std::array<std::uint32_t, 3> versions{};
  versions[0] = 0x1a2a3a4a;  // RFC 9000 §15: greased
  std::copy(std::begin(kVersions), std::end(kVersions), versions.begin() + 1);
  Bytes packet(1200);
  std::uint8_t random = 0;
  rng_.fill({&random, 1});
  const ngtcp2_ssize size = ngtcp2_pkt_write_version_negotiation(
      packet.data(), packet.size(), random, ids.scid, ids.scidlen, ids.dcid, ids.dcidlen,
      versions.data(), versions.size());
  if (size > 0) {
    packet.resize(static_cast<std::size_t>(size));
    stats_.version_negotiations_sent += queue_stateless(path, std::move(packet)) ? 1 : 0;
  }
}

void Endpoint::Impl::send_stateless_reset(const PathAddresses& path, const ngtcp2_version_cid& ids,
                                          std::size_t received) {
  ++stats_.datagrams_dropped;
  // The secret is shared: a datagram that merely came to the wrong worker must not end its
  // connection.
  if (ids.dcid[0] % config_.workers != config_.worker) {
    return;
  }
  // RFC 9000 §10.3.3: shorter than what it answers, or two endpoints would reset each other for
  // ever.
  if (received <= NGTCP2_MIN_STATELESS_RESET_RANDLEN + NGTCP2_STATELESS_RESET_TOKENLEN + 1) {
    return;
  }
  if (now_ - resets_window_start_ >= kSecond) {
    resets_window_start_ = now_;
    resets_in_window_ = 0;
  }
  if (++resets_in_window_ > kResetsPerSecondMax) {
    return;
  }
  ngtcp2_cid cid{};
  ngtcp2_cid_init(&cid, ids.dcid, ids.dcidlen);
  std::array<std::uint8_t, NGTCP2_STATELESS_RESET_TOKENLEN> token{};
  if (ngtcp2_crypto_generate_stateless_reset_token(token.data(), reset_secret_.data(),
                                                   reset_secret_.size(), &cid) != 0) {
    return;
  }
  const std::size_t random_size =
      std::min<std::size_t>(received - NGTCP2_STATELESS_RESET_TOKENLEN - 1, 26);
  std::array<std::uint8_t, 26> random{};
  rng_.fill(random);
  Bytes packet(64);
  const ngtcp2_ssize size = ngtcp2_pkt_write_stateless_reset(
      packet.data(), packet.size(), token.data(), random.data(), random_size);
  if (size > 0) {
    packet.resize(static_cast<std::size_t>(size));
    stats_.stateless_resets_sent += queue_stateless(path, std::move(packet)) ? 1 : 0;
  }
}

}  // namespace i2::stoq::core
