#include "engine/nn/workspace.h"

#include "gtest/gtest.h"
#include "tests/engine/support/samples.h"

namespace chainrule::engine {
namespace {

Network MakeNetwork(Activation hidden, float dropout) {
  NetworkSpec spec =
      MakeSpec(5, {7, 9, 3}, hidden, Activation::kSoftmax, Loss::kCategoricalCrossEntropy);
  spec.layers[0].dropout = dropout;
  return Network(spec);
}

bool Overlap(MatrixView a, MatrixView b) {
  return a.data < b.data + b.size() && b.data < a.data + a.size();
}

TEST(WorkspaceTest, WhatOnePassNeedsAtATimeDoesNotOverlap) {
  const Network network = MakeNetwork(Activation::kGelu, 0.5F);
  Workspace workspace(network, 11, {.keep_z = true, .dropout = true});
  std::vector<MatrixView> views = {
      workspace.inputs(11), workspace.targets(11), {workspace.weights(11).data(), 11, 1}};
  for (int64_t l = 0; l < 3; ++l) {
    views.push_back(workspace.z(l, 11));
    views.push_back(workspace.a(l, 11));
  }
  views.push_back(workspace.mask(0, 11));
  views.push_back(workspace.output(0, 11));
  views.push_back(workspace.dz(1, 11));
  views.push_back(workspace.dz(2, 11));
  for (size_t i = 0; i < views.size(); ++i) {
    for (size_t j = 0; j < i; ++j) EXPECT_FALSE(Overlap(views[i], views[j])) << i << ", " << j;
  }
}

TEST(WorkspaceTest, ZTakesNoRoomWhereNothingReadsIt) {
  const Network network = MakeNetwork(Activation::kSigmoid, 0.0F);
  Workspace workspace(network, 4, {});
  EXPECT_EQ(workspace.z(0, 4).data, workspace.a(0, 4).data);
  EXPECT_NE(workspace.z(2, 4).data, workspace.a(2, 4).data) << "the loss reads the last one";
}

TEST(WorkspaceTest, WithoutDropoutTheNextLayerReadsTheActivations) {
  const Network network = MakeNetwork(Activation::kSigmoid, 0.5F);
  Workspace workspace(network, 4, {.dropout = true});
  EXPECT_EQ(workspace.input(2, 4).data, workspace.a(1, 4).data);
  EXPECT_EQ(workspace.mask(1, 4).data, nullptr);
  EXPECT_EQ(workspace.input(1, 4).data, workspace.output(0, 4).data);
  EXPECT_NE(workspace.output(0, 4).data, workspace.a(0, 4).data);
}

}  // namespace
}  // namespace chainrule::engine
