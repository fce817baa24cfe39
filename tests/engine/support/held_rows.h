// HeldRows: spooled rows for tests, which are in memory after all. They come back in chunks of
// one row, and fail from a row on if told to.
#ifndef CHAINRULE_TESTS_ENGINE_SUPPORT_HELD_ROWS_H_
#define CHAINRULE_TESTS_ENGINE_SUPPORT_HELD_ROWS_H_

#include <limits>
#include <memory>
#include <utility>
#include <vector>

#include "engine/train/examples.h"
#include "engine/train/spooled_rows.h"

namespace chainrule::engine {

class HeldRows : public SpooledRows {
 public:
  static constexpr int64_t kNever = std::numeric_limits<int64_t>::max();

  // `row_bytes` is what a row is said to take. Rows from `broken` on cannot be read.
  HeldRows(Examples rows, int64_t row_bytes, int64_t broken = kNever)
      : rows_(std::move(rows)), row_bytes_(row_bytes), broken_(broken) {}

  int64_t rows() const override { return rows_.rows(); }
  bool weighted() const override { return rows_.weighted(); }
  int64_t bytes() const override { return rows_.bytes(); }
  int64_t largest_row_bytes() const override { return row_bytes_; }
  std::unique_ptr<RowStage> NewStage() const override { return std::make_unique<Stage>(*this); }
  absl::Status AddWeights(std::span<const int64_t> rows, double* sum) const override {
    if (absl::Status status = Check(rows); !status.ok()) return status;
    return rows_.AddWeights(rows, sum);
  }

 private:
  class Stage : public RowStage {
   public:
    explicit Stage(const HeldRows& all) : all_(all) {}
    absl::Status Start(std::span<const int64_t> rows) override {
      wanted_.assign(rows.begin(), rows.end());
      return absl::OkStatus();
    }
    absl::Status Finish() override {
      if (absl::Status status = all_.Check(wanted_); !status.ok()) return status;
      chunks_.clear();
      for (const int64_t row : wanted_) chunks_.push_back(all_.One(row));
      return absl::OkStatus();
    }
    const std::vector<ExampleChunk>& chunks() const override { return chunks_; }

   private:
    const HeldRows& all_;
    std::vector<int64_t> wanted_;
    std::vector<ExampleChunk> chunks_;
  };

  // Rows of float32 in one chunk, with targets.
  ExampleChunk One(int64_t row) const {
    ExampleChunk chunk = rows_.chunks().front();
    chunk.rows = 1;
    for (ElementRows* part : {&chunk.inputs, &chunk.targets, &chunk.sample_weights}) {
      if (part->data == nullptr) continue;
      part->data = static_cast<const float*>(part->data) + row * part->columns;
    }
    return chunk;
  }

  absl::Status Check(std::span<const int64_t> rows) const {
    for (const int64_t row : rows) {
      if (row >= broken_) return absl::UnavailableError("the disk is broken");
    }
    return absl::OkStatus();
  }

  const Examples rows_;
  const int64_t row_bytes_;
  const int64_t broken_;
};

// The same examples, as a spool has them.
inline Examples Spooled(const Examples& rows, int64_t row_bytes = 64,
                        int64_t broken = HeldRows::kNever) {
  Examples spooled(rows.input_width(), rows.output_width());
  spooled.Spool(std::make_shared<HeldRows>(rows, row_bytes, broken));
  return spooled;
}

}  // namespace chainrule::engine

#endif  // CHAINRULE_TESTS_ENGINE_SUPPORT_HELD_ROWS_H_
