#include "engine/kernels/activation.h"

#include <cstddef>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "engine/kernels/activation.cc"
#include "hwy/foreach_target.h"
// The per-target headers come after the one that re-includes this file.
#include "engine/kernels/activation-inl.h"
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace chainrule::engine::HWY_NAMESPACE {
namespace {

using Float = hn::ScalableTag<float>;

// What is added to z: nothing, a row, or one number for all.
struct NoBias {
  static constexpr bool kChangesZ = false;
  hn::Vec<Float> Add(Float /*d*/, hn::Vec<Float> z, size_t /*i*/) const { return z; }
  hn::Vec<Float> AddPartial(Float /*d*/, hn::Vec<Float> z, size_t /*i*/, size_t /*left*/) const {
    return z;
  }
};

struct RowBias {
  static constexpr bool kChangesZ = true;
  const float* bias;
  HWY_INLINE hn::Vec<Float> Add(Float d, hn::Vec<Float> z, size_t i) const {
    return hn::Add(z, hn::LoadU(d, bias + i));
  }
  HWY_INLINE hn::Vec<Float> AddPartial(Float d, hn::Vec<Float> z, size_t i, size_t left) const {
    return hn::Add(z, LoadPartial(d, bias + i, left));
  }
};

struct OneBias {
  static constexpr bool kChangesZ = true;
  float bias;
  HWY_INLINE hn::Vec<Float> Add(Float d, hn::Vec<Float> z, size_t /*i*/) const {
    return hn::Add(z, hn::Set(d, bias));
  }
  HWY_INLINE hn::Vec<Float> AddPartial(Float d, hn::Vec<Float> z, size_t /*i*/,
                                       size_t /*left*/) const {
    return hn::Add(z, hn::Set(d, bias));
  }
};

// z is stored before a, so that a may be z.
template <class Function, class Bias>
HWY_INLINE void ActivateRow(float slope, Bias bias, float* z, float* a, size_t count) {
  const Float d;
  const size_t lanes = hn::Lanes(d);
  const auto slopes = hn::Set(d, slope);
  size_t i = 0;
  for (; i + lanes <= count; i += lanes) {
    const auto biased = bias.Add(d, hn::LoadU(d, z + i), i);
    if constexpr (Bias::kChangesZ) hn::StoreU(biased, d, z + i);
    hn::StoreU(Function::Value(d, slopes, biased), d, a + i);
  }
  if (i < count) {
    const size_t left = count - i;
    const auto biased = bias.AddPartial(d, LoadPartial(d, z + i, left), i, left);
    if constexpr (Bias::kChangesZ) StorePartial(d, biased, z + i, left);
    StorePartial(d, Function::Value(d, slopes, biased), a + i, left);
  }
}

template <class Function>
void Activate(float slope, std::span<const float> bias, MatrixView z, MatrixView a) {
  // A matrix without gaps whose bias is the same everywhere is one long row.
  if (z.contiguous() && a.contiguous() && (bias.empty() || z.columns == 1)) {
    const auto count = static_cast<size_t>(z.size());
    if (bias.empty()) {
      ActivateRow<Function>(slope, NoBias{}, z.data, a.data, count);
    } else {
      ActivateRow<Function>(slope, OneBias{bias[0]}, z.data, a.data, count);
    }
    return;
  }
  const auto columns = static_cast<size_t>(z.columns);
  for (int64_t i = 0; i < z.rows; ++i) {
    if (bias.empty()) {
      ActivateRow<Function>(slope, NoBias{}, z.row(i).data(), a.row(i).data(), columns);
    } else {
      ActivateRow<Function>(slope, RowBias{bias.data()}, z.row(i).data(), a.row(i).data(), columns);
    }
  }
}

void Softmax(std::span<const float> bias, MatrixView z, MatrixView a) {
  if (!bias.empty()) Activate<IdentityFunction>(0.0F, bias, z, z);
  for (int64_t i = 0; i < z.rows; ++i) {
    SoftmaxRow(Float(), z.row(i).data(), a.row(i).data(), static_cast<size_t>(z.columns));
  }
}

void AddBiasActivateTarget(ActivationFunction function, std::span<const float> bias, MatrixView z,
                           MatrixView a) {
  switch (function.kind) {
    case Activation::kSigmoid:
      return Activate<SigmoidFunction>(function.slope, bias, z, a);
    case Activation::kTanh:
      return Activate<TanhFunction>(function.slope, bias, z, a);
    case Activation::kRelu:
      return Activate<ReluFunction>(function.slope, bias, z, a);
    case Activation::kLeakyRelu:
      return Activate<LeakyReluFunction>(function.slope, bias, z, a);
    case Activation::kGelu:
      return Activate<GeluFunction>(function.slope, bias, z, a);
    case Activation::kSoftplus:
      return Activate<SoftplusFunction>(function.slope, bias, z, a);
    case Activation::kIdentity:
      return Activate<IdentityFunction>(function.slope, bias, z, a);
    case Activation::kSoftmax:
      return Softmax(bias, z, a);
  }
}

// `input` is z for the activations whose derivative needs it, else a: the one array
// that is read.
template <class Function>
HWY_INLINE void DerivativeRow(float slope, const float* input, float* da, size_t count) {
  const Float d;
  const size_t lanes = hn::Lanes(d);
  const auto slopes = hn::Set(d, slope);
  size_t i = 0;
  for (; i + lanes <= count; i += lanes) {
    const auto x = hn::LoadU(d, input + i);
    const auto slope_here = Function::Derivative(d, slopes, x, x);
    hn::StoreU(hn::Mul(hn::LoadU(d, da + i), slope_here), d, da + i);
  }
  if (i < count) {
    const size_t left = count - i;
    const auto x = LoadPartial(d, input + i, left);
    const auto slope_here = Function::Derivative(d, slopes, x, x);
    StorePartial(d, hn::Mul(LoadPartial(d, da + i, left), slope_here), da + i, left);
  }
}

template <class Function>
void Derive(float slope, ConstMatrixView input, MatrixView da) {
  if (input.contiguous() && da.contiguous()) {
    return DerivativeRow<Function>(slope, input.data, da.data, static_cast<size_t>(da.size()));
  }
  for (int64_t i = 0; i < da.rows; ++i) {
    DerivativeRow<Function>(slope, input.row(i).data(), da.row(i).data(),
                            static_cast<size_t>(da.columns));
  }
}

void MultiplyByDerivativeTarget(ActivationFunction function, ConstMatrixView a, ConstMatrixView z,
                                MatrixView da) {
  switch (function.kind) {
    case Activation::kSigmoid:
      return Derive<SigmoidFunction>(function.slope, a, da);
    case Activation::kTanh:
      return Derive<TanhFunction>(function.slope, a, da);
    case Activation::kRelu:
      return Derive<ReluFunction>(function.slope, a, da);
    case Activation::kLeakyRelu:
      return Derive<LeakyReluFunction>(function.slope, a, da);
    case Activation::kGelu:
      return Derive<GeluFunction>(function.slope, z, da);
    case Activation::kSoftplus:
      return Derive<SoftplusFunction>(function.slope, a, da);
    case Activation::kIdentity:
    case Activation::kSoftmax:
      return;
  }
}

}  // namespace
}  // namespace chainrule::engine::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
#include "engine/core/check.h"

namespace chainrule::engine {

HWY_EXPORT(AddBiasActivateTarget);
HWY_EXPORT(MultiplyByDerivativeTarget);

bool DerivativeNeedsZ(Activation activation) { return activation == Activation::kGelu; }

void AddBiasActivate(ActivationFunction function, std::span<const float> bias, MatrixView z,
                     MatrixView a) {
  HWY_DYNAMIC_DISPATCH(AddBiasActivateTarget)(function, bias, z, a);
}

void MultiplyByDerivative(ActivationFunction function, ConstMatrixView a, ConstMatrixView z,
                          MatrixView da) {
  CHAINRULE_CHECK(function.kind != Activation::kSoftmax);
  HWY_DYNAMIC_DISPATCH(MultiplyByDerivativeTarget)(function, a, z, da);
}

}  // namespace chainrule::engine
#endif  // HWY_ONCE
