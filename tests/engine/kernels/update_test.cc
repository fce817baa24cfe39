#include "engine/kernels/update.h"

#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "engine/kernels/update_scalar.h"
#include "tests/engine/kernels/kernel_test.h"

namespace chainrule::engine {
namespace {

struct NamedRule {
  std::string name;
  UpdateRule rule;
};

UpdateRule Rule(OptimizerKind kind, float learning_rate) {
  UpdateRule rule;
  rule.kind = kind;
  rule.learning_rate = learning_rate;
  return rule;
}

// Every optimizer and variant, each plain.
std::vector<NamedRule> Rules() {
  std::vector<NamedRule> rules = {{"sgd", Rule(OptimizerKind::kSgd, 0.1F)},
                                  {"momentum", Rule(OptimizerKind::kSgd, 0.1F)},
                                  {"nesterov", Rule(OptimizerKind::kSgd, 0.1F)},
                                  {"adam", Rule(OptimizerKind::kAdam, 0.001F)},
                                  {"adamw", Rule(OptimizerKind::kAdamW, 0.001F)},
                                  {"rmsprop", Rule(OptimizerKind::kRmsProp, 0.001F)},
                                  {"rmsprop+momentum", Rule(OptimizerKind::kRmsProp, 0.001F)},
                                  {"adagrad", Rule(OptimizerKind::kAdagrad, 0.01F)}};
  for (const size_t i : {1, 2, 6}) rules[i].rule.momentum = 0.9F;
  rules[2].rule.nesterov = true;
  return rules;
}

// The same with gradients scaled and clipped, and weights decaying.
std::vector<NamedRule> FullRules() {
  std::vector<NamedRule> rules = Rules();
  for (NamedRule& named : rules) {
    named.rule.gradient_scale = 0.5F;
    named.rule.clip_value = 0.3F;
    named.rule.weight_decay = 0.1F;
  }
  return rules;
}

void SetStep(UpdateRule* rule, int step) {
  rule->bias_correction1 = static_cast<float>(1.0 / (1.0 - std::pow(rule->beta1, step)));
  rule->bias_correction2 = static_cast<float>(1.0 / (1.0 - std::pow(rule->beta2, step)));
}

using Update = bool (*)(const UpdateRule&, bool, std::span<const float>, std::span<const float>,
                        UpdateState, std::span<float>);

// Parameters and state of one rule, `offset` floats off alignment, updated in place.
struct Model {
  Model(const UpdateRule& update_rule, int64_t count, int64_t offset)
      : rule(update_rule),
        parameters(1, count, 0, offset),
        first(1, count, 0, offset),
        second(1, count, 0, offset) {
    parameters.FillRandom(-1, 1, 1);
  }
  UpdateState State() {
    const int arrays = StateArrays(rule.kind, rule.momentum);
    UpdateState state;
    if (arrays > 0) state.in[0] = state.out[0] = first.view().row(0);
    if (arrays > 1) state.in[1] = state.out[1] = second.view().row(0);
    return state;
  }
  bool Step(Update update, int step, std::span<const float> gradient) {
    SetStep(&rule, step);
    const auto w = parameters.view().row(0);
    return update(rule, true, w, gradient, State(), w);
  }

  UpdateRule rule;
  GuardedMatrix parameters, first, second;
};

class UpdateTest : public KernelTest {};

// A few roundings of numbers up to `scale`.
void ExpectNear(GuardedMatrix& actual, GuardedMatrix& expected, double scale,
                const std::string& name) {
  for (int64_t j = 0; j < actual.view().columns; ++j) {
    ASSERT_NEAR(actual(0, j), expected(0, j), 4e-7 * scale) << name << " element " << j;
  }
}

TEST_P(UpdateTest, PastTheCachesGoTheSameBits) {
  for (const NamedRule& named : FullRules()) {
    for (const int64_t offset : {0, 1}) {
      UpdateRule rule = named.rule;
      Model model(rule, 203, offset);
      rule.past_cache = true;
      Model past(rule, 203, offset);
      const auto gradient = RandomValues(203, -1, 1, 7);
      ASSERT_TRUE(model.Step(UpdateParameters, 1, gradient));
      ASSERT_TRUE(past.Step(UpdateParameters, 1, gradient));
      EXPECT_TRUE(SameBits(past.parameters.view(), model.parameters.view())) << named.name;
      EXPECT_TRUE(past.parameters.IsIntact());
    }
  }
}

TEST_P(UpdateTest, MatchesTheScalarTwinOverStepsAtEveryLengthAndAlignment) {
  for (const NamedRule& named : FullRules()) {
    for (int64_t count = 0; count <= 3 * 16 + 1; ++count) {
      for (const int64_t offset : {0, 1, 3}) {
        Model model(named.rule, count, offset);
        Model twin(named.rule, count, 0);
        for (int step = 1; step <= 4; ++step) {
          const auto gradient = RandomValues(static_cast<size_t>(count), -1, 1, 10 + step);
          ASSERT_TRUE(model.Step(UpdateParameters, step, gradient));
          ASSERT_TRUE(twin.Step(scalar::UpdateParameters, step, gradient));
        }
        ASSERT_TRUE(model.parameters.IsIntact() && model.first.IsIntact() &&
                    model.second.IsIntact());
        ExpectNear(model.parameters, twin.parameters, 1, named.name);
        ExpectNear(model.first, twin.first, 1, named.name);
        // RMSPROP's buffer sums gradients over √v ≥ |g|/10.
        ExpectNear(model.second, twin.second, 10, named.name);
      }
    }
  }
}

TEST_P(UpdateTest, InPlaceAndOutOfPlaceGiveTheSameBits) {
  for (const NamedRule& named : FullRules()) {
    Model in_place(named.rule, 61, 0);
    Model source(named.rule, 61, 1);
    Model result(named.rule, 61, 3);
    const auto gradient = RandomValues(61, -1, 1, 4);
    SetStep(&source.rule, 1);
    UpdateState state = source.State();
    state.out[0] = result.State().out[0];
    state.out[1] = result.State().out[1];
    ASSERT_TRUE(in_place.Step(UpdateParameters, 1, gradient));
    ASSERT_TRUE(UpdateParameters(source.rule, true, source.parameters.view().row(0), gradient,
                                 state, result.parameters.view().row(0)));
    EXPECT_TRUE(SameBits(in_place.parameters.view(), result.parameters.view())) << named.name;
    EXPECT_TRUE(SameBits(in_place.first.view(), result.first.view())) << named.name;
    EXPECT_TRUE(SameBits(in_place.second.view(), result.second.view())) << named.name;
    EXPECT_TRUE(SameBits(source.parameters.view().row(0), RandomValues(61, -1, 1, 1)));
  }
}

TEST_P(UpdateTest, PiecesOfABlockGiveTheBitsOfTheWhole) {
  for (const NamedRule& named : FullRules()) {
    Model whole(named.rule, 77, 0);
    Model pieces(named.rule, 77, 0);
    const auto gradient = RandomValues(77, -1, 1, 4);
    ASSERT_TRUE(whole.Step(UpdateParameters, 1, gradient));
    SetStep(&pieces.rule, 1);
    const UpdateState state = pieces.State();
    for (size_t first = 0; first < 77; first += 11) {
      UpdateState part;
      for (int i = 0; i < StateArrays(named.rule.kind, named.rule.momentum); ++i) {
        part.in[i] = state.in[i].subspan(first, 11);
        part.out[i] = state.out[i].subspan(first, 11);
      }
      const auto w = pieces.parameters.view().row(0).subspan(first, 11);
      const auto g = std::span<const float>(gradient).subspan(first, 11);
      ASSERT_TRUE(UpdateParameters(pieces.rule, true, w, g, part, w));
    }
    EXPECT_TRUE(SameBits(whole.parameters.view(), pieces.parameters.view())) << named.name;
  }
}

// One parameter at 1 that takes `steps` steps of a constant gradient.
double After(UpdateRule rule, int steps, float gradient, bool decay = true) {
  float w = 1;
  float s = 0;
  float t = 0;
  for (int step = 1; step <= steps; ++step) {
    SetStep(&rule, step);
    UpdateState state;
    const int arrays = StateArrays(rule.kind, rule.momentum);
    if (arrays > 0) state.in[0] = state.out[0] = {&s, 1};
    if (arrays > 1) state.in[1] = state.out[1] = {&t, 1};
    EXPECT_TRUE(UpdateParameters(rule, decay, {&w, 1}, {&gradient, 1}, state, {&w, 1}));
  }
  return static_cast<double>(w);
}

TEST_P(UpdateTest, ConstantGradientsMoveAParameterAsTheClosedFormsSay) {
  const std::vector<NamedRule> rules = Rules();
  const double g = 0.5;
  // SGD: w − η·n·g. With momentum v after k steps is g·(1−μᵏ)/(1−μ).
  EXPECT_NEAR(After(rules[0].rule, 3, 0.5F), 1 - 0.1 * 3 * g, 1e-6);
  EXPECT_NEAR(After(rules[1].rule, 3, 0.5F), 1 - 0.1 * g * (1 + 1.9 + 2.71), 1e-6);
  // Nesterov adds μ·v to g: one step ahead.
  EXPECT_NEAR(After(rules[2].rule, 2, 0.5F), 1 - 0.1 * g * (1.9 + 2.71), 1e-6);
  // ADAM's corrected means of a constant are g and g², so each step is η·sign(g).
  EXPECT_NEAR(After(rules[3].rule, 5, 0.5F), 1 - 0.005, 1e-6);
  EXPECT_NEAR(After(rules[4].rule, 5, -0.5F), 1 + 0.005, 1e-6);
  // RMSPROP: the first v is (1−ρ)·g².
  EXPECT_NEAR(After(rules[5].rule, 1, 0.5F), 1 - 0.001 / std::sqrt(0.01), 1e-6);
  EXPECT_NEAR(After(rules[6].rule, 2, 0.5F),
              1 - 0.001 * (1.9 / std::sqrt(0.01) + 1 / std::sqrt(0.0199)), 1e-6);
  // ADAGRAD: v after k steps is k·g².
  EXPECT_NEAR(After(rules[7].rule, 2, 0.5F), 1 - 0.01 * (1 + 1 / std::sqrt(2.0)), 1e-6);
}

TEST_P(UpdateTest, DecayShrinksEveryKindAlikeAndOnlyWhereItIsAsked) {
  for (NamedRule& named : Rules()) {
    named.rule.weight_decay = 0.5F;
    named.rule.learning_rate = 0.1F;
    EXPECT_NEAR(After(named.rule, 2, 0.0F, true), 0.95 * 0.95, 1e-6) << named.name;
    EXPECT_EQ(After(named.rule, 2, 0.0F, false), 1.0) << named.name;
  }
}

TEST_P(UpdateTest, ScalesFirstAndClipsThen) {
  UpdateRule rule = Rules()[0].rule;
  rule.learning_rate = 1;
  rule.gradient_scale = 0.5F;
  rule.clip_value = 0.25F;
  EXPECT_EQ(After(rule, 1, 0.25F), 1 - 0.125);
  EXPECT_EQ(After(rule, 1, 100.0F), 0.75);
  EXPECT_EQ(After(rule, 1, -100.0F), 1.25);
}

TEST_P(UpdateTest, SaysWhenANewParameterIsNotFinite) {
  for (const NamedRule& named : FullRules()) {
    for (const size_t place : {0, 15, 16, 36}) {
      Model model(named.rule, 37, 0);
      auto gradient = RandomValues(37, -1, 1, 2);
      gradient[place] = std::nanf("");
      EXPECT_FALSE(model.Step(UpdateParameters, 1, gradient)) << named.name << place;
    }
  }
}

TEST_P(UpdateTest, SaysWhenAParameterOverflows) {
  UpdateRule rule = Rules()[0].rule;
  rule.learning_rate = 10;
  std::vector<float> w(20, 1.0F);
  std::vector<float> gradient(20, 0.0F);
  gradient[19] = std::numeric_limits<float>::max();
  EXPECT_FALSE(UpdateParameters(rule, false, w, gradient, {}, w));
}

TEST_P(UpdateTest, SaysWhenTheStateOverflows) {
  // g² is infinite, and the parameter would stand still for ever.
  Model model(Rules()[3].rule, 3, 0);
  EXPECT_FALSE(model.Step(UpdateParameters, 1, std::vector<float>(3, 1e30F)));
}

TEST(StateArraysTest, CountsWhatEachOptimizerKeeps) {
  EXPECT_EQ(StateArrays(OptimizerKind::kSgd, 0.0F), 0);
  EXPECT_EQ(StateArrays(OptimizerKind::kSgd, 0.9F), 1);
  EXPECT_EQ(StateArrays(OptimizerKind::kAdam, 0.9F), 2);
  EXPECT_EQ(StateArrays(OptimizerKind::kAdamW, 0.0F), 2);
  EXPECT_EQ(StateArrays(OptimizerKind::kRmsProp, 0.0F), 1);
  EXPECT_EQ(StateArrays(OptimizerKind::kRmsProp, 0.9F), 2);
  EXPECT_EQ(StateArrays(OptimizerKind::kAdagrad, 0.0F), 1);
}

INSTANTIATE_TEST_SUITE_P(Targets, UpdateTest, testing::ValuesIn(Targets()), NameOfTarget);

}  // namespace
}  // namespace chainrule::engine
