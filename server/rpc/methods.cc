#include "server/rpc/methods.h"

#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "engine/core/check.h"
#include "server/rpc/to_grpc_status.h"

namespace chainrule::server {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::DescriptorPool;
using google::protobuf::MethodDescriptor;

// A call of a method that is not here.
class UnknownCall final : public Wire::User {
 public:
  explicit UnknownCall(std::unique_ptr<Wire> wire) : wire_(std::move(wire)) {
    wire_->SetUser(this);
  }

  void Begin() {
    wire_->Finish(ToGrpcStatus(absl::UnimplementedError(
        absl::StrCat("there is no method ", Printable(wire_->context()->method(), 256)))));
  }

 private:
  void OnDone() override { delete this; }

  const std::unique_ptr<Wire> wire_;
};

}  // namespace

void Methods::Add(const std::string& service, const std::string& method, const Descriptor* request,
                  const Descriptor* response, Wire::Begin begin) {
  const MethodDescriptor* const found =
      DescriptorPool::generated_pool()->FindMethodByName(absl::StrCat(service, ".", method));
  CHAINRULE_CHECK(found != nullptr);
  CHAINRULE_CHECK(found->input_type() == request && found->output_type() == response);
  CHAINRULE_CHECK(
      methods_.emplace(absl::StrCat("/", service, "/", method), std::move(begin)).second);
  services_.insert(service);
}

void Methods::Begin(std::unique_ptr<Wire> wire) const {
  const auto found = methods_.find(wire->context()->method());
  if (found != methods_.end()) return found->second(std::move(wire));
  (new UnknownCall(std::move(wire)))->Begin();
}

RpcMetrics* ServiceMethods::MetricsOf(const std::string& method) const {
  const std::string short_name = service_.substr(service_.rfind('.') + 1);
  return environment_->metrics->AddRpc(absl::StrCat(short_name, "/", method));
}

}  // namespace chainrule::server
