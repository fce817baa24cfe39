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

CLI::Validator AtLeast(int64_t least) {
  return {[least](std::string& text) {
            int64_t value = 0;
            const bool is_right = absl::SimpleAtoi(text, &value) && value >= least;
            return is_right ? "" : absl::StrCat(text, " is not a whole number from ", least, " on");
          },
          absl::StrCat(least, "..")};
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
          help)
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
