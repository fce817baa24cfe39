#include "engine/train/optimizer.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "gtest/gtest.h"
#include "tests/engine/support/samples.h"

namespace chainrule::engine {
namespace {

// The update of one parameter in float64, written out from the formulas.
class Scalar {
 public:
  Scalar(const OptimizerSpec& spec, bool decays) : spec_(spec), decays_(decays) {}

  double Next(double w, double g, double norm, int64_t t) {
    if (norm > spec_.clip_norm) g *= spec_.clip_norm / norm;
    g = std::clamp(g, -spec_.clip_value, spec_.clip_value);
    const double eta = spec_.learning_rate;
    if (decays_) w -= eta * spec_.weight_decay * w;
    switch (spec_.kind) {
      case OptimizerKind::kSgd:
        first_ = spec_.momentum * first_ + g;
        return w - eta * (spec_.nesterov ? g + spec_.momentum * first_ : first_);
      case OptimizerKind::kAdam:
      case OptimizerKind::kAdamW: {
        first_ = spec_.beta1 * first_ + (1 - spec_.beta1) * g;
        second_ = spec_.beta2 * second_ + (1 - spec_.beta2) * g * g;
        const double m = first_ / (1 - std::pow(spec_.beta1, t));
        const double v = second_ / (1 - std::pow(spec_.beta2, t));
        return w - eta * m / (std::sqrt(v) + spec_.epsilon);
      }
      case OptimizerKind::kRmsProp:
        second_ = spec_.rho * second_ + (1 - spec_.rho) * g * g;
        first_ = spec_.momentum * first_ + g / (std::sqrt(second_) + spec_.epsilon);
        return w - eta * first_;
      case OptimizerKind::kAdagrad:
        second_ += g * g;
        return w - eta * g / (std::sqrt(second_) + spec_.epsilon);
    }
    return w;
  }

 private:
  const OptimizerSpec spec_;
  const bool decays_;
  double first_ = 0;
  double second_ = 0;
};

struct Case {
  const char* name;
  OptimizerSpec spec;
};

std::vector<Case> Cases() {
  std::vector<Case> cases;
  const auto add = [&](const char* name, OptimizerKind kind, auto change) {
    OptimizerSpec spec;
    spec.kind = kind;
    spec.learning_rate = 0.01;
    change(spec);
    cases.push_back({name, spec});
  };
  add("Sgd", OptimizerKind::kSgd, [](OptimizerSpec&) {});
  add("Momentum", OptimizerKind::kSgd, [](OptimizerSpec& s) { s.momentum = 0.9; });
  add("Nesterov", OptimizerKind::kSgd, [](OptimizerSpec& s) {
    s.momentum = 0.9;
    s.nesterov = true;
  });
  add("Adam", OptimizerKind::kAdam, [](OptimizerSpec&) {});
  add("AdamW", OptimizerKind::kAdamW, [](OptimizerSpec& s) { s.weight_decay = 0.1; });
  add("RmsProp", OptimizerKind::kRmsProp, [](OptimizerSpec&) {});
  add("RmsPropMomentum", OptimizerKind::kRmsProp, [](OptimizerSpec& s) { s.momentum = 0.5; });
  add("Adagrad", OptimizerKind::kAdagrad, [](OptimizerSpec&) {});
  add("SgdDecay", OptimizerKind::kSgd, [](OptimizerSpec& s) { s.weight_decay = 0.1; });
  add("ClipNorm", OptimizerKind::kSgd, [](OptimizerSpec& s) { s.clip_norm = 2.0; });
  add("ClipValue", OptimizerKind::kSgd, [](OptimizerSpec& s) { s.clip_value = 0.3; });
  add("ClipBoth", OptimizerKind::kAdam, [](OptimizerSpec& s) {
    s.clip_norm = 3.0;
    s.clip_value = 0.05;
  });
  return cases;
}

class OptimizerTest : public testing::TestWithParam<Case> {};

TEST_P(OptimizerTest, HundredStepsFollowTheFormulas) {
  NetworkSpec spec =
      MakeSpec(128, {4, 3}, Activation::kTanh, Activation::kIdentity, Loss::kMeanSquaredError);
  spec.optimizer = GetParam().spec;
  const Network network(spec);
  const Executor executor(2);
  const auto size = static_cast<size_t>(network.block_size());
  const auto arrays = static_cast<size_t>(
      StateArrays(spec.optimizer.kind, static_cast<float>(spec.optimizer.momentum)));
  std::vector<float> parameters(size);
  std::vector<float> gradient(size);
  std::vector<float> next(size);
  std::vector<float> state(arrays * size);
  std::vector<float> next_state(arrays * size);
  std::vector<double> expected(size);
  std::vector<Scalar> scalars;
  std::vector<size_t> places;  // of what is no gap
  for (int64_t l = 0; l < network.layer_count(); ++l) {
    const auto add = [&](int64_t place, bool bias) {
      places.push_back(static_cast<size_t>(place));
      scalars.emplace_back(spec.optimizer, !bias);
    };
    for (int64_t unit = 0; unit < network.layer_units(l); ++unit) {
      const int64_t row = network.weights_offset(l) + unit * network.weights_stride(l);
      for (int64_t input = 0; input < network.layer_inputs(l); ++input) add(row + input, false);
      add(network.bias_offset(l) + unit, true);
    }
  }
  const std::vector<float> start = RandomFloats(static_cast<int64_t>(size), 1);
  for (const size_t place : places) parameters[place] = start[place];
  for (const size_t place : places) expected[place] = start[place];
  Optimizer optimizer(network);
  for (int64_t t = 1; t <= 100; ++t) {
    const std::vector<float> draws = RandomFloats(static_cast<int64_t>(size), 100 + t);
    double squares = 0;
    for (const size_t place : places) {
      gradient[place] = draws[place];
      squares += double{draws[place]} * double{draws[place]};
    }
    const double norm = optimizer.GradientNorm(executor, gradient);
    EXPECT_NEAR(norm, std::sqrt(squares), 1e-9);
    ASSERT_TRUE(optimizer.Update(executor, spec.optimizer.learning_rate, t, norm,
                                 {parameters, gradient, state, next, next_state}));
    parameters.swap(next);
    state.swap(next_state);
    for (size_t i = 0; i < places.size(); ++i) {
      expected[places[i]] = scalars[i].Next(expected[places[i]], gradient[places[i]], norm, t);
    }
  }
  for (size_t i = 0; i < size; ++i) ASSERT_NEAR(parameters[i], expected[i], 2e-5) << i;
}

INSTANTIATE_TEST_SUITE_P(All, OptimizerTest, testing::ValuesIn(Cases()),
                         [](const auto& test) { return test.param.name; });

TEST(OptimizerSharesTest, LargeBlocksAreUpdatedWhole) {
  const Network network(
      MakeSpec(300, {200, 1}, Activation::kTanh, Activation::kIdentity, Loss::kMeanSquaredError));
  const Executor executor(2);
  const auto size = static_cast<size_t>(network.block_size());
  const std::vector<float> parameters(size, 1.0F);
  const std::vector<float> gradient(size, 2.0F);
  std::vector<float> next(size);
  Optimizer optimizer(network);
  ASSERT_TRUE(optimizer.Update(executor, 0.25, 1, 0.0, {parameters, gradient, {}, next, {}}));
  for (const float value : next) ASSERT_EQ(value, 0.5F);
  EXPECT_NEAR(optimizer.GradientNorm(executor, gradient),
              2.0 * std::sqrt(static_cast<double>(size)), 1e-9);
}

TEST(OptimizerSharesTest, ReportsAParameterThatIsNotFiniteWhereverItIs) {
  const Network network(
      MakeSpec(300, {200, 1}, Activation::kTanh, Activation::kIdentity, Loss::kMeanSquaredError));
  const Executor executor(2);
  const auto size = static_cast<size_t>(network.block_size());
  const std::vector<float> parameters(size, 1.0F);
  Optimizer optimizer(network);
  for (size_t place = 0; place < size; place += 4'999) {
    std::vector<float> gradient(size, 2.0F);
    gradient[place] = std::numeric_limits<float>::infinity();
    std::vector<float> next(size);
    EXPECT_FALSE(optimizer.Update(executor, 0.25, 1, 0.0, {parameters, gradient, {}, next, {}}));
    EXPECT_FALSE(std::isfinite(optimizer.GradientNorm(executor, gradient)));
  }
}

}  // namespace
}  // namespace chainrule::engine
