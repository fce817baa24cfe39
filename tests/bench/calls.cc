#include "tests/bench/calls.h"

#include <cstdio>
#include <cstdlib>

#include "chainrule/v1/model_service.grpc.pb.h"
#include "chainrule/v1/prediction_service.grpc.pb.h"
#include "chainrule/v1/training_service.grpc.pb.h"
#include "grpcpp/create_channel.h"
#include "grpcpp/security/credentials.h"
#include "inference/grpc_service.pb.h"

namespace chainrule::bench {
namespace {

void Require(const grpc::Status& status, const char* what) {
  if (status.ok()) return;
  std::fprintf(stderr, "%s: %s\n", what, status.error_message().c_str());
  std::exit(1);
}

v1::PredictRequest PredictRequestOf(const std::string& id, int64_t rows, int64_t columns) {
  v1::PredictRequest request;
  request.set_model("models/" + id);
  request.mutable_inputs()->add_shape(rows);
  request.mutable_inputs()->add_shape(columns);
  for (int64_t i = 0; i < rows * columns; ++i) {
    request.mutable_inputs()->add_values(static_cast<float>(i % 13) * 0.07F);
  }
  return request;
}

}  // namespace

std::shared_ptr<grpc::Channel> Connect(const Child& child) {
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(-1);
  return grpc::CreateCustomChannel(child.address(), grpc::InsecureChannelCredentials(), arguments);
}

void CreateModel(const std::shared_ptr<grpc::Channel>& channel, const std::string& id,
                 const std::vector<int64_t>& widths) {
  v1::CreateModelRequest request;
  request.set_model_id(id);
  v1::ModelSpec* spec = request.mutable_model()->mutable_spec();
  spec->set_input_width(widths[0]);
  for (size_t i = 1; i < widths.size(); ++i) {
    v1::LayerSpec* layer = spec->add_layers();
    layer->set_units(widths[i]);
    layer->set_activation(v1::ACTIVATION_RELU);
  }
  const bool binary = widths.back() == 1;
  spec->mutable_layers()->rbegin()->set_activation(binary ? v1::ACTIVATION_SIGMOID
                                                          : v1::ACTIVATION_SOFTMAX);
  spec->set_loss(binary ? v1::LOSS_BINARY_CROSS_ENTROPY : v1::LOSS_CATEGORICAL_CROSS_ENTROPY);
  grpc::ClientContext context;
  v1::Model model;
  Require(v1::ModelService::NewStub(channel)->CreateModel(&context, request, &model),
          "CreateModel");
}

int64_t StepOf(const std::shared_ptr<grpc::Channel>& channel, const std::string& id) {
  v1::GetModelRequest request;
  request.set_name("models/" + id);
  grpc::ClientContext context;
  v1::Model model;
  Require(v1::ModelService::NewStub(channel)->GetModel(&context, request, &model), "GetModel");
  return model.step();
}

void PredictOnce(const std::shared_ptr<grpc::Channel>& channel, const std::string& id,
                 int64_t columns) {
  grpc::ClientContext context;
  v1::PredictResponse response;
  Require(v1::PredictionService::NewStub(channel)->Predict(
              &context, PredictRequestOf(id, 1, columns), &response),
          "Predict");
}

std::string PredictBytes(const std::string& id, int64_t rows, int64_t columns) {
  return PredictRequestOf(id, rows, columns).SerializeAsString();
}

std::string GradientsBytes(const std::string& id, int64_t rows, int64_t columns, int64_t classes) {
  v1::TrainRequest train;
  train.ParseFromString(TrainBytes(id, rows, columns, classes));
  v1::GetGradientsRequest request;
  request.set_model(train.model());
  *request.mutable_examples() = train.examples();
  request.set_encoding(v1::TENSOR_ENCODING_RAW);
  return request.SerializeAsString();
}

std::string InferBytes(const std::string& id, int64_t rows, int64_t columns) {
  const v1::PredictRequest predict = PredictRequestOf(id, rows, columns);
  inference::ModelInferRequest request;
  request.set_model_name(id);
  auto* input = request.add_inputs();
  input->set_name("input");
  input->set_datatype("FP32");
  *input->mutable_shape() = predict.inputs().shape();
  request.add_raw_input_contents(predict.inputs().values().data(),
                                 static_cast<size_t>(rows * columns) * sizeof(float));
  return request.SerializeAsString();
}

std::string TrainBytes(const std::string& id, int64_t rows, int64_t columns, int64_t classes) {
  v1::TrainRequest request;
  request.set_model("models/" + id);
  request.set_learning_rate(1e-4);  // for ever
  v1::Examples* examples = request.mutable_examples();
  *examples->mutable_inputs() = PredictRequestOf(id, rows, columns).inputs();
  for (int64_t i = 0; i < rows; ++i) {
    examples->mutable_class_labels()->add_ids(static_cast<int32_t>(i % classes));
  }
  return request.SerializeAsString();
}

client::LoadResult Drive(const std::shared_ptr<grpc::Channel>& channel, const client::Load& load) {
  absl::StatusOr<client::LoadResult> result = client::RunLoad(channel, load);
  if (!result.ok() || result->errors > 0 || result->calls == 0) {
    std::fprintf(stderr, "%s: %s\n", load.method.c_str(),
                 (result.ok() ? result->first_error : result.status()).ToString().c_str());
    std::exit(1);
  }
  return *std::move(result);
}

}  // namespace chainrule::bench
