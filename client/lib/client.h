// Start here: the server's services as functions.
#ifndef CHAINRULE_CLIENT_LIB_CLIENT_H_
#define CHAINRULE_CLIENT_LIB_CLIENT_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "chainrule/v1/model_service.grpc.pb.h"
#include "chainrule/v1/prediction_service.grpc.pb.h"
#include "chainrule/v1/server_service.grpc.pb.h"
#include "chainrule/v1/training_service.grpc.pb.h"
#include "client/data/rows.h"
#include "client/lib/errors.h"
#include "grpc/health/v1/health.grpc.pb.h"
#include "grpcpp/channel.h"
#include "grpcpp/client_context.h"

namespace chainrule::client {

// Target: which server, and what to show it.
struct Target {
  std::string address = "127.0.0.1:50051";  // HOST:PORT or unix:PATH
  std::string token;                        // sent as a bearer token; empty: none
  // PEM files. With tls_ca the server must show a certificate that this authority signed;
  // the other two are shown to it where it asks.
  std::string tls_ca;
  std::string tls_cert;
  std::string tls_key;
  // Of one call. Fit, and what is streamed, may take longer.
  absl::Duration timeout = absl::InfiniteDuration();
};

// Client: a connection to one server, made when first needed.
// Thread-safe. Failures carry the server's code, message and details (errors.h).
class Client {
 public:
  using FitListener = std::function<void(const v1::FitResponse&)>;

  // Connects to nobody yet. INVALID_ARGUMENT: no such address can be; NOT_FOUND or
  // PERMISSION_DENIED: a file for TLS.
  static absl::StatusOr<std::unique_ptr<Client>> Create(const Target& target);

  // For calls that are not functions here.
  const std::shared_ptr<grpc::Channel>& channel() const { return channel_; }

  absl::StatusOr<v1::Model> CreateModel(const v1::CreateModelRequest& request);
  absl::StatusOr<v1::Model> GetModel(absl::string_view name);
  // All pages.
  absl::StatusOr<v1::ListModelsResponse> ListModels(absl::string_view filter);
  absl::Status DeleteModel(const v1::DeleteModelRequest& request);
  absl::StatusOr<v1::Model> UpdateModel(const v1::UpdateModelRequest& request);
  absl::StatusOr<v1::Model> CopyModel(const v1::CopyModelRequest& request);
  absl::StatusOr<v1::ModelVersion> PublishVersion(const v1::PublishVersionRequest& request);
  absl::StatusOr<v1::Model> SetAlias(const v1::SetAliasRequest& request);
  absl::StatusOr<v1::Model> DeleteAlias(const v1::DeleteAliasRequest& request);
  absl::StatusOr<v1::Model> RestoreVersion(const v1::RestoreVersionRequest& request);
  // All pages.
  absl::StatusOr<v1::ListModelVersionsResponse> ListModelVersions(absl::string_view model);
  absl::Status DeleteModelVersion(const v1::DeleteModelVersionRequest& request);
  // A layer at a time where one message does not hold them. ABORTED: the model kept learning
  // between the layers.
  absl::StatusOr<v1::GetWeightsResponse> GetWeights(const v1::GetWeightsRequest& request);
  absl::StatusOr<v1::SetWeightsResponse> SetWeights(const v1::SetWeightsRequest& request);
  absl::StatusOr<v1::PredictResponse> Predict(const v1::PredictRequest& request);
  absl::StatusOr<v1::GetGradientsResponse> GetGradients(const v1::GetGradientsRequest& request);
  absl::StatusOr<v1::ApplyGradientsResponse> ApplyGradients(
      const v1::ApplyGradientsRequest& request);
  absl::StatusOr<v1::CheckGradientsResponse> CheckGradients(
      const v1::CheckGradientsRequest& request);
  absl::StatusOr<v1::EvaluateResponse> Evaluate(const v1::EvaluateRequest& request);
  absl::StatusOr<v1::GetServerInfoResponse> GetServerInfo();
  // Of the server (""), a service, or a model (`chainrule.v1/models/{model}`).
  absl::StatusOr<grpc::health::v1::HealthCheckResponse> CheckHealth(absl::string_view service);

  // The same with the rows of `rows` in place of the request's own: in one message where the
  // server takes them in one, else as a stream. INVALID_ARGUMENT: there are none; or more
  // than one message takes, and the request wants what streams do not answer (example
  // norms, activations).
  absl::StatusOr<v1::EvaluateResponse> Evaluate(v1::EvaluateRequest request, RowSource* rows);
  absl::StatusOr<v1::GetGradientsResponse> GetGradients(v1::GetGradientsRequest request,
                                                        RowSource* rows);
  // Takes no rows, too. Where it is streamed, rows that are far apart may be answered with the
  // weights of different steps; model_step is the last.
  absl::StatusOr<v1::PredictResponse> Predict(v1::PredictRequest request, RowSource* rows);

  // Trains on the rows of `training`, in messages of about 1 MiB, and never larger than
  // the server takes. `validation` may be null. `listener` hears every answer but the
  // last, on another thread, before Fit returns. A fault in a file ends the call before
  // training begins.
  absl::StatusOr<v1::TrainResponse> Fit(const v1::FitHeader& header, RowSource* training,
                                        RowSource* validation, const FitListener& listener);

  // Writes a model's file to `path`, all of it or nothing: it comes under another name
  // beside it, and takes the place of what is there once its length and digest are right.
  // DATA_LOSS: they are not; and the file's own faults (disk_file.h).
  absl::StatusOr<v1::ExportModelHeader> Export(const v1::ExportModelRequest& request,
                                               const std::string& path);
  // Sends the file at `path` under `header`, in messages of at most 1 MiB and never larger
  // than the server takes; total_bytes and digest are the file's. The file is read twice,
  // before the server is called and while it is sent; DATA_LOSS: it became shorter between.
  absl::StatusOr<v1::Model> Import(v1::ImportModelHeader header, const std::string& path);

 private:
  Client(std::shared_ptr<grpc::Channel> channel, Target target);

  template <typename Stub, typename Request, typename Response>
  absl::Status Call(Stub& stub,
                    grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&, Response*),
                    const Request& request, Response* response);
  absl::StatusOr<v1::GetWeightsResponse> GetWeightsByLayer(const v1::GetWeightsRequest& request);
  // The model that `name`, perhaps a version's, is of.
  absl::StatusOr<v1::Model> GetModelOf(absl::string_view name);
  // The rows that one message takes, each of `row_bytes`, and whether there are no more.
  absl::StatusOr<bool> ReadFirst(RowSource* rows, int64_t row_bytes, v1::Limits* limits,
                                 Rows* first);
  absl::StatusOr<v1::GetGradientsResponse> StreamGradients(const v1::GetGradientsRequest& request,
                                                           RowSource* rows,
                                                           const v1::Limits& limits);
  // Where a row's answer alone is more than a streamed one holds.
  absl::StatusOr<v1::PredictResponse> PredictInParts(v1::PredictRequest request, RowSource* rows,
                                                     int64_t rows_per_message);
  absl::StatusOr<v1::PredictResponse> StreamPredict(const v1::PredictRequest& request,
                                                    RowSource* rows, int64_t rows_per_message);
  // Ends a call whose rows were sent, or not.
  template <typename Call>
  absl::Status Finish(const absl::Status& sent, grpc::ClientContext* context, Call* call) {
    if (!sent.ok()) context->TryCancel();
    call->HalfClose();
    const absl::Status status = FromGrpc(call->Finish(), IsConnected());
    return sent.ok() ? status : sent;
  }
  void Prepare(grpc::ClientContext* context) const;
  bool IsConnected() const;

  const Target target_;
  const std::shared_ptr<grpc::Channel> channel_;
  v1::ModelService::Stub models_;
  v1::TrainingService::Stub training_;
  v1::PredictionService::Stub prediction_;
  v1::ServerService::Stub server_;
  grpc::health::v1::Health::Stub health_;
};

}  // namespace chainrule::client

#endif  // CHAINRULE_CLIENT_LIB_CLIENT_H_
