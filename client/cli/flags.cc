#include "client/cli/flags.h"

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace chainrule::client {
namespace {

// `ACTIVATION_` for the enum of ACTIVATION_UNSPECIFIED.
size_t PrefixSize(const google::protobuf::EnumDescriptor* type) {
  constexpr absl::string_view kUnspecified = "UNSPECIFIED";
  return type->value(0)->name().size() - kUnspecified.size();
}

std::string NameOf(const google::protobuf::EnumValueDescriptor* value) {
  return absl::AsciiStrToLower(absl::string_view(value->name()).substr(PrefixSize(value->type())));
}

std::vector<std::string> NamesOf(const google::protobuf::EnumDescriptor* type) {
  std::vector<std::string> names;
  for (int i = 1; i < type->value_count(); ++i) names.push_back(NameOf(type->value(i)));
  return names;
}

std::string WholeNumber(const std::string& text) {
  int64_t value = 0;
  if (absl::SimpleAtoi(text, &value)) return "";
  return absl::StrCat(text, " is not a whole number of 64 bits");
}

std::string RealNumber(const std::string& text) {
  double value = 0;
  return absl::SimpleAtod(text, &value) ? "" : absl::StrCat(text, " is not a number");
}

std::string Fraction(const std::string& text) {
  double value = 0;
  const bool is_right = absl::SimpleAtod(text, &value) && value >= 0 && value <= 1;
  return is_right ? "" : absl::StrCat(text, " is not a number from 0 to 1");
}

bool ReadDuration(const std::string& text, absl::Duration* duration) {
  double seconds = 0;
  if (absl::SimpleAtod(text, &seconds)) {
    *duration = absl::Seconds(seconds);
  } else if (!absl::ParseDuration(text, duration)) {
    return false;
  }
  return *duration > absl::ZeroDuration() && *duration < absl::InfiniteDuration();
}

}  // namespace

CLI::Option* AddList(CLI::App* app, const std::string& flag, std::vector<std::string>* values,
                     const std::string& help) {
  return app->add_option(flag, *values, help)->delimiter(',')->allow_extra_args(false);
}

absl::Status ReadTags(const std::vector<std::string>& tags,
                      google::protobuf::Map<std::string, std::string>* labels) {
  for (const std::string& tag : tags) {
    const std::vector<std::string> pair = absl::StrSplit(tag, absl::MaxSplits('=', 1));
    if (pair.size() != 2) {
      return absl::InvalidArgumentError(absl::StrCat("--tag ", tag, ": KEY=VALUE is needed"));
    }
    (*labels)[pair[0]] = pair[1];
  }
  return absl::OkStatus();
}

CLI::Option* AddEnum(CLI::App* app, const std::string& flag,
                     const google::protobuf::EnumDescriptor* type, std::string* value,
                     const std::string& help) {
  return app->add_option(flag, *value, help)
      ->transform(CLI::IsMember(NamesOf(type), CLI::ignore_case));
}

int EnumValue(const google::protobuf::EnumDescriptor* type, absl::string_view name) {
  for (int i = 0; i < type->value_count(); ++i) {
    if (NameOf(type->value(i)) == name) return type->value(i)->number();
  }
  return 0;
}

std::string EnumName(const google::protobuf::EnumDescriptor* type, int value) {
  const auto* found = type->FindValueByNumber(value);
  return found == nullptr ? absl::StrCat(value) : NameOf(found);
}

CLI::Validator AtLeast(int64_t least, int64_t most) {
  const bool is_bounded = most < std::numeric_limits<int64_t>::max();
  const std::string range = absl::StrCat(least, is_bounded ? absl::StrCat(" to ", most) : " on");
  return {[=](std::string& text) {
            int64_t value = 0;
            const bool is_right = absl::SimpleAtoi(text, &value) && value >= least && value <= most;
            return is_right ? "" : absl::StrCat(text, " is not a whole number from ", range);
          },
          absl::StrCat(least, "..")};
}

CLI::Option* AddThreshold(CLI::App* app, std::optional<double>* threshold) {
  return app
      ->add_option("--threshold", *threshold,
                   "From which output on a sigmoid unit says yes; unset: 0.5")
      ->check(Fraction, "0..1");
}

CLI::Option* AddLayers(CLI::App* app, std::vector<int32_t>* layers) {
  return app->add_option("--layers", *layers, "Only these layers, from 0: 0,2")
      ->delimiter(',')
      ->allow_extra_args(false)
      ->check(AtLeast(0, std::numeric_limits<int32_t>::max()));
}

void ExplainNumbers(CLI::App* app) {
  for (CLI::Option* option : app->get_options()) {
    // A range stands behind the type's name and has a check already.
    if (option->get_type_name() == "INT") option->check(WholeNumber);
    if (option->get_type_name() == "FLOAT") option->check(RealNumber);
  }
  for (CLI::App* below : app->get_subcommands([](CLI::App*) { return true; })) {
    ExplainNumbers(below);
  }
}

CLI::Option* AddDuration(CLI::App* app, const std::string& flag, absl::Duration* duration,
                         const std::string& help) {
  return app
      ->add_option_function<std::string>(
          flag,
          [flag, duration](const std::string& text) {
            if (!ReadDuration(text, duration)) {
              throw CLI::ValidationError(flag, text + " is not a duration above 0, such as 90s");
            }
          },
          help + " (90s, 1h30m, or a number of seconds)")
      ->type_name("DURATION");
}

google::protobuf::Duration ToProto(absl::Duration duration) {
  google::protobuf::Duration result;
  result.set_seconds(absl::IDivDuration(duration, absl::Seconds(1), &duration));
  result.set_nanos(static_cast<int32_t>(absl::ToInt64Nanoseconds(duration)));
  return result;
}

void AddRequestId(CLI::App* app, std::string* request_id) {
  app->add_option("--request-id", *request_id,
                  "A UUID; a repeat with the same one changes nothing twice");
}

void AddWriteOptions(CLI::App* app, WriteOptions* options) {
  AddRequestId(app, &options->request_id);
  app->add_option("--if-step", options->if_step, "Only if the model is at this step");
}

}  // namespace chainrule::client
