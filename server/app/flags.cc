#include "server/app/flags.h"

#include <CLI/CLI.hpp>
#include <cstdlib>
#include <functional>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/strip.h"
#include "absl/types/span.h"
#include "engine/core/checked_math.h"

namespace chainrule::server {
namespace {

// Adds flags to CLI11 by the type of what they fill.
class FlagTable {
 public:
  explicit FlagTable(CLI::App* app) : app_(app) {}

  void Group(const std::string& name) { group_ = name; }

  void Text(const std::string& name, std::string* value, const std::string& help) {
    Finish(name, "one character or more",
           app_->add_option("--" + name, *value, help)->capture_default_str());
  }

  void Switch(const std::string& name, bool* value, const std::string& help) {
    Finish(name, "true or false", app_->add_flag("--" + name, *value, help));
  }

  template <typename Integer>
  void Number(const std::string& name, Integer* value, const std::string& help) {
    Parsed(name, absl::StrCat(*value), help, "a whole number",
           [value](const std::string& text) { return absl::SimpleAtoi(text, value); });
  }

  void Bytes(const std::string& name, int64_t* value, const std::string& help) {
    Parsed(name, FormatBytes(*value), help, "bytes, such as 1048576, 64MiB or 1GiB",
           [value](const std::string& text) {
             const std::optional<int64_t> bytes = ParseByteSize(text);
             *value = bytes.value_or(*value);
             return bytes.has_value();
           });
  }

  void Duration(const std::string& name, absl::Duration* value, const std::string& help) {
    Parsed(name, absl::FormatDuration(*value), help, "a duration, such as 500ms, 8s or 24h",
           [value](const std::string& text) { return absl::ParseDuration(text, value); });
  }

  // INVALID_ARGUMENT: one is `--name=`, for which CLI11 would take the argument that follows.
  absl::Status CheckNoneIsEmpty(absl::Span<const char* const> arguments) const {
    for (const absl::string_view argument : arguments) {
      for (const Flag& flag : flags_) {
        if (argument != absl::StrCat("--", flag.name, "=")) continue;
        return absl::InvalidArgumentError(absl::StrCat("--", flag.name, ": ", Empty(flag.wanted)));
      }
    }
    return absl::OkStatus();
  }

  // After parsing. INVALID_ARGUMENT: a variable that counts is set to nothing, which CLI11 would
  // take for unset.
  absl::Status CheckVariables() const {
    for (const Flag& flag : flags_) {
      const std::string variable = flag.option->get_envname();
      const char* const value = std::getenv(variable.c_str());
      if (value == nullptr || *value != '\0' || flag.option->count() > 0) continue;
      return absl::InvalidArgumentError(absl::StrCat(variable, ": ", Empty(flag.wanted)));
    }
    return absl::OkStatus();
  }

  template <typename Enum>
  void Choice(const std::string& name, Enum* value, const std::string& initial,
              const std::vector<std::pair<std::string, Enum>>& choices, const std::string& help) {
    std::string allowed = "one of";
    for (const auto& choice : choices) absl::StrAppend(&allowed, " ", choice.first);
    Parsed(name, initial, help, allowed, [value, choices](const std::string& text) {
      for (const auto& [choice, meaning] : choices) {
        if (choice != text) continue;
        *value = meaning;
        return true;
      }
      return false;
    });
  }

 private:
  void Parsed(const std::string& name, const std::string& initial, const std::string& help,
              const std::string& wanted, std::function<bool(const std::string&)> parse) {
    const auto set = [name, wanted, parse = std::move(parse)](const std::string& text) {
      if (!parse(text)) throw CLI::ValidationError("--" + name, "'" + text + "' is not " + wanted);
    };
    Finish(name, wanted,
           app_->add_option_function<std::string>("--" + name, set, help)
               ->default_str(initial)
               ->run_callback_for_default(false));
  }

  void Finish(const std::string& name, const std::string& wanted, CLI::Option* option) {
    option->take_last();  // so that a wrapper's flag can be overridden
    option->group(group_)->envname("CHAINRULE_" + absl::AsciiStrToUpper(name));
    const auto check = [wanted](const std::string& text) {
      return text.empty() ? Empty(wanted) : std::string();
    };
    option->check(CLI::Validator(check, ""));
    flags_.push_back({name, wanted, option});
  }

  static std::string Empty(absl::string_view wanted) {
    return absl::StrCat("empty; must be ", wanted, ", or left out");
  }

  static std::string FormatBytes(int64_t bytes) {
    const int64_t mebibytes = bytes >> 20;
    return mebibytes << 20 == bytes ? absl::StrCat(mebibytes, "MiB") : absl::StrCat(bytes);
  }

  struct Flag {
    std::string name;
    std::string wanted;
    const CLI::Option* option;
  };

  CLI::App* const app_;
  std::string group_;
  std::vector<Flag> flags_;
};

void AddLimits(Limits* limits, FlagTable* table) {
  table->Group("Limits (GetServerInfo tells them)");
  table->Bytes("max_message_bytes", &limits->max_message_bytes, "of one message, either way");
  table->Number("max_models", &limits->max_models, "models at once");
  table->Number("max_parameters", &limits->max_parameters, "weights and biases of one model");
  table->Number("max_layers", &limits->max_layers, "layers of one model");
  table->Number("max_rows", &limits->max_rows, "rows of one message");
  table->Bytes("max_fit_bytes", &limits->max_fit_bytes, "of the rows of one Fit");
  table->Bytes("max_import_bytes", &limits->max_import_bytes,
               "of the file that one ImportModel brings");
  table->Number("max_epochs", &limits->max_epochs, "epochs of one call");
  table->Number("max_contributions", &limits->max_contributions,
                "contributions of one ApplyGradients");
  table->Number("request_id_count", &limits->request_id_count,
                "request ids remembered for each model");
  table->Duration("request_id_age", &limits->request_id_age, "for how long at most");
  table->Number("max_queued_calls", &limits->max_queued_calls, "calls that wait or run");
  table->Bytes("max_queued_bytes", &limits->max_queued_bytes,
               "of their requests and unread answers");
}

void AddFlags(Options* options, FlagTable* table) {
  table->Group("Where it listens, and for whom");
  table->Text("listen", &options->listen, "HOST:PORT (port 0: a free one) or unix:PATH");
  table->Text("http_listen", &options->http_listen, "HOST:PORT for /metrics and /healthz, or none");
  table->Switch("insecure_remote", &options->insecure_remote,
                "listen beyond loopback without TLS: whoever reaches the port may do anything");
  table->Text("tls_cert", &options->tls_cert, "the server's certificate chain, a PEM file");
  table->Text("tls_key", &options->tls_key, "its private key, a PEM file");
  table->Text("tls_client_ca", &options->tls_client_ca,
              "clients must show a certificate of this authority, a PEM file");
  table->Text("token_file", &options->token_file,
              "calls must bring its first line as 'authorization: Bearer LINE'");
  table->Group("What survives");
  table->Text("data_dir", &options->data_dir,
              "the folder that holds everything; an empty one, or none, at first");
  table->Choice("durability", &options->durability, "sync",
                {{"sync", Durability::kSync}, {"relaxed", Durability::kRelaxed}},
                "sync: an answer survives power loss; relaxed: it may take the last moments");
  table->Duration("sync_interval", &options->sync_interval,
                  "relaxed: for how long what was answered may be unsynced");
  table->Bytes("checkpoint_bytes", &options->checkpoint_bytes,
               "of log, after which checkpoints are written");
  table->Duration("checkpoint_interval", &options->checkpoint_interval,
                  "for which a change waits for its checkpoint at most");
  table->Switch("check", &options->check,
                "reads the whole data folder and says what is damaged: exit 0 sound, 1 damaged");
  table->Group("How it runs");
  table->Number("threads", &options->threads, "cores for arithmetic; 0: all");
  table->Bytes("fit_memory", &options->fit_memory,
               "of the rows of one Fit; more go to a temporary file, while the disk has room");
  table->Bytes("model_memory", &options->model_memory,
               "for models, of which those used longest ago leave it; 0: half of what there is");
  table->Bytes("grpc_memory", &options->grpc_memory, "for gRPC's own buffers, in all");
  table->Duration("drain_timeout", &options->drain_timeout, "from SIGTERM to the end, at most");
  table->Choice("log_level", &options->log_level, "info",
                {{"debug", LogLevel::kDebug},
                 {"info", LogLevel::kInfo},
                 {"warning", LogLevel::kWarning},
                 {"error", LogLevel::kError}},
                "debug tells every call, info those that failed");
  table->Choice("log_format", &options->log_format, "text",
                {{"text", LogFormat::kText}, {"json", LogFormat::kJson}}, "text or json");
  AddLimits(&options->limits, table);
}

std::string OneLine(absl::string_view text) {
  return absl::StrReplaceAll(absl::StripAsciiWhitespace(text), {{"\n", " "}, {"\r", " "}});
}

}  // namespace

std::optional<int64_t> ParseByteSize(absl::string_view text) {
  int shift = 0;
  if (absl::ConsumeSuffix(&text, "GiB")) {
    shift = 30;
  } else if (absl::ConsumeSuffix(&text, "MiB")) {
    shift = 20;
  } else if (absl::ConsumeSuffix(&text, "KiB")) {
    shift = 10;
  }
  int64_t count = 0;
  const bool digits =
      !text.empty() && text.find_first_not_of("0123456789") == absl::string_view::npos;
  if (!digits || !absl::SimpleAtoi(text, &count)) return std::nullopt;
  return engine::CheckedMultiply(count, int64_t{1} << shift);
}

absl::StatusOr<CommandLine> ParseCommandLine(int argc, const char* const* argv) {
  CommandLine result;
  CLI::App app("Trains neural networks, predicts with them and gives their gradients, over gRPC.",
               "chainrule-server");
  app.set_version_flag("--version", std::string("chainrule-server ") + CHAINRULE_VERSION);
  app.footer("Each flag --name may be given as the environment variable CHAINRULE_NAME.");
  FlagTable table(&app);
  AddFlags(&result.options, &table);
  const absl::Span<const char* const> arguments(argv, static_cast<size_t>(argc));
  if (absl::Status status = table.CheckNoneIsEmpty(arguments); !status.ok()) return status;
  try {
    app.parse(argc, argv);
  } catch (const CLI::CallForHelp&) {
    result.text = app.help();
  } catch (const CLI::CallForVersion&) {
    result.text = app.version() + "\n";
  } catch (const CLI::ParseError& error) {
    return absl::InvalidArgumentError(OneLine(error.what()));
  }
  if (result.text.has_value()) return result;
  if (absl::Status status = table.CheckVariables(); !status.ok()) return status;
  return result;
}

}  // namespace chainrule::server
