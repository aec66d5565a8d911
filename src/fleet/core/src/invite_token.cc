#include <i2/crypto/hash.h>
#include <i2/fleet/core/invite_token.h>
#include <i2/wire/text.h>

namespace i2::fleet {
namespace {

constexpr std::uint16_t kTokenType = 0x020c;
constexpr std::uint16_t kTokenVersion = 1;
constexpr std::size_t kSeedSize = 32;
constexpr std::size_t kTokenChecksumSize = 4;
constexpr std::string_view kTokenDomain = "i2/token/v1";
constexpr trustchain::Domain kRootDomain{"i2/root/v1"};
constexpr std::string_view kWhiteSpace = " \t\r\n";

ByteView checksum(const Hash256& hash) {
  return ByteView(hash).first(kTokenChecksumSize);
}

std::unexpected<Error> altered() {
  return fail("trust.invite_altered",
              "the token is not as it was made: a character is wrong or missing; copy it again");
}

}  // namespace

Hash256 root_fingerprint(const trustchain::HybridPublicKey& root) {
  return root.id(kRootDomain);
}

std::string encode_token(const InviteToken& token) {
  wire::CanonicalWriter w(kTokenType, kTokenVersion);
  w.fixed(token.chain_id.view());
  w.fixed(token.root_fingerprint);
  write(w, token.peers);
  w.fixed(token.seed.view());
  w.u64(token.expiry);
  Bytes content = std::move(w).take();
  append(content, checksum(crypto::sha256({as_bytes(kTokenDomain), content})));
  std::string out = std::string(kTokenPrefix) + wire::to_base32(content);
  crypto::wipe(content);
  return out;
}

Result<InviteToken> decode_token(std::string_view text) {
  text.remove_prefix(std::min(text.find_first_not_of(kWhiteSpace), text.size()));
  text = text.substr(0, text.find_last_not_of(kWhiteSpace) + 1);
  if (!text.starts_with(kTokenPrefix) || text.size() > kTokenSizeMax) {
    return fail(
        "trust.invite_malformed",
        "this is no invite token of this version: one begins with " + std::string(kTokenPrefix));
  }
  auto bytes = wire::from_base32(text.substr(kTokenPrefix.size()));
  if (!bytes || bytes->size() < kTokenChecksumSize) {
    return altered();
  }
  const crypto::SecretBytes content(*std::move(bytes));
  const ByteView record = content.view().first(content.size() - kTokenChecksumSize);
  if (!equal(checksum(crypto::sha256({as_bytes(kTokenDomain), record})),
             content.view().last(kTokenChecksumSize))) {
    return altered();
  }
  wire::CanonicalReader r(record, kTokenType, kTokenVersion);
  InviteToken out;
  out.chain_id.bytes = r.fixed<32>();
  out.root_fingerprint = r.fixed<32>();
  out.peers = read_hints(r);
  auto seed = r.fixed<kSeedSize>();
  out.seed = crypto::SecretBytes(to_bytes(seed));
  crypto::wipe(seed);
  out.expiry = r.u64();
  if (!r.finish() || out.peers.empty() || out.peers.size() > kTokenPeersMax) {
    return fail("trust.invite_malformed",
                "the token was made by a newer program, or by none: update this program");
  }
  return out;
}

Result<crypto::PrivateKey> invite_key(const InviteToken& token) {
  return crypto::PrivateKey::from_ed25519_seed(token.seed.view());
}

}  // namespace i2::fleet
