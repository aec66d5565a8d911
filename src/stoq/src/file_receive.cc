// The receiving side of file transfer.
#include <i2/rt/runtime.h>
#include <i2/rt/signal.h>
#include <i2/stoq/core/rpc_codec.h>
#include <i2/stoq/file_transfer.h>
#include <i2/wire/text.h>

#include "file_inbox.h"
#include "file_part.h"
#include "pool_job.h"
#include "record_stream.h"

namespace i2::stoq {
namespace asio = boost::asio;

namespace {

using core::FileRecord;

constexpr std::size_t kBatchSize = 1024 * 1024;
constexpr std::size_t kBatchChunksMax = 1024;

// A sender's folder in the inbox.
std::string folder_of(const ports::PeerIdentity& sender) {
  return core::is_file_name(sender.name) ? sender.name : wire::short_id(sender.node_id);
}

// The journey of one file: from the offer to the result.
class Receiving {
 public:
  Receiving(std::shared_ptr<FileInbox> inbox, Connection connection, Stream stream)
      : inbox_(std::move(inbox)),
        connection_(std::move(connection)),
        records_(std::move(stream),
                 {.type_max = core::kFileRecordMax, .body_max = core::kFileHeaderMax}),
        writing_(connection_.executor(), inbox_->pool),
        checkpointing_(connection_.executor(), inbox_->pool) {
    event_.sender = connection_.peer();
  }

  [[nodiscard]] Task<void> run() {
    Result<core::FileOffer> offer = co_await read_offer();
    if (!offer) {
      refuse_stream(records_.stream(), AppError::kProtocol);
      co_return;
    }
    event_.name = offer->name;
    event_.size = offer->size;
    const Result<void> accepted = co_await accept(*offer);
    if (!accepted) {
      const core::FileAnswer answer = core::failure_of(accepted.error());
      co_await reply(FileRecord::kAnswer, core::encode(answer), true);
      report_failure(accepted.error());
      co_return;
    }
    report(FileEvent::Kind::kStarted);
    Result<core::FileEnd> end = co_await receive();
    Result<core::FileResult> result = co_await conclude(std::move(end));
    if (!result) {
      // Over a connection that is gone nobody hears this; then the next offer tells what is there.
      const core::FileResult failure = core::failure_of(result.error());
      co_await reply(FileRecord::kResult, core::encode(failure), true);
      report_failure(result.error());
      co_return;
    }
    co_await reply(FileRecord::kResult, core::encode(*result), true);
    release();
    if (std::holds_alternative<core::FileStored>(*result)) {
      report(FileEvent::Kind::kCompleted);
    }
  }

 private:
  [[nodiscard]] Task<Result<core::FileOffer>> read_offer() {
    const Result<std::optional<core::Record>> first = co_await records_.next();
    if (!first) {
      co_return fail(first.error());
    }
    if (!*first || (*first)->type != static_cast<std::uint64_t>(FileRecord::kOffer)) {
      co_return fail("file.malformed", "a file stream begins with an offer");
    }
    co_return core::decode_file_offer((*first)->body);
  }

  [[nodiscard]] Task<Result<void>> accept(core::FileOffer offer) {
    if (!core::is_file_name(offer.name)) {
      co_return fail("file.name_invalid", "the receiver takes plain file names only");
    }
    if (offer.size > inbox_->limits.file_size_max) {
      co_return fail("file.too_large", "the receiver takes files of at most " +
                                           std::to_string(inbox_->limits.file_size_max) + " bytes");
    }
    const TransferKey key{connection_.peer().node_id, offer.id};
    Result<std::unique_ptr<TransferLease>> lease =
        co_await TransferLease::acquire(inbox_, key, connection_, records_.stream(), offer.size);
    if (!lease) {
      co_return fail(std::move(lease).error());
    }
    lease_ = std::move(*lease);
    const auto open = [inbox = inbox_, offer = std::move(offer),
                       folder = folder_of(connection_.peer())] {
      return open_part(*inbox, offer, folder);
    };
    Result<std::unique_ptr<FilePart>> part = co_await rt::run_on(inbox_->pool, open);
    if (!part) {
      co_return fail(std::move(part).error());
    }
    part_ = std::move(*part);
    received_ = checkpointed_ = part_->offset();
    event_.resumed_at = event_.received = received_;
    const core::FileAnswer answer = core::FileAccepted{received_};
    co_await reply(FileRecord::kAnswer, core::encode(answer), false);
    co_return Result<void>{};
  }

  // On the pool.
  [[nodiscard]] static Result<std::unique_ptr<FilePart>> open_part(FileInbox& inbox,
                                                                   const core::FileOffer& offer,
                                                                   const std::string& folder) {
    const auto in_use = [&](const core::TransferId& id) { return inbox.in_use(id); };
    delete_old_parts(inbox.folder / folder, inbox.limits.part_age_max, in_use);
    const std::uint64_t max = inbox.limits.inbox_size_max;
    if (max != UINT64_MAX) {
      const std::uint64_t used = inbox_size(inbox.folder, in_use);
      const std::uint64_t wanted = inbox.reserved();
      if (used > max || wanted > max - used) {
        return fail("file.quota", "the receiver's inbox is full: it holds " + std::to_string(used) +
                                      " of " + std::to_string(max) + " bytes");
      }
    }
    return FilePart::open({.inbox = inbox.folder,
                           .sender = folder,
                           .id = offer.id,
                           .name = offer.name,
                           .size = offer.size,
                           .existing_differs = offer.existing_differs});
  }

  // Everything up to the sender's end. What came before an error is on its way to the disk.
  [[nodiscard]] Task<Result<core::FileEnd>> receive() {
    for (;;) {
      const Result<std::optional<core::RecordHead>> head = co_await records_.next_head();
      if (!head) {
        co_return fail(head.error());
      }
      if (!*head) {
        co_return fail("file.malformed", "the sender ended without an end record");
      }
      const core::RecordHead record = **head;
      if (record.type == static_cast<std::uint64_t>(FileRecord::kData)) {
        if (record.size > core::kFileDataMax || record.size > event_.size - received_) {
          co_return fail("file.malformed", "the sender sends more than it offered");
        }
        const Result<void> taken = co_await take_data(record.size);
        if (!taken) {
          co_return fail(taken.error());
        }
        continue;
      }
      const Result<Bytes> body = co_await take_body(record.size);
      if (!body) {
        co_return fail(body.error());
      }
      if (record.type == static_cast<std::uint64_t>(FileRecord::kEnd)) {
        co_return core::decode_file_end(*body);
      }
    }
  }

  [[nodiscard]] Task<Result<void>> take_data(std::uint64_t size) {
    while (size > 0) {
      Result<Chunk> chunk = co_await records_.take(size);
      if (!chunk) {
        co_return fail(std::move(chunk).error());
      }
      if (chunk->size() == 0) {
        co_return fail("file.malformed", "the sender ended within its data");
      }
      size -= chunk->size();
      received_ += chunk->size();
      batch_size_ += chunk->size();
      batch_.push_back(std::move(*chunk));
      if (batch_size_ >= kBatchSize || batch_.size() >= kBatchChunksMax) {
        const Result<void> passed = co_await pass_batch();
        if (!passed) {
          co_return passed;
        }
      }
    }
    co_return Result<void>{};
  }

  [[nodiscard]] Task<Result<Bytes>> take_body(std::uint64_t size) {
    Bytes body;
    if (size > core::kFileHeaderMax) {
      co_return fail("file.malformed", "the sender's record is too large");
    }
    while (body.size() < size) {
      const Result<Chunk> chunk = co_await records_.take(size - body.size());
      if (!chunk) {
        co_return fail(chunk.error());
      }
      if (chunk->size() == 0) {
        co_return fail("file.malformed", "the sender ended within a record");
      }
      append(body, chunk->view());
    }
    co_return body;
  }

  // Hands the batch to the pool once the one before it is written.
  [[nodiscard]] Task<Result<void>> pass_batch() {
    const Result<void> before = co_await settle(&writing_);
    if (!before) {
      co_return before;
    }
    if (part_->written() - checkpointed_ >= inbox_->limits.checkpoint_size) {
      const Result<void> kept = co_await settle(&checkpointing_);
      if (!kept) {
        co_return kept;
      }
      checkpointed_ = part_->written();
      checkpointing_.start([checkpoint = part_->checkpoint()] { return checkpoint.run(); });
    }
    if (!batch_.empty()) {
      writing_.start(
          [part = part_.get(), batch = std::move(batch_)] { return part->write(batch); });
      batch_.clear();
      batch_size_ = 0;
      event_.received = received_;
      report(FileEvent::Kind::kProgress);
    }
    co_return Result<void>{};
  }

  [[nodiscard]] static Task<Result<void>> settle(PoolJob<Result<void>>* job) {
    if (!job->started()) {
      co_return Result<void>{};
    }
    co_return co_await job->wait();
  }

  // After the sender's end, or whatever came instead of it. Nothing runs on the pool when it
  // returns.
  [[nodiscard]] Task<Result<core::FileResult>> conclude(Result<core::FileEnd> end) {
    Result<void> on_disk = co_await pass_batch();
    if (on_disk) {
      on_disk = co_await settle(&writing_);
    }
    const Result<void> kept = co_await settle(&checkpointing_);
    if (on_disk && !kept) {
      on_disk = kept;
    }
    const auto* gave_up = end ? std::get_if<core::FileFailure>(&*end) : nullptr;
    if (!end || !on_disk || gave_up != nullptr) {
      Error why = on_disk ? Error("file.malformed", "") : on_disk.error();
      if (on_disk && gave_up != nullptr) {
        why = core::remote_error(gave_up->code, gave_up->message, 0);
      } else if (on_disk) {
        why = reason(end.error());
      }
      co_await leave(on_disk.has_value() && !why.is("file.source_changed"));
      co_return fail(std::move(why));
    }
    if (received_ != event_.size) {
      co_return fail("file.malformed", "the sender sent less than it offered");
    }
    const Hash256 expected = std::get<core::FileComplete>(*end).sha256;
    const auto finish = [part = part_.get(), expected] { return part->finish(expected); };
    I2_CO_TRY_VALUE(const std::optional<FilePart::Stored> stored,
                    co_await rt::run_on(inbox_->pool, finish));
    if (!stored) {
      co_return core::FileResult(core::FileRestart{});
    }
    event_.path = stored->path;
    event_.sha256 = to_hex(stored->sha256);
    co_return core::FileResult(
        core::FileStored{.sha256 = stored->sha256, .name = stored->path.filename().string()});
  }

  [[nodiscard]] Error reason(const Error& error) const {
    if (lease_->superseded()) {
      return {"file.superseded", "the same transfer was started again"};
    }
    return explain(error);
  }

  // The next offer goes on from what is kept.
  [[nodiscard]] Task<void> leave(bool keep) {
    const bool journal_exists = checkpointed_ > 0;
    const auto work = [part = part_.get(), keep, journal_exists] {
      if (keep && part->worth_keeping()) {
        (void)part->checkpoint().run();
      } else if (!keep || !journal_exists) {
        part->discard();
      }
      return true;
    };
    (void)co_await rt::run_on(inbox_->pool, work);
  }

  [[nodiscard]] Task<void> reply(FileRecord type, Bytes body, bool last) {
    (void)co_await records_.stream().write(file_record(type, body), last);
  }

  // The place is free again before anybody hears of it.
  void release() {
    part_.reset();
    lease_.reset();
  }

  void report(FileEvent::Kind kind) {
    event_.kind = kind;
    if (inbox_->on_event) {
      inbox_->on_event(event_);
    }
  }
  void report_failure(Error error) {
    release();
    event_.error = std::move(error);
    report(FileEvent::Kind::kFailed);
  }

  std::shared_ptr<FileInbox> inbox_;  // shared with the FileReceiver
  Connection connection_;
  RecordStream records_;
  std::unique_ptr<TransferLease> lease_;
  std::unique_ptr<FilePart> part_;
  PoolJob<Result<void>> writing_;
  PoolJob<Result<void>> checkpointing_;
  std::vector<Chunk> batch_;
  std::size_t batch_size_ = 0;
  std::uint64_t received_ = 0;      // bytes of the file, what was there before included
  std::uint64_t checkpointed_ = 0;  // covered by the last checkpoint that was started
  FileEvent event_;
};

}  // namespace

FileReceiver::FileReceiver(std::filesystem::path inbox, asio::any_io_executor pool,
                           ReceiveLimits limits, std::function<void(const FileEvent&)> on_event)
    : inbox_(std::make_shared<FileInbox>()) {
  inbox_->folder = std::move(inbox);
  inbox_->pool = std::move(pool);
  inbox_->limits = limits;
  inbox_->on_event = std::move(on_event);
}

void FileReceiver::attach(StreamDispatcher& dispatcher) {
  dispatcher.add(StreamType::kFile, [inbox = inbox_](Connection connection, Stream stream) {
    return serve(inbox, std::move(connection), std::move(stream));
  });
}

Task<void> FileReceiver::serve(std::shared_ptr<FileInbox> inbox, Connection connection,
                               Stream stream) {
  Receiving receiving(std::move(inbox), std::move(connection), std::move(stream));
  co_await receiving.run();
}

}  // namespace i2::stoq
