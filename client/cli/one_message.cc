#include "client/cli/one_message.h"

#include <utility>

#include "client/lib/examples.h"

namespace chainrule::client {

absl::StatusOr<Question> Open(const std::string& model, const DataOptions& data, Session& session) {
  absl::StatusOr<v1::Model> found = session.GetModelOf(model);
  if (!found.ok()) return found.status();
  absl::StatusOr<std::unique_ptr<RowSource>> source =
      OpenRows(data, found->spec(), Need::kExamples, Part::kHeldOut);
  if (!source.ok()) return source.status();
  return Question{*std::move(found), *std::move(source)};
}

absl::StatusOr<OneMessage> Prepare(const std::string& model, const DataOptions& data,
                                   Session& session) {
  absl::StatusOr<Question> question = Open(model, data, session);
  if (!question.ok()) return question.status();
  const absl::StatusOr<Client*> client = session.client();
  if (!client.ok()) return client.status();
  const absl::StatusOr<v1::GetServerInfoResponse> info = (*client)->GetServerInfo();
  if (!info.ok()) return info.status();
  absl::StatusOr<v1::Examples> examples = ReadExamples(info->limits(), question->rows.get());
  if (!examples.ok()) return examples.status();
  return OneMessage{std::move(question->model), *std::move(examples)};
}

}  // namespace chainrule::client
