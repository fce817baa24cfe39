#include "server/models/settings_json.h"

#include <limits>
#include <string>

#include "gtest/gtest.h"
#include "tests/server/models/test_models.h"

namespace chainrule::server {
namespace {

// Every field away from its default.
ModelSettings Unusual() {
  ModelSettings settings = *TestSettings(0.1 + 1e-17);
  engine::NetworkSpec& network = settings.network;
  network.layers[0].activation = {engine::Activation::kLeakyRelu, 0.3F};
  network.layers[0].initializer = engine::Initializer::kHeNormal;
  network.layers[0].l1 = 1e-9F;
  network.layers[0].l2 = 0.1F;
  network.loss = {engine::Loss::kHuber, 0.7F};
  network.seed = std::numeric_limits<int64_t>::min();
  network.optimizer.kind = engine::OptimizerKind::kRmsProp;
  network.optimizer.beta1 = 0.1;
  network.optimizer.beta2 = 0.2;
  network.optimizer.epsilon = 5e-324;
  network.optimizer.rho = 1.0 / 3;
  network.optimizer.weight_decay = 0.01;
  network.optimizer.clip_norm = 3.5;
  network.optimizer.schedule = {engine::ScheduleKind::kCosine, 0.5, 70, 0.1, 3};
  settings.feature_names = {"a", "b\n\"", "ü"};
  settings.target_names = {"x", "y"};
  settings.class_names = {"no", "yes"};
  settings.input_name = "in";
  settings.output_name = "out";
  return settings;
}

TEST(SettingsJsonTest, EveryFieldComesBackToTheBit) {
  const engine::Normalization normalization{{{0.1F, 2, 3}, {1, 2, 1e-30F}}, {{1, 2}, {3, 4}}};
  const std::string json = EncodeSettings(Unusual(), normalization);
  const absl::StatusOr<StoredSettings> back = DecodeSettings(json);
  ASSERT_TRUE(back.ok()) << back.status();
  EXPECT_EQ(EncodeSettings(*back->settings, *back->normalization), json);
  const engine::OptimizerSpec& optimizer = back->settings->network.optimizer;
  EXPECT_EQ(optimizer.rho, 1.0 / 3);
  EXPECT_EQ(optimizer.epsilon, 5e-324);
  EXPECT_EQ(optimizer.clip_norm, 3.5);
  EXPECT_EQ(optimizer.clip_value, std::numeric_limits<double>::infinity());
  EXPECT_EQ(optimizer.schedule.warmup_steps, 3);
  EXPECT_EQ(back->settings->network.seed, std::numeric_limits<int64_t>::min());
  EXPECT_EQ(back->settings->network.layers[0].activation.slope, 0.3F);
  EXPECT_EQ(back->settings->feature_names, Unusual().feature_names);
  EXPECT_EQ(back->normalization->inputs.scale, normalization.inputs.scale);
}

TEST(SettingsJsonTest, DamagedTextIsRefused) {
  const std::string json = EncodeSettings(Unusual(), {});
  for (size_t size = 0; size < json.size(); ++size) {
    EXPECT_EQ(DecodeSettings(json.substr(0, size)).status().code(), absl::StatusCode::kDataLoss);
  }
  for (const char* text : {"{}", "[]", "3", R"({"format":1})", R"({"format":2})",
                           R"({"format":1,"input_width":3,"layers":[]})",
                           R"({"format":1,"input_width":3,"layers":[{"units":0}]})",
                           R"({"format":1,"input_width":3,"layers":[{"units":"2"}]})",
                           R"({"format":1,"input_width":3,"layers":[{"units":2,"activation":9}]})",
                           R"({"format":1,"input_width":4611686018427387904,)"
                           R"("layers":[{"units":4611686018427387904}]})"}) {
    EXPECT_EQ(DecodeSettings(text).status().code(), absl::StatusCode::kDataLoss) << text;
  }
}

TEST(SettingsJsonTest, WhatOlderFactsLackHasItsDefault) {
  const auto back =
      DecodeSettings(R"({"format":1,"input_width":3,"layers":[{"units":2}],"later":7})");
  ASSERT_TRUE(back.ok()) << back.status();
  EXPECT_EQ(back->settings->network.optimizer.learning_rate, 0.1);
  EXPECT_EQ(back->settings->input_name, "input");
}

}  // namespace
}  // namespace chainrule::server
