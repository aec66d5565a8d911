// Writes a log of 600 certificates, grown in rounds, for programs that were not written here.
//
//   write_ct_log FOLDER
//
// FOLDER gets what a static-ct log serves (checkpoint, tile/, issuer/), and
//   checkpoints/SIZE  the checkpoint of each round
//   keys              verifier keys of all signature lines
//   entries           leaf_input, extra_data and SCT of each entry, in base64
//   proofs            "inclusion INDEX SIZE HASH..." and "consistency OLD NEW HASH...", in base64
#include <i2/base/assert.h>
#include <i2/crypto/hash.h>
#include <i2/crypto/x509.h>
#include <i2/trustchain/core/ct/note_key.h>
#include <i2/trustchain/core/ct/sequencing.h>
#include <i2/trustchain/core/ct/tile_tree.h>
#include <i2/wire/text.h>

#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>

namespace {

using namespace i2;
using namespace i2::trustchain;
using crypto::SignatureAlgorithm;

constexpr UnixMillis kStart = 1'763'700'000'000;
constexpr UnixMillis kHour = 3'600'000;
constexpr std::string_view kOrigin = "log.example/2025h2";
constexpr std::size_t kRounds[] = {1, 254, 1, 1, 0, 255, 80, 8};

std::filesystem::path folder;

void write_file(const std::string& name, ByteView bytes) {
  const auto file = folder / name;
  std::filesystem::create_directories(file.parent_path());
  std::ofstream(file, std::ios::binary) << as_text(bytes);
}

Result<Bytes> read_file(const std::string& name) {
  std::ifstream file(folder / name, std::ios::binary);
  return Bytes(std::istreambuf_iterator<char>(file), {});
}

// The contents of the first element of a DER sequence with its header: of a certificate, the
// TBSCertificate.
Bytes first_element(ByteView der) {
  const auto header = [](ByteView at) { return at[1] < 0x80 ? 2U : 2U + (at[1] & 0x7fU); };
  const auto length = [&](ByteView at) {
    std::size_t out = at[1] < 0x80 ? at[1] : 0;
    for (std::size_t i = 2; i < header(at); ++i) {
      out = out << 8 | at[i];
    }
    return out;
  };
  const ByteView inner = der.subspan(header(der));
  return to_bytes(inner.first(header(inner) + length(inner)));
}

struct Authority {
  crypto::PrivateKey key = crypto::PrivateKey::generate(SignatureAlgorithm::kEcdsaP256).value();
  crypto::Certificate certificate = crypto::build_certificate({.subject_key = key.public_key(),
                                                               .common_name = "issuer",
                                                               .not_before = kStart - kHour,
                                                               .not_after = kStart + 1000 * kHour,
                                                               .ca = true,
                                                               .serial = Bytes(16, 1)},
                                                              nullptr, key)
                                        .value();

  // Every third one is logged as a precertificate.
  [[nodiscard]] ct::Submission submission(std::size_t number) const {
    const Hash256 serial = crypto::sha256(as_bytes(std::to_string(number)));
    const Bytes der =
        crypto::build_certificate({.subject_key = key.public_key(),
                                   .common_name = "n" + std::to_string(number) + ".example",
                                   .not_before = kStart - kHour,
                                   .not_after = kStart + 24 * kHour,
                                   .serial = {serial.begin(), serial.begin() + 16}},
                                  &certificate, key)
            .value()
            .der();
    ct::Submission out;
    out.certificate = der;
    out.issuers = {crypto::sha256(certificate.der())};
    if (number % 3 == 2) {
      out.type = ct::EntryType::kPrecert;
      out.issuer_key_hash = key.public_key().spki_sha256();
      out.certificate = first_element(der);
      out.precertificate = der;
    }
    return out;
  }
};

std::vector<ct::NoteSigner> make_signers(const crypto::PrivateKey& log_key) {
  const auto signer = [](std::string_view name, ct::NoteKeyType type,
                         SignatureAlgorithm algorithm) {
    return ct::NoteSigner::make(std::string(name), type,
                                crypto::PrivateKey::generate(algorithm).value())
        .value();
  };
  return {
      ct::NoteSigner::make(std::string(kOrigin), ct::NoteKeyType::kTreeHead, log_key).value(),
      signer(kOrigin, ct::NoteKeyType::kEd25519, SignatureAlgorithm::kEd25519),
      signer("w.example", ct::NoteKeyType::kEd25519Cosignature, SignatureAlgorithm::kEd25519),
      signer("w.example", ct::NoteKeyType::kMlDsa44Cosignature, SignatureAlgorithm::kMlDsa44),
      signer("w.example", ct::NoteKeyType::kFalconCosignature, SignatureAlgorithm::kFalcon1024)};
}

std::string base64_line(std::initializer_list<ByteView> parts) {
  std::string out;
  for (const ByteView part : parts) {
    out += wire::to_base64(part) + ' ';
  }
  out.back() = '\n';
  return out;
}

void write_proofs(const ct::TreeHead& head) {
  auto tree =
      ct::TileTree::open(head, [](const ct::Tile& t) { return read_file(path(t)); }).value();
  std::string out;
  const auto line = [&](std::string_view word, std::uint64_t a, std::uint64_t b,
                        ct::ProofView proof) {
    out += std::string(word) + ' ' + std::to_string(a) + ' ' + std::to_string(b);
    for (const Hash256& hash : proof) {
      out += ' ' + wire::to_base64(hash);
    }
    out += '\n';
  };
  for (std::uint64_t size = 1; size <= head.size; size += size < 270 ? 1 : 7) {
    for (std::uint64_t index = size % 5; index < size; index += 23) {
      line("inclusion", index, size, tree.inclusion_proof(index, size).value());
      line("consistency", index + 1, size, tree.consistency_proof(index + 1, size).value());
    }
  }
  write_file("proofs", as_bytes(out));
}

void write_log() {
  const Authority authority;
  const auto log_key = crypto::PrivateKey::generate(SignatureAlgorithm::kEcdsaP256).value();
  const auto signers = make_signers(log_key);
  std::string keys;
  for (const ct::NoteSigner& signer : signers) {
    keys += signer.key().vkey() + '\n';
  }
  write_file("keys", as_bytes(keys));

  ct::Log log{.origin = std::string(kOrigin), .tree = {}, .last_entries = {}, .timestamp = kStart};
  std::string entries;
  for (const std::size_t count : kRounds) {
    std::vector<ct::Submission> submissions;
    for (std::size_t i = 0; i < count; ++i) {
      submissions.push_back(authority.submission(log.tree.size() + i));
    }
    ct::Round round =
        sequence(log, std::move(submissions), {authority.certificate.der()}, log.timestamp + kHour)
            .value();
    for (const ct::StoredObject& object : round.objects) {
      write_file(object.path, object.bytes);
    }
    for (const ct::LogEntry& entry : round.entries) {
      const auto issuer = [](const Hash256& f) { return read_file(ct::issuer_path(f)); };
      entries += base64_line({merkle_tree_leaf(entry), extra_data(entry.submission, issuer).value(),
                              encode(make_sct(entry, log_key).value())});
    }
    ct::Note note{.text = note_text(round.checkpoint), .signatures = {}};
    for (const ct::NoteSigner& signer : signers) {
      note.signatures.push_back(signer.sign(note.text, round.after.timestamp).value());
    }
    write_file("checkpoints/" + std::to_string(round.checkpoint.head.size), as_bytes(encode(note)));
    write_file("checkpoint", as_bytes(encode(note)));
    log = std::move(round.after);
  }
  write_file("entries", as_bytes(entries));
  write_proofs(log.tree.head());
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::cerr << "usage: write_ct_log FOLDER\n";
    return 2;
  }
  folder = argv[1];
  write_log();
  return 0;
}
