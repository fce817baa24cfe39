// What the benchmarks of calls share: a server's model, requests, and the load that
// drives them.  Whatever fails exits the benchmark, with a line on stderr.
#ifndef CHAINRULE_TESTS_BENCH_CALLS_H_
#define CHAINRULE_TESTS_BENCH_CALLS_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "client/lib/load.h"
#include "grpcpp/channel.h"
#include "tests/bench/child.h"

namespace chainrule::bench {

std::shared_ptr<grpc::Channel> Connect(const Child& child);

// Creates models/{id} with these widths: RELU, and a softmax or one sigmoid unit.
void CreateModel(const std::shared_ptr<grpc::Channel>& channel, const std::string& id,
                 const std::vector<int64_t>& widths);
// The model's step.
int64_t StepOf(const std::shared_ptr<grpc::Channel>& channel, const std::string& id);
// Returns when the model has answered.
void PredictOnce(const std::shared_ptr<grpc::Channel>& channel, const std::string& id,
                 int64_t columns);

// Requests, serialised. One step of training on `rows` rows of some classes.
std::string PredictBytes(const std::string& id, int64_t rows, int64_t columns);
std::string TrainBytes(const std::string& id, int64_t rows, int64_t columns, int64_t classes);
// A gradient by all parameters, answered as bytes.
std::string GradientsBytes(const std::string& id, int64_t rows, int64_t columns, int64_t classes);
// ModelInfer with raw contents.
std::string InferBytes(const std::string& id, int64_t rows, int64_t columns);

// No call may fail, and there must be one.
client::LoadResult Drive(const std::shared_ptr<grpc::Channel>& channel, const client::Load& load);

}  // namespace chainrule::bench

#endif  // CHAINRULE_TESTS_BENCH_CALLS_H_
