#include "log_witness.h"

#include <i2/crypto/hash.h>

#include <algorithm>
#include <format>
#include <functional>
#include <system_error>

#include "secret_file.h"

namespace i2::node {
namespace {

namespace fs = std::filesystem;
namespace ct = trustchain::ct;
using crypto::PrivateKey;
using crypto::SignatureAlgorithm;

constexpr std::size_t kWitnessFileMax = 1024 * 1024;
// A state names eight logs with at most five keys each.
constexpr std::size_t kHeadsMax = 8;
constexpr std::size_t kEvidenceMax = 40;

struct WitnessKeyFile {
  const char* name;
  SignatureAlgorithm algorithm;
  ct::NoteKeyType type;
};
// What every C2SP client verifies, and what a quantum computer cannot forge.
constexpr WitnessKeyFile kWitnessKeyFiles[] = {
    {.name = "ed25519.pem",
     .algorithm = SignatureAlgorithm::kEd25519,
     .type = ct::NoteKeyType::kEd25519Cosignature},
    {.name = "ml-dsa.pem",
     .algorithm = SignatureAlgorithm::kMlDsa44,
     .type = ct::NoteKeyType::kMlDsa44Cosignature},
};

std::unexpected<Error> damaged(const fs::path& path) {
  return fail("trust.witness_damaged",
              "'" + path.string() +
                  "' is not what this node keeps as a witness: move the folder away, and it begins "
                  "again with new keys");
}

std::string file_of(std::string_view what) {
  return to_hex(crypto::sha256(as_bytes(what))).substr(0, 32);
}

bool is_there(const fs::path& path) {
  std::error_code ignored;
  return fs::exists(path, ignored);
}

Result<Bytes> read_file(const fs::path& path) {
  I2_TRY_VALUE(const auto bytes, read_secret(path, kWitnessFileMax));
  return to_bytes(bytes.view());
}

// `use` for each file but those that were half written.
Result<void> for_each_file(const fs::path& dir,
                           const std::function<Result<void>(const fs::path&)>& use) {
  std::error_code error;
  for (fs::directory_iterator file(dir, error), end; !error && file != end; file.increment(error)) {
    if (file->path().extension() != ".new") {
      I2_TRY(use(file->path()));
    }
  }
  if (error) {
    return fail("node.file_failed", "the folder '" + dir.string() + "': " + error.message(),
                error.value());
  }
  return {};
}

std::string id_of_key(std::string_view name, std::uint32_t key_id) {
  return std::format("{}+{:08x}", name, key_id);
}

// Whose signatures the evidence is about.
std::string accused(const ct::SplitView& evidence) {
  const ct::NoteSignature& line = evidence.first.signatures.front();
  return id_of_key(line.name, line.key_id);
}

}  // namespace

Result<KnownLog> known_log(const trustchain::LogRecord& record) {
  I2_TRY_VALUE(auto keys, trustchain::note_keys(record));
  return KnownLog{.origin = record.origin, .holder = record.holder, .keys = std::move(keys)};
}

std::string id_of(const KnownLog& log) {
  return id_of_key(log.origin, log.keys.back().id());
}

bool is_head_of(const ct::SignedCheckpoint& head, const KnownLog& log) {
  const auto signers = ct::verify_note(head.note, log.keys);
  return head.checkpoint.origin == log.origin && signers && signers->size() == log.keys.size();
}

Result<std::unique_ptr<LogWitness>> LogWitness::open(fs::path dir, const ChainId& chain,
                                                     const trustchain::HybridKey& id,
                                                     const Clock& clock) {
  std::unique_ptr<LogWitness> out(new LogWitness(std::move(dir), clock));
  I2_TRY(make_private_folder(out->dir_));
  // The statement is written last and the folder of the heads first: keys that have been used
  // without what they signed are not used again.
  if (!is_there(out->dir_ / "keys")) {
    I2_TRY(out->make_keys(chain, id));
  }
  if (!is_there(out->dir_ / "heads")) {
    return damaged(out->dir_);
  }
  I2_TRY(make_private_folder(out->dir_ / "evidence"));
  I2_TRY(out->load_keys(chain, id));
  I2_TRY(out->load_heads());
  I2_TRY(out->load_evidence());
  return out;
}

Result<void> LogWitness::make_keys(const ChainId& chain, const trustchain::HybridKey& id) {
  I2_TRY(make_private_folder(dir_ / "heads"));
  const std::string name = trustchain::witness_name(chain, node_id(id.public_key()));
  std::vector<ct::NoteKey> keys;
  for (const WitnessKeyFile& file : kWitnessKeyFiles) {
    I2_TRY_VALUE(const PrivateKey made, PrivateKey::generate(file.algorithm));
    I2_TRY(write_secret(dir_ / file.name, made.pem().view()));
    I2_TRY_VALUE(auto key, ct::NoteKey::make(name, file.type, made.public_key()));
    keys.push_back(std::move(key));
  }
  I2_TRY_VALUE(const auto statement,
               trustchain::make_witness_keys(id, chain, clock_.unix_now(), std::move(keys)));
  return write_secret(dir_ / "keys", encode(statement));
}

Result<void> LogWitness::load_keys(const ChainId& chain, const trustchain::HybridKey& id) {
  I2_TRY_VALUE(statement_, read_file(dir_ / "keys"));
  const NodeId self = node_id(id.public_key());
  const auto statement = trustchain::decode_witness_keys(statement_);
  if (!statement || !verify_witness_keys(*statement, chain, self, id.public_key()) ||
      statement->keys.size() != std::size(kWitnessKeyFiles)) {
    return damaged(dir_ / "keys");
  }
  const std::string name = trustchain::witness_name(chain, self);
  for (const WitnessKeyFile& file : kWitnessKeyFiles) {
    I2_TRY_VALUE(const auto pem, read_secret(dir_ / file.name, kWitnessFileMax));
    auto signer = PrivateKey::from_pem(as_text(pem.view())).and_then([&](PrivateKey key) {
      return ct::NoteSigner::make(name, file.type, std::move(key));
    });
    if (!signer || signer->key().vkey() != statement->keys[signers_.size()].vkey()) {
      return damaged(dir_ / file.name);
    }
    signers_.push_back(*std::move(signer));
  }
  return {};
}

Result<void> LogWitness::load_heads() {
  return for_each_file(dir_ / "heads", [this](const fs::path& path) -> Result<void> {
    I2_TRY_VALUE(const Bytes note, read_file(path));
    auto head = ct::parse_signed_checkpoint(as_text(note));
    const auto is_its = [&path](const ct::NoteSignature& line) {
      return file_of(id_of_key(line.name, line.key_id)) == path.filename();
    };
    if (!head || std::ranges::none_of(head->note.signatures, is_its)) {
      return damaged(path);
    }
    heads_.emplace(path.filename().string(), *std::move(head));
    return {};
  });
}

Result<void> LogWitness::load_evidence() {
  return for_each_file(dir_ / "evidence", [this](const fs::path& path) -> Result<void> {
    I2_TRY_VALUE(const Bytes encoding, read_file(path));
    auto evidence = ct::decode_split_view(encoding);
    if (!evidence || file_of(accused(*evidence)) != path.filename()) {
      return damaged(path);
    }
    evidence_.emplace(path.filename().string(), *std::move(evidence));
    return {};
  });
}

Result<void> LogWitness::keep(const std::string& file, const ct::SignedCheckpoint& head) {
  const auto known = heads_.find(file);
  if (known == heads_.end() && heads_.size() >= kHeadsMax) {
    return fail("trust.witness_damaged", "this node is a witness of too many logs");
  }
  // It is on the disk: only the times of signatures are other ones.
  if (known != heads_.end() && known->second.note.text == head.note.text) {
    return {};
  }
  I2_TRY(write_secret(dir_ / "heads" / file, as_bytes(encode(head.note))));
  heads_.insert_or_assign(file, head);
  return {};
}

Result<LogWitness::Answer> LogWitness::add_checkpoint(const ct::AddCheckpoint& request,
                                                      const KnownLog* log) {
  if (log == nullptr) {
    return Answer{.answer = ct::WitnessAnswer::kUnknownOrigin};
  }
  const bool signed_by_log = is_head_of(request.checkpoint, *log);
  const std::scoped_lock lock(mutex_);
  ct::WitnessedLog state{.keys = log->keys, .last = std::nullopt};
  const std::string file = file_of(id_of(*log));
  if (const auto known = heads_.find(file); known != heads_.end()) {
    state.last = known->second;
  }
  ct::WitnessDecision decision = judge(request, &state);
  Answer out{.answer = decision.answer, .size = decision.size};
  if (!signed_by_log) {
    out.answer = ct::WitnessAnswer::kNotSigned;
  } else if (decision.evidence) {
    I2_TRY_VALUE(out.convicted, keep(*decision.evidence));
  }
  if (out.answer == ct::WitnessAnswer::kCosign && find_evidence(*log) != nullptr) {
    out.answer = ct::WitnessAnswer::kInconsistent;
  }
  if (out.answer != ct::WitnessAnswer::kCosign) {
    ++stats_.refused;
    return out;
  }
  I2_TRY_VALUE(ct::Cosigned cosigned, cosign(request, state, signers_, clock_.unix_now()));
  I2_TRY(keep(file, cosigned.last));
  out.lines = std::move(cosigned.lines);
  ++stats_.cosigned;
  return out;
}

std::optional<ct::SignedCheckpoint> LogWitness::last(const KnownLog& log) const {
  const std::scoped_lock lock(mutex_);
  const auto known = heads_.find(file_of(id_of(log)));
  return known != heads_.end() ? std::optional(known->second) : std::nullopt;
}

Result<bool> LogWitness::convict(const ct::SplitView& evidence, const KnownLog& log) {
  const auto key = std::ranges::find_if(log.keys, [&](const ct::NoteKey& one) {
    return !evidence.first.signatures.empty() && one.made(evidence.first.signatures.front());
  });
  if (key == log.keys.end()) {
    return fail("trust.evidence_invalid", "the evidence is about a key that is not the log's");
  }
  I2_TRY(verify_split_view(evidence, *key));
  const std::scoped_lock lock(mutex_);
  return keep(evidence);
}

Result<bool> LogWitness::keep(const ct::SplitView& evidence) {
  const std::string file = file_of(accused(evidence));
  if (evidence_.contains(file) || evidence_.size() >= kEvidenceMax) {
    return false;
  }
  I2_TRY(write_secret(dir_ / "evidence" / file, encode(evidence)));
  evidence_.emplace(file, evidence);
  return true;
}

std::vector<ct::SplitView> LogWitness::evidence() const {
  const std::scoped_lock lock(mutex_);
  std::vector<ct::SplitView> out;
  for (const auto& [file, one] : evidence_) {
    out.push_back(one);
  }
  return out;
}

std::optional<ct::SplitView> LogWitness::evidence_against(const KnownLog& log) const {
  const std::scoped_lock lock(mutex_);
  const ct::SplitView* const found = find_evidence(log);
  return found != nullptr ? std::optional(*found) : std::nullopt;
}

const ct::SplitView* LogWitness::find_evidence(const KnownLog& log) const {
  for (const auto& [file, one] : evidence_) {
    for (const ct::NoteKey& key : log.keys) {
      if (key.made(one.first.signatures.front())) {
        return &one;
      }
    }
  }
  return nullptr;
}

std::vector<ct::NoteKey> LogWitness::keys() const {
  std::vector<ct::NoteKey> out;
  for (const ct::NoteSigner& signer : signers_) {
    out.push_back(signer.key());
  }
  return out;
}

LogWitness::Stats LogWitness::stats() const {
  const std::scoped_lock lock(mutex_);
  return stats_;
}

}  // namespace i2::node
