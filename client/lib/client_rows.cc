// The calls that take a data set of any size.
#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "client/lib/client.h"
#include "client/lib/errors.h"
#include "client/lib/examples.h"
#include "client/lib/gradient_parts.h"
#include "client/lib/rejoined_rows.h"
#include "client/lib/row_call.h"

namespace chainrule::client {
namespace {

v1::StreamEvaluateHeader HeaderOf(const v1::EvaluateRequest& request) {
  v1::StreamEvaluateHeader header;
  header.set_model(request.model());
  if (request.has_threshold()) header.set_threshold(request.threshold());
  return header;
}

v1::StreamGradientsHeader HeaderOf(const v1::GetGradientsRequest& request) {
  v1::StreamGradientsHeader header;
  header.set_model(request.model());
  *header.mutable_wrt() = request.wrt();
  *header.mutable_layer_indexes() = request.layer_indexes();
  header.set_encoding(request.encoding());
  return header;
}

bool IsStreamable(const v1::GetGradientsRequest& request) {
  const auto& wrt = request.wrt();
  return !request.example_norms() &&
         std::find(wrt.begin(), wrt.end(), v1::GRADIENT_TARGET_ACTIVATIONS) == wrt.end();
}

}  // namespace

absl::StatusOr<v1::TrainResponse> Client::Fit(const v1::FitHeader& header, RowSource* training,
                                              RowSource* validation, const FitListener& listener) {
  const absl::StatusOr<v1::GetServerInfoResponse> info = GetServerInfo();
  if (!info.ok()) return info.status();
  grpc::ClientContext context;
  Prepare(&context);
  v1::TrainResponse result;
  RowCall<v1::FitRequest, v1::FitResponse> call(training_.Fit(&context),
                                                [&](v1::FitResponse& response) {
                                                  if (!response.has_result())
                                                    return listener(response);
                                                  result = std::move(*response.mutable_result());
                                                });
  v1::FitRequest request;
  *request.mutable_header() = header;
  call.Send(request);
  absl::Status sent = call.SendRows(training, info->limits(), &v1::FitRequest::mutable_examples);
  if (sent.ok() && validation != nullptr) {
    sent = call.SendRows(validation, info->limits(), &v1::FitRequest::mutable_validation_examples);
  }
  const absl::Status status = Finish(sent, &context, &call);
  if (!status.ok()) return status;
  return result;
}

absl::StatusOr<v1::Model> Client::GetModelOf(absl::string_view name) {
  const std::vector<absl::string_view> parts = absl::StrSplit(name, '@');
  return GetModel(parts[0]);
}

absl::StatusOr<bool> Client::ReadFirst(RowSource* rows, int64_t row_bytes, v1::Limits* limits,
                                       Rows* first) {
  const absl::StatusOr<v1::GetServerInfoResponse> info = GetServerInfo();
  if (!info.ok()) return info.status();
  *limits = info->limits();
  const int64_t most = RowsPerMessage(*limits, row_bytes, limits->max_message_bytes());
  return ReadUpTo(rows, most, first);
}

absl::StatusOr<v1::EvaluateResponse> Client::Evaluate(v1::EvaluateRequest request,
                                                      RowSource* rows) {
  v1::Limits limits;
  Rows first;
  const absl::StatusOr<bool> all = ReadFirst(rows, rows->bytes_per_row(), &limits, &first);
  if (!all.ok()) return all.status();
  if (first.count == 0) return absl::InvalidArgumentError("no rows");
  if (*all) {
    *request.mutable_examples() = ToExamples(first);
    return Evaluate(request);
  }
  grpc::ClientContext context;
  Prepare(&context);
  v1::EvaluateResponse result;
  RowCall<v1::StreamEvaluateRequest, v1::StreamEvaluateResponse> call(
      training_.StreamEvaluate(&context), [&](v1::StreamEvaluateResponse& response) {
        if (response.has_result()) result = std::move(*response.mutable_result());
      });
  v1::StreamEvaluateRequest header;
  *header.mutable_header() = HeaderOf(request);
  call.Send(header);
  RejoinedRows source(first, rows);
  const absl::Status sent =
      call.SendRows(&source, limits, &v1::StreamEvaluateRequest::mutable_examples);
  const absl::Status status = Finish(sent, &context, &call);
  if (!status.ok()) return status;
  return result;
}

absl::StatusOr<v1::GetGradientsResponse> Client::GetGradients(v1::GetGradientsRequest request,
                                                              RowSource* rows) {
  v1::Limits limits;
  Rows first;
  const absl::StatusOr<bool> all = ReadFirst(rows, rows->bytes_per_row(), &limits, &first);
  if (!all.ok()) return all.status();
  if (first.count == 0) return absl::InvalidArgumentError("no rows");
  if (*all) {
    *request.mutable_examples() = ToExamples(first);
    absl::StatusOr<v1::GetGradientsResponse> response = GetGradients(request);
    const bool too_large = ExceededLimit(response.status()) == "max_message_bytes";
    if (!too_large || !IsStreamable(request)) return response;
    request.clear_examples();
  }
  if (!IsStreamable(request)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "more than the ", first.count,
        " rows of one message; of so many there are gradients by parameters and inputs only"));
  }
  RejoinedRows source(first, rows);
  return StreamGradients(request, &source, limits);
}

absl::StatusOr<v1::GetGradientsResponse> Client::StreamGradients(
    const v1::GetGradientsRequest& request, RowSource* rows, const v1::Limits& limits) {
  const absl::StatusOr<v1::Model> model = GetModelOf(request.model());
  if (!model.ok()) return model.status();
  grpc::ClientContext context;
  Prepare(&context);
  v1::GetGradientsResponse result;
  RowCall<v1::StreamGradientsRequest, v1::StreamGradientsResponse> call(
      training_.StreamGradients(&context), [&](v1::StreamGradientsResponse& response) {
        AddGradientPart(model->spec(), response, &result);
      });
  v1::StreamGradientsRequest header;
  *header.mutable_header() = HeaderOf(request);
  call.Send(header);
  const absl::Status sent =
      call.SendRows(rows, limits, &v1::StreamGradientsRequest::mutable_examples);
  const absl::Status status = Finish(sent, &context, &call);
  if (!status.ok()) return status;
  return result;
}

}  // namespace chainrule::client
