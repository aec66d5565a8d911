// lying_validator DATA_DIR VIEW [ADDRESS]...: a validator that contradicts itself.
//
// DATA_DIR is that of a validator whose daemon is stopped. It connects to the validators at these
// addresses ([address]:port) as that member and notarizes two proposals of one view. Nothing in the
// product can do this.
#include <i2/consensus/message.h>
#include <i2/crypto/provider.h>
#include <i2/fleet/data_dir.h>
#include <i2/fleet/embedded_sequencer.h>
#include <i2/fleet/trust_store.h>
#include <i2/rt/clock.h>
#include <i2/rt/runtime.h>
#include <i2/stoq/transport.h>
#include <i2/wire/reader.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/use_future.hpp>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <vector>

namespace i2 {
namespace {

namespace asio = boost::asio;
using boost::asio::awaitable;

constexpr std::chrono::seconds kUntilTheyHaveRead{2};

// Both votes, each in a frame behind its length.
Result<Bytes> make_votes(const fleet::Ledger& ledger, const fleet::VoteMemory& memory,
                         const NodeId& self, consensus::View view) {
  const auto chain = ledger.chain();
  I2_TRY_VALUE(const auto epoch, fleet::FleetState(chain->state).epoch());
  I2_TRY_VALUE(const auto set, fleet::validator_set(chain->head.chain_id, epoch));
  const auto index = set.find(self);
  if (!index || memory.key() == nullptr) {
    return fail("test.no_validator", "this node is no validator");
  }
  Bytes out;
  wire::Writer w(out);
  for (const std::uint8_t which : {std::uint8_t{1}, std::uint8_t{2}}) {
    consensus::ProposalId proposal;
    proposal.bytes[0] = which;
    I2_TRY_VALUE(
        const auto vote,
        sign_vote(set, *index, *memory.key(),
                  {.view = view, .kind = consensus::VoteKind::kNotarize, .proposal = proposal}));
    const Bytes envelope =
        consensus::encode(consensus::Envelope{.epoch = epoch.number, .message = vote});
    w.u32(static_cast<std::uint32_t>(envelope.size() + 1));
    w.u8(fleet::kEnvelopeFrame);
    w.bytes(envelope);
  }
  return out;
}

awaitable<Result<void>> say(stoq::Connection connection, Bytes votes) {
  auto stream = co_await connection.open_stream(stoq::StreamType::kConsensus, false);
  if (!stream) {
    co_return fail(stream.error());
  }
  if (auto written = co_await stream->write(stoq::Chunk(std::move(votes))); !written) {
    co_return written;
  }
  (void)co_await stream->flush();
  co_await rt::sleep_for(kUntilTheyHaveRead);
  co_return Result<void>{};
}

// `transport` outlives it.
awaitable<Result<void>> tell(stoq::Transport* transport, stoq::SocketAddress address, Bytes votes) {
  auto connection = co_await transport->connect(address);
  if (!connection) {
    co_return fail(connection.error());
  }
  // Whether the peer has accepted this side shows with its first answer.
  const auto heard =
      co_await asio::co_spawn(connection->executor(), connection->ping(), asio::use_awaitable);
  if (!heard) {
    co_return fail(heard.error());
  }
  co_return co_await asio::co_spawn(connection->executor(), say(*connection, std::move(votes)),
                                    asio::use_awaitable);
}

Result<void> lie(const std::filesystem::path& data_dir, consensus::View view,
                 const std::vector<std::string>& addresses) {
  I2_TRY(crypto::install_provider());
  I2_TRY_VALUE(const auto lock, fleet::DataDirLock::acquire(data_dir));
  const fleet::StateMachine machine;
  I2_TRY_VALUE(const auto ledger, fleet::open_ledger(data_dir, machine));
  I2_TRY_VALUE(const auto trust,
               fleet::TrustStore::load(data_dir, rt::SystemClock().unix_now(), ledger->chain()));
  I2_TRY_VALUE(const auto memory,
               fleet::VoteMemory::open(data_dir, ledger->chain()->head.chain_id));
  I2_TRY_VALUE(const Bytes votes, make_votes(*ledger, memory, trust->node_id(), view));
  rt::Runtime runtime({.workers = 1, .pool_threads = 1, .worker_cpus = {}});
  stoq::TransportConfig config;
  I2_TRY_VALUE(config.bind, stoq::SocketAddress::parse("[::1]:0"));
  I2_TRY_VALUE(const auto transport, stoq::Transport::create(config, runtime, *trust, *trust));
  for (const std::string& text : addresses) {
    I2_TRY_VALUE(const auto address, stoq::SocketAddress::parse(text));
    I2_TRY(
        asio::co_spawn(runtime.control(), tell(transport.get(), address, votes), asio::use_future)
            .get());
  }
  asio::co_spawn(runtime.control(), transport->shutdown(), asio::use_future).get();
  return {};
}

}  // namespace
}  // namespace i2

int main(int argc, char** argv) {
  if (argc < 4) {
    std::fputs("usage: lying_validator DATA_DIR VIEW ADDRESS...\n", stderr);
    return 2;
  }
  const auto told = i2::lie(argv[1], std::strtoull(argv[2], nullptr, 10), {argv + 3, argv + argc});
  if (!told) {
    std::fprintf(stderr, "%s\n", told.error().to_string().c_str());
    return 1;
  }
  return 0;
}
