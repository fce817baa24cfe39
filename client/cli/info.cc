#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "client/cli/commands.h"
#include "client/cli/flags.h"
#include "client/cli/table.h"
#include "client/data/text.h"

namespace chainrule::client {
namespace {

struct Options {};

void AddLimits(const v1::Limits& limits, Table* table) {
  const auto* type = v1::Limits::descriptor();
  for (int i = 0; i < type->field_count(); ++i) {
    const auto* field = type->field(i);
    if (field->cpp_type() != google::protobuf::FieldDescriptor::CPPTYPE_INT64) continue;
    table->Add({field->name(), absl::StrCat(limits.GetReflection()->GetInt64(limits, field))});
  }
  table->Add({"request_id_age", absl::StrCat(limits.request_id_age().seconds(), " s")});
}

absl::Status Run(const Options& /*options*/, Session& session) {
  const absl::StatusOr<Client*> client = session.client();
  if (!client.ok()) return client.status();
  const absl::StatusOr<v1::GetServerInfoResponse> info = (*client)->GetServerInfo();
  if (!info.ok()) return info.status();
  if (session.json()) return session.PrintJson(*info);
  const v1::Numerics& numerics = info->numerics();
  const std::string summary =
      absl::StrCat("chainrule-server ", info->version(), ", ", info->threads(), " threads, BLAS ",
                   numerics.blas_core(), ", SIMD ", numerics.simd_target(), ", kernels ",
                   numerics.kernel_version(), ", durability ",
                   EnumName(v1::Durability_descriptor(), info->durability()));
  session.out() << Escaped(summary) << '\n'
                << Escaped(absl::StrJoin(info->dialects(), ", ")) << '\n';
  Table table({});
  AddLimits(info->limits(), &table);
  table.Print(session.out());
  return absl::OkStatus();
}

}  // namespace

void AddInfo(CLI::App* app, Action* action) {
  AddCommand<Options>(
      app, action, "info", "The server's version, numerics and limits",
      [](CLI::App* /*command*/, Options* /*options*/) {}, Run);
}

}  // namespace chainrule::client
