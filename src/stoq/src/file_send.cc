// The sending side of file transfer.
#include <i2/rt/clock.h>
#include <i2/rt/runtime.h>
#include <i2/stoq/core/file_codec.h>
#include <i2/stoq/core/rpc_codec.h>
#include <i2/stoq/file_transfer.h>

#include <deque>

#include "file_source.h"
#include "pool_job.h"
#include "record_stream.h"

namespace i2::stoq {
namespace asio = boost::asio;

namespace {

using core::FileRecord;

constexpr std::size_t kBlockSize = 1024 * 1024;
constexpr std::size_t kBlocksAhead = 3;  // read from the disk while the network is busy

Error from_peer(const core::FileFailure& failure) {
  return core::remote_error(failure.code, failure.message, 0);
}

Error malformed(std::string what) {
  return {"file.malformed", std::move(what)};
}

// One attempt over one stream.
class Sending {
 public:
  Sending(Connection connection, asio::any_io_executor pool, SendOptions options,
          std::filesystem::path path)
      : connection_(std::move(connection)),
        pool_(std::move(pool)),
        options_(std::move(options)),
        path_(std::move(path)) {}

  // None: the receiver's file of this name is another one, offer again saying so.
  [[nodiscard]] Task<Result<std::optional<SendReport>>> run(bool existing_differs) {
    const auto open = [path = path_] { return FileSource::open(path); };
    Result<std::unique_ptr<FileSource>> source = co_await rt::run_on(pool_, open);
    if (!source) {
      co_return fail(std::move(source).error());
    }
    source_ = std::move(*source);
    Result<Stream> stream = co_await connection_.open_stream(StreamType::kFile);
    if (!stream) {
      co_return fail(std::move(stream).error());
    }
    records_.emplace(*stream, core::RecordReader::Limits{.type_max = core::kFileRecordMax,
                                                         .body_max = core::kFileHeaderMax});
    const Result<std::uint64_t> offset = co_await make_offer(existing_differs);
    if (!offset) {
      co_return fail(offset.error());
    }
    const Result<void> sent = co_await send_from(*offset);
    if (!sent && !sent.error().is("stoq.stream_closed")) {
      co_return fail(sent.error());
    }
    // The receiver stopped reading, or has it all: either way its result says how it ended.
    co_return co_await result(*offset);
  }

 private:
  // The next record of `type`, as a body.
  [[nodiscard]] Task<Result<Bytes>> expect(FileRecord type) {
    Result<std::optional<core::Record>> next = co_await records_->next();
    if (!next) {
      co_return fail(explain(next.error()));
    }
    if (!*next || (*next)->type != static_cast<std::uint64_t>(type)) {
      co_return fail(malformed("the receiver broke the file protocol"));
    }
    co_return std::move((*next)->body);
  }

  // Where to go on from.
  [[nodiscard]] Task<Result<std::uint64_t>> make_offer(bool existing_differs) {
    core::FileOffer offer;
    offer.name = options_.name;
    offer.size = source_->size();
    offer.existing_differs = existing_differs;
    offer.id =
        core::transfer_id(connection_.local_node(), offer.name, offer.size, source_->mtime_ns());
    (void)co_await records_->stream().write(file_record(FileRecord::kOffer, core::encode(offer)));
    const Result<Bytes> body = co_await expect(FileRecord::kAnswer);
    if (!body) {
      co_return fail(body.error());
    }
    I2_CO_TRY_VALUE(const core::FileAnswer answer, core::decode_file_answer(*body));
    if (const auto* failure = std::get_if<core::FileFailure>(&answer)) {
      co_return fail(from_peer(*failure));
    }
    const std::uint64_t offset = std::get<core::FileAccepted>(answer).offset;
    if (offset > offer.size) {
      co_return fail(malformed("the receiver asks for bytes behind the end"));
    }
    co_return offset;
  }

  [[nodiscard]] Task<Result<void>> send_from(std::uint64_t offset) {
    FileSource* const source = source_.get();
    const auto skip = [source, offset] { return source->skip_to(offset); };
    Result<void> good = co_await rt::run_on(pool_, skip);
    if (good) {
      good = co_await send_blocks(offset);
    }
    Result<Hash256> hash = fail(malformed(""));
    if (good) {
      const auto finish = [source] { return source->finish(); };
      hash = co_await rt::run_on(pool_, finish);
      if (!hash) {
        good = fail(hash.error());
      }
    }
    if (good) {
      const core::FileEnd end = core::FileComplete{*hash};
      sha256_ = *hash;
      co_return co_await records_->stream().write(file_record(FileRecord::kEnd, core::encode(end)),
                                                  true);
    }
    if (!good.error().is("stoq.stream_closed")) {
      const core::FileEnd end = core::failure_of(good.error());
      (void)co_await records_->stream().write(file_record(FileRecord::kEnd, core::encode(end)),
                                              true);
    }
    co_return good;
  }

  // The pool reads ahead while the stream takes what was read.
  [[nodiscard]] Task<Result<void>> send_blocks(std::uint64_t offset) {
    FileSource* const source = source_.get();
    const std::uint64_t size = source->size();
    PoolJob<Result<std::deque<Chunk>>> reading(connection_.executor(), pool_);
    std::uint64_t read = offset;  // asked of the pool
    std::uint64_t sent = offset;
    const auto read_on = [&] {
      reading.start([source]() -> Result<std::deque<Chunk>> {
        std::deque<Chunk> blocks;
        while (blocks.size() < kBlocksAhead && source->position() < source->size()) {
          I2_TRY_VALUE(Chunk block, source->next(kBlockSize));
          blocks.push_back(std::move(block));
        }
        return blocks;
      });
      read += std::min<std::uint64_t>(kBlocksAhead * kBlockSize, size - read);
    };
    Result<void> good;
    if (read < size) {
      read_on();
    }
    while (good && reading.started()) {
      Result<std::deque<Chunk>> blocks = co_await reading.wait();
      if (!blocks) {
        co_return fail(std::move(blocks).error());
      }
      if (read < size) {
        read_on();
      }
      while (good && !blocks->empty()) {
        Chunk block = std::move(blocks->front());
        blocks->pop_front();
        sent += block.size();
        if (options_.stop.stop_requested()) {
          good = fail("stoq.cancelled", "the transfer was cancelled");
          break;
        }
        good = co_await send_block(std::move(block));
        if (good && options_.on_progress) {
          options_.on_progress({.bytes = sent, .size = size, .resumed_at = offset});
        }
      }
    }
    if (reading.started()) {
      (void)co_await reading.wait();  // it uses the source
    }
    co_return good;
  }

  [[nodiscard]] Task<Result<void>> send_block(Chunk block) {
    Bytes head;
    core::append_record_head(head, static_cast<std::uint64_t>(FileRecord::kData), block.size());
    const Result<void> begun = co_await records_->stream().write(Chunk(std::move(head)));
    if (!begun) {
      co_return begun;
    }
    co_return co_await records_->stream().write(std::move(block));
  }

  [[nodiscard]] Task<Result<std::optional<SendReport>>> result(std::uint64_t offset) {
    const Result<Bytes> body = co_await expect(FileRecord::kResult);
    if (!body) {
      co_return fail(body.error());
    }
    I2_CO_TRY_VALUE(const core::FileResult result, core::decode_file_result(*body));
    if (const auto* failure = std::get_if<core::FileFailure>(&result)) {
      co_return fail(from_peer(*failure));
    }
    if (std::holds_alternative<core::FileRestart>(result)) {
      co_return std::nullopt;
    }
    const auto& stored = std::get<core::FileStored>(result);
    if (!sha256_ || stored.sha256 != *sha256_) {
      co_return fail(malformed("the receiver confirms another file"));
    }
    co_return SendReport{.bytes = source_->size(),
                         .sha256 = to_hex(stored.sha256),
                         .resumed_at = offset,
                         .stored_as = stored.name};
  }

  Connection connection_;
  asio::any_io_executor pool_;
  SendOptions options_;
  std::filesystem::path path_;
  std::unique_ptr<FileSource> source_;
  std::optional<RecordStream> records_;
  std::optional<Hash256> sha256_;
};

}  // namespace

bool is_file_name(std::string_view name) {
  return core::is_file_name(name);
}

Task<Result<SendReport>> send_file(Connection connection, std::filesystem::path path,
                                   SendOptions options, asio::any_io_executor pool) {
  if (options.name.empty()) {
    options.name = core::make_file_name(path.filename().native());
  }
  if (!core::is_file_name(options.name)) {
    co_return fail("file.name_invalid",
                   "\"" + options.name + "\" is not a plain file name: choose another one");
  }
  const rt::SystemClock clock;
  const Timestamp started = clock.now();
  for (const bool existing_differs : {false, true}) {
    const auto sending = std::make_unique<Sending>(connection, pool, options, path);
    Result<std::optional<SendReport>> report = co_await sending->run(existing_differs);
    if (!report) {
      co_return fail(std::move(report).error());
    }
    if (*report) {
      (*report)->seconds = static_cast<double>(clock.now() - started) * 1e-9;
      co_return std::move(**report);
    }
  }
  co_return fail(malformed("the receiver asks for the file again and again"));
}

}  // namespace i2::stoq
