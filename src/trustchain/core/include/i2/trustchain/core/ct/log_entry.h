// Entries of a log, the promises to include them, and the bytes of RFC 6962 and static-ct-api that
// are hashed, signed and stored for them.
#pragma once

#include <i2/base/bytes.h>
#include <i2/base/clock.h>
#include <i2/base/error.h>
#include <i2/crypto/key.h>
#include <i2/trustchain/core/ct/merkle.h>
#include <i2/trustchain/core/ct/tile.h>
#include <i2/wire/reader.h>

#include <functional>
#include <vector>

namespace i2::trustchain::ct {

inline constexpr std::size_t kLoggedCertificateSizeMax = 65'535;
inline constexpr std::size_t kLoggedChainMax = 16;  // issuers of one certificate

// RFC 6962 §3.1.
enum class EntryType : std::uint16_t { kX509 = 0, kPrecert = 1 };

// What somebody wants to have logged: checked, but without a place in the log.
struct Submission {
  EntryType type = EntryType::kX509;
  Hash256 issuer_key_hash{};     // of a precertificate; else zero
  Bytes certificate;             // DER; of a precertificate: the TBSCertificate without the poison
  Bytes precertificate;          // DER, as submitted; else empty
  std::vector<Hash256> issuers;  // SHA-256 of the chain's certificates, nearest first
  friend bool operator==(const Submission&, const Submission&) = default;
};

// Whether it is within the limits and has the parts of its type. What is given to the functions
// below has passed. Error: trust.log_entry_invalid.
[[nodiscard]] Result<void> check(const Submission& submission);

// Names what an SCT promises to include: two submissions with one key need one entry.
[[nodiscard]] Hash256 dedup_key(const Submission& submission);

struct LogEntry {
  Submission submission;
  std::uint64_t index = 0;
  UnixMillis timestamp = 0;
  friend bool operator==(const LogEntry&, const LogEntry&) = default;
};

// RFC 6962 §3.4: MerkleTreeLeaf. Byte for byte also what the SCT's signature covers (§3.2).
[[nodiscard]] Bytes merkle_tree_leaf(const LogEntry& entry);
[[nodiscard]] Hash256 leaf_hash(const LogEntry& entry);

// static-ct-api: one TileLeaf of a data tile.
void append_tile_leaf(Bytes& out, const LogEntry& entry);
// Marks `r` as failed when there is none within the limits above. Entries without exactly the
// extension leaf_index are none.
[[nodiscard]] LogEntry read_tile_leaf(wire::Reader& r);
// The entries below `tile`. Error: trust.log_entry_invalid, unless they are exactly those that the
// tile is for.
[[nodiscard]] Result<std::vector<LogEntry>> read_data_tile(ByteView bytes, const Tile& tile);

// Fetches the certificate of an issuer.
using IssuerReader = std::function<Result<Bytes>(const Hash256& fingerprint)>;
// RFC 6962 §4.6: extra_data of get-entries. Errors: trust.issuer_damaged (another certificate than
// the one with the fingerprint), those of `read`.
[[nodiscard]] Result<Bytes> extra_data(const Submission& submission, const IssuerReader& read);

// static-ct-api: CtExtensions with leaf_index alone, 8 bytes.
[[nodiscard]] Bytes leaf_index_extension(std::uint64_t index);
// From among other extensions. Error: trust.sct_invalid, also when an extension is there twice.
[[nodiscard]] Result<std::uint64_t> read_leaf_index(ByteView extensions);

// RFC 6962 §3.2: SignedCertificateTimestamp. The signature is DER, over P-256 and SHA-256.
struct Sct {
  Hash256 log_id{};  // SHA-256 of the log's SPKI
  UnixMillis timestamp = 0;
  Bytes extensions;
  Bytes signature;
  friend bool operator==(const Sct&, const Sct&) = default;
};
// Error: crypto.sign.
[[nodiscard]] Result<Sct> make_sct(const LogEntry& entry, const crypto::PrivateKey& log);
// Whether `log` promised to include `submission`. Error: trust.sct_invalid.
[[nodiscard]] Result<void> verify_sct(const Sct& sct, const Submission& submission,
                                      const crypto::PublicKey& log);
[[nodiscard]] Bytes encode(const Sct& sct);
// Error: trust.sct_invalid.
[[nodiscard]] Result<Sct> decode_sct(ByteView encoding);

// RFC 5246 §4.7: a DigitallySigned of ECDSA with SHA-256, as in an SCT and a get-sth answer.
void append_digitally_signed(Bytes& out, ByteView signature);
// The signature; marks `r` as failed for another algorithm.
[[nodiscard]] ByteView read_digitally_signed(wire::Reader& r);

// RFC 6962 §3.5: what the signature of a tree head covers.
[[nodiscard]] Bytes tree_head_signed_part(const TreeHead& head, UnixMillis timestamp);

}  // namespace i2::trustchain::ct
