#include "server/convert/apply_gradients.h"

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "engine/core/error.h"
#include "server/convert/digest.h"
#include "server/convert/layer_tensors.h"
#include "server/convert/ranges.h"
#include "server/convert/violations.h"
#include "server/convert/write_options.h"

namespace chainrule::server {
namespace {

// What the views of an ApplyGradientsInput show: the message, and what had to be converted.
struct GradientsOwner {
  std::shared_ptr<const v1::ApplyGradientsRequest> request;
  std::vector<engine::Matrix> converted;
};

std::string PathOf(int i) { return absl::StrCat("contributions[", i, "]"); }

void CheckNumbers(const v1::GradientContribution& contribution, bool needs_base,
                  const std::string& path, Violations* violations) {
  if (contribution.has_weight()) {
    CheckDouble(contribution.weight(), kPositive, path + ".weight", violations);
  }
  if (contribution.has_base_step()) {
    CheckAtLeast(contribution.base_step(), 0, path + ".base_step", violations);
  } else if (needs_base) {
    violations->Add(path + ".base_step", "unset; max_staleness requires each one");
  }
}

absl::Status CheckContributions(const v1::ApplyGradientsRequest& request,
                                const ModelContext& model) {
  const int count = request.contributions_size();
  if (count == 0) {
    return engine::InvalidField("contributions", "none; at least one is required");
  }
  if (count > model.limits->max_contributions) {
    return engine::LimitExceeded("contributions", "max_contributions", count,
                                 model.limits->max_contributions);
  }
  Violations violations;
  if (request.has_max_staleness()) {
    CheckAtLeast(request.max_staleness(), 0, "max_staleness", &violations);
  }
  for (int i = 0; i < count; ++i) {
    CheckNumbers(request.contributions(i), request.has_max_staleness(), PathOf(i), &violations);
  }
  if (!violations.empty()) return violations.ToStatus();
  for (int i = 0; i < count; ++i) {
    const absl::Status layers =
        CheckLayerTensors(request.contributions(i).layers(), PathOf(i) + ".layers", model);
    if (!layers.ok()) return layers;
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<ApplyGradientsArguments> CheckApplyGradients(
    const v1::ApplyGradientsRequest& request, const ModelContext& model) {
  absl::StatusOr<WriteOptions> write = CheckWriteOptions(request);
  if (!write.ok()) return write.status();
  if (absl::Status status = CheckContributions(request, model); !status.ok()) return status;
  ApplyGradientsArguments arguments{*std::move(write), std::nullopt};
  if (request.has_max_staleness()) arguments.max_staleness = request.max_staleness();
  return arguments;
}

absl::StatusOr<ApplyGradientsInput> ReadApplyGradients(
    std::shared_ptr<const v1::ApplyGradientsRequest> request, const ModelContext& model) {
  if (absl::Status status = CheckContributions(*request, model); !status.ok()) return status;
  ApplyGradientsInput input;
  if (!request->request_id().empty()) input.digest = DigestMessage(*request);
  auto owner = std::make_shared<GradientsOwner>();
  for (int i = 0; i < request->contributions_size(); ++i) {
    const v1::GradientContribution& message = request->contributions(i);
    auto layers =
        ReadLayerTensors(message.layers(), PathOf(i) + ".layers", model, &owner->converted);
    if (!layers.ok()) return layers.status();
    input.contributions.push_back(
        {*std::move(layers), message.has_weight() ? message.weight() : 1.0});
    input.base_steps.push_back(message.has_base_step() ? std::optional(message.base_step())
                                                       : std::nullopt);
  }
  owner->request = std::move(request);
  input.owner = std::move(owner);
  return input;
}

void WriteApplyGradientsReply(const SetWeightsReply& reply, v1::ApplyGradientsResponse* response) {
  response->set_model_step(reply.model_step);
  response->set_durable_step(reply.durable_step);
  response->set_replayed(reply.replayed);
}

}  // namespace chainrule::server
