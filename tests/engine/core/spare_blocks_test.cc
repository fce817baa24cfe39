#include "engine/core/spare_blocks.h"

#include <gtest/gtest.h>

#include <set>
#include <thread>
#include <vector>

namespace chainrule::engine {
namespace {

constexpr size_t kBytes = 8192;

TEST(SpareBlocksTest, WhatOneThreadGaveAnotherTakes) {
  SpareBlocks spares;
  void* given = nullptr;
  std::thread([&] { spares.Give(given = spares.Take(kBytes), kBytes); }).join();
  void* const other = spares.Take(kBytes + 1);
  EXPECT_NE(other, given);
  void* const taken = spares.Take(kBytes);
  EXPECT_EQ(taken, given);
  void* const next = spares.Take(kBytes);
  EXPECT_NE(next, given);
  spares.Give(other, kBytes + 1);
  spares.Give(taken, kBytes);
  spares.Give(next, kBytes);
}

TEST(SpareBlocksTest, KeepsTheNewestOfMany) {
  SpareBlocks spares;
  std::vector<void*> blocks;
  for (size_t i = 0; i <= SpareBlocks::kMostBlocks; ++i) blocks.push_back(spares.Take(kBytes));
  for (void* block : blocks) spares.Give(block, kBytes);  // the first is one too many
  std::set<void*> kept;
  for (size_t i = 0; i < SpareBlocks::kMostBlocks; ++i) kept.insert(spares.Take(kBytes));
  EXPECT_EQ(kept, std::set<void*>(blocks.begin() + 1, blocks.end()));
  for (void* block : kept) spares.Give(block, kBytes);
}

// A sanitizer tells of a block that is lost or given back twice.
TEST(SpareBlocksTest, LargerOnesAreNotKept) {
  SpareBlocks spares;
  for (const size_t bytes : {SpareBlocks::kMostSmallBytes + 1, SpareBlocks::kLeastLargeBytes}) {
    for (int i = 0; i < 3; ++i) spares.Give(spares.Take(bytes), bytes);
  }
}

constexpr size_t kLarge = SpareBlocks::kLeastLargeBytes;

class LargeSpareBlocksTest : public ::testing::Test {
 protected:
  LargeSpareBlocksTest() { spares_.KeepLarge(2 * kLarge); }

  // The address that a block has; it is given back.
  void* Pass(size_t bytes) {
    void* const block = spares_.Take(bytes);
    spares_.Give(block, bytes);
    return block;
  }

  SpareBlocks spares_;
};

TEST_F(LargeSpareBlocksTest, StayForTheNext) {
  void* const first = Pass(kLarge);
  EXPECT_EQ(Pass(kLarge), first);
}

TEST_F(LargeSpareBlocksTest, NoMoreBytesThanTold) {
  std::vector<void*> blocks;
  for (int i = 0; i < 3; ++i) blocks.push_back(spares_.Take(kLarge));
  for (void* block : blocks) spares_.Give(block, kLarge);  // the first is one too many
  std::set<void*> kept;
  for (int i = 0; i < 2; ++i) kept.insert(spares_.Take(kLarge));
  EXPECT_EQ(kept, std::set<void*>(blocks.begin() + 1, blocks.end()));
  for (void* block : kept) spares_.Give(block, kLarge);
  Pass(2 * kLarge + 1);  // never kept
}

TEST_F(LargeSpareBlocksTest, GoWhenNobodyTookThemBetweenTwoAges) {
  EXPECT_EQ(spares_.kept_bytes(), 0);
  Pass(kLarge);
  Pass(kBytes);
  spares_.Age();
  Pass(kLarge);  // taken: young again
  spares_.Age();
  EXPECT_EQ(spares_.kept_bytes(), kLarge + kBytes);
  spares_.Age();
  EXPECT_EQ(spares_.kept_bytes(), kBytes) << "small ones stay";
}

TEST_F(LargeSpareBlocksTest, GoWhenTheyAreNoLongerWanted) {
  Pass(kLarge);
  spares_.KeepLarge(0);
  EXPECT_EQ(spares_.kept_bytes(), 0);
}

}  // namespace
}  // namespace chainrule::engine
