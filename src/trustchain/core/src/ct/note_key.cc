#include <i2/base/assert.h>
#include <i2/crypto/hash.h>
#include <i2/trustchain/core/ct/checkpoint.h>
#include <i2/trustchain/core/ct/log_entry.h>
#include <i2/trustchain/core/ct/note_key.h>
#include <i2/trustchain/core/hybrid.h>
#include <i2/wire/text.h>

#include <algorithm>
#include <optional>

namespace i2::trustchain::ct {
namespace {

using crypto::SignatureAlgorithm;

constexpr std::string_view kSubtreeLabel{"subtree/v1\n\0", 12};  // tlog-cosignature
// tlog-cosignature allows 2^63 - 1 seconds, and refusing what is in the future. In milliseconds:
constexpr std::uint64_t kTimeMax = INT64_MAX;
constexpr std::uint64_t kMillisInSecond = 1000;

std::optional<SignatureAlgorithm> algorithm_of(NoteKeyType type) {
  switch (type) {
    case NoteKeyType::kEd25519:
    case NoteKeyType::kEd25519Cosignature:
      return SignatureAlgorithm::kEd25519;
    case NoteKeyType::kTreeHead:
      return SignatureAlgorithm::kEcdsaP256;
    case NoteKeyType::kMlDsa44Cosignature:
      return SignatureAlgorithm::kMlDsa44;
    case NoteKeyType::kFalconCosignature:
      return SignatureAlgorithm::kFalcon1024;
  }
  return std::nullopt;
}

std::unexpected<Error> wrong_key(std::string_view what) {
  return fail("trust.note_key", std::string(what));
}

Bytes type_prefix(NoteKeyType type) {
  Bytes out{static_cast<std::uint8_t>(type)};
  if (type == NoteKeyType::kFalconCosignature) {
    append(out, as_bytes(kFalconType));
  }
  return out;
}

std::uint32_t key_id(std::string_view name, NoteKeyType type, const crypto::PublicKey& key) {
  const bool log = type == NoteKeyType::kTreeHead;
  const Hash256 log_id = log ? key.spki_sha256() : Hash256{};
  const Bytes raw = log ? Bytes() : key.raw();
  const Hash256 hash = crypto::sha256(
      {as_bytes(name), as_bytes("\n"), type_prefix(type), log ? ByteView(log_id) : ByteView(raw)});
  return wire::Reader(hash).u32();
}

// tlog-cosignature: cosigned_message.
Bytes cosigned_message(std::string_view cosigner, std::uint64_t time,
                       const Checkpoint& checkpoint) {
  Bytes out;
  wire::Writer w(out);
  w.bytes(as_bytes(kSubtreeLabel));
  w.u8(static_cast<std::uint8_t>(cosigner.size()));
  w.bytes(as_bytes(cosigner));
  w.u64(time);
  w.u8(static_cast<std::uint8_t>(checkpoint.origin.size()));
  w.bytes(as_bytes(checkpoint.origin));
  w.u64(0);  // start
  w.u64(checkpoint.head.size);
  w.bytes(checkpoint.head.root);
  return out;
}

// `time`: as in the line.
Result<Bytes> signed_message(const NoteKey& key, std::string_view text, std::uint64_t time) {
  if (key.type() == NoteKeyType::kEd25519) {
    return to_bytes(as_bytes(text));
  }
  I2_TRY_VALUE(const Checkpoint checkpoint, parse_checkpoint(text));
  switch (key.type()) {
    case NoteKeyType::kTreeHead:
      // static-ct-api: such a checkpoint has no extension lines, and the log is who signs.
      if (!checkpoint.extensions.empty() || checkpoint.origin != key.name()) {
        return fail("trust.checkpoint_invalid",
                    "a log signs checkpoints of its own that have three lines");
      }
      return tree_head_signed_part(checkpoint.head, time);
    case NoteKeyType::kMlDsa44Cosignature:
      return cosigned_message(key.name(), time, checkpoint);
    case NoteKeyType::kFalconCosignature: {
      Bytes out = to_bytes(as_bytes(kCosignatureDomain.text));
      append(out, cosigned_message(key.name(), time, checkpoint));
      return out;
    }
    default: {
      Bytes out = to_bytes(as_bytes("cosignature/v1\ntime " + std::to_string(time) + "\n"));
      append(out, as_bytes(text));
      return out;
    }
  }
}

std::uint64_t unit_of(NoteKeyType type) {
  return type == NoteKeyType::kTreeHead ? 1 : kMillisInSecond;
}

}  // namespace

Result<NoteKey> NoteKey::make(std::string name, NoteKeyType type, crypto::PublicKey key) {
  if (!is_key_name(name)) {
    return wrong_key("the name of a key has no spaces and no '+', and at most 255 bytes");
  }
  const auto algorithm = algorithm_of(type);
  if (!algorithm || !key || key.algorithm() != *algorithm) {
    return wrong_key("the key of " + name + " has another algorithm than signatures of its type");
  }
  const std::uint32_t id = key_id(name, type, key);
  return NoteKey(std::move(name), type, std::move(key), id);
}

Result<NoteKey> NoteKey::parse(std::string_view vkey) {
  // Base64 has '+' as well, so the first two end name and id.
  const std::size_t name_end = vkey.find('+');
  const std::size_t id_end =
      name_end == std::string_view::npos ? name_end : vkey.find('+', name_end + 1);
  const auto bytes =
      id_end == std::string_view::npos ? std::nullopt : wire::from_base64(vkey.substr(id_end + 1));
  if (!bytes || bytes->empty()) {
    return wrong_key("a verifier key is written name+id+key");
  }
  const auto type = static_cast<NoteKeyType>(bytes->front());
  const auto algorithm = algorithm_of(type);
  const Bytes prefix = algorithm ? type_prefix(type) : Bytes();
  if (!algorithm || bytes->size() < prefix.size() ||
      !equal(ByteView(*bytes).first(prefix.size()), prefix)) {
    return wrong_key("verifier keys of this type are not known here");
  }
  const ByteView material = ByteView(*bytes).subspan(prefix.size());
  I2_TRY_VALUE(auto key, type == NoteKeyType::kTreeHead
                             ? crypto::PublicKey::from_spki(material)
                             : crypto::PublicKey::from_raw(*algorithm, material));
  I2_TRY_VALUE(NoteKey out, make(std::string(vkey.substr(0, name_end)), type, std::move(key)));
  if (out.vkey() != vkey) {
    return wrong_key("the id of the verifier key " + out.name() + " is not that of its key");
  }
  return out;
}

std::string NoteKey::vkey() const {
  Bytes bytes = type_prefix(type_);
  append(bytes, type_ == NoteKeyType::kTreeHead ? key_.spki() : key_.raw());
  Bytes id;
  wire::Writer(id).u32(id_);
  return name_ + '+' + to_hex(id) + '+' + wire::to_base64(bytes);
}

Result<UnixMillis> NoteKey::verify(std::string_view text, const NoteSignature& line) const {
  const auto forged = [&] {
    return fail("trust.note_signature", "the signature of " + name_ + " does not hold");
  };
  wire::Reader r(line.signature);
  const std::uint64_t time = type_ == NoteKeyType::kEd25519 ? 0 : r.u64();
  const auto message = signed_message(*this, text, time);
  if (!made(line) || !r.ok() || time > kTimeMax / unit_of(type_) || !message) {
    return forged();
  }
  ByteView signature = r.rest();
  if (type_ == NoteKeyType::kTreeHead) {
    signature = read_digitally_signed(r);
    if (!r.done()) {
      return forged();
    }
  }
  if (!key_.verify(*message, signature)) {
    return forged();
  }
  return time * unit_of(type_);
}

Result<NoteSigner> NoteSigner::make(std::string name, NoteKeyType type, crypto::PrivateKey key) {
  I2_TRY_VALUE(NoteKey verifier, NoteKey::make(std::move(name), type, key.public_key()));
  return NoteSigner(std::move(verifier), std::move(key));
}

Result<NoteSignature> NoteSigner::sign(std::string_view text, UnixMillis now) const {
  I2_ASSERT(is_note_text(text) && now <= kTimeMax);
  const std::uint64_t time = now / unit_of(key_.type());
  I2_TRY_VALUE(const Bytes message, signed_message(key_, text, time));
  I2_TRY_VALUE(const Bytes signature, private_key_.sign(message));
  NoteSignature out{.name = key_.name(), .key_id = key_.id(), .signature = {}};
  if (key_.type() != NoteKeyType::kEd25519) {
    wire::Writer(out.signature).u64(time);
  }
  if (key_.type() == NoteKeyType::kTreeHead) {
    append_digitally_signed(out.signature, signature);
  } else {
    append(out.signature, signature);
  }
  return out;
}

Result<std::vector<Signer>> verify_note(const Note& note, std::span<const NoteKey> keys) {
  std::vector<Signer> out;
  for (const NoteSignature& line : note.signatures) {
    const auto key = std::ranges::find_if(keys, [&](const NoteKey& k) { return k.made(line); });
    if (key == keys.end()) {
      continue;
    }
    I2_TRY_VALUE(const UnixMillis time, key->verify(note.text, line));
    const auto place = static_cast<std::size_t>(key - keys.begin());
    if (std::ranges::find(out, place, &Signer::key) == out.end()) {
      out.push_back({.key = place, .time = time});
    }
  }
  if (out.empty()) {
    return fail("trust.note_unsigned", "nobody who is known signed the note");
  }
  return out;
}

}  // namespace i2::trustchain::ct
