// Names of the files below a data directory.
#pragma once

#include <string_view>

namespace i2::fleet {

inline constexpr std::string_view kVersionFile =
    "VERSION";                                           // written last: from then on it is a node
inline constexpr std::string_view kSetupFile = "SETUP";  // there while an init or join is under way
inline constexpr std::string_view kLockFile = "LOCK";
inline constexpr std::string_view kJoiningFile = "JOINING";  // while a join by invite is under way

// While the node that was there is put aside; holds the name of the folder below kReplacedDir.
inline constexpr std::string_view kReplacingFile = "REPLACING";
inline constexpr std::string_view kReplacedDir = "replaced";

inline constexpr std::string_view kIdentityDir = "identity";
inline constexpr std::string_view kNodeFalconFile = "identity/node.falcon.pem";
inline constexpr std::string_view kNodeEd25519File = "identity/node.ed25519.pem";
inline constexpr std::string_view kOperatorFalconFile = "identity/operator.falcon.pem";
inline constexpr std::string_view kOperatorEd25519File = "identity/operator.ed25519.pem";
inline constexpr std::string_view kLeafDir = "identity/leaf";
inline constexpr std::string_view kLeafFile = "identity/leaf/leaf.pem";  // key, then certificate
inline constexpr std::string_view kBindingFile = "identity/leaf/binding";
inline constexpr std::string_view kCaDir = "identity/ca";
inline constexpr std::string_view kAnchorKeyFile = "identity/ca/anchor.falcon.pem";
// Of an authority that has been asked for and not been installed.
inline constexpr std::string_view kAskedFalconFile = "identity/ca/asked.falcon.pem";
inline constexpr std::string_view kAskedEcdsaFile = "identity/ca/asked.ecdsa.pem";
inline constexpr std::string_view kRootDir = "identity/root";
inline constexpr std::string_view kRootFalconFile = "identity/root/root.falcon.pem";
inline constexpr std::string_view kRootEd25519File = "identity/root/root.ed25519.pem";
inline constexpr std::string_view kRootEcdsaFile = "identity/root/root.ecdsa.pem";

inline constexpr std::string_view kEvidenceDir = "evidence";
// What the services of trust keep: records of the authority, the transparency log, what this node
// has cosigned.
inline constexpr std::string_view kAuthorityDir = "ca";
inline constexpr std::string_view kAuthorityRestoredFile =
    "ca/restored";  // when the backup was made
inline constexpr std::string_view kLogDir = "ct";
inline constexpr std::string_view kWitnessDir = "witness";

inline constexpr std::string_view kLedgerDir = "ledger";
inline constexpr std::string_view kGenesisFile = "ledger/genesis";
inline constexpr std::string_view kAnchorsDir = "ledger/anchors";
inline constexpr std::string_view kMembersDir = "ledger/members";
inline constexpr std::string_view kPeersFile = "ledger/peers";
inline constexpr std::string_view kStateDir = "ledger/state";
inline constexpr std::string_view kHeadFile = "ledger/head";
// After a restore, until the node has heard what came after the backup.
inline constexpr std::string_view kRestoredFile = "ledger/restored";
inline constexpr std::string_view kVotesFile = "ledger/votes.log";
inline constexpr std::string_view kSignerDir = "ledger/signer";
inline constexpr std::string_view kVoteKeyFile = "ledger/signer/vote.pem";
inline constexpr std::string_view kGuardFile = "ledger/signer/guard";

}  // namespace i2::fleet
