// Predictions for any number of rows.
#include <algorithm>
#include <utility>

#include "client/lib/client.h"
#include "client/lib/errors.h"
#include "client/lib/examples.h"
#include "client/lib/predictions.h"
#include "client/lib/rejoined_rows.h"
#include "client/lib/row_call.h"

namespace chainrule::client {
namespace {

constexpr int64_t kMostStreamedBytes = 2 << 20;  // that the server puts into one answer

absl::Status ToStatus(const google::rpc::Status& error) {
  return FromGrpc(grpc::Status(static_cast<grpc::StatusCode>(error.code()), error.message(),
                               error.SerializeAsString()),
                  /*is_connected=*/true);
}

}  // namespace

absl::StatusOr<v1::PredictResponse> Client::Predict(v1::PredictRequest request, RowSource* rows) {
  const absl::StatusOr<v1::Model> model = GetModelOf(request.model());
  if (!model.ok()) return model.status();
  const int64_t row_bytes = std::max(rows->bytes_per_row(), AnswerBytes(model->spec(), request));
  v1::Limits limits;
  Rows first;
  const absl::StatusOr<bool> all = ReadFirst(rows, row_bytes, &limits, &first);
  if (!all.ok()) return all.status();
  if (first.count == 0) first.width = rows->width();
  if (*all) {
    *request.mutable_inputs() = ToInputs(first);
    return Predict(request);
  }
  RejoinedRows source(first, rows);
  if (row_bytes > kMostStreamedBytes) {
    return PredictInParts(request, &source,
                          RowsPerMessage(limits, row_bytes, limits.max_message_bytes()));
  }
  return StreamPredict(request, &source, RowsPerMessage(limits, row_bytes, kStreamMessageBytes));
}

absl::StatusOr<v1::PredictResponse> Client::PredictInParts(v1::PredictRequest request,
                                                           RowSource* rows,
                                                           int64_t rows_per_message) {
  v1::PredictResponse all;
  Rows part;
  while (true) {
    const absl::Status read = rows->Next(rows_per_message, &part);
    if (!read.ok()) return read;
    if (part.count == 0) return all;
    *request.mutable_inputs() = ToInputs(part);
    const absl::StatusOr<v1::PredictResponse> answer = Predict(request);
    if (!answer.ok()) return answer.status();
    AppendAnswer(*answer, &all);
  }
}

absl::StatusOr<v1::PredictResponse> Client::StreamPredict(const v1::PredictRequest& request,
                                                          RowSource* rows,
                                                          int64_t rows_per_message) {
  grpc::ClientContext context;
  Prepare(&context);
  v1::PredictResponse all;
  absl::Status refused;
  RowCall<v1::StreamPredictRequest, v1::StreamPredictResponse> call(
      prediction_.StreamPredict(&context), [&](v1::StreamPredictResponse& answer) {
        if (refused.ok() && answer.has_error()) {
          refused = ToStatus(answer.error());
          context.TryCancel();  // the rest is in vain
        }
        if (refused.ok()) AppendAnswer(answer.response(), &all);
      });
  const absl::Status sent = call.SendRows(
      rows, rows_per_message, [&](const Rows& part, v1::StreamPredictRequest* message) {
        *message->mutable_request() = request;
        *message->mutable_request()->mutable_inputs() = ToInputs(part);
      });
  const absl::Status status = Finish(sent, &context, &call);
  if (!refused.ok()) return refused;
  if (!status.ok()) return status;
  return all;
}

}  // namespace chainrule::client
