#include <i2/base/assert.h>
#include <i2/consensus/vote.h>

#include <algorithm>

namespace i2::consensus {
namespace {

constexpr std::uint16_t kVersion = 1;
constexpr std::string_view kVoteDomain = "i2/vote/v1";

void write(wire::CanonicalWriter& w, const Statement& statement) {
  w.u64(statement.view);
  w.u8(static_cast<std::uint8_t>(statement.kind));
  w.fixed(statement.proposal.view());
}

Statement read_statement(wire::CanonicalReader& r) {
  Statement out;
  out.view = r.u64();
  const std::uint8_t kind = r.u8();
  out.kind = VoteKind{kind};
  out.proposal.bytes = r.fixed<32>();
  const bool known = kind >= 1 && kind <= 3;
  if (out.view == 0 || !known ||
      (out.kind == VoteKind::kNullify) != (out.proposal == ProposalId{})) {
    r.fail();
  }
  return out;
}

Bytes read_vote_signature(wire::CanonicalReader& r) {
  Bytes out = to_bytes(r.bytes(kVoteSignatureSizeMax));
  if (out.empty()) {
    r.fail();
  }
  return out;
}

}  // namespace

Bytes signed_bytes(const ValidatorSet& set, const Statement& statement) {
  wire::CanonicalWriter w(kStatementType, kVersion);
  w.fixed(set.chain_id().view());
  w.u64(set.epoch());
  write(w, statement);
  Bytes out = to_bytes(as_bytes(kVoteDomain));
  append(out, std::move(w).take());
  return out;
}

Result<Vote> sign_vote(const ValidatorSet& set, ValidatorIndex signer, const VoteSigner& key,
                       const Statement& statement) {
  Vote out{.statement = statement, .signer = signer, .signature = {}};
  I2_TRY_VALUE(out.signature, key.sign(signed_bytes(set, statement)));
  return out;
}

bool verify(const ValidatorSet& set, const Vote& vote) {
  return vote.signer < set.size() &&
         set.at(vote.signer).key->verify(signed_bytes(set, vote.statement), vote.signature);
}

Certificate certify(const Statement& statement, std::vector<Vote> votes) {
  std::ranges::sort(votes, {}, &Vote::signer);
  Certificate out{.statement = statement, .signers = {}, .signatures = {}};
  for (Vote& vote : votes) {
    I2_ASSERT(vote.statement == statement && !out.signers.test(vote.signer));
    out.signers.set(vote.signer);
    out.signatures.push_back(std::move(vote.signature));
  }
  return out;
}

std::vector<Vote> votes(const Certificate& certificate) {
  std::vector<Vote> out;
  auto signature = certificate.signatures.begin();
  for (std::size_t i = 0; i < kValidatorsMax && signature != certificate.signatures.end(); ++i) {
    if (certificate.signers.test(i)) {
      out.push_back({.statement = certificate.statement,
                     .signer = static_cast<ValidatorIndex>(i),
                     .signature = *signature++});
    }
  }
  return out;
}

Weight weight(const ValidatorSet& set, const Certificate& certificate) {
  Weight out = 0;
  for (std::size_t i = 0; i < set.size(); ++i) {
    out += certificate.signers.test(i) ? set.at(static_cast<ValidatorIndex>(i)).weight : 0;
  }
  return out;
}

bool verify(const ValidatorSet& set, const Certificate& certificate, const IsKnown& known) {
  if (certificate.signers.count() != certificate.signatures.size() ||
      weight(set, certificate) < set.quorum()) {
    return false;
  }
  const Bytes message = signed_bytes(set, certificate.statement);
  return std::ranges::all_of(votes(certificate), [&](const Vote& vote) {
    return vote.signer < set.size() &&
           ((known && known(vote)) || set.at(vote.signer).key->verify(message, vote.signature));
  });
}

void write(wire::CanonicalWriter& w, const Vote& vote) {
  write(w, vote.statement);
  w.u16(vote.signer);
  w.bytes(vote.signature);
}

void write(wire::CanonicalWriter& w, const Certificate& certificate) {
  write(w, certificate.statement);
  std::array<std::uint8_t, kValidatorsMax / 8> bits{};
  for (std::size_t i = 0; i < kValidatorsMax; ++i) {
    bits[i / 8] |= static_cast<std::uint8_t>(certificate.signers.test(i) ? 0x80U >> i % 8 : 0U);
  }
  w.fixed(bits);
  w.count(certificate.signatures.size());
  for (const Bytes& signature : certificate.signatures) {
    w.bytes(signature);
  }
}

Vote read_vote(wire::CanonicalReader& r) {
  Vote out;
  out.statement = read_statement(r);
  out.signer = r.u16();
  out.signature = read_vote_signature(r);
  if (out.signer >= kValidatorsMax) {
    r.fail();
  }
  return out;
}

Certificate read_certificate(wire::CanonicalReader& r) {
  Certificate out;
  out.statement = read_statement(r);
  const auto bits = r.fixed<kValidatorsMax / 8>();
  for (std::size_t i = 0; i < kValidatorsMax; ++i) {
    out.signers.set(i, (bits[i / 8] & 0x80U >> i % 8) != 0);
  }
  const std::size_t count = r.count(kValidatorsMax);
  for (std::size_t i = 0; i < count && r.ok(); ++i) {
    out.signatures.push_back(read_vote_signature(r));
  }
  if (out.signers.none() || out.signers.count() != count) {
    r.fail();
  }
  return out;
}

namespace {

template <class Value>
Bytes encode_alone(std::uint16_t type, const Value& value) {
  wire::CanonicalWriter w(type, kVersion);
  write(w, value);
  return std::move(w).take();
}

template <class Read>
auto decode_alone(ByteView encoding, std::uint16_t type, Read read)
    -> Result<decltype(read(std::declval<wire::CanonicalReader&>()))> {
  wire::CanonicalReader r(encoding, type, kVersion);
  auto out = read(r);
  if (!r.finish()) {
    return fail("consensus.malformed", "a vote or certificate is malformed");
  }
  return out;
}

}  // namespace

Bytes encode(const Vote& vote) {
  return encode_alone(kVoteType, vote);
}
Result<Vote> decode_vote(ByteView encoding) {
  return decode_alone(encoding, kVoteType, read_vote);
}
Bytes encode(const Certificate& certificate) {
  return encode_alone(kCertificateType, certificate);
}
Result<Certificate> decode_certificate(ByteView encoding) {
  return decode_alone(encoding, kCertificateType, read_certificate);
}

}  // namespace i2::consensus
