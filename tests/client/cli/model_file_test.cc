// Models that leave as files and come back.
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "chainrule/v1/model_service.pb.h"
#include "tests/client/cli/cli_test_support.h"
#include "tests/client/temp_file.h"

namespace chainrule::client {
namespace {

using ::testing::AllOf;
using ::testing::ContainsRegex;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;

std::string ReadAll(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

// A trained model of iris, and a folder of files.
class ModelFileTest : public CliTest {
 protected:
  void SetUp() override {
    Create("iris", {"--optimizer", "adam"});
    MustRun(Train("iris", "--normalize"));
  }

  void Create(const std::string& model, const std::vector<std::string>& more) {
    std::vector<std::string> words = {"create",  model,      "--from", Data("iris.csv"), "--label",
                                      "species", "--hidden", "8",      "--output=json"};
    words.insert(words.end(), more.begin(), more.end());
    MustRun(words);
  }
  static std::vector<std::string> Train(const std::string& model,
                                        const std::string& flag = "--keep-order") {
    return {"train", model, Data("iris.csv"), "--label", "species", "--epochs", "3", flag};
  }

  std::string Path(const std::string& name) const { return folder_.path() + "/" + name; }
  std::vector<std::string> FilesLeft() const {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(folder_.path())) {
      names.push_back(entry.path().filename().string());
    }
    return names;
  }

  // All the parameters, bit by bit.
  std::string Weights(const std::string& model) {
    auto weights = MustRunJson<v1::GetWeightsResponse>({"weights", "show", model});
    weights.clear_model_step();
    return weights.SerializeAsString();
  }

  int ModelCount() { return MustRunJson<v1::ListModelsResponse>({"models", "list"}).models_size(); }

 private:
  const test::TempFolder folder_;
};

TEST_F(ModelFileTest, AModelThatWasExportedAndImportedHasTheSameBits) {
  const std::string file = Path("iris.safetensors");
  const std::string out = MustRun({"export", "iris", file});
  EXPECT_EQ(out, absl::StrCat("exported models/iris at step 15, ", std::filesystem::file_size(file),
                              " bytes\n"));
  EXPECT_EQ(MustRun({"import", file, "--model", "twin", "--tag", "team=red"}),
            "imported models/twin, 67 parameters, at step 15\n");
  EXPECT_EQ(Weights("twin"), Weights("iris"));
  EXPECT_EQ(server().Get("twin").labels().at("team"), "red");
  EXPECT_TRUE(server().Get("twin").spec().has_normalization());
  EXPECT_THAT(FilesLeft(), ElementsAre("iris.safetensors"));
}

TEST_F(ModelFileTest, BothAnswerInJson) {
  const std::string file = Path("f");
  const auto header = MustRunJson<v1::ExportModelHeader>({"export", "models/iris", file});
  EXPECT_EQ(header.total_bytes(), static_cast<int64_t>(std::filesystem::file_size(file)));
  EXPECT_EQ(header.model_step(), 15);
  const auto model = MustRunJson<v1::Model>({"import", file, "--model", "models/twin"});
  EXPECT_EQ(model.name(), "models/twin");
  EXPECT_EQ(model.step(), 15);
}

TEST_F(ModelFileTest, AVersionIsExportedByItsAlias) {
  const std::string before = Weights("iris");
  v1::PublishVersionRequest publish;
  publish.set_model("models/iris");
  v1::ModelVersion version;
  ASSERT_TRUE(
      test::Call(&v1::ModelService::Stub::PublishVersion, server().models(), publish, &version)
          .ok());
  v1::SetAliasRequest alias;
  alias.set_model("models/iris");
  alias.set_alias("prod");
  alias.set_version(1);
  v1::Model model;
  ASSERT_TRUE(test::Call(&v1::ModelService::Stub::SetAlias, server().models(), alias, &model).ok());
  MustRun(Train("iris"));
  EXPECT_THAT(MustRun({"export", "iris@prod", Path("f")}),
              StartsWith("exported models/iris@1 at step 15, "));
  MustRun({"import", Path("f"), "--model", "twin"});
  EXPECT_EQ(Weights("twin"), before);
}

TEST_F(ModelFileTest, TrainingGoesOnFromAFileWithTheOptimizer) {
  MustRun({"export", "iris", Path("with"), "--include-optimizer"});
  MustRun({"export", "iris", Path("without")});
  MustRun({"import", Path("with"), "--model", "with"});
  MustRun({"import", Path("with"), "--model", "reset", "--reset-optimizer"});
  MustRun({"import", Path("without"), "--model", "without"});
  for (const char* model : {"iris", "with", "reset", "without"}) MustRun(Train(model));
  EXPECT_EQ(Weights("with"), Weights("iris"));
  EXPECT_NE(Weights("reset"), Weights("iris"));
  EXPECT_EQ(Weights("without"), Weights("reset"));
}

TEST_F(ModelFileTest, AFoldedFileTakesRawInputs) {
  MustRun({"export", "iris", Path("folded"), "--fold-normalization"});
  MustRun({"import", Path("folded"), "--model", "folded"});
  EXPECT_FALSE(server().Get("folded").spec().has_normalization());
  const std::vector<std::string> row = {"--row", "5.1,3.5,1.4,0.2"};
  const auto predict = [&](const std::string& model) {
    return MustRunJson<v1::PredictResponse>({"predict", model, row[0], row[1]}).outputs();
  };
  const auto expected = predict("iris").values();
  EXPECT_THAT(predict("folded").values(),
              ::testing::Pointwise(::testing::FloatNear(1e-4F), expected));
}

TEST_F(ModelFileTest, AFileReplacesTheWeightsOfAModelOfItsShape) {
  const std::string file = Path("f");
  MustRun({"export", "iris", file});
  const std::string before = Weights("iris");
  MustRun(Train("iris"));
  const Answer late = Run({"import", file, "--into", "iris", "--if-step", "15"});
  EXPECT_EQ(late.code, 1);
  EXPECT_THAT(late.error, StartsWith("chainrule: ABORTED: "));
  EXPECT_NE(Weights("iris"), before);
  EXPECT_EQ(MustRun({"import", file, "--into", "iris", "--if-step", "30"}),
            "imported models/iris, 67 parameters, at step 31\n");
  EXPECT_EQ(Weights("iris"), before);
}

TEST_F(ModelFileTest, ARequestIdMakesAnImportOnce) {
  const std::string file = Path("f");
  MustRun({"export", "iris", file});
  const std::vector<std::string> words = {
      "import", file, "--into", "iris", "--request-id", "5c2a1c63-8b6a-4b0e-9f8e-0c9d1e1f2a3b"};
  MustRun(words);
  MustRun(words);
  EXPECT_EQ(server().Get("iris").step(), 16);
}

TEST_F(ModelFileTest, ASpecMayComeFromAFileOfItsOwn) {
  const std::string file = Path("f");
  MustRun({"export", "iris", file, "--fold-normalization"});
  const TempFile spec("s.json",
                      R"({"input_width": 4, "seed": "9", "loss": "LOSS_CATEGORICAL_CROSS_ENTROPY",
                          "layers": [{"units": 8, "activation": "ACTIVATION_TANH"},
                                     {"units": 3, "activation": "ACTIVATION_SOFTMAX"}]})");
  MustRun({"import", file, "--model", "other", "--spec", spec.path()});
  EXPECT_EQ(server().Get("other").spec().seed(), 9);
  EXPECT_EQ(server().Get("other").spec().layers(0).activation(), v1::ACTIVATION_TANH);
}

TEST_F(ModelFileTest, AnExportReplacesAFileAndKeepsItsModeAndLinks) {
  const std::string file = Path("f");
  std::ofstream(file) << "old";
  ASSERT_EQ(chmod(file.c_str(), 0640), 0);
  std::filesystem::create_symlink("f", Path("link"));
  MustRun({"export", "iris", Path("link")});
  EXPECT_TRUE(std::filesystem::is_symlink(Path("link")));
  struct stat found = {};
  ASSERT_EQ(stat(file.c_str(), &found), 0);
  EXPECT_EQ(found.st_mode & 07777U, 0640U);
  MustRun({"import", file, "--model", "twin"});
  EXPECT_THAT(FilesLeft(), ::testing::UnorderedElementsAre("f", "link"));
}

TEST_F(ModelFileTest, AnExportThatTheServerRefusesLeavesWhatWasThere) {
  const Answer answer = Run({"export", "nosuch", Path("new")});
  EXPECT_EQ(answer.code, 1);
  EXPECT_THAT(answer.error, StartsWith("chainrule: NOT_FOUND: "));
  EXPECT_THAT(FilesLeft(), ElementsAre());
  std::ofstream(Path("old")) << "old";
  EXPECT_EQ(Run({"export", "nosuch", Path("old")}).code, 1);
  EXPECT_EQ(ReadAll(Path("old")), "old");
  EXPECT_THAT(FilesLeft(), ElementsAre("old"));
}

TEST_F(ModelFileTest, AnExportNeedsAPlaceForAFile) {
  const Answer nowhere = Run({"export", "iris", Path("no/such/f")});
  EXPECT_EQ(nowhere.code, 2);
  EXPECT_THAT(nowhere.error, HasSubstr("no/such/f: No such file or directory"));
  const Answer folder = Run({"export", "iris", Path("")});
  EXPECT_EQ(folder.code, 2);
  EXPECT_THAT(folder.error, HasSubstr("not a regular file"));
  ASSERT_EQ(mkfifo(Path("pipe").c_str(), 0600), 0);
  EXPECT_EQ(Run({"export", "iris", Path("pipe")}).code, 2);
  EXPECT_EQ(Run({"import", Path("pipe"), "--model", "m"}).code, 2);
  EXPECT_THAT(FilesLeft(), ElementsAre("pipe"));
}

struct Damage {
  std::string content;
  std::string says;
};

TEST_F(ModelFileTest, ADamagedFileMakesNoModelAndChangesNone) {
  MustRun({"export", "iris", Path("f")});
  const std::string whole = ReadAll(Path("f"));
  const std::string weights = Weights("iris");
  const std::vector<Damage> table = {{whole.substr(0, whole.size() - 1), "file"},
                                     {whole.substr(0, 20), "file"},
                                     {whole + "x", "file"},
                                     {"no model at all", "file"},
                                     {"", "total_bytes"}};
  for (const Damage& damage : table) {
    const TempFile file("damaged.safetensors", damage.content);
    for (const std::vector<std::string>& target :
         {std::vector<std::string>{"--model", "m"}, {"--into", "iris"}}) {
      const Answer answer = Run({"import", file.path(), target[0], target[1]});
      EXPECT_EQ(answer.code, 1);
      EXPECT_EQ(answer.out, "");
      EXPECT_THAT(answer.error,
                  AllOf(StartsWith("chainrule: INVALID_ARGUMENT: "), HasSubstr(damage.says)));
    }
  }
  EXPECT_EQ(ModelCount(), 1);
  EXPECT_EQ(Weights("iris"), weights);
}

TEST_F(ModelFileTest, WhatDoesNotFitIsRefusedAndNothingIsKept) {
  MustRun({"export", "iris", Path("f")});
  MustRun({"create", "wide", "--inputs", "5"});
  const std::string wide = Weights("wide");
  const Answer taken = Run({"import", Path("f"), "--model", "iris"});
  EXPECT_EQ(taken.code, 1);
  EXPECT_THAT(taken.error, StartsWith("chainrule: ALREADY_EXISTS: "));
  const Answer shape = Run({"import", Path("f"), "--into", "wide"});
  EXPECT_EQ(shape.code, 1);
  EXPECT_THAT(shape.error,
              AllOf(StartsWith("chainrule: INVALID_ARGUMENT: "), ContainsRegex("layers\\.")));
  const Answer missing = Run({"import", Path("f"), "--into", "nosuch"});
  EXPECT_EQ(missing.code, 1);
  EXPECT_THAT(missing.error, StartsWith("chainrule: NOT_FOUND: "));
  const Answer name = Run({"import", Path("f"), "--model", "Capital"});
  EXPECT_EQ(name.code, 1);
  EXPECT_THAT(name.error, HasSubstr("model_id"));
  EXPECT_EQ(ModelCount(), 2);
  EXPECT_EQ(Weights("wide"), wide);
  EXPECT_EQ(server().Get("wide").step(), 0);
}

TEST_F(ModelFileTest, NobodyThereIsThreeAndLeavesNoFile) {
  const auto run = [](std::vector<std::string> words) {
    words.insert(words.end(), {"--server", "unix:no-such-socket"});
    return RunProgram(words);
  };
  EXPECT_EQ(run({"export", "iris", Path("f")}).code, 3);
  EXPECT_THAT(FilesLeft(), ElementsAre());
  const TempFile file("f", "x");
  const Answer answer = run({"import", file.path(), "--model", "m"});
  EXPECT_EQ(answer.code, 3);
  EXPECT_THAT(answer.error, StartsWith("chainrule: UNAVAILABLE: "));
}

TEST_F(ModelFileTest, LargeModelsTravelInMessagesThatTheServerTakes) {
  MustRun({"create", "large", "--inputs", "600", "--hidden", "1000"});
  MustRun({"export", "large", Path("large")});
  EXPECT_GT(std::filesystem::file_size(Path("large")), 2U << 20);
  MustRun({"import", Path("large"), "--model", "twin"});
  MustRun({"export", "twin", Path("twin")});
  EXPECT_TRUE(ReadAll(Path("large")) == ReadAll(Path("twin")));

  server::Options options = test::TestOptions();
  options.limits.max_message_bytes = 6'000;
  options.limits.max_import_bytes = 1 << 20;
  test::TestServer small(options);
  const auto import_there = [&](const std::string& name) {
    return RunProgram(
        {"import", Path(name), "--model", "m", "--server", small.server().grpc_address()});
  };
  const Answer refused = import_there("large");
  EXPECT_EQ(refused.code, 1);
  EXPECT_THAT(refused.error, HasSubstr("max_import_bytes"));
  MustRun({"create", "middle", "--inputs", "100", "--hidden", "100"});
  MustRun({"export", "middle", Path("middle")});
  const Answer taken = import_there("middle");
  EXPECT_EQ(taken.code, 0) << taken.error;
  EXPECT_EQ(small.Get("m").parameter_count(), 100 * 100 + 100 + 101);
  const Answer back =
      RunProgram({"export", "m", Path("back"), "--server", small.server().grpc_address()});
  EXPECT_EQ(back.code, 0) << back.error;
  EXPECT_TRUE(ReadAll(Path("middle")) == ReadAll(Path("back")));
}

}  // namespace
}  // namespace chainrule::client
