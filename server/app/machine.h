// What the machine has, and how it gets it back.
// Thread-safe: functions of their arguments and the system.
#ifndef CHAINRULE_SERVER_APP_MACHINE_H_
#define CHAINRULE_SERVER_APP_MACHINE_H_

#include <cstdint>
#include <string>

namespace chainrule::server {

// Memory in bytes: the machine's, or less where a control group, such as a container's,
// allows less.
int64_t MachineMemoryBytes(const std::string& control_groups = "/sys/fs/cgroup");

// Pages of this process that are in memory, in bytes.
int64_t ResidentBytes();

// From now on malloc gives large blocks back as soon as they are freed. By itself it keeps
// those of up to 32 MiB, once it has seen one freed. Of a training's buffers and a model's
// weights some stay for the next (SpareBlocks), until the trimmer finds that nobody took them.
void ReturnLargeBlocks();

}  // namespace chainrule::server

#endif  // CHAINRULE_SERVER_APP_MACHINE_H_
