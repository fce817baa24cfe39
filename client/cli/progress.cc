#include "client/cli/progress.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace chainrule::client {
namespace {

constexpr int64_t kLines = 20;
constexpr int64_t kBarWidth = 20;
constexpr char kEraseLine[] = "\r\x1b[K";

std::string BarOf(int64_t done, int64_t all) {
  const int64_t full = all == 0 ? 0 : std::min(kBarWidth, done * kBarWidth / all);
  std::string bar;
  for (int64_t i = 0; i < kBarWidth; ++i) absl::StrAppend(&bar, i < full ? "█" : "░");
  return bar;
}

std::string Describe(const v1::EpochReport& report, int64_t epochs) {
  std::string line =
      absl::StrFormat("epoch %d/%d  loss %.6g", report.epoch(), epochs, report.loss());
  if (report.has_validation_loss()) {
    absl::StrAppendFormat(&line, "  validation %.6g", report.validation_loss());
  }
  if (report.validation_metrics().has_accuracy()) {
    absl::StrAppendFormat(&line, "  accuracy %.4f", report.validation_metrics().accuracy());
  }
  absl::StrAppendFormat(&line, "  %.0f rows/s", report.rows_per_second());
  return line;
}

}  // namespace

void Progress::Show(const v1::FitResponse& response) {
  if (style_ == Style::kNone) return;
  if (response.has_epoch_report()) {
    const v1::EpochReport& report = response.epoch_report();
    const std::string line = Describe(report, epochs_);
    if (style_ == Style::kBar) {
      Draw(absl::StrCat(BarOf(report.epoch(), epochs_), " ", line));
    } else if (IsWorthALine(report.epoch())) {
      *out_ << line << std::endl;
    }
  } else if (style_ == Style::kBar) {
    Draw(absl::StrFormat("%d rows sent", response.rows_received()));
  }
}

void Progress::End() {
  if (is_drawn_) *out_ << std::endl;
}

void Progress::Draw(const std::string& line) {
  *out_ << kEraseLine << line << std::flush;
  is_drawn_ = true;
}

bool Progress::IsWorthALine(int64_t epoch) const {
  const int64_t stride = std::max<int64_t>(1, epochs_ / kLines);
  return epoch == 1 || epoch == epochs_ || epoch % stride == 0;
}

}  // namespace chainrule::client
