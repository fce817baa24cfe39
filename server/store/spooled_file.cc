#include "server/store/spooled_file.h"

#include <limits.h>

#include <algorithm>
#include <utility>

#include "engine/train/examples.h"

namespace chainrule::server {
namespace {

using engine::ExampleChunk;

// What one element may want.
constexpr int64_t kAlignment = 8;
constexpr size_t kPartsOfARow = 3;
// Of one read.
constexpr int64_t kMaxRows = IOV_MAX / kPartsOfARow;

int64_t Aligned(int64_t bytes) { return (bytes + kAlignment - 1) / kAlignment * kAlignment; }

}  // namespace

SpooledFile::SpooledFile(std::shared_ptr<const SpoolFile> file, std::vector<RowRun> runs)
    : file_(std::move(file)), runs_(std::move(runs)) {
  for (const RowRun& run : runs_) {
    const int64_t row_bytes = run.layout.row_bytes();
    rows_ += run.rows;
    bytes_ += run.rows * row_bytes;
    largest_row_bytes_ = std::max(largest_row_bytes_, row_bytes);
    weighted_ = weighted_ || run.layout.weight.has_value();
  }
}

const RowRun& SpooledFile::RunOf(int64_t row) const {
  const auto after =
      std::upper_bound(runs_.begin(), runs_.end(), row,
                       [](int64_t wanted, const RowRun& run) { return wanted < run.first_row; });
  return *std::prev(after);
}

// Rows that are alike and follow each other in what was asked for become one chunk. Those
// that follow each other in the file, too, are one read.
class SpooledFile::Stage : public engine::RowStage {
 public:
  explicit Stage(const SpooledFile& rows) : rows_(rows) {}

  absl::Status Start(std::span<const int64_t> rows) override {
    waits_.clear();
    chunks_.clear();
    Divide(rows);
    size_t first = 0;
    for (const Part& part : parts_) {
      StartPart(rows.subspan(first, static_cast<size_t>(part.rows)), part);
      first += static_cast<size_t>(part.rows);
    }
    return absl::OkStatus();
  }

  absl::Status Finish() override {
    for (const Extent& extent : waits_) {
      Aim(extent);
      if (absl::Status status = rows_.file_->Read(vectors_, extent.offset); !status.ok()) {
        return status;
      }
    }
    return absl::OkStatus();
  }

  const std::vector<ExampleChunk>& chunks() const override { return chunks_; }

 private:
  // Rows of one run, and where their columns begin in memory.
  struct Part {
    const RowRun* run = nullptr;
    int64_t rows = 0;
    int64_t inputs = 0;
    int64_t targets = 0;
    int64_t weights = 0;
  };
  // Rows of a part, from `first` on, that follow each other in the file.
  struct Extent {
    const Part* part = nullptr;
    int64_t first = 0;
    int64_t rows = 0;
    int64_t offset = 0;
  };

  void Divide(std::span<const int64_t> rows) {
    parts_.clear();
    for (const int64_t row : rows) {
      if (parts_.empty() || !parts_.back().run->Has(row)) parts_.push_back({&rows_.RunOf(row)});
      ++parts_.back().rows;
    }
    int64_t bytes = 0;
    for (Part& part : parts_) {
      const RowLayout& layout = part.run->layout;
      part.inputs = bytes;
      part.targets = Aligned(part.inputs + part.rows * layout.input_bytes());
      part.weights = Aligned(part.targets + part.rows * layout.target_bytes());
      bytes = Aligned(part.weights + part.rows * layout.weight_bytes());
    }
    if (static_cast<size_t>(bytes) > bytes_.size() * sizeof(uint64_t)) {
      bytes_.resize(static_cast<size_t>(bytes) / sizeof(uint64_t));
    }
  }

  char* at(int64_t place) { return reinterpret_cast<char*>(bytes_.data()) + place; }

  void StartPart(std::span<const int64_t> rows, const Part& part) {
    chunks_.push_back(ChunkOf(part));
    Extent extent;
    for (size_t i = 0; i < rows.size(); ++i) {
      const bool goes_on = i > 0 && rows[i] == rows[i - 1] + 1 && extent.rows < kMaxRows;
      if (!goes_on) {
        if (i > 0) StartExtent(extent);
        extent = {&part, static_cast<int64_t>(i), 0, part.run->OffsetOf(rows[i])};
      }
      ++extent.rows;
    }
    StartExtent(extent);
  }

  void StartExtent(const Extent& extent) {
    Aim(extent);
    const int64_t bytes = extent.rows * extent.part->run->layout.row_bytes();
    if (!rows_.file_->ReadAtHand(vectors_, bytes, extent.offset)) waits_.push_back(extent);
  }

  // vectors_ ← where the rows go, column by column.
  void Aim(const Extent& extent) {
    const RowLayout& layout = extent.part->run->layout;
    vectors_.clear();
    for (int64_t row = extent.first; row < extent.first + extent.rows; ++row) {
      Aim(extent.part->inputs, row, layout.input_bytes());
      Aim(extent.part->targets, row, layout.target_bytes());
      if (layout.weight.has_value()) Aim(extent.part->weights, row, layout.weight_bytes());
    }
  }
  void Aim(int64_t column, int64_t row, int64_t row_bytes) {
    vectors_.push_back({at(column + row * row_bytes), static_cast<size_t>(row_bytes)});
  }

  ExampleChunk ChunkOf(const Part& part) {
    const RowLayout& layout = part.run->layout;
    ExampleChunk chunk;
    chunk.rows = part.rows;
    chunk.inputs = {layout.inputs, at(part.inputs), layout.input_width};
    if (layout.targets.has_value()) {
      chunk.targets = {*layout.targets, at(part.targets), layout.target_width};
    } else {
      chunk.class_ids = {reinterpret_cast<const int32_t*>(at(part.targets)),
                         static_cast<size_t>(part.rows)};
    }
    if (layout.weight.has_value()) chunk.sample_weights = {*layout.weight, at(part.weights), 1};
    return chunk;
  }

  const SpooledFile& rows_;
  std::vector<uint64_t> bytes_;
  std::vector<Part> parts_;
  std::vector<ExampleChunk> chunks_;
  std::vector<Extent> waits_;
  std::vector<iovec> vectors_;
};

std::unique_ptr<engine::RowStage> SpooledFile::NewStage() const {
  return std::make_unique<Stage>(*this);
}

absl::Status SpooledFile::AddWeights(std::span<const int64_t> rows, double* sum) const {
  for (const int64_t row : rows) {
    const RowRun& run = RunOf(row);
    float weight = 1;
    if (run.layout.weight.has_value()) {
      uint64_t bytes = 0;
      const auto size = static_cast<size_t>(run.layout.weight_bytes());
      iovec part = {&bytes, size};
      const int64_t end = run.OffsetOf(row) + run.layout.row_bytes();
      absl::Status status = file_->Read({&part, 1}, end - run.layout.weight_bytes());
      if (!status.ok()) return status;
      engine::ElementRows{*run.layout.weight, &bytes, 1}.CopyRow(0, {&weight, 1});
    }
    *sum += static_cast<double>(weight);
  }
  return absl::OkStatus();
}

}  // namespace chainrule::server
