// Replacement: the Writer of a model whose own numbers are lost, for one change that does
// not depend on them (Write::replaces_all). What request ids were answered before is lost
// as well: those that tell their time are refused from now on, if they are older.
// Single-threaded.
#ifndef CHAINRULE_SERVER_MODELS_REPLACEMENT_H_
#define CHAINRULE_SERVER_MODELS_REPLACEMENT_H_

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "server/models/limits.h"
#include "server/models/settings_json.h"
#include "server/models/write.h"

namespace chainrule::server {

class Replacement : public Writer {
 public:
  // `step`: the last one that is known of; `describe` tells the model as it is now.
  Replacement(std::string id, const StoredSettings& settings, int64_t step, const Limits& limits,
              std::function<ModelDescription()> describe);

  // What the change committed, which is in no log; `done` is to be called when it is kept.
  struct Committed {
    engine::ModelState state;
    Journal::Done done;
  };
  // Empty: the change was answered without one.
  std::optional<Committed>& committed() { return committed_; }

  const std::string& id() const override { return id_; }
  const engine::ModelState& state() const override { return state_; }
  std::shared_ptr<const engine::Network> network() const override { return network_; }
  WriteWindow& window() override { return window_; }
  ModelDescription Describe(const engine::ModelState& state) const override;
  bool keeps() const override { return false; }
  bool shows_steps() const override { return false; }
  bool ProgressIsDue(absl::Time /*last*/, int64_t /*bytes*/) const override { return false; }
  void Show(engine::ModelState /*state*/) override {}
  void Commit(engine::ModelState state, Record record, Journal::Done done) override;
  void Then(Journal::Done done) override { done(absl::OkStatus(), state_.step); }
  void SetTrainingBytes(int64_t /*bytes*/) override {}

 private:
  const std::string id_;
  const std::shared_ptr<const engine::Network> network_;
  engine::ModelState state_;
  WriteWindow window_;
  const std::function<ModelDescription()> describe_;
  std::optional<Committed> committed_;
};

}  // namespace chainrule::server

#endif  // CHAINRULE_SERVER_MODELS_REPLACEMENT_H_
