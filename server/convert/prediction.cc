#include "server/convert/prediction.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "engine/core/checked_math.h"
#include "engine/core/error.h"
#include "server/convert/enums.h"
#include "server/convert/ranges.h"
#include "server/convert/reply_size.h"
#include "server/convert/violations.h"

namespace chainrule::server {
namespace {

constexpr double kDefaultThreshold = 0.5;
// A PredictedClass on the wire beside its name: tags, lengths, an id, a double.
constexpr int64_t kClassBytes = 24;

absl::Status ReadParts(const v1::PredictRequest& request, PredictArguments* arguments) {
  for (int i = 0; i < request.include_size(); ++i) {
    switch (request.include(i)) {
      case v1::PREDICTION_PART_VALUES:
        arguments->values = true;
        break;
      case v1::PREDICTION_PART_LOGITS:
        arguments->logits = true;
        break;
      case v1::PREDICTION_PART_CLASSES:
        arguments->classes = true;
        break;
      default:
        return engine::InvalidField(
            absl::StrCat("include[", i, "]"),
            UnknownEnum(request.include(i), *v1::PredictionPart_descriptor()));
    }
  }
  if (request.include().empty()) arguments->values = true;
  return absl::OkStatus();
}

// One sigmoid unit says yes or no, and so does each with multi_label.
bool HasThreshold(const engine::NetworkSpec& network) {
  return network.multi_label || network.output_width() == 1;
}

// What would say nothing is refused.
void CheckTheirUse(const v1::PredictRequest& request, const engine::NetworkSpec& network,
                   bool classes, Violations* violations) {
  constexpr absl::string_view kOnlyClasses = "; only allowed with PREDICTION_PART_CLASSES";
  if (!classes && request.top_k() > 0) {
    violations->Add("top_k", absl::StrCat(request.top_k(), kOnlyClasses));
  }
  if (!request.has_threshold() || (classes && HasThreshold(network))) return;
  violations->Add("threshold",
                  absl::StrCat(EchoNumber(request.threshold()), kOnlyClasses,
                               HasThreshold(network) ? "" : " of one unit or of multi_label"));
}

absl::Status ReadClassOptions(const v1::PredictRequest& request, const ModelContext& model,
                              PredictArguments* arguments) {
  Violations violations;
  CheckAtLeast(request.top_k(), 0, "top_k", &violations);
  arguments->top_k = request.top_k();
  arguments->threshold = request.has_threshold() ? request.threshold() : kDefaultThreshold;
  CheckDouble(arguments->threshold, kUnitInterval, "threshold", &violations);
  if (violations.empty()) {
    CheckTheirUse(request, model.network(), arguments->classes, &violations);
  }
  const engine::Loss loss = model.network().loss.kind;
  if (arguments->classes && engine::IsRegression(loss)) {
    violations.Add("include", absl::StrCat("PREDICTION_PART_CLASSES; the loss of model '", model.id,
                                           "', ", v1::Loss_Name(WriteLoss(loss)),
                                           ", is of regression, which has no classes"));
  }
  return violations.ToStatus();
}

// What the outputs of a row choose from: the labels of a multi-label network, or classes.
int64_t Candidates(const engine::NetworkSpec& network) {
  return network.multi_label ? network.output_width() : ClassCount(network);
}

const std::vector<std::string>& CandidateNames(const ModelSettings& settings) {
  return settings.network.multi_label ? settings.target_names : settings.class_names;
}

absl::StatusOr<int64_t> CheckSize(const PredictArguments& arguments, const ModelContext& model) {
  const int64_t rows = arguments.inputs.rows;
  const int64_t outputs = model.network().output_width();
  ReplySize size;
  if (arguments.values) size.AddTensor(rows, outputs);
  if (arguments.logits) size.AddTensor(rows, outputs);
  if (arguments.classes) {
    size_t longest = 0;
    for (const std::string& name : CandidateNames(*model.settings)) {
      longest = std::max(longest, name.size());
    }
    const int64_t bytes = kClassBytes + static_cast<int64_t>(longest);
    const auto entries = engine::CheckedMultiply(rows, ClassesPerRow(arguments, model.network()));
    size.Add(entries.value_or(std::numeric_limits<int64_t>::max()), bytes);
    size.Add(rows, kClassBytes);  // the row's own framing
  }
  return size.Check("inputs", *model.limits);
}

// Ranks the classes of one row after another.  Single-threaded.
class ClassRanking {
 public:
  ClassRanking(const PredictArguments& arguments, const ModelSettings& settings)
      : arguments_(arguments),
        settings_(settings),
        scores_(static_cast<size_t>(Candidates(settings.network))),
        order_(scores_.size()) {}

  void Write(std::span<const float> outputs, v1::PredictedRow* row) {
    std::iota(order_.begin(), order_.end(), 0);
    const size_t count = IsBinary() ? RankBinary(outputs) : Rank(outputs);
    for (size_t i = 0; i < count; ++i) {
      const auto id = static_cast<size_t>(order_[i]);
      v1::PredictedClass* entry = row->add_classes();
      entry->set_id(order_[i]);
      const std::vector<std::string>& names = CandidateNames(settings_);
      if (id < names.size()) entry->set_name(names[id]);
      entry->set_score(scores_[id]);
    }
  }

 private:
  bool IsBinary() const {
    return !settings_.network.multi_label && settings_.network.output_width() == 1;
  }

  // One sigmoid unit: which class comes first is the threshold's to say.
  size_t RankBinary(std::span<const float> outputs) {
    const auto probability = static_cast<double>(outputs[0]);
    scores_ = {1 - probability, probability};
    if (probability >= arguments_.threshold) std::swap(order_[0], order_[1]);
    return static_cast<size_t>(ClassesPerRow(arguments_, settings_.network));
  }

  size_t Rank(std::span<const float> outputs) {
    std::copy(outputs.begin(), outputs.end(), scores_.begin());
    auto count = static_cast<size_t>(ClassesPerRow(arguments_, settings_.network));
    const auto end = order_.begin() + static_cast<std::ptrdiff_t>(count);
    std::partial_sort(order_.begin(), end, order_.end(),
                      [this](int32_t a, int32_t b) { return IsBefore(a, b); });
    if (arguments_.top_k > 0 || !settings_.network.multi_label) return count;
    const auto below = std::find_if(order_.begin(), end, [this](int32_t id) {
      return !(scores_[static_cast<size_t>(id)] >= arguments_.threshold);
    });
    return static_cast<size_t>(below - order_.begin());
  }

  // Best first, of equals the lower id; what is not a number comes last.
  bool IsBefore(int32_t a, int32_t b) const {
    const auto key = [this](int32_t id) {
      const double score = scores_[static_cast<size_t>(id)];
      return std::isnan(score) ? -1.0 : score;
    };
    return key(a) != key(b) ? key(a) > key(b) : a < b;
  }

  const PredictArguments& arguments_;
  const ModelSettings& settings_;
  std::vector<double> scores_;
  std::vector<int32_t> order_;
};

}  // namespace

int64_t ClassesPerRow(const PredictArguments& arguments, const engine::NetworkSpec& network) {
  if (!arguments.classes) return 0;
  const int64_t all = Candidates(network);
  if (arguments.top_k == 0) return network.multi_label ? all : 1;
  return std::min(arguments.top_k, all);
}

absl::StatusOr<PredictArguments> CheckPredict(const v1::PredictRequest& request,
                                              const ModelContext& model) {
  PredictArguments arguments;
  if (absl::Status parts = ReadParts(request, &arguments); !parts.ok()) return parts;
  if (absl::Status classes = ReadClassOptions(request, model, &arguments); !classes.ok()) {
    return classes;
  }
  const auto encoding = ResolveEncoding(request.encoding(), &request.inputs());
  if (!encoding.ok()) return encoding.status();
  arguments.encoding = *encoding;
  const RowsWanted wanted{.columns = model.network().input_width,
                          .expected_by = absl::StrCat("model '", model.id, "' expects")};
  const auto inputs = CheckRows(request.inputs(), "inputs", wanted, *model.limits);
  if (!inputs.ok()) return inputs.status();
  arguments.inputs = *inputs;
  const absl::StatusOr<int64_t> bytes = CheckSize(arguments, model);
  if (!bytes.ok()) return bytes.status();
  arguments.reply_bytes = *bytes;
  return arguments;
}

void PredictionReply::Place(const engine::NetworkSpec& network, engine::MatrixView* outputs,
                            engine::MatrixView* logits) {
  const int64_t rows = arguments_.inputs.rows;
  const int64_t columns = network.output_width();
  if (arguments_.values) {
    outputs_ = PlaceMatrix(rows, columns, arguments_.encoding, response_->mutable_outputs());
  } else {
    unsent_ = engine::Matrix(rows, columns);
    outputs_ = unsent_.view();
  }
  *outputs = outputs_;
  *logits = {};
  if (arguments_.logits) {
    *logits = PlaceMatrix(rows, columns, arguments_.encoding, response_->mutable_logits());
  }
}

void PredictionReply::Finish(const ModelSettings& settings, int64_t model_step, int64_t version) {
  response_->set_model_step(model_step);
  response_->set_version(version);
  if (!arguments_.classes) return;
  ClassRanking ranking(arguments_, settings);
  response_->mutable_rows()->Reserve(static_cast<int>(outputs_.rows));
  for (int64_t i = 0; i < outputs_.rows; ++i) ranking.Write(outputs_.row(i), response_->add_rows());
}

}  // namespace chainrule::server
