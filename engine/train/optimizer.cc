#include "engine/train/optimizer.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <iterator>

#include "engine/kernels/reduce.h"

namespace chainrule::engine {
namespace {

// Floats of a share: 64 KiB of each array, so that all of ADAM's seven fit a core's
// second-level cache.
constexpr int64_t kShare = 16'384;

// Floats of old and new parameters together that a processor's last cache may hold.
constexpr int64_t kMostCached = int64_t{8} << 20;

template <typename T>
std::span<T> Part(std::span<T> block, int64_t first, int64_t count) {
  return block.subspan(static_cast<size_t>(first), static_cast<size_t>(count));
}

}  // namespace

Optimizer::Optimizer(const Network& network)
    : spec_(network.spec().optimizer),
      clips_(std::isfinite(spec_.clip_norm) || std::isfinite(spec_.clip_value)),
      block_size_(network.block_size()),
      partial_sums_(static_cast<size_t>((block_size_ + kShare - 1) / kShare)) {
  if (spec_.weight_decay == 0.0) {
    AddRuns(0, block_size_, false);  // all alike, the gaps too: they are zero and stay so
    return;
  }
  for (int64_t l = 0; l < network.layer_count(); ++l) {
    AddRuns(network.weights_offset(l), network.layer_units(l) * network.weights_stride(l), true);
    AddRuns(network.bias_offset(l), network.layer_units(l), false);
  }
}

void Optimizer::AddRuns(int64_t first, int64_t count, bool decay) {
  for (int64_t done = 0; done < count; done += kShare) {
    runs_.push_back({first + done, std::min(kShare, count - done), decay});
  }
}

double Optimizer::GradientNorm(const Executor& executor, std::span<const float> gradient) {
  const auto shares = static_cast<int64_t>(partial_sums_.size());
  executor.ParallelFor(shares, [&](int64_t i) {
    const int64_t first = i * kShare;
    partial_sums_[static_cast<size_t>(i)] =
        SquaredNorm(Part(gradient, first, std::min(kShare, block_size_ - first)));
  });
  double sum = 0;
  for (const double partial : partial_sums_) sum += partial;
  return std::sqrt(sum);
}

UpdateRule Optimizer::RuleOf(double learning_rate, int64_t t, double norm) const {
  const auto steps = static_cast<double>(t);
  UpdateRule rule;
  rule.kind = spec_.kind;
  rule.learning_rate = static_cast<float>(learning_rate);
  rule.momentum = static_cast<float>(spec_.momentum);
  rule.nesterov = spec_.nesterov;
  rule.beta1 = spec_.beta1;
  rule.beta2 = spec_.beta2;
  rule.epsilon = static_cast<float>(spec_.epsilon);
  rule.rho = spec_.rho;
  if (spec_.kind == OptimizerKind::kAdam || spec_.kind == OptimizerKind::kAdamW) {
    rule.bias_correction1 = static_cast<float>(1.0 / (1.0 - std::pow(spec_.beta1, steps)));
    rule.bias_correction2 = static_cast<float>(1.0 / (1.0 - std::pow(spec_.beta2, steps)));
  }
  rule.weight_decay = static_cast<float>(spec_.weight_decay);
  rule.clip_value = static_cast<float>(spec_.clip_value);
  rule.past_cache = 2 * block_size_ >= kMostCached;
  if (norm > spec_.clip_norm) rule.gradient_scale = static_cast<float>(spec_.clip_norm / norm);
  return rule;
}

bool Optimizer::Update(const Executor& executor, double learning_rate, int64_t t, double norm,
                       const UpdateBlocks& blocks) const {
  const UpdateRule rule = RuleOf(learning_rate, t, needs_norm() ? norm : 0.0);
  std::atomic<bool> finite = true;
  executor.ParallelFor(static_cast<int64_t>(runs_.size()), [&](int64_t i) {
    const Run& run = runs_[static_cast<size_t>(i)];
    if (UpdateRun(rule, run, Part(blocks.gradient, run.first, run.count), blocks)) return;
    finite.store(false, std::memory_order_relaxed);
  });
  return finite.load(std::memory_order_relaxed);
}

Optimizer::WholeStep Optimizer::Step(const Executor& executor, double learning_rate, int64_t t,
                                     const UpdateBlocks& blocks) {
  WholeStep step{.norm = GradientNorm(executor, blocks.gradient)};
  if (!std::isfinite(step.norm)) {
    step.fault = "the gradient";
  } else if (!Update(executor, learning_rate, t, step.norm, blocks)) {
    step.fault = "a new parameter";
  }
  return step;
}

bool Optimizer::UpdatePart(const UpdateRule& rule, int64_t first, std::span<const float> gradient,
                           const UpdateBlocks& blocks) const {
  bool decay = false;
  if (spec_.weight_decay != 0.0) {
    const auto after =
        std::upper_bound(runs_.begin(), runs_.end(), first,
                         [](int64_t place, const Run& run) { return place < run.first; });
    decay = std::prev(after)->decay;
  }
  const auto count = static_cast<int64_t>(gradient.size());
  return UpdateRun(rule, {.first = first, .count = count, .decay = decay}, gradient, blocks);
}

bool Optimizer::UpdateRun(const UpdateRule& rule, const Run& run, std::span<const float> gradient,
                          const UpdateBlocks& blocks) const {
  const int arrays = StateArrays(rule.kind, rule.momentum);
  UpdateState state;
  for (int k = 0; k < arrays; ++k) {
    const int64_t first = k * block_size_ + run.first;
    state.in[k] = Part(blocks.state, first, run.count);
    state.out[k] = Part(blocks.new_state, first, run.count);
  }
  return UpdateParameters(rule, run.decay, Part(blocks.parameters, run.first, run.count), gradient,
                          state, Part(blocks.new_parameters, run.first, run.count));
}

}  // namespace chainrule::engine
