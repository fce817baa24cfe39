#include "server/rpc/health_board.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

namespace chainrule::server {
namespace {

using ::testing::ElementsAre;

class Recorder : public HealthBoard::Watcher {
 public:
  void OnHealth(std::optional<Health> health) override { seen.push_back(health); }
  std::vector<std::optional<Health>> seen;
};

TEST(HealthBoardTest, KnowsNothingThatWasNotSet) {
  HealthBoard board;
  EXPECT_EQ(board.Get(""), std::nullopt);
  board.Set("", Health::kServing);
  EXPECT_EQ(board.Get(""), Health::kServing);
  board.Remove("");
  EXPECT_EQ(board.Get(""), std::nullopt);
}

TEST(HealthBoardTest, TellsAWatcherAtOnceAndOfEachChangeInOrder) {
  HealthBoard board;
  Recorder recorder;
  board.Watch("m", &recorder);
  board.Set("m", Health::kServing);
  board.Set("other", Health::kServing);
  board.Remove("m");
  board.Unwatch("m", &recorder);
  board.Set("m", Health::kServing);
  EXPECT_THAT(recorder.seen, ElementsAre(std::nullopt, Health::kServing, std::nullopt));
}

TEST(HealthBoardTest, StoppedItStaysNotServing) {
  HealthBoard board;
  Recorder recorder;
  board.Set("", Health::kServing);
  board.Watch("", &recorder);
  board.StopAll();
  board.Set("late", Health::kServing);
  EXPECT_EQ(board.Get("late"), Health::kNotServing);
  EXPECT_THAT(recorder.seen, ElementsAre(Health::kServing, Health::kNotServing));
}

}  // namespace
}  // namespace chainrule::server
