// Requests as any client may send them: the first byte says which RPC's, the rest is the
// message.  Whatever they hold, they are read or refused with INVALID_ARGUMENT.
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "chainrule/v1/model_service.pb.h"
#include "chainrule/v1/prediction_service.pb.h"
#include "chainrule/v1/training_service.pb.h"
#include "engine/core/check.h"
#include "google/protobuf/stubs/logging.h"
#include "inference/grpc_service.pb.h"
#include "server/convert/apply_gradients.h"
#include "server/convert/evaluation.h"
#include "server/convert/examples.h"
#include "server/convert/fit.h"
#include "server/convert/gradients.h"
#include "server/convert/inference.h"
#include "server/convert/listing.h"
#include "server/convert/models.h"
#include "server/convert/prediction.h"
#include "server/convert/training.h"
#include "server/convert/weights.h"
#include "tests/fuzz/fuzzer.h"
#include "tests/server/convert/support.h"

namespace chainrule::fuzz {
namespace {

using server::ModelContext;

constexpr char kSpec[] = R"(
  input_width: 2 class_names: ["flat", "round"]
  layers { units: 3 activation: ACTIVATION_TANH } layers { units: 1 })";

const ModelContext& TheModel() {
  static const ModelContext model = server::ContextOf(kSpec);
  return model;
}

void Expect(const absl::Status& status) {
  CHAINRULE_CHECK(status.ok() || status.code() == absl::StatusCode::kInvalidArgument);
}

// One kind of request: a sound one, and what is done with any.
struct Kind {
  std::string seed;
  std::function<void(const std::string& bytes)> test;
};

template <typename Request>
Kind KindOf(const std::string& seed,
            std::function<absl::Status(std::shared_ptr<const Request>)> read) {
  return {server::FromText<Request>(seed).SerializeAsString(),
          [read = std::move(read)](const std::string& bytes) {
            auto request = std::make_shared<Request>();
            if (request->ParseFromString(bytes)) Expect(read(std::move(request)));
          }};
}

const std::string& Rows() {
  static const std::string rows = R"(
    examples { inputs { shape: [2, 2] values: [1, 2, 3, 4] }
               class_labels { names: ["flat", "round"] }
               sample_weights { shape: 2 values: [1, 0.5] } })";
  return rows;
}

absl::Status ReadTraining(std::shared_ptr<const v1::TrainRequest> request) {
  const auto arguments = server::CheckTrain(*request, TheModel());
  const auto input = server::ReadTrain(std::move(request), TheModel());
  if (arguments.ok() && input.ok()) CHAINRULE_CHECK(input->examples.rows() > 0);
  return arguments.ok() ? input.status() : arguments.status();
}

absl::Status ReadFit(const std::shared_ptr<const v1::FitRequest>& request) {
  if (request->has_header()) return server::CheckFitHeader(request->header(), TheModel()).status();
  server::FitRows rows(v1::FitHeader(), TheModel(), int64_t{1} << 20, nullptr);
  if (absl::Status status = rows.Add(request); !status.ok()) return status;
  if (absl::Status status = rows.CheckComplete(); !status.ok()) return status;
  return rows.Read().status();
}

absl::Status ReadGradients(const std::shared_ptr<const v1::GetGradientsRequest>& request) {
  const auto arguments = server::CheckGetGradients(*request, TheModel());
  if (!arguments.ok()) return arguments.status();
  return server::ReadExamples(server::ExamplesOf(request), "examples", TheModel()).status();
}

absl::Status ReadInference(const std::shared_ptr<const inference::ModelInferRequest>& request) {
  return server::CheckInfer(*request, TheModel()).status();
}

const std::vector<Kind>& Kinds() {
  static const std::vector<Kind> kinds = {
      KindOf<v1::CreateModelRequest>(
          absl::StrCat("model_id: 'iris' model { labels { key: 'a' value: 'b' } spec {", kSpec,
                       "} } request_id: '123e4567-e89b-12d3-a456-426614174000'"),
          [](auto request) {
            return server::ReadCreateModel(*request, *TheModel().limits).status();
          }),
      KindOf<v1::UpdateModelRequest>(
          "model { name: 'models/iris' labels { key: 'a' value: 'b' } }",
          [](auto request) { return server::ReadUpdateModel(*request).status(); }),
      KindOf<v1::ListModelsRequest>(
          "page_size: 3 filter: 'labels.a = \"b\" AND labels.c:*'",
          [](auto request) { return server::ReadListModels(*request).status(); }),
      KindOf<v1::SetWeightsRequest>(
          "model: 'models/iris' layers { index: 1 biases { shape: 1 values: 0.5 } }",
          [](auto request) {
            const auto options = server::CheckSetWeights(*request, TheModel());
            if (!options.ok()) return options.status();
            return server::ReadSetWeights(std::move(request), TheModel()).status();
          }),
      KindOf<v1::TrainRequest>(absl::StrCat("model: 'models/iris' epochs: 2", Rows()),
                               ReadTraining),
      KindOf<v1::FitRequest>(Rows(), ReadFit),
      KindOf<v1::FitRequest>("header { model: 'models/iris' early_stopping { patience: 2 } }",
                             ReadFit),
      KindOf<v1::GetGradientsRequest>(absl::StrCat("model: 'models/iris' wrt: 2", Rows()),
                                      ReadGradients),
      KindOf<v1::ApplyGradientsRequest>(
          "model: 'models/iris' contributions { weight: 2 base_step: 1 "
          "layers { index: 1 biases { shape: 1 values: 0.5 } } } max_staleness: 3",
          [](auto request) {
            const auto arguments = server::CheckApplyGradients(*request, TheModel());
            if (!arguments.ok()) return arguments.status();
            return server::ReadApplyGradients(std::move(request), TheModel()).status();
          }),
      KindOf<v1::PredictRequest>(
          "model: 'models/iris' inputs { shape: [1, 2] values: [1, 2] } include: [1, 3] top_k: 1",
          [](auto request) { return server::CheckPredict(*request, TheModel()).status(); }),
      KindOf<inference::ModelInferRequest>(
          "model_name: 'iris' inputs { name: 'input' datatype: 'FP32' shape: [1, 2] "
          "contents { fp32_contents: [1, 2] } }",
          ReadInference),
  };
  return kinds;
}

}  // namespace

std::vector<std::string> Seeds() {
  google::protobuf::SetLogHandler(nullptr);  // of text that is not UTF-8
  std::vector<std::string> seeds;
  for (size_t i = 0; i < Kinds().size(); ++i) {
    seeds.push_back(std::string(1, static_cast<char>(i)) + Kinds()[i].seed);
  }
  return seeds;
}

void TestOneInput(absl::string_view bytes) {
  if (bytes.empty()) return;
  const size_t kind = static_cast<unsigned char>(bytes[0]) % Kinds().size();
  Kinds()[kind].test(std::string(bytes.substr(1)));
}

}  // namespace chainrule::fuzz
