#include <string>

#include "absl/strings/str_cat.h"
#include "client/cli/commands.h"
#include "client/lib/errors.h"

namespace chainrule::client {
namespace {

using grpc::health::v1::HealthCheckResponse;

// Whoever asks for health does not want to wait.
constexpr absl::Duration kTimeout = absl::Seconds(5);

struct Options {
  std::string service;
};

std::string ServiceOf(const Options& options) {
  if (options.service.empty() || options.service.find('.') != std::string::npos) {
    return options.service;
  }
  return absl::StrCat("chainrule.v1/", ModelName(options.service));
}

// Where the server knows no such service: the model in place of its service's long name.
absl::Status Explain(const absl::Status& status, const Options& options) {
  const bool is_model = ServiceOf(options) != options.service;
  if (status.code() != absl::StatusCode::kNotFound || !is_model) return status;
  return WithMessage(status, absl::StrCat("there is no model '", ModelName(options.service), "'"));
}

absl::Status Run(const Options& options, Session& session) {
  Target& target = session.settings().target;
  if (target.timeout == absl::InfiniteDuration()) target.timeout = kTimeout;
  const absl::StatusOr<Client*> client = session.client();
  if (!client.ok()) return client.status();
  const absl::StatusOr<HealthCheckResponse> answer = (*client)->CheckHealth(ServiceOf(options));
  if (!answer.ok()) return Explain(answer.status(), options);
  const std::string& status = HealthCheckResponse::ServingStatus_Name(answer->status());
  if (session.json()) {
    const absl::Status printed = session.PrintJson(*answer);
    if (!printed.ok()) return printed;
  } else {
    session.out() << status << '\n';
  }
  if (answer->status() == HealthCheckResponse::SERVING) return absl::OkStatus();
  return FromGrpc({grpc::StatusCode::UNAVAILABLE, status, status}, true);
}

}  // namespace

void AddHealth(CLI::App* app, Action* action) {
  AddCommand<Options>(
      app, action, "health", "Whether the server can serve; exit code 0 if so",
      [](CLI::App* command, Options* options) {
        command->add_option("NAME", options->service, "A model, or a service's full name");
      },
      Run);
}

}  // namespace chainrule::client
