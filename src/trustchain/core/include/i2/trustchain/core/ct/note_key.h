// Keys of notes: what each kind of key signs, and finding out who signed a note.
//
// All kinds but the first sign checkpoints only, together with a time.
#pragma once

#include <i2/base/clock.h>
#include <i2/crypto/key.h>
#include <i2/trustchain/core/ct/note.h>

#include <span>

namespace i2::trustchain::ct {

// The signature type of signed-note. The last has no number there and carries kFalconType.
enum class NoteKeyType : std::uint8_t {
  kEd25519 = 0x01,             // signed-note: the text
  kEd25519Cosignature = 0x04,  // tlog-cosignature: time and text
  kTreeHead = 0x05,            // static-ct-api: the log's own, RFC 6962 TreeHeadSignature, P-256
  kMlDsa44Cosignature = 0x06,  // tlog-cosignature: cosigned_message
  kFalconCosignature = 0xff,   // ours: the same behind kCosignatureDomain
};
inline constexpr std::string_view kFalconType = "i2/falcon1024-cosignature/v1";

// A name and a public key. Together with the kind they are one identity.
class NoteKey {
 public:
  // Errors: trust.note_key, for a name that is none or a key of another algorithm than the kind's.
  [[nodiscard]] static Result<NoteKey> make(std::string name, NoteKeyType type,
                                            crypto::PublicKey key);
  // signed-note, "Verifier keys": name+id+base64. Of a kTreeHead key it holds the SPKI.
  // Errors: trust.note_key, crypto.key_malformed.
  [[nodiscard]] static Result<NoteKey> parse(std::string_view vkey);
  [[nodiscard]] std::string vkey() const;

  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] NoteKeyType type() const { return type_; }
  [[nodiscard]] std::uint32_t id() const { return id_; }
  [[nodiscard]] const crypto::PublicKey& key() const { return key_; }
  [[nodiscard]] bool made(const NoteSignature& line) const {
    return line.key_id == id_ && line.name == name_;
  }
  // The time that the signature states; 0 for kEd25519, which states none.
  // Error: trust.note_signature.
  [[nodiscard]] Result<UnixMillis> verify(std::string_view text, const NoteSignature& line) const;

 private:
  NoteKey(std::string name, NoteKeyType type, crypto::PublicKey key, std::uint32_t id)
      : name_(std::move(name)), type_(type), id_(id), key_(std::move(key)) {}
  std::string name_;
  NoteKeyType type_;
  std::uint32_t id_;
  crypto::PublicKey key_;
};

class NoteSigner {
 public:
  // Error: trust.note_key.
  [[nodiscard]] static Result<NoteSigner> make(std::string name, NoteKeyType type,
                                               crypto::PrivateKey key);
  [[nodiscard]] const NoteKey& key() const { return key_; }
  // Cosignatures state the second of `now`. A kFalconCosignature needs a real stack (crypto/key.h).
  // Errors: trust.checkpoint_invalid (the kind signs checkpoints and this is none), crypto.sign.
  [[nodiscard]] Result<NoteSignature> sign(std::string_view text, UnixMillis now) const;

 private:
  NoteSigner(NoteKey key, crypto::PrivateKey private_key)
      : key_(std::move(key)), private_key_(std::move(private_key)) {}
  NoteKey key_;
  crypto::PrivateKey private_key_;
};

struct Signer {
  std::size_t key;  // its place among the keys
  UnixMillis time;
  friend bool operator==(const Signer&, const Signer&) = default;
};

// Which of `keys` signed, in the order of the lines, each once. Lines of other keys say nothing.
// Errors: trust.note_signature (a line of a known key does not hold: the note is forged or
// damaged), trust.note_unsigned (no line of a known key).
[[nodiscard]] Result<std::vector<Signer>> verify_note(const Note& note,
                                                      std::span<const NoteKey> keys);

}  // namespace i2::trustchain::ct
