// The reports of a training's epochs, of which there may be a million.
#ifndef CHAINRULE_ENGINE_TRAIN_ADD_REPORT_H_
#define CHAINRULE_ENGINE_TRAIN_ADD_REPORT_H_

#include <algorithm>
#include <cstddef>
#include <utility>
#include <vector>

#include "engine/train/trainer.h"

namespace chainrule::engine {

// Adds one. Of more than 20,000 the older half goes, and the report that is too old for a
// confusion matrix loses it. Requires that all of a training have matrices of one size.
inline void AddReport(EpochReport report, TrainResult* result) {
  constexpr size_t kNumbers = (size_t{4} << 20) / sizeof(double);
  const size_t size = report.validation_metrics ? report.validation_metrics->confusion.size() : 0;
  constexpr ptrdiff_t kDropped = 10'000;
  std::vector<EpochReport>& reports = result->epochs;
  if (reports.size() == 2 * kDropped) reports.erase(reports.begin(), reports.begin() + kDropped);
  reports.push_back(std::move(report));
  if (size == 0) return;
  const size_t kept = std::max<size_t>(kNumbers / size, 1);
  if (reports.size() <= kept) return;
  EpochReport& old = reports[reports.size() - 1 - kept];
  if (old.validation_metrics) old.validation_metrics->confusion = {};
}

}  // namespace chainrule::engine

#endif  // CHAINRULE_ENGINE_TRAIN_ADD_REPORT_H_
