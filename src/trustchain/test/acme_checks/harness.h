// A checker on an executor of the test's, and the servers that it looks at.
#pragma once

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <i2/trustchain/challenge_checker.h>
#include <i2/trustchain/testing/temp_dir.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/use_future.hpp>
#include <boost/asio/write.hpp>
#include <chrono>
#include <csignal>
#include <fstream>
#include <functional>
#include <future>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace i2::trustchain::testing {

namespace asio = boost::asio;
using asio::ip::tcp;

// Longer than anything takes on a busy machine under sanitizers.
inline constexpr std::chrono::seconds kPatience{60};

inline void write_file(const fs::path& path, std::string_view text) {
  fs::create_directories(path.parent_path());
  std::ofstream(path, std::ios::binary) << text;
}

inline std::string error_text(const Result<void>& result) {
  return result ? "ok" : result.error().to_string();
}

class Checks : public ::testing::Test {
 protected:
  // The hosts file has `hosts`.
  void open(ChallengeChecker::Config config, std::string_view hosts = "") {
    config.hosts_file = dir_ / "hosts";
    write_file(config.hosts_file, hosts);
    if (config.resolver.empty()) {
      config.resolver = "[::1]:1";  // nobody is there
    }
    auto made = ChallengeChecker::open(io_.get_executor(), pool_.get_executor(), std::move(config));
    ASSERT_TRUE(made) << made.error().to_string();
    checker_ = *std::move(made);
  }

  template <class Done>
  bool run_until(Done done, std::chrono::milliseconds at_most = kPatience) {
    const auto deadline = std::chrono::steady_clock::now() + at_most;
    while (!done()) {
      io_.restart();
      if (io_.run_one_until(deadline) == 0 && std::chrono::steady_clock::now() >= deadline) {
        return false;
      }
    }
    return true;
  }
  [[nodiscard]] std::future<Result<void>> start(asio::awaitable<Result<void>> work) {
    return asio::co_spawn(io_, std::move(work), asio::use_future);
  }
  static bool is_ready(const std::future<Result<void>>& result) {
    return result.wait_for(std::chrono::seconds(0)) == std::future_status::ready;
  }
  Result<void> finish(std::future<Result<void>> result) {
    if (!run_until([&] { return is_ready(result); })) {
      return fail("test.late", "it did not end");
    }
    return result.get();
  }
  Result<void> check(acme::Validation validation) {
    return finish(start(checker_->check(std::move(validation))));
  }
  Result<void> check_caa(std::vector<std::string> names) {
    return finish(start(checker_->check_caa(std::move(names))));
  }

  asio::io_context io_{1};
  asio::executor_work_guard<asio::io_context::executor_type> work_{io_.get_executor()};
  asio::thread_pool pool_{1};
  TempDir dir_;
  std::unique_ptr<ChallengeChecker> checker_;
};

// Answers requests at [::1] with what `handle` makes of their head: all that is sent, before the
// connection ends. Nothing: it stays open and silent.
class HttpServer {
 public:
  using Handler = std::function<std::optional<std::string>(const std::string& head)>;
  HttpServer(asio::io_context& io, Handler handle)
      : acceptor_(io, tcp::endpoint(asio::ip::address_v6::loopback(), 0)),
        handle_(std::move(handle)) {
    asio::co_spawn(io, serve(), asio::detached);
  }
  [[nodiscard]] std::uint16_t port() const { return acceptor_.local_endpoint().port(); }
  [[nodiscard]] const std::vector<std::string>& heads() const { return heads_; }

 private:
  asio::awaitable<void> serve() {
    for (;;) {
      auto [error, socket] = co_await acceptor_.async_accept(asio::as_tuple(asio::use_awaitable));
      if (error) {
        co_return;
      }
      asio::co_spawn(acceptor_.get_executor(), answer(std::move(socket)), asio::detached);
    }
  }
  asio::awaitable<void> answer(tcp::socket socket) {
    std::string head;
    auto [error, size] = co_await asio::async_read_until(
        socket, asio::dynamic_buffer(head), "\r\n\r\n", asio::as_tuple(asio::use_awaitable));
    if (error) {
      co_return;
    }
    heads_.push_back(head);
    const auto out = handle_(head);
    if (!out) {
      silent_.push_back(std::move(socket));
      co_return;
    }
    (void)co_await asio::async_write(socket, asio::buffer(*out),
                                     asio::as_tuple(asio::use_awaitable));
  }

  tcp::acceptor acceptor_;
  Handler handle_;
  std::vector<std::string> heads_;
  std::vector<tcp::socket> silent_;
};

// A port of [::1] that was free just now.
inline std::uint16_t free_port(asio::io_context& io) {
  return tcp::acceptor(io, tcp::endpoint(asio::ip::address_v6::loopback(), 0))
      .local_endpoint()
      .port();
}

// A program whose output is read, killed with the object. Its standard input stays open and empty.
class Program {
 public:
  explicit Program(std::vector<std::string> words, const fs::path& folder = "/") {
    std::array<int, 2> out{};
    std::array<int, 2> in{};
    EXPECT_EQ(::pipe2(out.data(), O_CLOEXEC), 0);
    EXPECT_EQ(::pipe2(in.data(), O_CLOEXEC), 0);
    posix_spawn_file_actions_t actions{};
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawn_file_actions_adddup2(&actions, in[0], STDIN_FILENO);
    ::posix_spawn_file_actions_adddup2(&actions, out[1], STDOUT_FILENO);
    ::posix_spawn_file_actions_adddup2(&actions, out[1], STDERR_FILENO);
    ::posix_spawn_file_actions_addchdir_np(&actions, folder.c_str());
    std::vector<char*> arguments;
    for (std::string& word : words) {
      arguments.push_back(word.data());
    }
    arguments.push_back(nullptr);
    EXPECT_EQ(
        ::posix_spawnp(&pid_, arguments.front(), &actions, nullptr, arguments.data(), environ), 0);
    ::posix_spawn_file_actions_destroy(&actions);
    ::close(out[1]);
    ::close(in[0]);
    output_ = out[0];
    input_ = in[1];
  }
  ~Program() {
    if (pid_ > 0) {
      ::kill(pid_, SIGKILL);
      ::waitpid(pid_, nullptr, 0);
    }
    ::close(output_);
    ::close(input_);
  }
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;

  // What follows `before` in a line of its output, up to white space. Empty: that never came.
  [[nodiscard]] std::optional<std::string> wait_for(std::string_view before) {
    for (;;) {
      const std::size_t at = text_.find(before);
      if (at != std::string::npos && text_.find('\n', at) != std::string::npos) {
        const std::size_t begin = at + before.size();
        return text_.substr(begin, text_.find_first_of(" \r\n", begin) - begin);
      }
      if (!read_some()) {
        ADD_FAILURE() << "never said '" << before << "': " << text_;
        return std::nullopt;
      }
    }
  }
  // Waits for its end.
  [[nodiscard]] bool succeeds() {
    while (read_some()) {
    }
    int status = -1;
    return ::waitpid(std::exchange(pid_, 0), &status, 0) > 0 && status == 0;
  }
  [[nodiscard]] const std::string& text() const { return text_; }

 private:
  bool read_some() {
    pollfd ready{.fd = output_, .events = POLLIN, .revents = 0};
    const auto patience = std::chrono::duration_cast<std::chrono::milliseconds>(kPatience).count();
    if (::poll(&ready, 1, static_cast<int>(patience)) != 1) {
      return false;
    }
    std::array<char, 4096> buffer{};
    const ssize_t size = ::read(output_, buffer.data(), buffer.size());
    text_.append(buffer.data(), size > 0 ? static_cast<std::size_t>(size) : 0);
    return size > 0;
  }

  pid_t pid_ = 0;
  int output_ = -1;
  int input_ = -1;
  std::string text_;
};

// Runs a program to its end.
inline void run_program(std::vector<std::string> words) {
  Program program(std::move(words));
  EXPECT_TRUE(program.succeeds()) << program.text();
}

}  // namespace i2::trustchain::testing
