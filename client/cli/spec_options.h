#ifndef CHAINRULE_CLIENT_CLI_SPEC_OPTIONS_H_
#define CHAINRULE_CLIENT_CLI_SPEC_OPTIONS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/status/statusor.h"
#include "chainrule/v1/model.pb.h"
#include "client/cli/data_options.h"
#include "client/cli/optimizer_options.h"

namespace chainrule::client {

// SpecOptions: the flags that describe a network.
struct SpecOptions {
  std::string spec_file;
  // Read from a data set.
  DataOptions data;
  bool regression = false;
  // Its shape.
  std::optional<int64_t> inputs;
  std::optional<int64_t> outputs;
  std::vector<int64_t> hidden;
  std::string activation;
  std::string output_activation;
  std::string initializer;
  std::optional<double> leaky_slope;
  std::optional<double> dropout;
  std::optional<double> l1;
  std::optional<double> l2;
  // What it learns.
  std::string loss;
  std::optional<double> huber_delta;
  bool multi_label = false;
  std::optional<int64_t> seed;
  std::vector<std::string> feature_names;
  std::vector<std::string> class_names;
  std::vector<std::string> target_names;
  OptimizerOptions optimizer;
};

void AddSpecFlags(CLI::App* app, SpecOptions* options);

// What the flags, and the data set they name, describe. What no flag says stays unset, for
// the server's defaults. Of the last layer's activation and the loss either implies the other
// (ending.h); where neither is said, with --from, or more than two class names, they follow the
// labels: two classes → one sigmoid unit, more → softmax, numbers → identity and squared error.
// INVALID_ARGUMENT: flags contradict each other, or the data set is none that they can train on.
absl::StatusOr<v1::ModelSpec> MakeSpec(const SpecOptions& options);

}  // namespace chainrule::client

#endif  // CHAINRULE_CLIENT_CLI_SPEC_OPTIONS_H_
