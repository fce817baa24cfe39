#include "client/cli/one_message.h"

#include <utility>

#include "client/lib/examples.h"

namespace chainrule::client {

absl::StatusOr<Question> Prepare(const std::string& model, const DataOptions& data,
                                 Session& session) {
  absl::StatusOr<v1::Model> found = session.GetModel(model);
  if (!found.ok()) return found.status();
  const auto source = OpenRows(data, found->spec(), Need::kExamples, Part::kHeldOut);
  if (!source.ok()) return source.status();
  const absl::StatusOr<Client*> client = session.client();
  if (!client.ok()) return client.status();
  const absl::StatusOr<v1::GetServerInfoResponse> info = (*client)->GetServerInfo();
  if (!info.ok()) return info.status();
  absl::StatusOr<v1::Examples> examples = ReadExamples(info->limits(), source->get());
  if (!examples.ok()) return examples.status();
  return Question{*std::move(found), *std::move(examples)};
}

}  // namespace chainrule::client
