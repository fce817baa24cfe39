#include "engine/io/model_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "engine/io/file_digest.h"
#include "tests/engine/support/samples.h"

namespace chainrule::engine {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

NetworkSpec Spec() {
  NetworkSpec spec;
  spec.input_width = 3;
  spec.layers.resize(2);
  spec.layers[0].units = 5;
  spec.layers[1].units = 2;
  spec.layers[1].activation.kind = Activation::kIdentity;
  spec.loss.kind = Loss::kMeanSquaredError;
  spec.optimizer.kind = OptimizerKind::kAdam;
  spec.seed = 3;
  return spec;
}

ModelState State(const Network& network) {
  Normalization normalization;
  normalization.inputs = {{1, 2, 3}, {4, 5, 6}};
  normalization.targets = {{7, 8}, {9, 10}};
  ModelState state = InitialState(network, normalization);
  auto optimizer = std::make_shared<AlignedBuffer>(state.optimizer->size());
  for (size_t array = 0; array < 2; ++array) {
    const auto block = static_cast<size_t>(network.block_size());
    const auto part = optimizer->span().subspan(array * block, block);
    network.weights(part, 1)(1, 4) = static_cast<float>(array) + 0.5F;
    network.bias(part, 0)[4] = static_cast<float>(array) + 0.25F;
  }
  state.optimizer = optimizer;
  state.step = 12;
  state.optimizer_steps = 11;
  return state;
}

std::string Join(const ModelFileParts& parts) {
  std::string bytes = parts.header;
  for (absl::string_view part : parts.data) bytes.append(part.data(), part.size());
  EXPECT_EQ(parts.bytes, static_cast<int64_t>(bytes.size()));
  return bytes;
}

absl::StatusOr<ModelFile> Read(absl::string_view bytes, const Network& network,
                               const ModelFileRules& rules = {}) {
  const ByteSource source = ReadFrom(bytes);
  const auto header = ReadModelFileHeader(static_cast<int64_t>(bytes.size()), source);
  if (!header.ok()) return header.status();
  return ReadModelFile(*header, network, rules, source);
}

// A file of float32 tensors alone, as another program makes it; tensors hold `fill`.
std::string ForeignFile(std::vector<SafetensorsTensor> tensors, float fill = 1.5F) {
  std::string bytes = WriteSafetensorsHeader(&tensors, {});
  for (int64_t i = 0; i < tensors.back().end / 4; ++i) {
    bytes.append(reinterpret_cast<const char*>(&fill), 4);
  }
  return bytes;
}

std::vector<SafetensorsTensor> Layers() {
  return {{"layers.1.bias", "F32", {2}, 0, 0},
          {"layers.0.weight", "F32", {5, 3}, 0, 0},
          {"layers.1.weight", "F32", {2, 5}, 0, 0},
          {"layers.0.bias", "F32", {5}, 0, 0}};
}

TEST(ModelFileTest, ReadsBackAllItWrote) {
  const Network network(Spec());
  const ModelState state = State(network);
  const std::string window("a\0b", 3);
  const std::string bytes =
      Join(WriteModelFile(network, state, true, {{{"numerics", "ä"}}, {{"requests", window}}}));
  const absl::StatusOr<ModelFile> file = Read(bytes, network, {.finite = true});
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_THAT(file->state.parameters->span(), testing::ElementsAreArray(state.parameters->span()));
  EXPECT_THAT(file->state.optimizer->span(), testing::ElementsAreArray(state.optimizer->span()));
  EXPECT_THAT(file->state.normalization->inputs.scale, ElementsAre(4, 5, 6));
  EXPECT_THAT(file->state.normalization->targets.mean, ElementsAre(7, 8));
  EXPECT_EQ(file->state.step, 12);
  EXPECT_EQ(file->state.optimizer_steps, 11);
  EXPECT_TRUE(file->has_optimizer);
  EXPECT_THAT(file->metadata, ElementsAre(std::pair("numerics", "ä")));
  EXPECT_THAT(file->tensors, ElementsAre(std::pair("requests", window)));
}

TEST(ModelFileTest, GapsBetweenRowsAreNotInTheFile) {
  NetworkSpec spec = Spec();
  spec.input_width = 128;
  const Network network(spec);
  ASSERT_GT(network.weights_stride(0), 128);
  const ModelState state = InitialState(network, {});
  const ModelFileParts parts = WriteModelFile(network, state, true, {});
  const std::string bytes = Join(parts);
  EXPECT_EQ(parts.bytes - static_cast<int64_t>(parts.header.size()),
            3 * 4 * network.parameter_count());
  const absl::StatusOr<ModelFile> file = Read(bytes, network);
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_THAT(file->state.parameters->span(), testing::ElementsAreArray(state.parameters->span()));
}

TEST(ModelFileTest, LeavesTheOptimizerOut) {
  const Network network(Spec());
  const std::string bytes = Join(WriteModelFile(network, State(network), false, {}));
  const absl::StatusOr<ModelFile> file = Read(bytes, network);
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_FALSE(file->has_optimizer);
  EXPECT_EQ(file->state.step, 12);
  EXPECT_EQ(file->state.optimizer_steps, 0);
  EXPECT_THAT(file->state.optimizer->span(), testing::Each(0.0F));
}

TEST(ModelFileTest, ReadsLayersOfAnotherProgramInAnyOrder) {
  const Network network(Spec());
  const absl::StatusOr<ModelFile> file = Read(ForeignFile(Layers()), network, {true, false});
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_EQ(network.weights(file->state.parameters->span(), 1)(1, 4), 1.5F);
  EXPECT_EQ(file->state.step, 0);
  EXPECT_TRUE(file->state.normalization->inputs.empty());
}

TEST(ModelFileTest, TellsTheWidthsOfAFile) {
  const std::string bytes = ForeignFile(Layers());
  const auto header = ReadModelFileHeader(static_cast<int64_t>(bytes.size()), ReadFrom(bytes));
  EXPECT_THAT(*LayerWidths(*header), ElementsAre(3, 5, 2));
}

TEST(ModelFileTest, TellsWhichLayerDoesNotFitTheOneBefore) {
  std::vector<SafetensorsTensor> layers = Layers();
  layers[2].shape = {2, 4};
  const std::string bytes = ForeignFile(layers);
  const auto header = ReadModelFileHeader(static_cast<int64_t>(bytes.size()), ReadFrom(bytes));
  EXPECT_THAT(std::string(LayerWidths(*header).status().message()),
              HasSubstr("'layers.1.weight': takes 4 inputs, the layer before has 5 units"));
  EXPECT_FALSE(LayerWidths(SafetensorsHeader()).ok());
}

TEST(ModelFileTest, NamesTheTensorThatDoesNotFit) {
  const Network network(Spec());
  struct Case {
    std::function<void(std::vector<SafetensorsTensor>&)> change;
    const char* message;
  };
  const std::vector<Case> cases = {
      {[](auto& t) { t.pop_back(); }, "'layers.0.bias': is missing"},
      {[](auto& t) {
         t[1].shape = {3, 5};
       },
       "'layers.0.weight': shape [3, 5]"},
      {[](auto& t) { t[0].dtype = "I32"; }, "'layers.1.bias': I32; only F32"},
      {[](auto& t) {
         t.push_back({"running_mean", "F32", {5}, 0, 0});
       },
       "'running_mean': is not of this network"},
      {[](auto& t) {
         t.push_back({"bytes", "U8", {4}, 0, 0});
       },
       "'bytes': is not"},
      {[](auto& t) {
         t.push_back({"normalization.mean", "F32", {3}, 0, 0});
       },
       "'normalization.scale': is missing"},
      {[](auto& t) {
         t.push_back({"optimizer.2.layers.0.bias", "F32", {5}, 0, 0});
       },
       "'optimizer.2.layers.0.bias': is not"},
  };
  for (const Case& bad : cases) {
    std::vector<SafetensorsTensor> tensors = Layers();
    bad.change(tensors);
    const absl::Status status = Read(ForeignFile(tensors), network, {true, false}).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << bad.message;
    EXPECT_THAT(std::string(status.message()), HasSubstr(bad.message));
  }
}

TEST(ModelFileTest, NamesTheNumberThatIsNotFinite) {
  const Network network(Spec());
  const std::string bytes = ForeignFile(Layers(), std::numeric_limits<float>::quiet_NaN());
  EXPECT_TRUE(Read(bytes, network).ok());
  const absl::Status status = Read(bytes, network, {.finite = true}).status();
  EXPECT_THAT(std::string(status.message()), HasSubstr("'layers.1.bias': [0] is nan"));
}

TEST(ModelFileTest, RefusesAScaleThatIsNotAboveZero) {
  const Network network(Spec());
  ModelState state = State(network);
  Normalization normalization;
  normalization.inputs = {{0, 0, 0}, {1, 0, 1}};
  state.normalization = std::make_shared<Normalization>(normalization);
  const absl::Status status =
      Read(Join(WriteModelFile(network, state, false, {})), network).status();
  EXPECT_THAT(std::string(status.message()), HasSubstr("'normalization.scale': [1] is 0"));
}

TEST(ModelFileTest, RefusesTargetsNormalizationWithALossOfClasses) {
  NetworkSpec spec = Spec();
  const Network regression(spec);
  spec.layers[1].activation.kind = Activation::kSigmoid;
  spec.loss.kind = Loss::kBinaryCrossEntropy;
  const std::string bytes = Join(WriteModelFile(regression, State(regression), true, {}));
  EXPECT_FALSE(Read(bytes, Network(spec)).ok());
}

TEST(ModelFileTest, RefusesCountsThatAreNone) {
  const Network network(Spec());
  ModelState state = State(network);
  state.step = -1;
  const absl::Status status =
      Read(Join(WriteModelFile(network, state, false, {})), network).status();
  EXPECT_THAT(std::string(status.message()), HasSubstr("'-1' is no count"));
}

TEST(ModelFileTest, EveryTruncationIsRefused) {
  const Network network(Spec());
  const std::string bytes = Join(WriteModelFile(network, State(network), true, {}));
  for (size_t length = 0; length < bytes.size(); ++length) {
    EXPECT_FALSE(Read(absl::string_view(bytes).substr(0, length), network).ok()) << length;
  }
  EXPECT_FALSE(Read(bytes + "x", network).ok());
}

TEST(FileDigestTest, IsXxh3AsXxhsumWritesIt) {
  // The value that xxHash publishes for no bytes.
  FileDigest digest;
  EXPECT_EQ(digest.Hex(), "99aa06d3014798d86001c324468d497f");
  digest.Add("Nobody inspects");
  digest.Add(" the spammish repetition");
  FileDigest whole;
  whole.Add("Nobody inspects the spammish repetition");
  EXPECT_EQ(digest.Hex(), whole.Hex());
}

}  // namespace
}  // namespace chainrule::engine
