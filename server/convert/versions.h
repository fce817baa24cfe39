// Versions, aliases and copies of models.
#ifndef CHAINRULE_SERVER_CONVERT_VERSIONS_H_
#define CHAINRULE_SERVER_CONVERT_VERSIONS_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "chainrule/v1/model_service.pb.h"
#include "server/convert/names.h"
#include "server/models/calls.h"
#include "server/models/registry.h"

namespace chainrule::server {

// Registry::Copy's arguments.
struct CopyModelInput {
  ModelReference source;
  std::string id;
  bool reset_optimizer = false;
  Registry::Request request;
};
absl::StatusOr<CopyModelInput> ReadCopyModel(const v1::CopyModelRequest& request);

// Registry::Publish's arguments.
struct PublishInput {
  std::string id;
  std::map<std::string, std::string> labels;
  std::optional<int64_t> if_step;
  Registry::Request request;
};
absl::StatusOr<PublishInput> ReadPublish(const v1::PublishVersionRequest& request);

// The model, and the number or alias that is asked for, which there must be.
absl::StatusOr<ModelReference> ReadGetVersion(const v1::GetModelVersionRequest& request);

struct ListVersionsInput {
  std::string id;
  int64_t after = 0;  // list versions above this number
  int64_t page_size = 0;
};
absl::StatusOr<ListVersionsInput> ReadListVersions(const v1::ListModelVersionsRequest& request);
// One page of `all`, which is by number.
void WriteVersions(const std::vector<VersionDescription>& all, const ListVersionsInput& input,
                   v1::ListModelVersionsResponse* response);

// Registry::DeleteVersion's arguments.
struct DeleteVersionInput {
  std::string id;
  int64_t number = 0;
  Registry::Request request;
};
absl::StatusOr<DeleteVersionInput> ReadDeleteVersion(const v1::DeleteModelVersionRequest& request);

// Registry::SetAlias' arguments; of DeleteAlias, too, without a version.
struct AliasInput {
  std::string id;
  std::string alias;
  std::optional<int64_t> version;
  std::string etag;
  Registry::Request request;
};
absl::StatusOr<AliasInput> ReadSetAlias(const v1::SetAliasRequest& request);
absl::StatusOr<AliasInput> ReadDeleteAlias(const v1::DeleteAliasRequest& request);

// What RestoreVersion asks for, but for the cancellation.
struct RestoreInput {
  std::string id;
  std::string version;  // a number or an alias
  bool reset_optimizer = false;
  WriteOptions write;
  ContentDigest digest{};
};
absl::StatusOr<RestoreInput> ReadRestore(const v1::RestoreVersionRequest& request);

void WriteVersion(const VersionDescription& version, v1::ModelVersion* message);

}  // namespace chainrule::server

#endif  // CHAINRULE_SERVER_CONVERT_VERSIONS_H_
