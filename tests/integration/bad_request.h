// What the tests of bad input share.  Whatever is wrong with a request is answered with the
// code, the field's path, its value and what is allowed; nothing of it changes a model.
#ifndef CHAINRULE_TESTS_INTEGRATION_BAD_REQUEST_H_
#define CHAINRULE_TESTS_INTEGRATION_BAD_REQUEST_H_

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <limits>
#include <ostream>
#include <string>
#include <vector>

#include "tests/support/error_details.h"
#include "tests/support/requests.h"
#include "tests/support/test_server.h"

namespace chainrule::test {

using Models = v1::ModelService::Stub;
using Training = v1::TrainingService::Stub;
using Prediction = v1::PredictionService::Stub;
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr float kInf = std::numeric_limits<float>::infinity();

// One bad request: what is done to a good one, and which violation that makes.
template <typename Request>
struct BadCase {
  const char* name;
  std::function<void(Request*)> spoil;
  const char* field;
  const char* text;
};

template <typename Request>
void PrintTo(const BadCase<Request>& bad, std::ostream* out) {
  *out << bad.name;
}

struct NameOf {
  template <typename Param>
  std::string operator()(const Param& info) const {
    return info.param.name;
  }
};

// A server with a model of each kind, the same for every test of a file.
inline TestServer& Shared() {
  static auto* server = [] {
    auto* made = new TestServer();
    made->Create("classes", MakeClassifierSpec(4, 3));
    made->Create("sigmoid", MakeSpec({4, 1}));
    v1::ModelSpec several = MakeSpec({4, 2});
    several.set_multi_label(true);
    made->Create("labels", several);
    v1::ModelSpec regression = MakeSpec({4, 1});
    regression.mutable_layers(0)->set_activation(v1::ACTIVATION_IDENTITY);
    regression.set_loss(v1::LOSS_MEAN_SQUARED_ERROR);
    made->Create("numbers", regression);
    return made;
  }();
  return *server;
}

}  // namespace chainrule::test

#endif  // CHAINRULE_TESTS_INTEGRATION_BAD_REQUEST_H_
