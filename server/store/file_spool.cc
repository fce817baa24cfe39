#include "server/store/file_spool.h"

#include <span>
#include <utility>

#include "server/store/spooled_file.h"

namespace chainrule::server {
namespace {

using engine::ElementType;
using engine::ExampleChunk;

// So that small rows are not a write each, nor a look at the disk.
constexpr size_t kBufferBytes = size_t{1} << 20;

}  // namespace

absl::StatusOr<std::unique_ptr<engine::RowSpool>> FileSpool::Create(const std::string& folder,
                                                                    int64_t input_width,
                                                                    int64_t output_width,
                                                                    LookAtDisk look) {
  absl::StatusOr<std::shared_ptr<const SpoolFile>> file =
      SpoolFile::Create(folder, std::move(look));
  if (!file.ok()) return file.status();
  return std::unique_ptr<engine::RowSpool>(
      new FileSpool(*std::move(file), input_width, output_width));
}

FileSpool::FileSpool(std::shared_ptr<const SpoolFile> file, int64_t input_width,
                     int64_t output_width)
    : file_(std::move(file)), input_width_(input_width), output_width_(output_width) {}

absl::Status FileSpool::Append(const ExampleChunk& chunk) {
  if (chunk.rows == 0 || !status_.ok()) return status_;
  const bool another = runs_.empty() || !(runs_.back().layout == RowLayout::Of(chunk));
  if (another && runs_.size() + 1 >= kMaxRuns) {
    AppendConverted(chunk);
  } else {
    AppendRows(chunk);
  }
  return status_;
}

RowRun& FileSpool::RunOf(const RowLayout& layout) {
  if (runs_.empty() || !(runs_.back().layout == layout)) {
    RowRun run = {.layout = layout, .offset = written_ + static_cast<int64_t>(buffer_.size())};
    if (!runs_.empty()) run.first_row = runs_.back().first_row + runs_.back().rows;
    runs_.push_back(run);
  }
  return runs_.back();
}

void FileSpool::AppendRows(const ExampleChunk& chunk) {
  RowRun& run = RunOf(RowLayout::Of(chunk));
  run.rows += chunk.rows;
  for (int64_t row = 0; row < chunk.rows && status_.ok(); ++row) {
    AppendRow(run.layout, chunk, row, &buffer_);
    FlushIfLarge();
  }
}

void FileSpool::AppendConverted(const ExampleChunk& chunk) {
  engine::Examples rows(input_width_, output_width_);
  rows.Append(chunk);
  std::vector<float> inputs(static_cast<size_t>(input_width_));
  std::vector<float> targets(static_cast<size_t>(output_width_));
  float weight = 1;
  ExampleChunk one;
  one.rows = 1;
  one.inputs = {ElementType::kFloat32, inputs.data(), input_width_};
  one.targets = {ElementType::kFloat32, targets.data(), output_width_};
  one.sample_weights = {ElementType::kFloat32, &weight, 1};
  for (int64_t row = 0; row < chunk.rows && status_.ok(); ++row) {
    rows.CopyInputs(row, inputs);
    rows.CopyTargets(row, targets);
    weight = rows.Weight(row);
    AppendRows(one);
  }
}

void FileSpool::FlushIfLarge() {
  if (buffer_.size() >= kBufferBytes) status_ = Flush();
}

absl::Status FileSpool::Flush() {
  if (absl::Status status = file_->Write(buffer_, written_); !status.ok()) return status;
  written_ += static_cast<int64_t>(buffer_.size());
  buffer_.clear();
  return absl::OkStatus();
}

absl::StatusOr<std::shared_ptr<const engine::SpooledRows>> FileSpool::Finish() {
  if (status_.ok()) status_ = Flush();
  if (!status_.ok()) return status_;
  buffer_ = std::string();
  return std::make_shared<const SpooledFile>(file_, std::move(runs_));
}

}  // namespace chainrule::server
