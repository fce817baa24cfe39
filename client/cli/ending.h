// The last layer's activation and the loss, which go together.
#ifndef CHAINRULE_CLIENT_CLI_ENDING_H_
#define CHAINRULE_CLIENT_CLI_ENDING_H_

#include "absl/status/status.h"
#include "chainrule/v1/model.pb.h"

namespace chainrule::client {

// Ending: what the flags say of it; unspecified where they say nothing.
struct Ending {
  v1::Activation activation = v1::ACTIVATION_UNSPECIFIED;  // --output-activation
  v1::Loss loss = v1::LOSS_UNSPECIFIED;                    // --loss
  bool regression = false;
  bool multi_label = false;
};

// INVALID_ARGUMENT names two flags that contradict each other.
absl::Status CheckEnding(const Ending& ending);

// Whether the flags ask for a loss of numbers: --regression, or what implies it.
bool IsForNumbers(const Ending& ending);

// Whether the flags, without --multi-label, ask for a loss of classes.
bool IsForClasses(const Ending& ending);

// Sets *spec's loss and its last layer's activation: as the flags say, what they leave out
// as goes with the rest. `made`: the layers are new, so that class names may decide; more than
// two make a softmax. What nothing decides stays.
// Requires a layer, and that CheckEnding is OK.
void SetEnding(const Ending& ending, bool made, v1::ModelSpec* spec);

}  // namespace chainrule::client

#endif  // CHAINRULE_CLIENT_CLI_ENDING_H_
