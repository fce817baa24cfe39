// What the machine has.
// Thread-safe: a function of its argument and the system.
#ifndef CHAINRULE_SERVER_APP_MACHINE_H_
#define CHAINRULE_SERVER_APP_MACHINE_H_

#include <cstdint>
#include <string>

namespace chainrule::server {

// Memory in bytes: the machine's, or less where a control group, such as a container's,
// allows less.
int64_t MachineMemoryBytes(const std::string& control_groups = "/sys/fs/cgroup");

}  // namespace chainrule::server

#endif  // CHAINRULE_SERVER_APP_MACHINE_H_
