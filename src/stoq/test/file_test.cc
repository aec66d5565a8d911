#include <gmock/gmock.h>
#include <i2/crypto/hash.h>
#include <i2/crypto/random.h>
#include <i2/stoq/core/file_codec.h>
#include <i2/stoq/file_transfer.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <fstream>

#include "loopback.h"

namespace i2::stoq::test {
namespace {

namespace fs = std::filesystem;

Bytes random_content(std::size_t size) {
  Bytes out(size);
  crypto::random_bytes(out);
  return out;
}

void write_file(const fs::path& path, ByteView content) {
  std::ofstream out(path, std::ios::binary | std::ios::trunc);
  out.write(reinterpret_cast<const char*>(content.data()),
            static_cast<std::streamsize>(content.size()));
  ASSERT_TRUE(out.flush()) << path;
}

Bytes read_file(const fs::path& path) {
  Bytes out(fs::file_size(path));
  std::ifstream in(path, std::ios::binary);
  in.read(reinterpret_cast<char*>(out.data()), static_cast<std::streamsize>(out.size()));
  EXPECT_TRUE(in) << path;
  return out;
}

std::string sha256_hex(ByteView content) {
  return to_hex(crypto::sha256(content));
}

// What the receiver reported, in order.
class Events {
 public:
  void add(const FileEvent& event) {
    const std::scoped_lock lock(mutex_);
    events_.push_back(event);
    changed_.notify_all();
    if (on_event_) {
      on_event_(event);
    }
  }
  void set_hook(std::function<void(const FileEvent&)> hook) {
    const std::scoped_lock lock(mutex_);
    on_event_ = std::move(hook);
  }
  // The first event of this kind that was not asked for yet.
  FileEvent next(FileEvent::Kind kind) {
    std::unique_lock lock(mutex_);
    for (;;) {
      for (; seen_ < events_.size(); ++seen_) {
        if (events_[seen_].kind == kind) {
          return events_[seen_++];
        }
      }
      if (changed_.wait_for(lock, kPatience) == std::cv_status::timeout) {
        std::fprintf(stderr, "no such event\n");
        std::abort();
      }
    }
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<FileEvent> events_;
  std::size_t seen_ = 0;
  std::function<void(const FileEvent&)> on_event_;
};

class Files : public ::testing::Test {
 public:
  Files() {
    std::string pattern = (fs::temp_directory_path() / "i2-files-XXXXXX").string();
    directory_ = ::mkdtemp(pattern.data());
    inbox_ = directory_ / "inbox";
  }
  ~Files() override {
    end();
    fs::remove_all(directory_);
  }

 protected:
  // A thread of the pool still touches the executor that it has just posted its result to.
  void end() {
    if (loopback_) {
      loopback_->stop();
      receiver_pool_->stop();
      loopback_.reset();
    }
  }
  void start(ReceiveLimits limits = {}) {
    end();
    dispatcher_ = std::make_unique<StreamDispatcher>();
    // The receiver's pool lives as long as its runtime, which the loopback makes: attach late.
    receiver_pool_ = std::make_unique<rt::Runtime>(
        rt::RuntimeConfig{.workers = 1, .pool_threads = 2, .worker_cpus = {}});
    FileReceiver receiver(inbox_, receiver_pool_->pool(), limits,
                          [events = events_](const FileEvent& event) { events->add(event); });
    receiver.attach(*dispatcher_);
    loopback_ = std::make_unique<Loopback>(*dispatcher_);
    connection_ = loopback_->connect();
  }

  std::future<Result<SendReport>> sending(const fs::path& path, SendOptions options = {}) {
    return asio::co_spawn(
        connection_.executor(),
        send_file(connection_, path, std::move(options), loopback_->alice_runtime().pool()),
        asio::use_future);
  }
  Result<SendReport> send(const fs::path& path, SendOptions options = {}) {
    return get(sending(path, std::move(options)), "sending");
  }
  std::string send_error(const fs::path& path, SendOptions options = {}) {
    const auto report = send(path, std::move(options));
    return report ? "sent" : std::string(report.error().code());
  }
  // A file of this content, with its path.
  fs::path make(const std::string& name, ByteView content) {
    const fs::path path = directory_ / name;
    write_file(path, content);
    return path;
  }
  // Names in alice's folder, hidden ones included.
  std::vector<std::string> received() const {
    std::vector<std::string> names;
    std::error_code none;
    for (const auto& entry : fs::directory_iterator(inbox_ / "alice", none)) {
      names.push_back(entry.path().filename());
    }
    std::ranges::sort(names);
    return names;
  }

  fs::path directory_;
  fs::path inbox_;
  std::shared_ptr<Events> events_ = std::make_shared<Events>();
  std::unique_ptr<rt::Runtime> receiver_pool_;
  std::unique_ptr<StreamDispatcher> dispatcher_;
  std::unique_ptr<Loopback> loopback_;
  Connection connection_;
};

TEST_F(Files, ArriveWhole) {
  start();
  for (const std::size_t size : {0, 1, 1024 * 1024, 10 * 1024 * 1024 + 17}) {
    const Bytes content = random_content(size);
    const std::string name = "f" + std::to_string(size) + ".bin";
    std::uint64_t progress = 0;
    const auto report = send(make(name, content), {.on_progress = [&](const FileProgress& step) {
                               EXPECT_GT(step.bytes, progress);
                               EXPECT_EQ(step.size, size);
                               progress = step.bytes;
                             }});
    ASSERT_TRUE(report) << report.error().to_string();
    EXPECT_EQ(report->bytes, size);
    EXPECT_EQ(report->sha256, sha256_hex(content));
    EXPECT_EQ(report->resumed_at, 0u);
    EXPECT_EQ(report->stored_as, name);
    EXPECT_EQ(progress, size);
    const FileEvent event = events_->next(FileEvent::Kind::kCompleted);
    EXPECT_EQ(event.path, inbox_ / "alice" / name);
    EXPECT_EQ(event.sha256, sha256_hex(content));
    EXPECT_EQ(read_file(event.path), content);
  }
  EXPECT_EQ(received().size(), 4u);  // no part, no journal
}

TEST_F(Files, OfOneNameDoNotReplaceEachOther) {
  start();
  const Bytes first = random_content(5'000);
  const Bytes second = random_content(5'000);
  const Bytes third = random_content(6'000);
  ASSERT_EQ(send(make("a.txt", first))->stored_as, "a.txt");
  // The same again: nothing is sent, nothing changes.
  const auto again = send(directory_ / "a.txt");
  ASSERT_TRUE(again) << again.error().to_string();
  EXPECT_EQ(again->resumed_at, 5'000u);
  EXPECT_EQ(again->stored_as, "a.txt");
  EXPECT_EQ(again->sha256, sha256_hex(first));
  const auto other = send(make("a.txt", second));
  ASSERT_TRUE(other) << other.error().to_string();
  EXPECT_EQ(other->stored_as, "a (2).txt");
  EXPECT_EQ(other->resumed_at, 0u);
  EXPECT_EQ(send(make("a.txt", third))->stored_as, "a (3).txt");
  EXPECT_EQ(received(), (std::vector<std::string>{"a (2).txt", "a (3).txt", "a.txt"}));
  EXPECT_EQ(read_file(inbox_ / "alice" / "a.txt"), first);
  EXPECT_EQ(read_file(inbox_ / "alice" / "a (2).txt"), second);
}

TEST_F(Files, NamesAreCleanedBySendersAndCheckedByReceivers) {
  start();
  EXPECT_EQ(send(make(".hidden", random_content(1)))->stored_as, "hidden");
  EXPECT_EQ(send(make("tab\there", random_content(1)))->stored_as, "tab_here");
  const fs::path path = make("plain", random_content(1));
  EXPECT_EQ(send(path, {.name = "other"})->stored_as, "other");
  for (const char* name : {"../up", "a/b", ".dot", "\xff\xfe", "new\nline"}) {
    EXPECT_EQ(send_error(path, {.name = name}), "file.name_invalid") << name;
  }
}

TEST_F(Files, SourcesThatCannotBeSent) {
  start();
  EXPECT_EQ(send_error(directory_ / "nothing"), "file.not_found");
  EXPECT_EQ(send_error(directory_), "file.not_regular");
  EXPECT_EQ(send_error("/dev/null"), "file.not_regular");
}

TEST_F(Files, LimitsOfTheReceiver) {
  start({.file_size_max = 10'000, .inbox_size_max = 12'000});
  EXPECT_EQ(send_error(make("large", random_content(10'001))), "file.too_large");
  EXPECT_EQ(events_->next(FileEvent::Kind::kFailed).error->code(), "file.too_large");
  EXPECT_EQ(send_error(make("fits", random_content(9'000))), "sent");
  EXPECT_EQ(send_error(make("more", random_content(3'001))), "file.quota");
  EXPECT_EQ(events_->next(FileEvent::Kind::kFailed).error->code(), "file.quota");
  EXPECT_EQ(send_error(make("rest", random_content(3'000))), "sent");
}

TEST_F(Files, FullDiskIsSeenBeforeAnythingIsSent) {
  start({.file_size_max = UINT64_MAX});
  const fs::path path = make("sparse", {});
  // More than any volume has free; sparse, so that it costs nothing here.
  std::error_code error;
  fs::resize_file(path, fs::space(directory_).available + (1ULL << 30), error);
  if (error) {
    GTEST_SKIP() << "no sparse file of that size: " << error.message();
  }
  EXPECT_EQ(send_error(path), "file.no_space");
  EXPECT_EQ(events_->next(FileEvent::Kind::kFailed).error->code(), "file.no_space");
  EXPECT_TRUE(received().empty());
}

// The limit on file size makes write(2) fail in the middle, as a full disk does.
TEST_F(Files, DiskThatFillsUpOnTheWay) {
  start();
  const fs::path path = make("big", random_content(40 * 1024 * 1024));
  rlimit before{};
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &before), 0);
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  const rlimit small{8 * 1024 * 1024, before.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &small), 0);
  const std::string code = send_error(path);
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &before), 0);
  std::signal(SIGXFSZ, handler);
  EXPECT_EQ(code, "file.no_space");
  EXPECT_EQ(events_->next(FileEvent::Kind::kFailed).error->code(), "file.no_space");
  EXPECT_EQ(send_error(path), "sent");
}

TEST_F(Files, InboxThatCannotBeWritten) {
  inbox_ = make("occupied", random_content(1));
  start();
  EXPECT_EQ(send_error(make("a", random_content(1))), "file.inbox_denied");
  EXPECT_EQ(events_->next(FileEvent::Kind::kFailed).error->code(), "file.inbox_denied");
}

// A source that shrinks or is rewritten while it is read. The hook acts once the receiver has
// bytes.
TEST_F(Files, SourceThatChanges) {
  start();
  const Bytes content = random_content(64 * 1024 * 1024);
  for (const bool shrink : {true, false}) {
    const fs::path path = make("moving", content);
    std::once_flag once;
    events_->set_hook([&](const FileEvent& event) {
      if (event.kind == FileEvent::Kind::kProgress) {
        std::call_once(once, [&] {
          if (shrink) {
            fs::resize_file(path, 1'000);
          } else {
            std::fstream out(path, std::ios::binary | std::ios::in | std::ios::out);
            out.seekp(-1, std::ios::end);
            out.put('x');
          }
        });
      }
    });
    EXPECT_EQ(send_error(path), "file.source_changed");
    EXPECT_EQ(events_->next(FileEvent::Kind::kFailed).error->code(), "file.source_changed");
    EXPECT_TRUE(received().empty());
  }
}

// Connection lost in the middle: what is durable is not sent again.
TEST_F(Files, ResumeAfterALostConnection) {
  start({.checkpoint_size = 4 * 1024 * 1024});
  const Bytes content = random_content(96 * 1024 * 1024);
  const fs::path path = make("long.bin", content);
  std::once_flag once;
  events_->set_hook([&](const FileEvent& event) {
    if (event.kind == FileEvent::Kind::kProgress && event.received > 20 * 1024 * 1024) {
      std::call_once(once, [&] {
        asio::post(connection_.executor(),
                   [connection = connection_]() mutable { connection.close(); });
      });
    }
  });
  EXPECT_EQ(send_error(path), "stoq.closed");
  const FileEvent failed = events_->next(FileEvent::Kind::kFailed);
  // The packet that says so may get lost; nobody repeats it (RFC 9000 §10.2).
  EXPECT_THAT(failed.error->code(), ::testing::AnyOf("stoq.closed_by_peer", "stoq.idle_timeout"));
  EXPECT_EQ(received().size(), 2u);  // part and journal
  events_->set_hook({});

  connection_ = loopback_->connect();
  const auto report = send(path);
  ASSERT_TRUE(report) << report.error().to_string();
  EXPECT_GE(report->resumed_at, 20u * 1024 * 1024);
  EXPECT_LT(report->resumed_at, content.size());
  EXPECT_EQ(report->sha256, sha256_hex(content));
  EXPECT_EQ(read_file(inbox_ / "alice" / "long.bin"), content);
  EXPECT_EQ(received(), (std::vector<std::string>{"long.bin"}));
}

class InterruptedFile : public Files {
 protected:
  // Leaves a part and its journal behind, as a receiver that was killed does.
  void interrupt(const fs::path& path) {
    std::once_flag once;
    events_->set_hook([&](const FileEvent& event) {
      if (event.kind == FileEvent::Kind::kProgress && event.received > 10 * 1024 * 1024) {
        std::call_once(once, [&] {
          asio::post(connection_.executor(),
                     [connection = connection_]() mutable { connection.close(); });
        });
      }
    });
    EXPECT_EQ(send_error(path), "stoq.closed");
    (void)events_->next(FileEvent::Kind::kFailed);
    events_->set_hook({});
    connection_ = loopback_->connect();
    for (const std::string& name : received()) {
      (name.ends_with(".part") ? part_ : journal_) = inbox_ / "alice" / name;
    }
    ASSERT_TRUE(fs::exists(part_));
    ASSERT_TRUE(fs::exists(journal_));
  }
  fs::path part_;
  fs::path journal_;
};

TEST_F(InterruptedFile, BytesBehindTheJournalDoNotCount) {
  start({.checkpoint_size = 1024 * 1024});
  const Bytes content = random_content(48 * 1024 * 1024);
  const fs::path path = make("a.bin", content);
  interrupt(path);
  // kill -9 left more in the part than the journal knows of, and what is beyond is garbage.
  const auto durable = core::decode_file_journal(read_file(journal_));
  ASSERT_TRUE(durable);
  {
    std::fstream out(part_, std::ios::binary | std::ios::in | std::ios::out);
    out.seekp(static_cast<std::streamoff>(durable->durable));
    const Bytes garbage = random_content(3'000'000);
    out.write(reinterpret_cast<const char*>(garbage.data()),
              static_cast<std::streamsize>(garbage.size()));
  }
  const auto report = send(path);
  ASSERT_TRUE(report) << report.error().to_string();
  EXPECT_EQ(report->resumed_at, durable->durable);
  EXPECT_EQ(read_file(inbox_ / "alice" / "a.bin"), content);
}

TEST_F(InterruptedFile, DamagedPartIsFoundAndDeleted) {
  start({.checkpoint_size = 1024 * 1024});
  const Bytes content = random_content(48 * 1024 * 1024);
  const fs::path path = make("a.bin", content);
  interrupt(path);
  {
    std::fstream out(part_, std::ios::binary | std::ios::in | std::ios::out);
    out.seekp(5'000);
    out.put(static_cast<char>(content[5'000] ^ 1));
  }
  EXPECT_EQ(send_error(path), "file.hash_mismatch");
  EXPECT_EQ(events_->next(FileEvent::Kind::kFailed).error->code(), "file.hash_mismatch");
  EXPECT_TRUE(received().empty());
  EXPECT_EQ(send_error(path), "sent");
}

TEST_F(InterruptedFile, DamagedJournalMeansFromTheStart) {
  start({.checkpoint_size = 1024 * 1024});
  const Bytes content = random_content(48 * 1024 * 1024);
  const fs::path path = make("a.bin", content);
  interrupt(path);
  Bytes journal = read_file(journal_);
  journal[20] ^= 1;
  write_file(journal_, journal);
  const auto report = send(path);
  ASSERT_TRUE(report) << report.error().to_string();
  EXPECT_EQ(report->resumed_at, 0u);
  EXPECT_EQ(read_file(inbox_ / "alice" / "a.bin"), content);
}

TEST_F(InterruptedFile, OldPartsAreDeleted) {
  start({.checkpoint_size = 1024 * 1024, .part_age_max = 3'600 * kSecond});
  interrupt(make("a.bin", random_content(48 * 1024 * 1024)));
  EXPECT_EQ(send_error(make("b.bin", random_content(10))), "sent");
  EXPECT_TRUE(fs::exists(part_));
  const auto old = fs::file_time_type::clock::now() - std::chrono::hours(2);
  fs::last_write_time(part_, old);
  fs::last_write_time(journal_, old);
  EXPECT_EQ(send_error(make("c.bin", random_content(10))), "sent");
  EXPECT_EQ(received(), (std::vector<std::string>{"b.bin", "c.bin"}));
}

// Offers a file, waits for the answer, then says no more. Returns why that ended.
Task<Result<void>> offer_and_hang(Connection connection, core::FileOffer offer,
                                  std::shared_ptr<std::promise<void>> answered) {
  I2_CO_TRY_VALUE(Stream stream, co_await connection.open_stream(StreamType::kFile));
  Bytes record;
  core::append_record(record, static_cast<std::uint64_t>(core::FileRecord::kOffer),
                      core::encode(offer));
  I2_CO_TRY(co_await stream.write(Chunk(std::move(record))));
  for (bool first = true;; first = false) {
    const auto chunk = co_await stream.read();
    if (first) {
      answered->set_value();
    }
    if (!chunk) {
      co_return fail(explain(chunk.error()));
    }
    if (chunk->size() == 0) {
      co_return Result<void>{};
    }
  }
}

class HangingTransfer : public Files {
 protected:
  std::future<Result<void>> hang(const Connection& connection, const core::FileOffer& offer) {
    auto answered = std::make_shared<std::promise<void>>();
    auto answer = answered->get_future();
    auto ended =
        asio::co_spawn(connection.executor(),
                       offer_and_hang(connection, offer, std::move(answered)), asio::use_future);
    get(std::move(answer), "the answer");
    return ended;
  }
};

TEST_F(HangingTransfer, IsSupersededByTheSameTransfer) {
  start();
  const Bytes content = random_content(100'000);
  const fs::path path = make("a.bin", content);
  struct stat status{};
  ASSERT_EQ(::stat(path.c_str(), &status), 0);
  const auto mtime = static_cast<std::uint64_t>(status.st_mtim.tv_sec) * 1'000'000'000 +
                     static_cast<std::uint64_t>(status.st_mtim.tv_nsec);
  core::FileOffer offer{.size = content.size(), .name = "a.bin"};
  offer.id = core::transfer_id(connection_.local_node(), offer.name, offer.size, mtime);
  auto first = hang(loopback_->connect(), offer);
  const auto second = send(path);
  ASSERT_TRUE(second) << second.error().to_string();
  EXPECT_EQ(second->sha256, sha256_hex(content));
  EXPECT_EQ(get(std::move(first), "the first attempt").error().code(), "stoq.cancelled");
  EXPECT_EQ(events_->next(FileEvent::Kind::kFailed).error->code(), "file.superseded");
  EXPECT_EQ(received(), (std::vector<std::string>{"a.bin"}));
}

TEST_F(HangingTransfer, CountsAgainstTheBound) {
  start({.transfers_max = 1});
  auto other = loopback_->connect();
  auto first = hang(other, {.size = 1'000, .name = "never"});
  const fs::path path = make("a.bin", random_content(10));
  EXPECT_EQ(send_error(path), "file.busy");
  EXPECT_EQ(events_->next(FileEvent::Kind::kFailed).error->code(), "file.busy");
  asio::post(other.executor(), [other]() mutable { other.close(); });
  EXPECT_FALSE(get(std::move(first), "the hanging transfer"));
  EXPECT_EQ(events_->next(FileEvent::Kind::kFailed).error->code(), "stoq.closed_by_peer");
  EXPECT_EQ(send_error(path), "sent");
  EXPECT_EQ(received(), (std::vector<std::string>{"a.bin"}));
}

TEST_F(HangingTransfer, OffersThatAreNoneAreRefused) {
  start();
  const auto refused = [&](const core::FileOffer& offer) {
    auto ended = hang(connection_, offer);
    (void)ended;
    return std::string(events_->next(FileEvent::Kind::kFailed).error->code());
  };
  EXPECT_EQ(refused({.size = 1, .name = "../../etc/passwd"}), "file.name_invalid");
  EXPECT_EQ(refused({.size = 1, .name = ""}), "file.name_invalid");
  EXPECT_EQ(refused({.size = 1, .name = std::string(256, 'a')}), "file.name_invalid");
  EXPECT_EQ(refused({.size = 1ULL << 50, .name = "a"}), "file.too_large");
  EXPECT_FALSE(fs::exists(inbox_));
}

#ifndef I2_SANITIZED
// kill -9 of the receiving process in the middle: a new one goes on from the journal. The receivers
// are forked before this process has threads; the second waits until it is wanted.
class KilledReceiver : public Files {
 protected:
  struct Child {
    pid_t pid = -1;
    int wanted = -1;   // written to start it
    int address = -1;  // read for its port
  };

  Child fork_receiver() {
    int wanted[2];
    int address[2];
    EXPECT_EQ(::pipe(wanted), 0);
    EXPECT_EQ(::pipe(address), 0);
    const pid_t pid = ::fork();
    if (pid == 0) {
      ::close(wanted[1]);
      char go = 0;
      if (::read(wanted[0], &go, 1) == 1) {
        receive_until_killed(address[1]);
      }
      ::_exit(0);
    }
    ::close(wanted[0]);
    ::close(address[1]);
    return {pid, wanted[1], address[0]};
  }

  void receive_until_killed(int address) {
    rt::Runtime runtime({.workers = 1, .pool_threads = 2, .worker_cpus = {}});
    StreamDispatcher dispatcher;
    FileReceiver receiver(inbox_, runtime.pool(), {.checkpoint_size = 4 * 1024 * 1024}, {});
    receiver.attach(dispatcher);
    TransportConfig config;
    config.bind.ip[15] = 1;
    auto bob = Transport::create(config, runtime, identities().bob, identities().fleet);
    if (!bob) {
      ::_exit(1);
    }
    const std::uint16_t port = (*bob)->local_address().port;
    (void)!::write(address, &port, sizeof port);
    for (;;) {
      auto connection = run(runtime.control(), (*bob)->accept());
      asio::co_spawn(connection->executor(), dispatcher.serve(*connection), asio::detached);
    }
  }

  static SocketAddress start_child(const Child& child) {
    (void)!::write(child.wanted, "g", 1);
    SocketAddress out;
    out.ip[15] = 1;
    EXPECT_EQ(::read(child.address, &out.port, sizeof out.port),
              static_cast<ssize_t>(sizeof out.port));
    return out;
  }

  static void kill(const Child& child) {
    ::kill(child.pid, SIGKILL);
    ::waitpid(child.pid, nullptr, 0);
  }
};

TEST_F(KilledReceiver, ANewOneGoesOnFromTheJournal) {
  (void)identities();
  Child first = fork_receiver();
  Child second = fork_receiver();
  const Bytes content = random_content(128 * 1024 * 1024);
  const fs::path path = make("big.bin", content);

  rt::Runtime runtime({.workers = 1, .pool_threads = 2, .worker_cpus = {}});
  TransportConfig config;
  config.bind.ip[15] = 1;
  config.endpoint.idle_timeout = kSecond;
  auto alice = Transport::create(config, runtime, identities().alice, identities().fleet);
  ASSERT_TRUE(alice);
  const auto send_to = [&](const SocketAddress& address, SendOptions options) {
    auto connection = run(runtime.control(), (*alice)->connect(address));
    EXPECT_TRUE(connection);
    return run(connection->executor(),
               send_file(*connection, path, std::move(options), runtime.pool()));
  };
  bool killed = false;
  const auto broken =
      send_to(start_child(first), {.on_progress = [&](const FileProgress& progress) {
                if (!killed && progress.bytes > 60 * 1024 * 1024) {
                  kill(first);
                  killed = true;
                }
              }});
  ASSERT_TRUE(killed);
  EXPECT_EQ(broken.error().code(), "stoq.idle_timeout");
  const auto report = send_to(start_child(second), {});
  ASSERT_TRUE(report) << report.error().to_string();
  EXPECT_GE(report->resumed_at, 4u * 1024 * 1024);
  EXPECT_LT(report->resumed_at, content.size());
  EXPECT_EQ(read_file(inbox_ / "alice" / "big.bin"), content);
  EXPECT_EQ(received(), (std::vector<std::string>{"big.bin"}));
  kill(second);
  run(runtime.control(), (*alice)->shutdown());
}
#endif

TEST(FilesRefused, WherePeerServesNone) {
  StreamDispatcher dispatcher;
  Loopback loopback(dispatcher);
  const auto connection = loopback.connect();
  const auto report = run(connection.executor(), send_file(connection, "/proc/self/exe", {},
                                                           loopback.alice_runtime().pool()));
  EXPECT_EQ(report.error().code(), "stoq.refused");
}

}  // namespace
}  // namespace i2::stoq::test
