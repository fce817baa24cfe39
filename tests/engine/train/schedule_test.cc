#include "engine/train/schedule.h"

#include <cmath>
#include <numbers>

#include "gtest/gtest.h"

namespace chainrule::engine {
namespace {

double Rate(ScheduleSpec schedule, int64_t step) {
  OptimizerSpec optimizer;
  optimizer.learning_rate = 0.4;
  optimizer.schedule = schedule;
  return ScheduledLearningRate(optimizer, step);
}

TEST(ScheduleTest, ConstantStays) {
  EXPECT_EQ(Rate({}, 0), 0.4);
  EXPECT_EQ(Rate({}, 1'000'000), 0.4);
}

TEST(ScheduleTest, StepFallsOnceAPeriod) {
  const ScheduleSpec schedule = {.kind = ScheduleKind::kStep, .gamma = 0.5, .period = 10};
  EXPECT_DOUBLE_EQ(Rate(schedule, 9), 0.4);
  EXPECT_DOUBLE_EQ(Rate(schedule, 10), 0.2);
  EXPECT_DOUBLE_EQ(Rate(schedule, 29), 0.1);
}

TEST(ScheduleTest, ExponentialFallsAtEveryStep) {
  const ScheduleSpec schedule = {.kind = ScheduleKind::kExponential, .gamma = 0.25, .period = 10};
  EXPECT_DOUBLE_EQ(Rate(schedule, 5), 0.2);
  EXPECT_DOUBLE_EQ(Rate(schedule, 10), 0.1);
  EXPECT_DOUBLE_EQ(Rate(schedule, 8) / Rate(schedule, 7), std::pow(0.25, 0.1));
}

TEST(ScheduleTest, CosineFallsToItsFloorAndStays) {
  const ScheduleSpec schedule = {.kind = ScheduleKind::kCosine, .period = 8, .floor = 0.25};
  EXPECT_DOUBLE_EQ(Rate(schedule, 0), 0.4);
  EXPECT_DOUBLE_EQ(Rate(schedule, 4), 0.5 * (0.4 + 0.1));
  EXPECT_NEAR(Rate(schedule, 2), 0.1 + 0.15 * (1 + std::numbers::sqrt2 / 2), 1e-12);
  EXPECT_DOUBLE_EQ(Rate(schedule, 8), 0.1);
  EXPECT_DOUBLE_EQ(Rate(schedule, 800), 0.1);
}

TEST(ScheduleTest, InverseTimeHalvesAtItsPeriod) {
  const ScheduleSpec schedule = {.kind = ScheduleKind::kInverseTime, .gamma = 1.0, .period = 100};
  EXPECT_DOUBLE_EQ(Rate(schedule, 100), 0.2);
  EXPECT_DOUBLE_EQ(Rate(schedule, 300), 0.1);
}

TEST(ScheduleTest, WarmUpRisesToTheBaseRateThenTheFormulaBegins) {
  ScheduleSpec schedule = {.kind = ScheduleKind::kStep, .gamma = 0.5, .period = 10};
  schedule.warmup_steps = 4;
  EXPECT_DOUBLE_EQ(Rate(schedule, 0), 0.1);
  EXPECT_DOUBLE_EQ(Rate(schedule, 1), 0.2);
  EXPECT_DOUBLE_EQ(Rate(schedule, 3), 0.4);
  EXPECT_DOUBLE_EQ(Rate(schedule, 13), 0.4);
  EXPECT_DOUBLE_EQ(Rate(schedule, 14), 0.2);
}

TEST(ScheduleTest, EveryFormulaCountsFromTheWarmUpsEnd) {
  for (const ScheduleKind kind :
       {ScheduleKind::kConstant, ScheduleKind::kStep, ScheduleKind::kExponential,
        ScheduleKind::kCosine, ScheduleKind::kInverseTime}) {
    const ScheduleSpec cold = {.kind = kind, .gamma = 0.5, .period = 10, .floor = 0.25};
    ScheduleSpec warmed = cold;
    warmed.warmup_steps = 5;
    for (int64_t s = 0; s < 5; ++s) {
      EXPECT_DOUBLE_EQ(Rate(warmed, s), 0.4 * static_cast<double>(s + 1) / 5);
    }
    for (int64_t s = 0; s < 40; ++s) EXPECT_EQ(Rate(warmed, 5 + s), Rate(cold, s));
  }
}

}  // namespace
}  // namespace chainrule::engine
