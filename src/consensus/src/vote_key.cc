#include <i2/consensus/vote_key.h>

namespace i2::consensus {
namespace {

using crypto::SignatureAlgorithm;

constexpr std::size_t kEd25519SignatureSize = 64;
constexpr std::size_t kSpkiSizeMax = 2048;
constexpr std::string_view kPemEnd = "-----END PRIVATE KEY-----\n";

std::unexpected<Error> invalid_key(const char* why) {
  return fail("consensus.key_invalid", std::string("not a vote key: ") + why);
}

Result<crypto::PublicKey> public_key_of(ByteView spki, SignatureAlgorithm algorithm) {
  auto key = crypto::PublicKey::from_spki(spki);
  if (!key || key->algorithm() != algorithm) {
    return invalid_key("it cannot be read, or is of another algorithm");
  }
  return key;
}

class Verifier final : public VoteVerifier {
 public:
  Verifier(crypto::PublicKey ed25519, crypto::PublicKey falcon)
      : ed25519_(std::move(ed25519)), falcon_(std::move(falcon)) {}

  [[nodiscard]] bool verify(ByteView message, ByteView signature) const override {
    if (signature.size() < kEd25519SignatureSize ||
        (!falcon_ && signature.size() != kEd25519SignatureSize)) {
      return false;
    }
    return ed25519_.verify(message, signature.first(kEd25519SignatureSize)) &&
           (!falcon_ || falcon_.verify(message, signature.subspan(kEd25519SignatureSize)));
  }

 private:
  crypto::PublicKey ed25519_;
  crypto::PublicKey falcon_;
};

}  // namespace

void write(wire::CanonicalWriter& w, const VotePublicKey& key) {
  w.bytes(key.ed25519);
  w.bytes(key.falcon);
}

VotePublicKey read_vote_public_key(wire::CanonicalReader& r) {
  VotePublicKey out;
  out.ed25519 = to_bytes(r.bytes(kSpkiSizeMax));
  out.falcon = to_bytes(r.bytes(kSpkiSizeMax));
  return out;
}

Result<std::shared_ptr<const VoteVerifier>> make_verifier(const VotePublicKey& key) {
  I2_TRY_VALUE(auto ed25519, public_key_of(key.ed25519, SignatureAlgorithm::kEd25519));
  crypto::PublicKey falcon;
  if (!key.falcon.empty()) {
    I2_TRY_VALUE(falcon, public_key_of(key.falcon, SignatureAlgorithm::kFalcon1024));
  }
  return std::make_shared<const Verifier>(std::move(ed25519), std::move(falcon));
}

Result<VoteKey> VoteKey::generate(VoteSuite suite) {
  I2_TRY_VALUE(auto ed25519, crypto::PrivateKey::generate(SignatureAlgorithm::kEd25519));
  crypto::PrivateKey falcon;
  if (suite == VoteSuite::kHybrid) {
    I2_TRY_VALUE(falcon, crypto::PrivateKey::generate(SignatureAlgorithm::kFalcon1024,
                                                      crypto::FalconArithmetic::kNativeDouble));
  }
  return VoteKey(std::move(ed25519), std::move(falcon));
}

Result<VoteKey> VoteKey::from_pem(std::string_view pem) {
  const std::size_t end = pem.find(kPemEnd);
  if (end == std::string_view::npos) {
    return invalid_key("there is no private key in it");
  }
  auto ed25519 = crypto::PrivateKey::from_pem(pem.substr(0, end + kPemEnd.size()));
  if (!ed25519 || ed25519->algorithm() != SignatureAlgorithm::kEd25519) {
    return invalid_key("it does not begin with an Ed25519 key");
  }
  const std::string_view rest = pem.substr(end + kPemEnd.size());
  crypto::PrivateKey falcon;
  if (!rest.empty()) {
    auto read = crypto::PrivateKey::from_pem(rest, crypto::FalconArithmetic::kNativeDouble);
    if (!read || read->algorithm() != SignatureAlgorithm::kFalcon1024) {
      return invalid_key("what follows is not a Falcon-1024 key");
    }
    falcon = *std::move(read);
  }
  return VoteKey(*std::move(ed25519), std::move(falcon));
}

VotePublicKey VoteKey::public_key() const {
  return {.ed25519 = ed25519_.public_key().spki(),
          .falcon = falcon_ ? falcon_.public_key().spki() : Bytes{}};
}

crypto::SecretBytes VoteKey::pem() const {
  const crypto::SecretBytes first = ed25519_.pem();
  if (!falcon_) {
    return ed25519_.pem();
  }
  const crypto::SecretBytes second = falcon_.pem();
  crypto::SecretBytes out(first.size() + second.size());
  std::memcpy(out.mutable_view().data(), first.view().data(), first.size());
  std::memcpy(out.mutable_view().data() + first.size(), second.view().data(), second.size());
  return out;
}

Result<Bytes> VoteKey::sign(ByteView message) const {
  auto out = ed25519_.sign(message);
  if (out && falcon_) {
    I2_TRY_VALUE(const Bytes second, falcon_.sign(message));
    append(*out, second);
  }
  return out;
}

}  // namespace i2::consensus
