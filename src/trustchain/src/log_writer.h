// LogWriter: carries out the rounds of a log, one at a time (docs/wire/ct-log.md, "Round").
#pragma once

#include <i2/store/head_file.h>
#include <i2/trustchain/ct_log.h>

#include <string>
#include <vector>

namespace i2::trustchain {

// A log as its last signed checkpoint says.
struct StoredLog {
  std::string note;
  ct::Log log;
};
// After the round that a crash has cut off. Signs nothing. Errors: trust.log_missing, those of
// CtLog::open() about what is stored.
[[nodiscard]] Result<StoredLog> load_log(const CtLog::Parts& parts, const ct::NoteKey& key);

class LogWriter {
 public:
  // The log as the last signed checkpoint says, after the round that a crash has cut off.
  // Errors: as CtLog::open().
  [[nodiscard]] static Result<LogWriter> open(const CtLog::Parts& parts, CtLog::Mode mode);

  [[nodiscard]] const ct::Log& log() const { return log_; }
  [[nodiscard]] const std::string& note() const { return note_; }
  // An operation had an error after which only the stores know how far the round has come: there
  // are no more rounds until the log is opened again.
  [[nodiscard]] bool is_broken() const { return broken_; }

  // A round: its entries are in the log for ever when it returns. Errors: trust.log_backwards,
  // trust.log_range and those of Parts::room, before anything has changed; else is_broken().
  [[nodiscard]] Result<std::vector<ct::LogEntry>> write(std::vector<ct::Submission> submissions,
                                                        std::vector<Bytes> issuers);

 private:
  explicit LogWriter(const CtLog::Parts& parts, store::HeadFile guard)
      : parts_(parts), guard_(std::move(guard)) {}
  [[nodiscard]] Result<void> create();
  [[nodiscard]] Result<void> load();
  [[nodiscard]] UnixMillis time_of_round() const;
  [[nodiscard]] Result<std::string> sign(const ct::Checkpoint& checkpoint, UnixMillis time) const;
  [[nodiscard]] Result<void> store(const ct::Round& round);
  [[nodiscard]] Result<void> remember();

  CtLog::Parts parts_;
  store::HeadFile guard_;
  Timestamp guarded_at_ = 0;
  ct::Log log_;
  std::string note_;  // of log_
  bool broken_ = false;
};

}  // namespace i2::trustchain
