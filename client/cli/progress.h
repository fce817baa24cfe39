#ifndef CHAINRULE_CLIENT_CLI_PROGRESS_H_
#define CHAINRULE_CLIENT_CLI_PROGRESS_H_

#include <cstdint>
#include <ostream>
#include <string>

#include "chainrule/v1/training_service.pb.h"

namespace chainrule::client {

// Progress: what training tells on its way: one line drawn over and over, or a line for
// the first, the last and about twenty epochs between. Single-threaded.
class Progress {
 public:
  enum class Style { kNone, kBar, kLines };

  Progress(int64_t epochs, Style style, std::ostream* out)
      : epochs_(epochs), style_(style), out_(out) {}

  void Show(const v1::FitResponse& response);
  // Leaves the line of the bar.
  void End();

 private:
  void Draw(const std::string& line);
  bool IsWorthALine(int64_t epoch) const;

  const int64_t epochs_;
  const Style style_;
  std::ostream* const out_;
  bool is_drawn_ = false;
};

}  // namespace chainrule::client

#endif  // CHAINRULE_CLIENT_CLI_PROGRESS_H_
