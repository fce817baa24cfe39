#include "engine/core/aligned_buffer.h"

#include <algorithm>
#include <cstdint>
#include <new>
#include <utility>

#include "gtest/gtest.h"

namespace chainrule::engine {
namespace {

TEST(AlignedBufferTest, StartsOnAlignmentAndHoldsZeros) {
  for (size_t size : {1, 3, 15, 16, 17, 1000, 100'000}) {
    AlignedBuffer buffer(size);
    EXPECT_EQ(reinterpret_cast<uintptr_t>(buffer.data()) % kAlignmentBytes, 0U) << size;
    EXPECT_TRUE(std::ranges::all_of(buffer.span(), [](float x) { return x == 0.0F; })) << size;
    std::ranges::fill(buffer.span(), 1.0F);  // the sanitizer sees a block too small
  }
}

TEST(AlignedBufferTest, MayBeEmpty) {
  EXPECT_TRUE(AlignedBuffer().span().empty());
  EXPECT_TRUE(AlignedBuffer(0).span().empty());
}

TEST(AlignedBufferTest, MoveHandsOverTheElements) {
  AlignedBuffer source(4);
  source.data()[3] = 7.0F;
  const float* const place = source.data();
  const AlignedBuffer target = std::move(source);
  EXPECT_EQ(target.data(), place);
  EXPECT_EQ(target.span()[3], 7.0F);
}

TEST(AlignedBufferTest, SizeWhoseBytesOverflowThrows) {
  EXPECT_THROW(AlignedBuffer(SIZE_MAX / 2), std::bad_alloc);
}

}  // namespace
}  // namespace chainrule::engine
