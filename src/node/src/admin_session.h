// One client of the admin socket.
#pragma once

#include <deque>

#include "admin_server.h"

namespace i2::node {

class AdminServer::Session : public std::enable_shared_from_this<Session> {
 public:
  Session(AdminServer& server, Descriptor client);
  void start();
  // Ends the session: stops its request, drops what is not written.
  void close();

 private:
  struct Pending {
    std::string line;
    Descriptor file;
  };

  [[nodiscard]] Task<> read_all();
  [[nodiscard]] Task<> serve_all();
  [[nodiscard]] Task<> write_all();
  // False when the client has left or broken a limit.
  [[nodiscard]] bool read_some();
  [[nodiscard]] bool take_lines();
  [[nodiscard]] Task<> answer(Pending pending);
  void send(std::string_view line);

  AdminServer& server_;
  boost::asio::posix::stream_descriptor socket_;
  std::string input_;
  Descriptor file_;
  std::deque<Pending> pending_;
  std::string output_;
  std::stop_source stop_;
  Wakeup work_;        // serve_all(): a line has come, or the session ends
  Wakeup unsent_;      // write_all(): there is output, or the session ends
  bool last_ = false;  // close when everything is written
  bool closed_ = false;
};

}  // namespace i2::node
