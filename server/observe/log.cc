#include "server/observe/log.h"

#include <spdlog/async.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"

namespace chainrule::server {
namespace {

constexpr size_t kQueuedLines = 8192;  // about 2 MiB of lines of the usual length

absl::string_view LevelName(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug:
      return "debug";
    case LogLevel::kInfo:
      return "info";
    case LogLevel::kWarning:
      return "warning";
    case LogLevel::kError:
    case LogLevel::kOff:
      return "error";
  }
  return "error";
}

// JSON's escapes; they do for text lines as well.
std::string Escaped(absl::string_view text) {
  std::string result;
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      result.append({'\\', c});
    } else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) {
      absl::StrAppendFormat(&result, "\\u%04x", static_cast<unsigned char>(c));
    } else {
      result.push_back(c);
    }
  }
  return result;
}

bool NeedsQuotes(absl::string_view text) {
  return text.empty() || text.find_first_of(" \"=\\") != absl::string_view::npos ||
         Escaped(text) != text;
}

std::string TextLine(absl::string_view time, LogLevel level, absl::string_view message,
                     std::initializer_list<LogField> fields) {
  std::string line = absl::StrCat(time, " ", LevelName(level), " ", Escaped(message));
  for (const LogField& field : fields) {
    const std::string value = Escaped(field.value);
    const absl::string_view quote = NeedsQuotes(field.value) ? "\"" : "";
    absl::StrAppend(&line, " ", field.key, "=", quote, value, quote);
  }
  return line;
}

std::string JsonLine(absl::string_view time, LogLevel level, absl::string_view message,
                     std::initializer_list<LogField> fields) {
  std::string line = absl::StrCat("{\"time\":\"", time, "\",\"level\":\"", LevelName(level),
                                  "\",\"message\":\"", Escaped(message), "\"");
  for (const LogField& field : fields) {
    absl::StrAppend(&line, ",\"", field.key, "\":\"", Escaped(field.value), "\"");
  }
  line.push_back('}');
  return line;
}

}  // namespace

std::string FormatLogLine(LogFormat format, absl::string_view time, LogLevel level,
                          absl::string_view message, std::initializer_list<LogField> fields) {
  return format == LogFormat::kJson ? JsonLine(time, level, message, fields)
                                    : TextLine(time, level, message, fields);
}

struct Logger::Sink {
  Sink() : thread(std::make_shared<spdlog::details::thread_pool>(kQueuedLines, 1)) {
    logger = std::make_shared<spdlog::async_logger>(
        "chainrule", std::make_shared<spdlog::sinks::stderr_sink_mt>(), thread,
        spdlog::async_overflow_policy::overrun_oldest);
  }

  // Shared: each line that waits holds its logger. The thread writes them all, then ends,
  // and the logger goes after it.
  std::shared_ptr<spdlog::async_logger> logger;
  std::shared_ptr<spdlog::details::thread_pool> thread;
};

Logger::Logger(LogLevel level, LogFormat format) : level_(level), format_(format) {
  if (level_ == LogLevel::kOff) return;
  sink_ = std::make_unique<Sink>();
  sink_->logger->set_pattern("%v");
  sink_->logger->set_level(spdlog::level::trace);
}

Logger::~Logger() = default;

void Logger::Write(LogLevel level, absl::string_view message,
                   std::initializer_list<LogField> fields) const {
  if (!Wants(level) || sink_ == nullptr) return;
  const std::string time =
      absl::FormatTime("%Y-%m-%dT%H:%M:%E3SZ", absl::Now(), absl::UTCTimeZone());
  const std::string line = FormatLogLine(format_, time, level, message, fields);
  sink_->logger->log(spdlog::level::info, spdlog::string_view_t(line.data(), line.size()));
}

}  // namespace chainrule::server
