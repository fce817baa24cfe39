#include "client/data/selection.h"

#include <algorithm>
#include <utility>

namespace chainrule::client {
namespace {

constexpr int64_t kBlockRows = 1024;

// What reads another source and passes its widths on.
class Wrapper : public RowSource {
 public:
  explicit Wrapper(std::unique_ptr<RowSource> source) : source_(std::move(source)) {}
  int64_t width() const override { return source_->width(); }
  int64_t bytes_per_row() const override { return source_->bytes_per_row(); }

 protected:
  RowSource& source() { return *source_; }

 private:
  std::unique_ptr<RowSource> source_;
};

class FoldSource final : public Wrapper {
 public:
  FoldSource(std::unique_ptr<RowSource> source, Fold fold)
      : Wrapper(std::move(source)), fold_(fold) {}

  absl::Status Next(int64_t max_rows, Rows* rows) override {
    rows->Clear();
    while (rows->count == 0) {
      const absl::Status read = source().Next(max_rows, &block_);
      if (!read.ok()) return read;
      if (block_.count == 0) return absl::OkStatus();
      for (int64_t i = 0; i < block_.count; ++i) {
        if (!IsSelected(i)) continue;
        rows->Append(block_, i);
        rows->numbers.push_back(rows_before_ + i + 1);
      }
      rows_before_ += block_.count;
    }
    return absl::OkStatus();
  }

 private:
  bool IsSelected(int64_t index) {
    const auto position = static_cast<size_t>(index);
    const size_t kind = block_.classes.empty() ? 0 : static_cast<size_t>(block_.classes[position]);
    if (kind >= seen_.size()) seen_.resize(kind + 1);
    const int64_t number = seen_[kind]++;
    return (number % fold_.folds == fold_.fold) == fold_.held_out;
  }

  const Fold fold_;
  std::vector<int64_t> seen_;  // by class
  int64_t rows_before_ = 0;    // the block
  Rows block_;
};

class FirstRows final : public Wrapper {
 public:
  FirstRows(std::unique_ptr<RowSource> source, int64_t limit)
      : Wrapper(std::move(source)), left_(limit) {}

  absl::Status Next(int64_t max_rows, Rows* rows) override {
    rows->Clear();
    if (left_ == 0) return absl::OkStatus();
    const absl::Status read = source().Next(std::min(max_rows, left_), rows);
    left_ -= rows->count;
    return read;
  }

 private:
  int64_t left_;
};

class SomeRows final : public Wrapper {
 public:
  SomeRows(std::unique_ptr<RowSource> source, std::string message)
      : Wrapper(std::move(source)), message_(std::move(message)) {}

  absl::Status Next(int64_t max_rows, Rows* rows) override {
    const absl::Status read = source().Next(max_rows, rows);
    if (!read.ok()) return read;
    has_rows_ = has_rows_ || rows->count > 0;
    return has_rows_ ? read : absl::InvalidArgumentError(message_);
  }

 private:
  const std::string message_;
  bool has_rows_ = false;
};

class ClassWeights final : public Wrapper {
 public:
  ClassWeights(std::unique_ptr<RowSource> source, std::vector<float> weights)
      : Wrapper(std::move(source)), weights_(std::move(weights)) {}

  int64_t bytes_per_row() const override {
    return Wrapper::bytes_per_row() + static_cast<int64_t>(sizeof(float));
  }

  absl::Status Next(int64_t max_rows, Rows* rows) override {
    const absl::Status read = source().Next(max_rows, rows);
    if (!read.ok()) return read;
    rows->weights.resize(rows->classes.size(), 1.0f);
    for (size_t i = 0; i < rows->classes.size(); ++i) {
      rows->weights[i] *= weights_[static_cast<size_t>(rows->classes[i])];
    }
    return absl::OkStatus();
  }

 private:
  const std::vector<float> weights_;
};

}  // namespace

std::unique_ptr<RowSource> SelectFold(std::unique_ptr<RowSource> source, Fold fold) {
  return std::make_unique<FoldSource>(std::move(source), fold);
}

std::unique_ptr<RowSource> TakeFirst(std::unique_ptr<RowSource> source, int64_t limit) {
  return std::make_unique<FirstRows>(std::move(source), limit);
}

std::unique_ptr<RowSource> RequireRows(std::unique_ptr<RowSource> source, std::string message) {
  return std::make_unique<SomeRows>(std::move(source), std::move(message));
}

std::unique_ptr<RowSource> WeighClasses(std::unique_ptr<RowSource> source,
                                        std::vector<float> class_weights) {
  return std::make_unique<ClassWeights>(std::move(source), std::move(class_weights));
}

absl::StatusOr<std::vector<float>> BalancedWeights(RowSource* source, int64_t class_count) {
  std::vector<int64_t> counts(static_cast<size_t>(class_count));
  int64_t rows = 0;
  Rows block;
  do {
    const absl::Status read = source->Next(kBlockRows, &block);
    if (!read.ok()) return read;
    for (const int32_t id : block.classes) ++counts[static_cast<size_t>(id)];
    rows += block.count;
  } while (block.count > 0);
  const auto present =
      counts.size() - static_cast<size_t>(std::count(counts.begin(), counts.end(), 0));
  std::vector<float> weights(counts.size());
  for (size_t i = 0; i < counts.size(); ++i) {
    if (counts[i] == 0) continue;
    weights[i] = static_cast<float>(static_cast<double>(rows) /
                                    static_cast<double>(present * static_cast<size_t>(counts[i])));
  }
  return weights;
}

}  // namespace chainrule::client
