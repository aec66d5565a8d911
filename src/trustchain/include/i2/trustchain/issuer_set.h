// IssuerSet: the keys that an authority of this node signs with, present and former.
//
// The newest of a kind whose time has come issues. The ones before it go on signing lists of
// revoked certificates and OCSP answers for what they issued, so that a new key changes nothing for
// certificates that are there. Thread-safe.
#pragma once

#include <i2/trustchain/certificate_store.h>

#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace i2::trustchain {

// Which key signs a profile.
enum class IssuerKind : std::uint8_t { kAnchor, kOrdinary };
[[nodiscard]] IssuerKind issuer_kind(Profile profile);

struct Signer {
  IssuerKind kind = IssuerKind::kOrdinary;
  Issuer issuer{};
  std::vector<crypto::Certificate> chain{};  // the issuer's certificate first, the root last
  Hash256 key_hash{};
  std::string id{};  // in URLs: the first 8 bytes of key_hash in hexadecimal digits
};
using SignerPtr = std::shared_ptr<const Signer>;  // shared: batches under way keep theirs

class IssuerSet {
 public:
  // `url`: where lists, OCSP and issuers of the ordinary kind are served, "http://host/ca"; empty:
  // certificates point nowhere.
  IssuerSet(CertificateStore& store, std::string url) : store_(store), url_(std::move(url)) {}

  // The same key again replaces what is known of it. `chain`: as of Signer. Errors: store.*.
  [[nodiscard]] Result<void> add(IssuerKind kind, Issuer issuer,
                                 std::vector<crypto::Certificate> chain);
  // Null when there is none. When none is valid at `now`: the newest.
  [[nodiscard]] SignerPtr current(IssuerKind kind, UnixMillis now) const;
  [[nodiscard]] SignerPtr find(const Hash256& key_hash) const;
  [[nodiscard]] SignerPtr find_id(std::string_view id) const;
  [[nodiscard]] std::vector<SignerPtr> all() const;
  // Of the list for a shard; empty when certificates of this signer point nowhere.
  [[nodiscard]] std::string crl_url(const Signer& signer, std::uint8_t shard) const;

 private:
  CertificateStore& store_;
  const std::string url_;
  mutable std::mutex mutex_;
  std::vector<SignerPtr> signers_;  // the newest last
};

}  // namespace i2::trustchain
