// What a data set says about the network that it needs.
#ifndef CHAINRULE_CLIENT_DATA_SURVEY_H_
#define CHAINRULE_CLIENT_DATA_SURVEY_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "client/data/csv_source.h"
#include "client/data/labels.h"

namespace chainrule::client {

struct Survey {
  int64_t input_width = 0;
  std::vector<std::string> feature_names;  // none for images
  // The different labels, sorted: by value if all are numbers, else by their bytes. None
  // where labels were not asked for.
  std::vector<std::string> class_names;
  // Of a CSV's classes.
  bool labels_are_numbers = false;
  bool has_fractions = false;  // one of these numbers is not whole
  int64_t rows = 0;            // of a CSV
};

// Reads the whole file. Of `labels` the kind tells what the label columns are: classes, of which
// those that occur are found, or numbers as NumberOf takes them. INVALID_ARGUMENT for a feature
// that is not a number, a label that is empty or not UTF-8 or not such a number, more than 10,000
// different classes, or label columns without rows.
absl::StatusOr<Survey> SurveyCsv(absl::string_view path, const CsvColumns& columns,
                                 const Labels& labels);

// Classes are numbered by the label file, from 0 to its largest; `labels_path` may be empty.
absl::StatusOr<Survey> SurveyIdx(absl::string_view images_path, absl::string_view labels_path);

}  // namespace chainrule::client

#endif  // CHAINRULE_CLIENT_DATA_SURVEY_H_
