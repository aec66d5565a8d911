#include <i2/consensus/message.h>

namespace i2::consensus {
namespace {

constexpr std::uint16_t kMessageVersion = 1;
// A validator's votes above the last seal: a few per view.
constexpr std::size_t kGreetingVotesMax = 1024;

void write_body(wire::CanonicalWriter& w, const ProposalMessage& message) {
  write(w, message.proposal);
  write(w, message.justification);
  w.bytes(message.payload);
}
void write_body(wire::CanonicalWriter& w, const Vote& vote) {
  write(w, vote);
}
void write_body(wire::CanonicalWriter& w, const Certificate& certificate) {
  write(w, certificate);
}
void write_body(wire::CanonicalWriter& w, const Seal& seal) {
  write(w, seal);
}
void write_body(wire::CanonicalWriter& w, const Greeting& greeting) {
  w.u64(greeting.view);
  w.count(greeting.yours.size());
  for (const Vote& vote : greeting.yours) {
    write(w, vote);
  }
}
void write_body(wire::CanonicalWriter& w, const FetchProposal& fetch) {
  w.u64(fetch.view);
  w.fixed(fetch.proposal.view());
}
void write_body(wire::CanonicalWriter& w, const FetchCertificates& fetch) {
  w.u64(fetch.first);
  w.u64(fetch.last);
}

Greeting read_greeting(wire::CanonicalReader& r) {
  Greeting out;
  out.view = r.u64();
  const std::size_t count = r.count(kGreetingVotesMax);
  for (std::size_t i = 0; i < count && r.ok(); ++i) {
    out.yours.push_back(read_vote(r));
  }
  return out;
}

ProposalMessage read_proposal_message(wire::CanonicalReader& r) {
  ProposalMessage out;
  out.proposal = read_signed_proposal(r);
  out.justification = read_justification(r);
  out.payload = to_bytes(r.bytes(kPayloadSizeMax));
  return out;
}

FetchProposal read_fetch_proposal(wire::CanonicalReader& r) {
  FetchProposal out;
  out.view = r.u64();
  out.proposal.bytes = r.fixed<32>();
  return out;
}

FetchCertificates read_fetch_certificates(wire::CanonicalReader& r) {
  FetchCertificates out;
  out.first = r.u64();
  out.last = r.u64();
  if (out.last < out.first) {
    r.fail();
  }
  return out;
}

// The tag is the alternative's place, from 1 on.
Message read_message(wire::CanonicalReader& r) {
  switch (r.u8()) {
    case 1:
      return read_proposal_message(r);
    case 2:
      return read_vote(r);
    case 3:
      return read_certificate(r);
    case 4:
      return read_seal(r);
    case 5:
      return read_greeting(r);
    case 6:
      return read_fetch_proposal(r);
    case 7:
      return read_fetch_certificates(r);
    default:
      r.fail();
      return Greeting{};
  }
}

}  // namespace

Bytes encode(const Envelope& envelope) {
  wire::CanonicalWriter w(kMessageType, kMessageVersion);
  w.u64(envelope.epoch);
  w.u8(static_cast<std::uint8_t>(envelope.message.index() + 1));
  std::visit([&](const auto& message) { write_body(w, message); }, envelope.message);
  return std::move(w).take();
}

Result<Envelope> decode_envelope(ByteView encoding) {
  if (encoding.size() > kMessageSizeMax) {
    return fail("consensus.malformed", "the message is too large");
  }
  wire::CanonicalReader r(encoding, kMessageType, kMessageVersion);
  Envelope out;
  out.epoch = r.u64();
  out.message = read_message(r);
  if (!r.finish()) {
    return fail("consensus.malformed", "the message is malformed");
  }
  return out;
}

}  // namespace i2::consensus
