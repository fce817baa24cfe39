#ifndef CHAINRULE_CLIENT_CLI_MODEL_TEXT_H_
#define CHAINRULE_CLIENT_CLI_MODEL_TEXT_H_

#include <ostream>
#include <string>

#include "chainrule/v1/model.pb.h"

namespace chainrule::client {

// `30-16-1`.
std::string WidthsOf(const v1::ModelSpec& spec);

// What a person wants to know of a model, a line each.
void PrintModel(const v1::Model& model, std::ostream& out);

}  // namespace chainrule::client

#endif  // CHAINRULE_CLIENT_CLI_MODEL_TEXT_H_
