#include "server/compute/batch.h"

#include <algorithm>
#include <cstdint>
#include <memory>

#include "engine/core/check.h"
#include "server/compute/finite.h"
#include "server/models/errors.h"

namespace chainrule::server {
namespace {

using engine::ConstMatrixView;
using engine::ElementRows;
using engine::MatrixView;

// Bounds what is converted at a time.
constexpr int64_t kBlockRows = 4'096;
// Multiply-adds that bound how long a call that was cancelled runs on, and others wait unheard:
// some 50 ms. Fewer rows than these would not use the cores.
constexpr int64_t kBlockWork = 2'500'000'000;
constexpr int64_t kLeastBlockRows = 64;

int64_t BlockRows(const engine::Network& network) {
  return std::clamp(kBlockWork / network.parameter_count(), kLeastBlockRows, kBlockRows);
}

void Fail(QueuedPredict* predict, absl::Status status, const Snapshot& snapshot) {
  CountFailed(predict->call);
  predict->done(std::move(status), snapshot);
}

void Place(QueuedPredict* predict, const Snapshot& snapshot) {
  predict->call.place(snapshot, &predict->outputs, &predict->logits);
}

MatrixView Part(MatrixView view, int64_t first, int64_t count) {
  return view.data == nullptr ? view : view.Rows(first, count);
}

// Floats that can be read where they are.
bool IsPlain(const ElementRows& rows) {
  return rows.type == engine::ElementType::kFloat32 &&
         reinterpret_cast<uintptr_t>(rows.data) % alignof(float) == 0;
}

void CopyRows(const ElementRows& from, int64_t first, MatrixView to) {
  for (int64_t row = 0; row < to.rows; ++row) from.CopyRow(first + row, to.row(row));
}

void CopyRows(ConstMatrixView from, MatrixView to) {
  if (to.data == nullptr) return;
  for (int64_t row = 0; row < to.rows; ++row) std::ranges::copy(from.row(row), to.row(row).begin());
}

int64_t MaxRows(const Batcher::Options& options, const PredictCall& call) {
  const engine::Network& network = SnapshotInMemory(call).network();
  const int64_t floats = call.inputs.columns + network.spec().output_width();
  const int64_t row_bytes = floats * static_cast<int64_t>(sizeof(float));
  return std::min(
      {options.max_batch_rows, options.max_batch_bytes / row_bytes, BlockRows(network)});
}

}  // namespace

absl::Status CheckCancelled(const PredictCall& call) {
  if (call.cancellation == nullptr) return absl::OkStatus();
  const absl::Status why = call.cancellation->Check();
  return why.ok() ? why : Interrupted(why, call.model->id());
}

void CountFailed(const PredictCall& call) {
  const absl::Duration taken = absl::Now() - call.arrival;
  call.model->statistics().AddFailed(call.version, absl::ToInt64Nanoseconds(taken));
}

std::shared_ptr<const Snapshot> SnapshotOf(const PredictCall& call) {
  if (call.pinned != nullptr) return call.pinned;
  std::shared_ptr<const Snapshot> live = call.model->snapshot();
  return live != nullptr ? live : call.seen;
}

const Snapshot& SnapshotInMemory(const PredictCall& call) {
  return call.pinned != nullptr ? *call.pinned : *call.seen;
}

Batch TakeBatch(const Batcher::Options& options, Batch* queue) {
  Batch batch;
  batch.splice(batch.end(), *queue, queue->begin());
  const Model* const model = batch.front().call.model.get();
  const Snapshot* const pinned = batch.front().call.pinned.get();
  const int64_t max_rows = MaxRows(options, batch.front().call);
  int64_t rows = batch.front().call.rows;
  for (auto next = queue->begin(); next != queue->end() && rows < max_rows;) {
    const auto current = next++;
    if (current->call.model.get() != model || current->call.pinned.get() != pinned) continue;
    if (current->call.rows > max_rows - rows) continue;
    rows += current->call.rows;
    batch.splice(batch.end(), *queue, current);
  }
  return batch;
}

void Refuse(Batch* batch) {
  const auto snapshot = SnapshotOf(batch->front().call);
  for (QueuedPredict& predict : *batch) predict.done(Stopping(), *snapshot);
}

void FailCancelled(Batch* waiting) {
  waiting->remove_if([](QueuedPredict& predict) {
    absl::Status status = CheckCancelled(predict.call);
    if (status.ok()) return false;
    Fail(&predict, std::move(status), *SnapshotOf(predict.call));
    return true;
  });
}

MatrixView BatchRunner::Floats::Get(int64_t rows, int64_t columns) {
  const auto size = static_cast<size_t>(rows * columns);
  if (buffer_.size() < size) buffer_ = engine::AlignedBuffer(size);
  return {buffer_.data(), rows, columns};
}

void BatchRunner::Lap(int64_t* ns) {
  const absl::Time now = absl::Now();
  *ns += absl::ToInt64Nanoseconds(now - lap_);
  lap_ = now;
}

void BatchRunner::RecordSuccess(const Batch& batch) const {
  InferenceStatistics::Totals totals;
  totals.last = lap_;
  totals.batches = 1;
  for (const QueuedPredict& predict : batch) {
    totals.rows += predict.call.rows;
    totals.success.Add(1, absl::ToInt64Nanoseconds(lap_ - predict.call.arrival));
    totals.queue.Add(1, absl::ToInt64Nanoseconds(formed_ - predict.call.arrival));
    totals.input.Add(1, times_.input);
    totals.compute.Add(1, times_.compute);
    totals.output.Add(1, times_.output);
  }
  const PredictCall& call = batch.front().call;
  call.model->statistics().AddBatch(call.version, totals, times_);
}

void BatchRunner::Run(Batch* batch) {
  const std::shared_ptr<const Snapshot> snapshot = SnapshotOf(batch->front().call);
  times_ = InferenceStatistics::Times();
  formed_ = lap_ = absl::Now();
  FailCancelled(batch);
  if (batch->size() == 1) {
    RunAlone(batch, *snapshot);
  } else if (!batch->empty()) {
    RunShared(batch, *snapshot);
  }
  batch->clear();
}

void BatchRunner::RunAlone(Batch* batch, const Snapshot& snapshot) {
  QueuedPredict* predict = &batch->front();
  Place(predict, snapshot);
  absl::Status status = RunBlocks(*predict, snapshot);
  if (!status.ok()) return Fail(predict, std::move(status), snapshot);
  RecordSuccess(*batch);
  predict->done(absl::OkStatus(), snapshot);
}

absl::Status BatchRunner::RunBlocks(const QueuedPredict& predict, const Snapshot& snapshot) {
  const PredictCall& call = predict.call;
  CHAINRULE_CHECK(call.inputs.columns == snapshot.network().spec().input_width);
  const int64_t rows = BlockRows(snapshot.network());
  for (int64_t first = 0; first < call.rows; first += rows) {
    if (first > 0) between_();
    if (absl::Status status = CheckCancelled(call); !status.ok()) return status;
    absl::Status status = RunBlock(predict, snapshot, first, std::min(rows, call.rows - first));
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status BatchRunner::RunBlock(const QueuedPredict& predict, const Snapshot& snapshot,
                                   int64_t first, int64_t count) {
  const ConstMatrixView inputs = Convert(predict.call.inputs, first, count);
  if (absl::Status status = CheckFinite(inputs, first); !status.ok()) return status;
  Compute(snapshot, inputs, Part(predict.outputs, first, count),
          Part(predict.logits, first, count));
  return absl::OkStatus();
}

void BatchRunner::Compute(const Snapshot& snapshot, ConstMatrixView inputs, MatrixView outputs,
                          MatrixView logits) {
  Lap(&times_.input);
  if (inputs.rows > 0) snapshot.predictor().Run(inputs, outputs, logits, &scratch_, executor_);
  Lap(&times_.compute);
}

ConstMatrixView BatchRunner::Convert(const ElementRows& rows, int64_t first, int64_t count) {
  if (IsPlain(rows)) {
    return {static_cast<const float*>(rows.data) + first * rows.columns, count, rows.columns};
  }
  const MatrixView floats = inputs_.Get(count, rows.columns);
  CopyRows(rows, first, floats);
  return floats;
}

void BatchRunner::RunShared(Batch* batch, const Snapshot& snapshot) {
  const ConstMatrixView inputs = Gather(batch, snapshot);
  if (batch->empty()) return;
  const int64_t width = snapshot.network().spec().output_width();
  const MatrixView outputs = outputs_.Get(inputs.rows, width);
  MatrixView logits;
  for (QueuedPredict& predict : *batch) {
    Place(&predict, snapshot);
    if (predict.logits.data != nullptr) logits = logits_.Get(inputs.rows, width);
  }
  Compute(snapshot, inputs, outputs, logits);
  int64_t first = 0;
  for (const QueuedPredict& predict : *batch) {
    CopyRows(outputs.Rows(first, predict.call.rows), predict.outputs);
    CopyRows(Part(logits, first, predict.call.rows), predict.logits);
    first += predict.call.rows;
  }
  Lap(&times_.output);
  RecordSuccess(*batch);
  for (QueuedPredict& predict : *batch) predict.done(absl::OkStatus(), snapshot);
}

// The rows of all calls, one after the other; those of a call that fails are overwritten
// by the next one's.
ConstMatrixView BatchRunner::Gather(Batch* batch, const Snapshot& snapshot) {
  int64_t rows = 0;
  for (const QueuedPredict& predict : *batch) rows += predict.call.rows;
  const MatrixView inputs = inputs_.Get(rows, snapshot.network().spec().input_width);
  int64_t first = 0;
  batch->remove_if([&](QueuedPredict& predict) {
    CHAINRULE_CHECK(predict.call.inputs.columns == inputs.columns);
    const MatrixView part = inputs.Rows(first, predict.call.rows);
    CopyRows(predict.call.inputs, 0, part);
    absl::Status status = CheckFinite(part, 0);
    if (!status.ok()) {
      Fail(&predict, std::move(status), snapshot);
      return true;
    }
    first += predict.call.rows;
    return false;
  });
  return inputs.Rows(0, first);
}

}  // namespace chainrule::server
