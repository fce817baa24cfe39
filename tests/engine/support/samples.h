// Specs and labelled rows for tests, made from a seed.
#ifndef CHAINRULE_TESTS_ENGINE_SUPPORT_SAMPLES_H_
#define CHAINRULE_TESTS_ENGINE_SUPPORT_SAMPLES_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "engine/core/matrix.h"
#include "engine/nn/spec.h"
#include "engine/train/examples.h"

namespace chainrule::engine {

// Every layer but the last with `hidden`, the last with `last`.
NetworkSpec MakeSpec(int64_t input_width, std::vector<int64_t> units, Activation hidden,
                     Activation last, Loss loss);

// An activation of the last layer that fits the loss: SIGMOID, SOFTMAX, IDENTITY.
Activation LastFor(Loss loss);

// Every activation that a hidden layer may have, and every loss.
std::vector<Activation> HiddenActivations();
std::vector<Loss> AllLosses();
std::string NameOf(Activation activation);
std::string NameOf(Loss loss);

// Floats of [−1, 1), the same for the same seed.
std::vector<float> RandomFloats(int64_t count, int64_t seed);
Matrix RandomMatrix(int64_t rows, int64_t columns, int64_t seed);

// Labelled rows that own their elements, in one chunk.
struct SampleRows {
  int64_t rows = 0;
  std::vector<float> inputs;
  std::vector<float> targets;
  std::vector<float> weights;  // empty: none

  // Rows [first, first + count) as one more chunk of `examples`. Borrowed.
  void AppendTo(Examples* examples, int64_t first, int64_t count, int64_t input_width,
                int64_t output_width) const;
  Examples View(const NetworkSpec& spec) const;
};

// Rows with something to learn: the targets follow from the inputs. They fit the loss.
SampleRows MakeRows(const NetworkSpec& spec, int64_t rows, int64_t seed, bool weighted = false);

}  // namespace chainrule::engine

#endif  // CHAINRULE_TESTS_ENGINE_SUPPORT_SAMPLES_H_
