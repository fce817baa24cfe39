#ifndef CHAINRULE_CLIENT_CLI_DATA_OPTIONS_H_
#define CHAINRULE_CLIENT_CLI_DATA_OPTIONS_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/status/statusor.h"
#include "chainrule/v1/model.pb.h"
#include "client/data/csv_source.h"
#include "client/data/labels.h"
#include "client/data/rows.h"

namespace chainrule::client {

// DataOptions: the flags that say which rows a command works on.
struct DataOptions {
  std::string path;
  std::vector<std::string> labels;
  std::string label_file;
  std::string weight;
  std::vector<std::string> ignored;
  bool by_position = false;
  int64_t limit = 0;  // 0: all
  int64_t folds = 1;  // 1: no folds
  int64_t fold = 0;
  std::vector<std::string> rows;     // from the command line instead of a file
  std::vector<std::string> answers;  // their labels
};

enum class Need {
  kInputs,    // labels are used to tell the folds apart, nothing else
  kExamples,  // every row has a label
};
enum class Part { kHeldOut, kOthers };

// The file and what of it is used. `held_out` says in the help which part of the folds.
void AddFileFlags(CLI::App* app, DataOptions* options, Part part);
// --row, and with kExamples --answer.
void AddRowFlags(CLI::App* app, DataOptions* options, Need need);

// The rows as `spec`'s model takes them. INVALID_ARGUMENT: the flags, or the file's columns,
// do not fit it; and from the source itself: the part of the folds has no rows, or with
// kExamples the file.
absl::StatusOr<std::unique_ptr<RowSource>> OpenRows(const DataOptions& options,
                                                    const v1::ModelSpec& spec, Need need,
                                                    Part part);

// What the labels of such a model are, given the number of label columns.
Labels LabelsOf(const v1::ModelSpec& spec, size_t columns);

bool IsRegression(const v1::ModelSpec& spec);
int64_t ClassCount(const v1::ModelSpec& spec);

}  // namespace chainrule::client

#endif  // CHAINRULE_CLIENT_CLI_DATA_OPTIONS_H_
