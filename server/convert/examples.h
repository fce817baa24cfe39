// v1::Examples, labelled rows, and the engine's.
#ifndef CHAINRULE_SERVER_CONVERT_EXAMPLES_H_
#define CHAINRULE_SERVER_CONVERT_EXAMPLES_H_

#include <cstdint>
#include <memory>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "chainrule/v1/tensor.pb.h"
#include "engine/train/examples.h"
#include "server/convert/context.h"

namespace chainrule::server {

// Constant cost: shapes and sizes, that all parts have the same rows, that the kind of
// target fits the network.  Returns the rows, which may be none.
absl::StatusOr<int64_t> CheckExamples(const v1::Examples& examples, absl::string_view field,
                                      const ModelContext& model);
// The same where at least one row is required.
absl::StatusOr<int64_t> CheckSomeExamples(const v1::Examples& examples, absl::string_view field,
                                          const ModelContext& model);

// Linear: looks up class names, looks at every element.  The chunk borrows the message's
// memory and owns a share of it.  INVALID_FIELD names path, row, column, value and what is
// allowed.
absl::StatusOr<engine::ExampleChunk> ReadExampleChunk(std::shared_ptr<const v1::Examples> examples,
                                                      absl::string_view field,
                                                      const ModelContext& model);
// Linear: a whole request's rows, at least one, their weights' sum above 0.
absl::StatusOr<engine::Examples> ReadExamples(std::shared_ptr<const v1::Examples> examples,
                                              absl::string_view field, const ModelContext& model);

// INVALID_FIELD: a later message of a stream has no examples, but another header or nothing.
absl::Status NoExamples(bool has_header);

// Of a chunk's rows; their number where they have no weights. Linear.
double WeightSum(const engine::ExampleChunk& chunk);

// INVALID_FIELD unless there are rows and their weights' sum is above 0.
absl::Status CheckWeightSum(const engine::Examples& examples, absl::string_view field);
absl::Status CheckWeightSum(int64_t rows, double weight_sum, absl::string_view field);

// The examples of a request, sharing the request: ReadExamples(ExamplesOf(request), …).
template <typename Request>
std::shared_ptr<const v1::Examples> ExamplesOf(std::shared_ptr<const Request> request) {
  const v1::Examples* examples = &request->examples();
  return {std::move(request), examples};
}

}  // namespace chainrule::server

#endif  // CHAINRULE_SERVER_CONVERT_EXAMPLES_H_
