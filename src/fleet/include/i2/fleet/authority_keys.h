// How a member becomes a certificate authority, as far as it concerns files: its keys, and those of
// the fleet's root, wherever they are.
//
// The daemon of an authority notices what is installed here; one that was none reads it at its next
// start.
#pragma once

#include <i2/fleet/core/authority_grant.h>

#include <filesystem>

namespace i2::fleet {

// Makes the keys in `data_dir`, or takes those of the last request that was not granted. `renew`:
// an authority asks for new keys; those that it has go on until the grant is installed. Errors:
// fleet.not_joined, fleet.authority_present, fleet.identity_damaged, fleet.ledger_damaged,
// node.secret_exposed, node.disk_full, node.file_failed.
[[nodiscard]] Result<AuthorityRequest> request_authority(const std::filesystem::path& data_dir,
                                                         bool renew, UnixMillis now);

// Whether the root's keys are where `init` puts them.
[[nodiscard]] bool has_root(const std::filesystem::path& data_dir);

// For a fleet of which `data_dir` is a node; the root's keys are in `root_dir`, or, when that is
// empty, where `init` put them. Errors: fleet.not_joined, fleet.root_absent, fleet.ledger_damaged,
// fleet.identity_damaged, node.secret_exposed, node.file_failed, those of make_grant().
[[nodiscard]] Result<AuthorityGrant> grant_authority(const std::filesystem::path& data_dir,
                                                     const std::filesystem::path& root_dir,
                                                     const AuthorityRequest& request,
                                                     UnixMillis now);

// The answer to the last request of the node in `data_dir`. Again: nothing happens.
// Errors: fleet.not_joined, fleet.authority_grant_invalid (also when nothing was asked for),
// fleet.identity_damaged, fleet.ledger_damaged, node.secret_exposed, node.disk_full,
// node.file_failed.
[[nodiscard]] Result<void> install_authority(const std::filesystem::path& data_dir,
                                             const AuthorityGrant& grant);

// What travels as a file. Errors: fleet.authority_request_invalid, fleet.authority_grant_invalid,
// node.disk_full, node.file_missing, node.file_failed.
[[nodiscard]] Result<void> write_request(const std::filesystem::path& file,
                                         const AuthorityRequest& request);
[[nodiscard]] Result<AuthorityRequest> read_request(const std::filesystem::path& file);
[[nodiscard]] Result<void> write_grant(const std::filesystem::path& file,
                                       const AuthorityGrant& grant);
[[nodiscard]] Result<AuthorityGrant> read_grant(const std::filesystem::path& file);

}  // namespace i2::fleet
