#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/client/cli/cli_test_support.h"
#include "tests/support/requests.h"

namespace chainrule::client {
namespace {

using ::testing::ContainsRegex;
using ::testing::HasSubstr;

class VersionCommandsTest : public CliTest {
 protected:
  VersionCommandsTest() { server().Create("iris", test::MakeSpec({4, 3, 1})); }
};

TEST_F(VersionCommandsTest, VersionsAreAskedByTheirNames) {
  MustRun({"models", "publish", "iris"});
  MustRun({"models", "alias", "iris", "prod", "1"});
  MustRun({"models", "restore", "iris", "1"});  // the live model is at step 1
  for (const char* name : {"iris@1", "iris@prod"}) {
    const auto predicted = MustRunJson<v1::PredictResponse>({"predict", name, "--row", "1,2,3,4"});
    EXPECT_EQ(predicted.version(), 1);
    EXPECT_EQ(predicted.model_step(), 0);
    for (const char* command : {"evaluate", "gradients"}) {
      const std::string out =
          MustRun({"--output=json", command, name, "--row", "1,2,3,4", "--answer", "1"});
      EXPECT_THAT(out, HasSubstr("\"model_step\": \"0\"")) << out;
    }
    MustRun({"bench", "--model", name, "--duration", "10ms"});
    MustRun({"bench", "infer", "--model", name, "--duration", "10ms"});
  }
}

TEST_F(VersionCommandsTest, PublishesNamesRestoresAndDeletes) {
  EXPECT_EQ(MustRun({"models", "publish", "iris", "--tag", "why=test"}),
            "published models/iris@1, of step 0\n");
  EXPECT_EQ(MustRunJson<v1::ModelVersion>({"models", "publish", "iris"}).name(), "models/iris@2");
  EXPECT_EQ(MustRun({"models", "alias", "iris", "prod", "1"}), "models/iris@prod is version 1\n");
  EXPECT_THAT(MustRun({"models", "versions", "iris"}),
              ContainsRegex("version +step +aliases +tags\nmodels/iris@1 +0  prod +why=test\n"
                            "models/iris@2 +0"));
  EXPECT_THAT(MustRun({"models", "show", "iris"}), HasSubstr("aliases     prod=1\n"));
  EXPECT_THAT(MustRun({"models", "list"}), ContainsRegex("models/iris .* prod=1\n"));
  EXPECT_EQ(MustRun({"models", "restore", "iris", "prod"}),
            "restored version prod of models/iris, as step 1\n");
  EXPECT_EQ(MustRun({"models", "copy", "iris@1", "fork"}), "made models/fork, at step 0\n");
  EXPECT_THAT(Run({"models", "delete", "iris@1"}).error, HasSubstr("FAILED_PRECONDITION"));
  EXPECT_EQ(MustRun({"models", "alias", "iris", "prod", "--delete"}),
            "deleted alias models/iris@prod\n");
  EXPECT_EQ(MustRun({"models", "delete", "iris@1"}), "deleted models/iris@1\n");
}

TEST_F(VersionCommandsTest, AliasNeedsAVersionOrToBeDeleted) {
  const Answer neither = Run({"models", "alias", "iris", "prod"});
  EXPECT_EQ(neither.code, 2);
  EXPECT_THAT(neither.error, HasSubstr("--delete"));
  EXPECT_EQ(Run({"models", "alias", "iris", "prod", "1", "--delete"}).code, 2);
  const Answer unknown = Run({"models", "alias", "iris", "prod", "7"});
  EXPECT_EQ(unknown.code, 1);
  EXPECT_THAT(unknown.error, HasSubstr("has no version '7'"));
}

}  // namespace
}  // namespace chainrule::client
