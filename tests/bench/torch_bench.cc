// The peer: the same training steps by PyTorch's C++ front end, as a fraction of the same
// bare matrix products.  An optional target, for Debian's libtorch-dev.
#include <cblas.h>
#include <torch/torch.h>

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "engine/blas/blas_runtime.h"
#include "tests/bench/pairs.h"
#include "tests/bench/training_floor.h"

namespace chainrule::bench {
namespace {

// Dense layers with RELU between them; cross-entropy, plain SGD: what engine-bench trains.
class TorchTraining {
 public:
  TorchTraining(const std::vector<int64_t>& widths, int64_t batch)
      : binary_(widths.back() == 1),
        network_(NetworkOf(widths)),
        optimizer_(network_->parameters(), torch::optim::SGDOptions(1e-4)),
        inputs_(torch::rand({batch, widths.front()})),
        classes_(torch::arange(batch).remainder(binary_ ? 2 : widths.back())),
        targets_(classes_.to(torch::kFloat32).unsqueeze(1)) {}

  void Step() {
    optimizer_.zero_grad();
    const torch::Tensor logits = network_->forward(inputs_);
    const torch::Tensor loss = binary_ ? torch::binary_cross_entropy_with_logits(logits, targets_)
                                       : torch::nn::functional::cross_entropy(logits, classes_);
    loss.backward();
    optimizer_.step();
  }

 private:
  static torch::nn::Sequential NetworkOf(const std::vector<int64_t>& widths) {
    torch::nn::Sequential network;
    for (size_t i = 1; i < widths.size(); ++i) {
      network->push_back(torch::nn::Linear(widths[i - 1], widths[i]));
      if (i + 1 < widths.size()) network->push_back(torch::nn::ReLU());
    }
    return network;
  }

  const bool binary_;
  torch::nn::Sequential network_;
  torch::optim::SGD optimizer_;
  torch::Tensor inputs_;
  torch::Tensor classes_;
  torch::Tensor targets_;
};

void Bench(const Arguments& arguments, const std::vector<int64_t>& widths, int64_t batch,
           int threads) {
  const std::string name = absl::StrCat("libtorch, ", absl::StrJoin(widths, "-"), ", batch ", batch,
                                        ", ", threads, " threads");
  if (!arguments.Wants(name)) return;
  at::set_num_threads(threads);
  TrainingFloor floor(widths, batch);
  TorchTraining training(widths, batch);
  const engine::Executor executor(threads);
  const auto with_threads = [threads](const auto& measure) {
    openblas_set_num_threads(threads);
    const double rate = measure();
    openblas_set_num_threads(1);
    return rate;
  };
  const auto rates =
      Interleave(arguments.protocol,
                 {[&](absl::Duration turn) {
                    return with_threads([&] { return Rate(turn, [&] { floor.RunOpenBlas(); }); });
                  },
                  [&](absl::Duration turn) {
                    double rate = 0;
                    executor.Run([&] { rate = Rate(turn, [&] { floor.RunGrid(executor); }); });
                    return rate;
                  },
                  [&](absl::Duration turn) {
                    return with_threads([&] { return Rate(turn, [&] { training.Step(); }); });
                  }});
  PrintRatio(name, QuartilesOf(Ratios(rates[2], Best(rates[0], rates[1]))), 0,
             absl::StrCat(absl::SixDigits(QuartilesOf(rates[2]).median), " steps/s"));
}

}  // namespace
}  // namespace chainrule::bench

int main(int argc, char** argv) {
  const chainrule::bench::Arguments arguments = chainrule::bench::ParseArguments(argc, argv);
  if (!chainrule::engine::StartBlas(2).ok()) return 1;
  chainrule::bench::Bench(arguments, {784, 512, 256, 10}, 128, 1);
  chainrule::bench::Bench(arguments, {784, 512, 256, 10}, 128, 2);
  chainrule::bench::Bench(arguments, {784, 512, 256, 10}, 512, 2);
  chainrule::bench::Bench(arguments, {784, 128, 10}, 32, 1);
  chainrule::bench::Bench(arguments, {30, 64, 1}, 32, 1);
  chainrule::bench::Bench(arguments, {1024, 2048, 2048, 1024}, 256, 1);
  chainrule::bench::Bench(arguments, {1024, 2048, 2048, 1024}, 256, 2);
  return 0;
}
