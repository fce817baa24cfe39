#include "engine/kernels/convert.h"

#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

#include "engine/kernels/convert_scalar.h"
#include "tests/engine/kernels/kernel_test.h"

namespace chainrule::engine {
namespace {

class ConvertTest : public KernelTest {};

// `values` of T, over and over, at lengths around every vector's width and off every
// alignment.
template <typename T>
void ExpectTwins(ElementType type, const std::vector<T>& values) {
  for (int64_t count = 0; count <= 67; ++count) {
    for (const size_t offset : {0, 1, 3}) {
      std::vector<unsigned char> source(offset + static_cast<size_t>(count) * sizeof(T));
      for (size_t i = 0; i < static_cast<size_t>(count); ++i) {
        std::memcpy(&source[offset + i * sizeof(T)], &values[(i + offset) % values.size()],
                    sizeof(T));
      }
      GuardedMatrix converted(1, count, 0, 1);
      std::vector<float> twin(static_cast<size_t>(count));
      ConvertElements(type, source.data() + offset, converted.view().row(0));
      scalar::ConvertElements(type, source.data() + offset, twin);
      ASSERT_TRUE(SameBits(converted.view().row(0), twin)) << count << ", " << offset;
      ASSERT_TRUE(converted.IsIntact());
    }
  }
}

// Every bit pattern of a narrow integer.
template <typename T>
std::vector<T> All() {
  std::vector<T> all;
  for (int value = std::numeric_limits<T>::min(); value <= std::numeric_limits<T>::max(); ++value) {
    all.push_back(static_cast<T>(value));
  }
  return all;
}

// Around each power of two, where the rounding is.
template <typename T>
std::vector<T> Some() {
  std::vector<T> some = {0, std::numeric_limits<T>::min(), std::numeric_limits<T>::max()};
  for (int bit = 22; bit < std::numeric_limits<T>::digits; ++bit) {
    for (int step = -3; step <= 3; ++step) {
      const T power = T{1} << bit;
      some.push_back(static_cast<T>(power + static_cast<T>(step)));
      some.push_back(static_cast<T>(power + (power >> 24) + static_cast<T>(step)));
      some.push_back(static_cast<T>(T{0} - power + static_cast<T>(step)));
    }
  }
  return some;
}

TEST_P(ConvertTest, EveryTypeIsTheScalarTwins) {
  ExpectTwins<uint8_t>(ElementType::kUint8, All<uint8_t>());
  ExpectTwins<int8_t>(ElementType::kInt8, All<int8_t>());
  ExpectTwins<uint16_t>(ElementType::kUint16, {0, 1, 255, 256, 32'767, 32'768, 65'535});
  ExpectTwins<int16_t>(ElementType::kInt16, {0, 1, -1, 32'767, -32'768, 255, -256});
  ExpectTwins(ElementType::kUint32, Some<uint32_t>());
  ExpectTwins(ElementType::kInt32, Some<int32_t>());
  ExpectTwins(ElementType::kUint64, Some<uint64_t>());
  ExpectTwins(ElementType::kInt64, Some<int64_t>());
  ExpectTwins<float>(ElementType::kFloat32, {0.0F, -0.0F, 1e-45F, 3e38F, INFINITY});
  ExpectTwins<double>(ElementType::kFloat64, {0.0, -0.0, 1.0 + 0x1p-24, 1.0 + 0x1.8p-23, 1e-45,
                                              -7e-46, 3.4e38, 1e39, -HUGE_VAL});
}

TEST_P(ConvertTest, AllOfARowOfNarrowIntegers) {
  const std::vector<uint16_t> words = All<uint16_t>();
  std::vector<float> converted(words.size());
  ConvertElements(ElementType::kUint16, words.data(), converted);
  for (size_t i = 0; i < words.size(); ++i) ASSERT_EQ(converted[i], static_cast<float>(i));
}

INSTANTIATE_TEST_SUITE_P(Targets, ConvertTest, testing::ValuesIn(Targets()), NameOfTarget);

}  // namespace
}  // namespace chainrule::engine
