// Logger: the one way to the log, which is stderr. A line is a message and named values;
// it is handed to a thread of the log's own, so the caller never waits for the disk.
// When lines come faster than they can be written, the oldest that wait are dropped.
// Thread-safe.
#ifndef CHAINRULE_SERVER_OBSERVE_LOG_H_
#define CHAINRULE_SERVER_OBSERVE_LOG_H_

#include <initializer_list>
#include <memory>
#include <string>

#include "absl/strings/string_view.h"

namespace chainrule::server {

enum class LogLevel { kDebug, kInfo, kWarning, kError, kOff };
enum class LogFormat { kText, kJson };

struct LogField {
  absl::string_view key;
  std::string value;
};

class Logger {
 public:
  Logger(LogLevel level, LogFormat format);
  // Writes what waits.
  ~Logger();
  Logger(const Logger&) = delete;
  Logger& operator=(const Logger&) = delete;

  bool Wants(LogLevel level) const { return level >= level_; }
  void Write(LogLevel level, absl::string_view message,
             std::initializer_list<LogField> fields = {}) const;

 private:
  struct Sink;
  const LogLevel level_;
  const LogFormat format_;
  std::unique_ptr<Sink> sink_;
};

// One line, without its end: `message key=value key="with spaces"`, or a JSON object.
// Control characters are escaped in both, so a value cannot forge a line.
std::string FormatLogLine(LogFormat format, absl::string_view time, LogLevel level,
                          absl::string_view message, std::initializer_list<LogField> fields);

}  // namespace chainrule::server

#endif  // CHAINRULE_SERVER_OBSERVE_LOG_H_
