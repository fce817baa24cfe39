#ifndef CHAINRULE_CLIENT_CLI_MODEL_TEXT_H_
#define CHAINRULE_CLIENT_CLI_MODEL_TEXT_H_

#include <ostream>
#include <string>

#include "chainrule/v1/model.pb.h"
#include "google/protobuf/map.h"

namespace chainrule::client {

// `30-16-1`.
std::string WidthsOf(const v1::ModelSpec& spec);

// `team=blue, stage=test`, `prod=3`: in the order of the keys.
std::string TagsOf(const google::protobuf::Map<std::string, std::string>& labels);
std::string AliasesOf(const v1::Model& model);

// What a person wants to know of a model, a line each, with control characters escaped.
void PrintModel(const v1::Model& model, std::ostream& out);

}  // namespace chainrule::client

#endif  // CHAINRULE_CLIENT_CLI_MODEL_TEXT_H_
