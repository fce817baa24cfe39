// What `create --from` refuses, because `train` could not use it.
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "chainrule/v1/model.pb.h"
#include "tests/client/cli/cli_test_support.h"
#include "tests/client/temp_file.h"

namespace chainrule::client {
namespace {

using ::testing::ElementsAre;

class CreateDataTest : public CliTest {
 protected:
  static std::vector<std::string> Create(const std::string& path, const std::string& label,
                                         const std::vector<std::string>& more = {}) {
    std::vector<std::string> words = {"create",  "m",  "--validate-only", "--from", path,
                                      "--label", label};
    words.insert(words.end(), more.begin(), more.end());
    return words;
  }
  // A file whose column y has these labels.
  static std::string FileOf(const std::vector<std::string>& labels) {
    std::string text = "x,y\n";
    for (const std::string& label : labels) absl::StrAppend(&text, "1,", label, "\n");
    return text;
  }
};

TEST_F(CreateDataTest, AFeatureThatIsTextIsRefusedWithAHint) {
  const TempFile file("t.csv", "id,a,k\nQ7,1,x\nQ8,2,y\n");
  ExpectWrong({Create(file.path(), "k"), 2,
               "t.csv:2: column 1 (id): 'Q7' is not a number; no feature? --ignore id\n"});
  MustRun(Create(file.path(), "k", {"--ignore", "id"}));
}

TEST_F(CreateDataTest, LabelsThatAreTextAreNoNumbers) {
  for (const std::vector<std::string>& flags : std::vector<std::vector<std::string>>{
           {"--regression"}, {"--loss", "mean_squared_error"}, {"--multi-label"}}) {
    ExpectWrong({Create(Data("iris.csv"), "species", flags), 2,
                 "iris.csv:2: column 5 (species): 'setosa' is not a number"});
  }
}

TEST_F(CreateDataTest, TargetsOfSeveralLabelsAreFromZeroToOne) {
  const TempFile file("t.csv", "a,y,z\n1,0,1\n2,2,0\n");
  ExpectWrong({Create(file.path(), "y,z", {"--multi-label"}), 2,
               "t.csv:3: column 2 (y): '2' is not from 0 to 1"});
}

TEST_F(CreateDataTest, NumbersThatLookMeasuredBecomeClassesOnlyWhenAsked) {
  const TempFile fractions("f.csv", FileOf({"0.5", "1.5", "0.5", "1.5", "0.5"}));
  const TempFile many("m.csv", FileOf({"1", "2", "3", "4", "1", "2"}));
  ExpectWrong({Create(fractions.path(), "y"), 2,
               "f.csv: 2 different numbers as labels of 5 rows; to predict numbers: --regression; "
               "if they are classes: --loss binary_cross_entropy\n"});
  ExpectWrong({Create(many.path(), "y"), 2,
               "m.csv: 4 different numbers as labels of 6 rows; to predict numbers: --regression; "
               "if they are classes: --loss categorical_cross_entropy\n"});
  MustRun(Create(fractions.path(), "y", {"--loss", "binary_cross_entropy"}));
  MustRun(Create(many.path(), "y", {"--loss", "categorical_cross_entropy"}));
  MustRun(Create(many.path(), "y", {"--class-names", "a,b,c,d"}));
  MustRun(Create(many.path(), "y", {"--regression"}));
}

TEST_F(CreateDataTest, WholeNumbersThatRepeatAreClasses) {
  const TempFile few("t.csv", FileOf({"3", "1", "2", "3", "1", "2"}));
  const TempFile two("t.csv", FileOf({"1", "0"}));
  EXPECT_THAT(MustRunJson<v1::Model>(Create(few.path(), "y")).spec().class_names(),
              ElementsAre("1", "2", "3"));
  EXPECT_THAT(MustRunJson<v1::Model>(Create(two.path(), "y")).spec().class_names(),
              ElementsAre("0", "1"));
}

TEST_F(CreateDataTest, ImagesHaveClassesAndNothingElse) {
  const TempFile images("i", std::string("\0\0\x08\x02\0\0\0\x03\0\0\0\x01", 12) + "abc");
  const TempFile labels("l", std::string("\0\0\x08\x01\0\0\0\x03\0\x01\x02", 11));
  const std::vector<std::string> words = {
      "create", "m", "--validate-only", "--from", images.path(), "--label-file", labels.path()};
  MustRun(words);
  for (const char* flag : {"--regression", "--multi-label"}) {
    std::vector<std::string> with = words;
    with.emplace_back(flag);
    ExpectWrong({with, 2, "l: labels of an IDX file are classes, not "});
  }
}

}  // namespace
}  // namespace chainrule::client
