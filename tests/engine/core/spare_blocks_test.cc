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
TEST(SpareBlocksTest, LargeOnesAreNotKept) {
  SpareBlocks spares;
  for (int i = 0; i < 3; ++i) {
    spares.Give(spares.Take(SpareBlocks::kMostBytes + 1), SpareBlocks::kMostBytes + 1);
  }
}

}  // namespace
}  // namespace chainrule::engine
