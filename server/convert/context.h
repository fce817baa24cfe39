// ModelContext: the model that a request speaks of, and what it may ask for.
//
// Guide to this folder.  A call passes through three kinds of functions:
//   CheckX   on a gRPC thread: costs the same for one row and for a million.
//   ReadX    on a compute thread: reads the elements, once; for mutating calls also
//            their digest.  It repeats CheckX's checks, so it is safe alone.
//   WriteX   fills a reply; large tensors are written in place by the engine.
// Start with names.h, spec.h and models.h (resources); tensors.h and examples.h (rows);
// training.h, fit.h, gradients.h, evaluation.h, prediction.h, weights.h (one a group of
// RPCs).  All are thread-safe functions of their arguments unless a class says otherwise,
// and what they refuse is INVALID_ARGUMENT with INVALID_FIELD or LIMIT_EXCEEDED.
#ifndef CHAINRULE_SERVER_CONVERT_CONTEXT_H_
#define CHAINRULE_SERVER_CONVERT_CONTEXT_H_

#include <memory>
#include <string>

#include "server/models/limits.h"
#include "server/models/settings.h"

namespace chainrule::server {

struct ModelContext {
  std::string id;
  std::shared_ptr<const ModelSettings> settings;  // never null; may alias a snapshot
  const Limits* limits = nullptr;                 // borrowed, lives as long as the server

  const engine::NetworkSpec& network() const { return settings->network; }
};

}  // namespace chainrule::server

#endif  // CHAINRULE_SERVER_CONVERT_CONTEXT_H_
