// OrdinaryCertificates: the P-256 leaf that this node shows to ordinary clients (curl, browsers),
// and on a certificate authority the intermediate that issues such leaves.
//
// Files: identity/leaf/ordinary.pem (key, leaf, intermediate, root) and identity/ca/ordinary.pem
// (key, intermediate, root). The intermediate is made where the root's key is: by `init`, or when a
// node that has the key finds it missing or two thirds into its life, at a start or while it runs.
// The one before is kept in identity/ca/ordinary-former.pem: it signs lists and OCSP answers for
// what it has issued. Thread-safe; changes are on disk before they take effect. It has no clock:
// callers pass `now`.
#pragma once

#include <i2/ports/trust.h>
#include <i2/trustchain/core/ordinary.h>

#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace i2::fleet {

class OrdinaryCertificates {
 public:
  struct Owner {
    std::string node_name;
    std::string fleet_name;
    crypto::PublicKey root;  // Genesis::root_ecdsa
  };
  // Under which other names and addresses a leaf's node is reached.
  struct Names {
    std::vector<std::string> dns;
    std::vector<crypto::IpAddress> addresses;
  };

  // Reads what is there; a leaf that is damaged, expired or another node's counts as absent.
  // Errors: fleet.leaf_damaged (the intermediate's file), node.secret_exposed, node.disk_full,
  // node.file_failed, crypto.*.
  [[nodiscard]] static Result<std::unique_ptr<OrdinaryCertificates>> load(
      const std::filesystem::path& dir, Owner owner, UnixMillis now);

  // Null while there is no leaf.
  [[nodiscard]] std::shared_ptr<const ports::OrdinaryCredential> current() const;
  // What clients have to trust; empty while neither leaf nor intermediate is there.
  [[nodiscard]] crypto::Certificate root() const;
  [[nodiscard]] bool can_issue(UnixMillis now) const;
  // trustchain::is_renewal_due of the leaf; also while there is none.
  [[nodiscard]] bool is_renewal_due(UnixMillis now, std::uint64_t spread = 0) const;
  // Whether the leaf is also for all of these.
  [[nodiscard]] bool covers(const Names& names) const;

  // The intermediate of this node; none where it is no authority.
  [[nodiscard]] std::optional<trustchain::OrdinaryAuthority> authority() const;
  // The one before it, until that ends.
  [[nodiscard]] std::optional<trustchain::OrdinaryAuthority> former() const;
  [[nodiscard]] bool is_authority_renewal_due(UnixMillis now) const;
  // Makes another intermediate, which issues from now on. False: the root's key is not here.
  // Errors: node.secret_exposed, node.disk_full, node.file_failed, crypto.*.
  [[nodiscard]] Result<bool> renew_authority(UnixMillis now);
  // Reads again what `i2 authority install` may have put there; whether it issues from now on.
  // Errors: fleet.leaf_damaged, node.secret_exposed, node.file_failed.
  [[nodiscard]] Result<bool> reload_authority();
  // For an authority, whose answer goes to install().
  [[nodiscard]] Result<trustchain::LeafRequest> make_request() const;
  // Open connections keep the old leaf. Errors: fleet.leaf_refused (not for this key or node, or
  // not good at `now`), node.disk_full, node.file_failed.
  Result<void> install(const crypto::PrivateKey& key, std::string_view pem, UnixMillis now);

 private:
  OrdinaryCertificates(std::filesystem::path dir, Owner owner)
      : dir_(std::move(dir)), owner_(std::move(owner)) {}
  struct Leaf {
    // Shared: handshakes in progress keep the one they began with.
    std::shared_ptr<const ports::OrdinaryCredential> credential;
    crypto::Certificate root;
  };
  [[nodiscard]] Result<Leaf> check(const crypto::PrivateKey& key,
                                   std::vector<crypto::Certificate> certificates,
                                   UnixMillis now) const;
  [[nodiscard]] Result<std::optional<trustchain::OrdinaryAuthority>> read_authority(
      std::string_view file) const;
  [[nodiscard]] Result<void> load_authority(UnixMillis now);

  const std::filesystem::path dir_;
  const Owner owner_;
  std::mutex changing_;
  mutable std::mutex snapshots_;  // held only to copy or swap what follows
  std::optional<trustchain::OrdinaryAuthority> authority_;
  std::optional<trustchain::OrdinaryAuthority> former_;
  Leaf leaf_;
};

}  // namespace i2::fleet
