// Compares every function of engine/kernels/math-inl.h with std:: functions in double
// over float32 inputs, and prints the largest error of each.
//   --step=N        every N-th bit pattern (default 1: all 2³²)
//   --only=NAME     of one function
//   --all-targets   on every target this processor has, not on the best alone
// All of it takes about twelve minutes of one core, and uses every core. Exits 1 if an
// error exceeds the bound that the header states.
#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "tests/engine/kernels/exhaustive.cc"
#include "hwy/foreach_target.h"
// The per-target headers come after the one that re-includes this file.
#include "engine/kernels/math-inl.h"
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace chainrule::engine::HWY_NAMESPACE {
namespace {

// Both require count to be a multiple of the lanes.
void Exponentials(float* x, size_t count) {
  const hn::ScalableTag<float> d;
  for (size_t i = 0; i < count; i += hn::Lanes(d)) {
    hn::StoreU(ExpVector(d, hn::LoadU(d, x + i)), d, x + i);
  }
}

// Of −|x|: what a softmax and the losses use.
void SmallExponentials(float* x, size_t count) {
  const hn::ScalableTag<float> d;
  for (size_t i = 0; i < count; i += hn::Lanes(d)) {
    hn::StoreU(ExpOfNonPositive(d, hn::Neg(hn::Abs(hn::LoadU(d, x + i)))), d, x + i);
  }
}

}  // namespace
}  // namespace chainrule::engine::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
#include "engine/kernels/activation.h"
#include "engine/kernels/activation_scalar.h"
#include "tests/engine/kernels/targets.h"
#include "tests/engine/kernels/ulp.h"

namespace chainrule::engine {
namespace {

HWY_EXPORT(Exponentials);
HWY_EXPORT(SmallExponentials);

constexpr int64_t kBlock = 1 << 12;
constexpr uint64_t kPatterns = uint64_t{1} << 32;

// A function in place on kBlock floats, its exact value, and what it may be off:
// units in the last place, or an absolute error where there are any.
struct Case {
  std::string name;
  std::function<void(float*)> run;
  std::function<double(double)> exact;
  double ulp_bound;
  double absolute_bound;
};

struct Worst {
  double error = 0;
  float at = 0;
};

Case ActivationCase(const std::string& name, Activation kind, double ulp_bound) {
  const ActivationFunction function{kind, 0.25F};
  return {name,
          [function](float* x) {
            const MatrixView view(x, 1, kBlock);
            AddBiasActivate(function, {}, view, view);
          },
          [function](double z) { return scalar::ActivationValue(function, z); }, ulp_bound, 0};
}

Case DerivativeCase(const std::string& name, Activation kind, double absolute_bound) {
  const ActivationFunction function{kind, 0.25F};
  return {name,
          [function](float* x) {
            std::vector<float> z(x, x + kBlock);
            std::vector<float> a(static_cast<size_t>(kBlock));
            MatrixView a_view(a.data(), 1, kBlock);
            MatrixView z_view(z.data(), 1, kBlock);
            AddBiasActivate(function, {}, z_view, a_view);
            std::fill_n(x, kBlock, 1.0F);
            MultiplyByDerivative(function, a_view, z_view, MatrixView(x, 1, kBlock));
          },
          [function](double z) { return scalar::ActivationDerivative(function, z); }, 0,
          absolute_bound};
}

std::vector<Case> Cases() {
  return {
      {"exp",
       [](float* x) {
         HWY_DYNAMIC_DISPATCH(Exponentials)
         (x, static_cast<size_t>(kBlock));
       },
       [](double x) { return std::exp(x); }, 4, 0},
      {"exp(-|x|)",
       [](float* x) {
         HWY_DYNAMIC_DISPATCH(SmallExponentials)
         (x, static_cast<size_t>(kBlock));
       },
       [](double x) { return std::exp(-std::abs(x)); }, 4, 0},
      ActivationCase("sigmoid", Activation::kSigmoid, 4),
      ActivationCase("tanh", Activation::kTanh, 4),
      ActivationCase("softplus", Activation::kSoftplus, 4),
      ActivationCase("gelu", Activation::kGelu, 10),
      DerivativeCase("sigmoid'", Activation::kSigmoid, 2e-7),
      DerivativeCase("tanh'", Activation::kTanh, 4e-7),
      DerivativeCase("softplus'", Activation::kSoftplus, 4e-7),
      DerivativeCase("gelu'", Activation::kGelu, 4e-7),
  };
}

double ErrorOf(const Case& test, float input, float actual) {
  const double expected = test.exact(static_cast<double>(input));
  if (test.ulp_bound > 0) return UlpError(actual, expected);
  if (std::isnan(actual) || std::isnan(expected)) {
    return std::isnan(actual) && std::isnan(expected) ? 0 : HUGE_VAL;
  }
  return std::abs(static_cast<double>(actual) - expected);
}

// Patterns first, first + step, ... below `last`.
Worst Scan(const Case& test, uint64_t first, uint64_t last, uint64_t step) {
  std::vector<float> inputs(static_cast<size_t>(kBlock));
  std::vector<float> outputs(static_cast<size_t>(kBlock));
  Worst worst;
  for (uint64_t pattern = first; pattern < last;) {
    size_t count = 0;
    for (; count < inputs.size() && pattern < last; pattern += step) {
      inputs[count++] = std::bit_cast<float>(static_cast<uint32_t>(pattern));
    }
    outputs = inputs;
    test.run(outputs.data());
    for (size_t i = 0; i < count; ++i) {
      const double error = ErrorOf(test, inputs[i], outputs[i]);
      if (error > worst.error) worst = {error, inputs[i]};
    }
  }
  return worst;
}

// Each thread takes its turn of the patterns, so that all get every range of exponents.
Worst ScanOnAllCores(const Case& test, uint64_t step) {
  const uint64_t threads = std::max(1U, std::thread::hardware_concurrency());
  std::vector<Worst> worst(threads);
  std::vector<std::thread> scans;
  for (uint64_t i = 0; i < threads; ++i) {
    scans.emplace_back([&, i] { worst[i] = Scan(test, i * step, kPatterns, threads * step); });
  }
  for (std::thread& scan : scans) scan.join();
  return *std::max_element(worst.begin(), worst.end(),
                           [](const Worst& a, const Worst& b) { return a.error < b.error; });
}

struct Arguments {
  uint64_t step = 1;
  std::string only;
  bool all_targets = false;
};

bool RunCase(const char* target, const Case& test, uint64_t step) {
  const Worst worst = ScanOnAllCores(test, step);
  const bool in_ulp = test.ulp_bound > 0;
  const double bound = in_ulp ? test.ulp_bound : test.absolute_bound;
  std::printf("%-8s %-10s %12.4g %s at %.9g (bound %g)\n", target, test.name.c_str(), worst.error,
              in_ulp ? "ulp" : "abs", static_cast<double>(worst.at), bound);
  std::fflush(stdout);
  return worst.error <= bound;
}

// Whether there was something to run and all of it was good.
bool RunCases(const char* target, const Arguments& arguments) {
  bool any = false;
  bool good = true;
  for (const Case& test : Cases()) {
    if (!arguments.only.empty() && test.name != arguments.only) continue;
    any = true;
    good = RunCase(target, test, arguments.step) && good;
  }
  return any && good;
}

std::optional<Arguments> Parse(int argc, char** argv) {
  constexpr std::string_view kStep = "--step=";
  constexpr std::string_view kOnly = "--only=";
  Arguments arguments;
  for (int i = 1; i < argc; ++i) {
    const std::string_view argument = argv[i];
    if (argument == "--all-targets") {
      arguments.all_targets = true;
    } else if (argument.starts_with(kOnly)) {
      arguments.only = argument.substr(kOnly.size());
    } else if (argument.starts_with(kStep)) {
      arguments.step = std::strtoull(argv[i] + kStep.size(), nullptr, 10);
    } else {
      return std::nullopt;
    }
  }
  if (arguments.step == 0) return std::nullopt;
  return arguments;
}

int Main(int argc, char** argv) {
  const std::optional<Arguments> arguments = Parse(argc, argv);
  if (!arguments) {
    std::fprintf(stderr, "%s [--step=N] [--only=NAME] [--all-targets]\n", argv[0]);
    return 2;
  }
  std::vector<int64_t> targets = Targets();
  if (!arguments->all_targets) targets.resize(1);
  bool good = true;
  for (const int64_t target : targets) {
    const OnlyTarget only(target);
    good = RunCases(hwy::TargetName(target), *arguments) && good;
  }
  return good ? 0 : 1;
}

}  // namespace
}  // namespace chainrule::engine

int main(int argc, char** argv) { return chainrule::engine::Main(argc, argv); }
#endif  // HWY_ONCE
