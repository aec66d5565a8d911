#include <i2/fleet/core/bundle.h>
#include <i2/fleet/data_dir.h>
#include <i2/fleet/membership.h>
#include <i2/trustchain/core/leaf.h>

#include <algorithm>
#include <format>

#include "founding.h"
#include "layout.h"
#include "ledger_files.h"
#include "replacement.h"
#include "serial.h"

namespace i2::fleet {
namespace {

namespace fs = std::filesystem;

Result<void> check_name(std::string_view what, std::string_view name) {
  if (trustchain::is_name(name)) {
    return {};
  }
  return fail("fleet.name_invalid",
              std::format("'{}' is no {} name: 1 to 63 of a-z, 0-9 and '-', not at either end",
                          name, what));
}

Result<NodeSummary> keep_founder(const InitOptions& options) {
  I2_TRY_VALUE(auto there, describe_node(options.data_dir));
  if (there.fleet_name != options.fleet_name || there.node_name != options.node_name) {
    return already_member(options.data_dir, there);
  }
  return there;
}

Result<NodeSummary> keep_joined(const fs::path& dir, const NodeSummary& there,
                                const NodeId& wanted) {
  if (there.node_id != wanted) {
    return already_member(dir, there);
  }
  return there;
}

struct Sponsor {
  MemberSet set;
  NodeId node_id;
  trustchain::HybridKey operator_key;
  crypto::PrivateKey anchor_key;
  std::shared_ptr<const trustchain::AnchorRecord> anchor;
};

Result<Sponsor> load_sponsor(const fs::path& dir) {
  I2_TRY_VALUE(auto set, read_ledger(dir));
  if (!is_present(dir / kOperatorFalconFile)) {
    return fail("fleet.no_operator_keys",
                "'" + dir.string() + "' has no operator keys: run this where an operator works");
  }
  if (!is_present(dir / kAnchorKeyFile)) {
    return fail(
        "fleet.no_anchor",
        "'" + dir.string() + "' has no issuing anchor: run this on a certificate authority");
  }
  I2_TRY_VALUE(auto operator_key, read_pair(dir / kOperatorFalconFile, dir / kOperatorEd25519File));
  I2_TRY_VALUE(auto identity, read_pair(dir / kNodeFalconFile, dir / kNodeEd25519File));
  I2_TRY_VALUE(auto anchor_key, read_falcon_key(dir / kAnchorKeyFile));
  auto anchor = find_anchor(set, anchor_key.public_key());
  if (anchor == nullptr) {
    return fail("fleet.no_anchor", "no anchor record of the fleet matches the key in '" +
                                       (dir / kAnchorKeyFile).string() + "'");
  }
  return Sponsor{.set = std::move(set),
                 .node_id = trustchain::node_id(identity.public_key()),
                 .operator_key = std::move(operator_key),
                 .anchor_key = std::move(anchor_key),
                 .anchor = std::move(anchor)};
}

Result<Member> admit(const Sponsor& sponsor, const trustchain::HybridPublicKey& identity,
                     const ProvisionOptions& options) {
  Member out{.chain_id = sponsor.set.chain_id(),
             .info = {.node_id = trustchain::node_id(identity),
                      .name = options.node_name,
                      .role = Role::kNode,
                      .identity = identity,
                      .admitted_at = options.now,
                      .sponsor = sponsor.node_id},
             .signatures = {}};
  I2_TRY(sign_member(out, sponsor.operator_key));
  return out;
}

std::vector<Member> all_members(const MemberSet& set) {
  std::vector<Member> out;
  for (const auto& record : set.records()) {
    out.push_back(*record);
  }
  return out;
}

std::vector<trustchain::AnchorRecord> all_anchors(const MemberSet& set) {
  std::vector<trustchain::AnchorRecord> out;
  for (const auto& record : set.anchors()) {
    out.push_back(*record);
  }
  return out;
}

Result<crypto::Certificate> first_leaf(const Sponsor& sponsor, const ProvisionOptions& options,
                                       const crypto::CertificateRequest& request) {
  if (options.first_leaf) {
    I2_TRY_VALUE(auto issued, options.first_leaf(request));
    if (issued) {
      return *std::move(issued);
    }
  }
  return trustchain::issue_leaf(request, *sponsor.anchor, sponsor.anchor_key,
                                {.node_name = options.node_name,
                                 .fleet_name = sponsor.set.genesis().fleet_name,
                                 .now = options.now,
                                 .serial = random_serial()});
}

Result<Bundle> make_bundle(const Sponsor& sponsor, const ProvisionOptions& options) {
  const std::string& fleet_name = sponsor.set.genesis().fleet_name;
  Bundle out;
  out.created = options.now;
  I2_TRY_VALUE(out.identity, trustchain::HybridKey::generate());
  I2_TRY_VALUE(const Member member, admit(sponsor, out.identity.public_key(), options));
  out.node_id = member.info.node_id;
  I2_TRY_VALUE(const MemberSet grown, sponsor.set.with(member));
  I2_TRY_VALUE(auto leaf, trustchain::make_leaf_request(options.node_name, fleet_name));
  I2_TRY_VALUE(out.leaf, first_leaf(sponsor, options, leaf.request));
  out.leaf_key = std::move(leaf.key);
  I2_TRY_VALUE(const auto binding,
               trustchain::make_binding(out.identity, out.node_id, out.leaf.public_key(),
                                        out.leaf.not_after()));
  out.binding = encode(binding);
  out.genesis = grown.genesis();
  out.anchors = all_anchors(grown);
  out.members = all_members(grown);
  out.peers = options.peers;
  return out;
}

// The bundle first: if the process dies before the ledger knows the member, the name is still free
// and the file is the only thing to remove.
Result<void> publish(const ProvisionOptions& options, const Member& member,
                     const crypto::SecretBytes& file) {
  const FileWriter writer;
  const Error there("fleet.bundle_exists", "'" + options.bundle.string() +
                                               "' exists; remove it or choose another file name");
  I2_TRY(writer.write_new(options.bundle, file.view(), kSecretMode, there));
  auto registered =
      writer.write(options.data_dir / member_path(member), encode(member), kPublicMode);
  if (!registered) {
    const auto removed = writer.remove(options.bundle);
    return removed ? registered
                   : Result<void>(fail(registered.error().in(removed.error().message())));
  }
  return {};
}

Result<void> check_options(const ProvisionOptions& options) {
  I2_TRY(check_name("node", options.node_name));
  if (options.peers.size() > kPeerHintsMax) {
    return fail("fleet.hint_refused", std::format("at most {} peer addresses fit", kPeerHintsMax));
  }
  for (const PeerHint& hint : options.peers) {
    I2_TRY(check_hint(hint));
  }
  if (is_present(options.bundle)) {
    return fail("fleet.bundle_exists",
                "'" + options.bundle.string() + "' exists; remove it or choose another file name");
  }
  return require_node(options.data_dir);
}

}  // namespace

Result<NodeSummary> describe_node(const fs::path& dir) {
  I2_TRY(require_node(dir));
  I2_TRY_VALUE(const auto set, read_ledger(dir));
  I2_TRY_VALUE(const auto identity, read_pair(dir / kNodeFalconFile, dir / kNodeEd25519File));
  NodeSummary out{.fleet_name = set.genesis().fleet_name,
                  .node_name = {},
                  .chain_id = set.chain_id(),
                  .node_id = trustchain::node_id(identity.public_key()),
                  .changed = false};
  if (const MemberInfo* self = set.find(out.node_id)) {
    out.node_name = self->name;
    return out;
  }
  I2_TRY_VALUE(const DataDirVersion version, read_version(dir));
  if (!version.has_ledger) {
    return fail("fleet.ledger_damaged",
                "the ledger in '" + dir.string() + "' has no record of this node itself");
  }
  // Admitted by an invite, it has no record of its own. The daemon may hold the ledger; the
  // certificate says the name too.
  I2_TRY_VALUE(const auto leaf, read_leaf(dir));
  out.node_name = leaf.certificate.subject_common_name();
  return out;
}

Result<crypto::Certificate> stored_certificate(const fs::path& dir) {
  I2_TRY(describe_node(dir));
  I2_TRY_VALUE(auto leaf, read_leaf(dir));
  return std::move(leaf.certificate);
}

Result<NodeSummary> init(const InitOptions& options) {
  I2_TRY(check_name("fleet", options.fleet_name));
  I2_TRY(check_name("node", options.node_name));
  I2_TRY_VALUE(DataDirState state, inspect_data_dir(options.data_dir));
  if (state == DataDirState::kComplete) {
    return keep_founder(options);
  }
  I2_TRY(make_data_dir(options.data_dir));
  I2_TRY_VALUE(const auto lock, DataDirLock::acquire(options.data_dir));
  // Another init may have finished while this one waited for nothing: look again under the lock.
  I2_TRY_VALUE(state, inspect_data_dir(options.data_dir));
  if (state == DataDirState::kComplete) {
    return keep_founder(options);
  }
  I2_TRY_VALUE(const auto founding,
               found_fleet(options.fleet_name, options.node_name, options.now));
  I2_TRY(commit_setup(FileWriter(), options.data_dir, founding.contents));
  return NodeSummary{.fleet_name = options.fleet_name,
                     .node_name = options.node_name,
                     .chain_id = founding.contents.chain_id,
                     .node_id = founding.node_id,
                     .changed = true};
}

Result<NodeSummary> provision(const ProvisionOptions& options) {
  I2_TRY(check_options(options));
  I2_TRY_VALUE(const Fd lock, lock_directory(options.data_dir / kLedgerDir));
  I2_TRY_VALUE(const Sponsor sponsor, load_sponsor(options.data_dir));
  I2_TRY_VALUE(const Bundle bundle, make_bundle(sponsor, options));
  I2_TRY_VALUE(const auto file, encode_bundle(bundle, sponsor.operator_key));
  const auto member = std::ranges::find(bundle.members, bundle.node_id,
                                        [](const Member& record) { return record.info.node_id; });
  I2_TRY(publish(options, *member, file));
  return NodeSummary{.fleet_name = bundle.genesis.fleet_name,
                     .node_name = options.node_name,
                     .chain_id = sponsor.set.chain_id(),
                     .node_id = bundle.node_id,
                     .changed = true};
}

Result<NodeSummary> join(const JoinOptions& options) {
  I2_TRY_VALUE(const auto file, read_secret(options.bundle, kBundleSizeMax));
  I2_TRY_VALUE(const Bundle bundle, decode_bundle(file.view(), options.expected));
  const auto member = std::ranges::find(bundle.members, bundle.node_id,
                                        [](const Member& record) { return record.info.node_id; });
  if (member == bundle.members.end()) {
    return fail("fleet.bundle_malformed", "the bundle is for the node that founded the fleet");
  }
  NodeSummary out{.fleet_name = bundle.genesis.fleet_name,
                  .node_name = member->info.name,
                  .chain_id = member->chain_id,
                  .node_id = bundle.node_id,
                  .changed = true};
  I2_TRY_VALUE(const auto claimed, claim(options.data_dir, out.chain_id, options.replace));
  if (const auto* const there = std::get_if<NodeSummary>(&claimed)) {
    return keep_joined(options.data_dir, *there, out.node_id);
  }
  SetupContents contents = node_contents({.identity = bundle.identity,
                                          .leaf_key = bundle.leaf_key,
                                          .leaf = bundle.leaf,
                                          .binding = bundle.binding,
                                          .genesis = bundle.genesis,
                                          .anchors = bundle.anchors,
                                          .members = bundle.members,
                                          .peers = bundle.peers});
  contents.replaces = std::get<Claim>(claimed).replaces;
  I2_TRY(commit_setup(FileWriter(), options.data_dir, contents));
  return out;
}

}  // namespace i2::fleet
