#include <i2/crypto/hash.h>
#include <i2/stoq/core/file_codec.h>
#include <i2/wire/reader.h>
#include <i2/wire/text.h>

#include <algorithm>

namespace i2::stoq::core {
namespace {

constexpr std::size_t kCodeMax = 64;
constexpr std::size_t kMessageMax = 1024;
constexpr std::string_view kJournalMagic = "i2fj";
constexpr std::uint16_t kJournalVersion = 1;

// First byte of an answer, an end, a result.
enum class Outcome : std::uint8_t { kGood = 0, kFailed = 1, kRestart = 2 };

std::unexpected<Error> malformed_record(std::string_view what) {
  return fail("file.malformed", "malformed file " + std::string(what));
}

bool is_control(char c) {
  return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
}
bool is_separator(char c) {
  return c == '/' || c == '\\';
}

// At most `size_max` bytes of valid `text`, never half a character.
std::string_view cut(std::string_view text, std::size_t size_max) {
  if (text.size() <= size_max) {
    return text;
  }
  while (size_max > 0 && (static_cast<unsigned char>(text[size_max]) & 0xc0) == 0x80) {
    --size_max;
  }
  return text.substr(0, size_max);
}

void put(wire::Writer& writer, std::string_view text) {
  writer.varint(text.size());
  writer.bytes(as_bytes(text));
}

std::string take(wire::Reader& reader, std::size_t size_max) {
  const std::uint64_t size = reader.varint();
  if (size > size_max) {
    reader.fail();
    return {};
  }
  return std::string(as_text(reader.bytes(size)));
}

void put(wire::Writer& writer, Outcome outcome) {
  writer.u8(static_cast<std::uint8_t>(outcome));
}

void put(wire::Writer& writer, const FileFailure& failure) {
  put(writer, Outcome::kFailed);
  put(writer, failure.code);
  put(writer, failure.message);
}

FileFailure take_failure(wire::Reader& reader) {
  FileFailure failure;
  failure.code = take(reader, kCodeMax);
  failure.message = take(reader, kMessageMax);
  return failure;
}

}  // namespace

bool is_file_name(std::string_view name) {
  return !name.empty() && name.size() <= kFileNameMax && name.front() != '.' &&
         std::ranges::none_of(name, is_control) && std::ranges::none_of(name, is_separator) &&
         wire::is_utf8(name);
}

std::string make_file_name(std::string_view name) {
  std::string out(name);
  if (!wire::is_utf8(out)) {
    std::ranges::replace_if(out, [](char c) { return static_cast<unsigned char>(c) >= 0x80; }, '_');
  }
  std::ranges::replace_if(out, is_control, '_');
  std::ranges::replace_if(out, is_separator, '_');
  out.erase(0, out.find_first_not_of('.'));
  out = cut(out, kFileNameMax);
  return out.empty() ? "unnamed" : out;
}

std::string numbered_file_name(std::string_view name, unsigned number) {
  if (number <= 1) {
    return std::string(name);
  }
  // "a.tar.gz" becomes "a.tar (2).gz": only the last ending is known to be one. Never over 16
  // bytes.
  const std::size_t dot = name.rfind('.');
  const bool has_ending = dot != std::string_view::npos && dot > 0 && name.size() - dot <= 16;
  const std::string_view ending = has_ending ? name.substr(dot) : std::string_view{};
  const std::string middle = " (" + std::to_string(number) + ")";
  const std::string_view stem = cut(name.substr(0, name.size() - ending.size()),
                                    kFileNameMax - middle.size() - ending.size());
  return std::string(stem) + middle + std::string(ending);
}

TransferId transfer_id(const NodeId& sender, std::string_view name, std::uint64_t size,
                       std::uint64_t mtime_ns) {
  Bytes input = to_bytes(as_bytes("i2/transfer/v1"));
  wire::Writer writer(input);
  writer.bytes(sender.view());
  writer.u32(static_cast<std::uint32_t>(name.size()));
  writer.bytes(as_bytes(name));
  writer.u64(size);
  writer.u64(mtime_ns);
  return {crypto::sha256(input)};
}

FileFailure failure_of(const Error& error) {
  std::string message = error.message();
  if (!wire::is_utf8(message)) {
    std::ranges::replace_if(
        message, [](char c) { return static_cast<unsigned char>(c) >= 0x80; }, '?');
  }
  return {.code = std::string(error.code().substr(0, kCodeMax)),
          .message = std::string(cut(message, kMessageMax))};
}

Bytes encode(const FileOffer& offer) {
  Bytes out;
  wire::Writer writer(out);
  writer.bytes(offer.id.view());
  writer.varint(offer.size);
  writer.u8(offer.existing_differs ? 1 : 0);
  put(writer, offer.name);
  return out;
}

Bytes encode(const FileAnswer& answer) {
  Bytes out;
  wire::Writer writer(out);
  if (const auto* accepted = std::get_if<FileAccepted>(&answer)) {
    put(writer, Outcome::kGood);
    writer.varint(accepted->offset);
  } else {
    put(writer, std::get<FileFailure>(answer));
  }
  return out;
}

Bytes encode(const FileEnd& end) {
  Bytes out;
  wire::Writer writer(out);
  if (const auto* complete = std::get_if<FileComplete>(&end)) {
    put(writer, Outcome::kGood);
    writer.bytes(complete->sha256);
  } else {
    put(writer, std::get<FileFailure>(end));
  }
  return out;
}

Bytes encode(const FileResult& result) {
  Bytes out;
  wire::Writer writer(out);
  if (const auto* stored = std::get_if<FileStored>(&result)) {
    put(writer, Outcome::kGood);
    writer.bytes(stored->sha256);
    put(writer, stored->name);
  } else if (const auto* failure = std::get_if<FileFailure>(&result)) {
    put(writer, *failure);
  } else {
    put(writer, Outcome::kRestart);
  }
  return out;
}

Result<FileOffer> decode_file_offer(ByteView body) {
  wire::Reader reader(body);
  FileOffer offer;
  offer.id.bytes = reader.array<32>();
  offer.size = reader.varint();
  const std::uint8_t differs = reader.u8();
  offer.existing_differs = differs == 1;
  offer.name = take(reader, kFileHeaderMax);
  if (!reader.done() || differs > 1) {
    return malformed_record("offer");
  }
  return offer;
}

Result<FileAnswer> decode_file_answer(ByteView body) {
  wire::Reader reader(body);
  FileAnswer answer;
  switch (static_cast<Outcome>(reader.u8())) {
    case Outcome::kGood:
      answer = FileAccepted{reader.varint()};
      break;
    case Outcome::kFailed:
      answer = take_failure(reader);
      break;
    default:
      reader.fail();
      break;
  }
  if (!reader.done()) {
    return malformed_record("answer");
  }
  return answer;
}

Result<FileEnd> decode_file_end(ByteView body) {
  wire::Reader reader(body);
  FileEnd end;
  switch (static_cast<Outcome>(reader.u8())) {
    case Outcome::kGood:
      end = FileComplete{reader.array<32>()};
      break;
    case Outcome::kFailed:
      end = take_failure(reader);
      break;
    default:
      reader.fail();
      break;
  }
  if (!reader.done()) {
    return malformed_record("end");
  }
  return end;
}

Result<FileResult> decode_file_result(ByteView body) {
  wire::Reader reader(body);
  FileResult result;
  switch (static_cast<Outcome>(reader.u8())) {
    case Outcome::kGood: {
      FileStored stored;
      stored.sha256 = reader.array<32>();
      stored.name = take(reader, kFileNameMax);
      result = std::move(stored);
      break;
    }
    case Outcome::kFailed:
      result = take_failure(reader);
      break;
    case Outcome::kRestart:
      result = FileRestart{};
      break;
    default:
      reader.fail();
      break;
  }
  if (!reader.done()) {
    return malformed_record("result");
  }
  return result;
}

Bytes encode(const FileJournal& journal) {
  Bytes out = to_bytes(as_bytes(kJournalMagic));
  wire::Writer writer(out);
  writer.u16(kJournalVersion);
  writer.bytes(journal.id.view());
  writer.u64(journal.size);
  writer.u64(journal.durable);
  put(writer, journal.name);
  const Hash256 digest = crypto::sha256(out);
  append(out, digest);
  return out;
}

Result<FileJournal> decode_file_journal(ByteView file) {
  constexpr std::size_t kDigestSize = 32;
  const auto damaged = [] {
    return fail("file.journal_damaged", "the journal of a partial file is damaged");
  };
  if (file.size() < kDigestSize) {
    return damaged();
  }
  const ByteView content = file.first(file.size() - kDigestSize);
  const Hash256 digest = crypto::sha256(content);
  wire::Reader reader(content);
  const ByteView magic = reader.bytes(kJournalMagic.size());
  const std::uint16_t version = reader.u16();
  FileJournal journal;
  journal.id.bytes = reader.array<32>();
  journal.size = reader.u64();
  journal.durable = reader.u64();
  journal.name = take(reader, kFileNameMax);
  if (!reader.done() || as_text(magic) != kJournalMagic || version != kJournalVersion ||
      journal.durable > journal.size || !equal(digest, file.last(kDigestSize))) {
    return damaged();
  }
  return journal;
}

}  // namespace i2::stoq::core
