// CHAINRULE_CHECK: ends the process, naming the place, when something happened
// that the code says cannot.  Never reached by a caller's input: what came from
// outside is answered with an absl::Status instead.
#ifndef CHAINRULE_ENGINE_CORE_CHECK_H_
#define CHAINRULE_ENGINE_CORE_CHECK_H_

namespace chainrule::engine {

[[noreturn]] void CheckFailed(const char* condition, const char* file, int line);

}  // namespace chainrule::engine

#define CHAINRULE_CHECK(condition)                                      \
  do {                                                                  \
    if (!(condition)) [[unlikely]]                                      \
      ::chainrule::engine::CheckFailed(#condition, __FILE__, __LINE__); \
  } while (false)

#endif  // CHAINRULE_ENGINE_CORE_CHECK_H_
