#ifndef CHAINRULE_CLIENT_CLI_OPTIMIZER_OPTIONS_H_
#define CHAINRULE_CLIENT_CLI_OPTIMIZER_OPTIONS_H_

#include <cstdint>
#include <optional>
#include <string>

#include "CLI/CLI.hpp"
#include "absl/status/statusor.h"
#include "chainrule/v1/model.pb.h"

namespace chainrule::client {

// OptimizerOptions: the flags that say how a gradient becomes a step.
struct OptimizerOptions {
  std::string kind;
  std::optional<double> learning_rate;
  std::optional<double> momentum;
  bool nesterov = false;
  std::optional<double> beta1;
  std::optional<double> beta2;
  std::optional<double> rho;
  std::optional<double> epsilon;
  std::optional<double> weight_decay;
  std::optional<double> clip_value;
  std::optional<double> clip_norm;
  std::string schedule;
  std::optional<int64_t> schedule_period;
  std::optional<double> schedule_gamma;
  std::optional<double> schedule_floor;
  std::optional<double> schedule_decay;
  int64_t warmup = 0;
};

void AddOptimizerFlags(CLI::App* app, OptimizerOptions* options);

// Writes what the flags say into *optimizer and leaves the rest. INVALID_ARGUMENT: a flag
// that the optimizer or schedule does not have.
absl::Status SetOptimizer(const OptimizerOptions& options, v1::Optimizer* optimizer);

}  // namespace chainrule::client

#endif  // CHAINRULE_CLIENT_CLI_OPTIMIZER_OPTIONS_H_
