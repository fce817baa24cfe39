// Makes the frozen model folder of this version's format, as a crash leaves it:
// make_model_folder FOLDER, which must not be there. Run once for each format; what it made
// is never made anew.
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>

#include "server/models/registry.h"
#include "server/store/folder_store.h"
#include "tests/golden/model_folder_sample.h"

namespace chainrule::server {
namespace {

absl::Status Make(const std::string& folder) {
  FolderStore::Options options;
  options.folder = folder;
  options.boot_id = "the machine that made it";
  absl::StatusOr<std::unique_ptr<FolderStore>> store =
      FolderStore::Open(options, &PosixFileSystem());
  if (!store.ok()) return store.status();
  const engine::Executor executor(1);
  ManualScheduler scheduler;
  Registry::Keeping keeping;
  keeping.store = store->get();
  keeping.executor = &executor;
  Registry registry(Limits(), &scheduler, keeping);
  if (absl::Status status = registry.Open(); !status.ok()) return status;
  const auto created = registry.Create("iris", TestSettings(), {}, {}, {});
  if (!created.ok()) return created.status();
  const int64_t step = MakeSampleCalls(registry.Find("iris")->get(), [&] { scheduler.RunAll(); });
  std::printf("step %ld\n", static_cast<long>(step));
  std::fflush(stdout);
  std::_Exit(step > 0 ? 0 : 1);  // nothing is ended in order
}

}  // namespace
}  // namespace chainrule::server

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  const absl::Status status = chainrule::server::Make(argv[1]);
  if (!status.ok()) std::fprintf(stderr, "%s\n", status.ToString().c_str());
  return 1;
}
