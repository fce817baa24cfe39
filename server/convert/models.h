// ModelService's requests and its resource, but for weights (weights.h).
#ifndef CHAINRULE_SERVER_CONVERT_MODELS_H_
#define CHAINRULE_SERVER_CONVERT_MODELS_H_

#include <map>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "chainrule/v1/model.pb.h"
#include "chainrule/v1/model_service.pb.h"
#include "engine/nn/normalization.h"
#include "server/models/limits.h"
#include "server/models/registry.h"
#include "server/models/settings.h"

namespace chainrule::server {

// Registry::Create's arguments.
struct CreateModelInput {
  std::string id;
  std::shared_ptr<const ModelSettings> settings;
  engine::Normalization normalization;
  std::map<std::string, std::string> labels;
  Registry::Request request;
  bool validate_only = false;
};
// Linear in the request: for compute threads.
absl::StatusOr<CreateModelInput> ReadCreateModel(const v1::CreateModelRequest& request,
                                                 const Limits& limits);

// Registry::UpdateModel's arguments.
struct UpdateModelInput {
  std::string id;
  std::string etag;
  Registry::Update update;
  Registry::Request request;
};
// Linear in the request (labels): for compute threads.
absl::StatusOr<UpdateModelInput> ReadUpdateModel(const v1::UpdateModelRequest& request);

// Registry::Delete's arguments.
struct DeleteModelInput {
  std::string id;
  std::string etag;
  Registry::Request request;
};
absl::StatusOr<DeleteModelInput> ReadDeleteModel(const v1::DeleteModelRequest& request);

void WriteTime(absl::Time time, google::protobuf::Timestamp* message);

// The resource as GetModel shows it, the spec as resolved.
void WriteModel(const ModelDescription& description, v1::Model* model);

// At most 64 labels, their keys [a-z]([a-z0-9_-]{0,62}), values of at most 63 characters.
class Violations;
void CheckLabels(const google::protobuf::Map<std::string, std::string>& labels,
                 absl::string_view field, Violations* violations);

}  // namespace chainrule::server

#endif  // CHAINRULE_SERVER_CONVERT_MODELS_H_
