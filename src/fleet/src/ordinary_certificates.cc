#include <i2/fleet/ordinary_certificates.h>

#include <algorithm>

#include "layout.h"
#include "ordinary_files.h"
#include "serial.h"

namespace i2::fleet {
namespace {

namespace fs = std::filesystem;
using trustchain::OrdinaryAuthority;

bool same_key(const crypto::PublicKey& a, const crypto::PublicKey& b) {
  return a && b && equal(a.spki(), b.spki());
}

bool contains_all(const auto& all, const auto& some) {
  return std::ranges::all_of(
      some, [&](const auto& one) { return std::ranges::find(all, one) != all.end(); });
}

// The root's key where it is kept; null where it is not.
Result<crypto::PrivateKey> read_root_key(const fs::path& dir) {
  const fs::path path = dir / kRootEcdsaFile;
  constexpr std::size_t kSizeMax = 64 * 1024;
  if (!is_present(path)) {
    return crypto::PrivateKey{};
  }
  I2_TRY_VALUE(const auto pem, read_secret(path, kSizeMax));
  return crypto::PrivateKey::from_pem(as_text(pem.view()));
}

}  // namespace

Result<std::unique_ptr<OrdinaryCertificates>> OrdinaryCertificates::load(const fs::path& dir,
                                                                         Owner owner,
                                                                         UnixMillis now) {
  std::unique_ptr<OrdinaryCertificates> out(new OrdinaryCertificates(dir, std::move(owner)));
  I2_TRY(out->load_authority(now));
  if (is_present(dir / kOrdinaryLeafFile)) {
    auto stored = read_key_and_certificates(dir / kOrdinaryLeafFile);
    if (!stored && !stored.error().is("fleet.leaf_damaged")) {
      return fail(std::move(stored).error());
    }
    if (stored) {
      if (auto leaf = out->check(stored->key, std::move(stored->certificates), now)) {
        out->leaf_ = *std::move(leaf);
      }
    }
  }
  return out;
}

Result<std::optional<OrdinaryAuthority>> OrdinaryCertificates::read_authority(
    std::string_view file) const {
  const fs::path path = dir_ / file;
  if (!is_present(path)) {
    return std::nullopt;
  }
  constexpr std::size_t kIntermediateAndRoot = 2;
  I2_TRY_VALUE(auto stored, read_key_and_certificates(path));
  if (stored.certificates.size() != kIntermediateAndRoot ||
      !same_key(stored.certificates[1].public_key(), owner_.root)) {
    return fail("fleet.leaf_damaged",
                "'" + path.string() + "' is not the P-256 intermediate of this fleet");
  }
  return OrdinaryAuthority{.key = std::move(stored.key),
                           .certificate = std::move(stored.certificates[0]),
                           .root = std::move(stored.certificates[1])};
}

Result<void> OrdinaryCertificates::load_authority(UnixMillis now) {
  I2_TRY_VALUE(authority_, read_authority(kOrdinaryCaFile));
  I2_TRY_VALUE(former_, read_authority(kFormerOrdinaryCaFile));
  // After a crash between the two writes of a renewal both are the same.
  const bool twice =
      former_ && authority_ && same_key(former_->key.public_key(), authority_->key.public_key());
  if (twice || (former_ && former_->certificate.not_after() <= now)) {
    former_.reset();
  }
  if (!authority_ || is_authority_renewal_due(now)) {
    I2_TRY(renew_authority(now));  // without the root's key the intermediate is used until it ends
  }
  return {};
}

bool OrdinaryCertificates::is_authority_renewal_due(UnixMillis now) const {
  const auto held = authority();
  return held && trustchain::is_renewal_due(held->certificate, now);
}

Result<bool> OrdinaryCertificates::renew_authority(UnixMillis now) {
  const std::scoped_lock changing(changing_);
  I2_TRY_VALUE(const auto root_key, read_root_key(dir_));
  if (!root_key || !same_key(root_key.public_key(), owner_.root)) {
    return false;
  }
  I2_TRY_VALUE(auto made, trustchain::make_ordinary_authority(root_key, owner_.fleet_name, now,
                                                              random_serial));
  auto held = authority();
  const FileWriter writer;
  I2_TRY(writer.make_directory(dir_ / kCaDir));
  const auto write = [&](std::string_view file, const OrdinaryAuthority& what) {
    const crypto::Certificate chain[] = {what.certificate, what.root};
    return writer.write(dir_ / file, key_and_certificates_pem(what.key, chain).view(), kSecretMode);
  };
  if (held) {
    made.root = held->root;  // what clients trust stays; the name and key are the same
    I2_TRY(write(kFormerOrdinaryCaFile, *held));
  }
  I2_TRY(write(kOrdinaryCaFile, made));
  const std::scoped_lock lock(snapshots_);
  former_ = std::move(held);
  authority_ = std::move(made);
  return true;
}

Result<bool> OrdinaryCertificates::reload_authority() {
  const std::scoped_lock changing(changing_);
  I2_TRY_VALUE(auto stored, read_authority(kOrdinaryCaFile));
  auto held = authority();
  if (!stored || (held && same_key(held->key.public_key(), stored->key.public_key()))) {
    return false;
  }
  const std::scoped_lock lock(snapshots_);
  former_ = std::move(held);
  authority_ = std::move(stored);
  return true;
}

std::optional<OrdinaryAuthority> OrdinaryCertificates::authority() const {
  const std::scoped_lock lock(snapshots_);
  return authority_;
}

std::optional<OrdinaryAuthority> OrdinaryCertificates::former() const {
  const std::scoped_lock lock(snapshots_);
  return former_;
}

Result<OrdinaryCertificates::Leaf> OrdinaryCertificates::check(
    const crypto::PrivateKey& key, std::vector<crypto::Certificate> certificates,
    UnixMillis now) const {
  if (certificates.empty() || !same_key(key.public_key(), certificates.front().public_key())) {
    return fail("fleet.leaf_refused", "the new certificate is for another key");
  }
  crypto::Certificate leaf = certificates.front();
  certificates.erase(certificates.begin());
  if (leaf.subject_common_name() != owner_.node_name) {
    return fail("fleet.leaf_refused", "the new certificate is for another node");
  }
  if (const auto held = trustchain::check_ordinary(leaf, certificates, owner_.root, now); !held) {
    return fail("fleet.leaf_refused", held.error().message());
  }
  Leaf out;
  out.root = std::move(certificates.back());
  certificates.pop_back();  // clients have it or do not trust it
  out.credential = std::make_shared<const ports::OrdinaryCredential>(ports::OrdinaryCredential{
      .certificate = std::move(leaf), .key = key, .chain = std::move(certificates)});
  return out;
}

std::shared_ptr<const ports::OrdinaryCredential> OrdinaryCertificates::current() const {
  const std::scoped_lock lock(snapshots_);
  return leaf_.credential;
}

crypto::Certificate OrdinaryCertificates::root() const {
  const std::scoped_lock lock(snapshots_);
  return authority_ ? authority_->root : leaf_.root;
}

bool OrdinaryCertificates::can_issue(UnixMillis now) const {
  const auto held = authority();
  return held && now >= held->certificate.not_before() && now < held->certificate.not_after();
}

bool OrdinaryCertificates::is_renewal_due(UnixMillis now, std::uint64_t spread) const {
  const auto leaf = current();
  return leaf == nullptr || trustchain::is_renewal_due(leaf->certificate, now, spread);
}

bool OrdinaryCertificates::covers(const Names& names) const {
  const auto leaf = current();
  return leaf != nullptr && contains_all(leaf->certificate.dns_names(), names.dns) &&
         contains_all(leaf->certificate.ip_addresses(), names.addresses);
}

Result<trustchain::LeafRequest> OrdinaryCertificates::make_request() const {
  return trustchain::make_ordinary_request(owner_.node_name);
}

Result<void> OrdinaryCertificates::install(const crypto::PrivateKey& key, std::string_view pem,
                                           UnixMillis now) {
  auto certificates = parse_certificates(pem);
  if (!certificates) {
    return fail("fleet.leaf_refused", certificates.error().message());
  }
  const crypto::SecretBytes file = key_and_certificates_pem(key, *certificates);
  I2_TRY_VALUE(auto leaf, check(key, *std::move(certificates), now));
  const std::scoped_lock changing(changing_);
  I2_TRY(FileWriter().write(dir_ / kOrdinaryLeafFile, file.view(), kSecretMode));
  const std::scoped_lock lock(snapshots_);
  leaf_ = std::move(leaf);
  return {};
}

}  // namespace i2::fleet
