#include <dlfcn.h>

#include "base/error.h"
#include "base/file.h"
#include "engine/abi.h"
#include "engine/engine.h"
#include "engine/session.h"

namespace perfbench {

std::unique_ptr<Session> open_session(const std::filesystem::path& library, const Job& job, const JobPrograms& programs,
                                      const SessionSettings& settings) {
  const EngineReport report = engine_report(library);
  for (const EnginePart* part : {&report.engine, &report.libtorch}) {
    if (!part->present()) {
      throw EnvironmentError("engine", part->missing, part->remedy.empty() ? "" : "run " + part->remedy);
    }
  }
  void* handle = dlopen(library.c_str(), RTLD_NOW | RTLD_LOCAL);  // the one that the report has loaded
  const auto open = reinterpret_cast<EngineAbiOpenFunction*>(handle ? dlsym(handle, kEngineOpenSymbol) : nullptr);
  if (open == nullptr) throw EnvironmentError("engine", library.string() + " has no " + kEngineOpenSymbol);
  return std::unique_ptr<Session>(open(job, programs, settings));
}

std::unique_ptr<Session> open_session(const Job& job, const JobPrograms& programs, const SessionSettings& settings) {
  return open_session(executable_path().parent_path() / kEngineLibrary, job, programs, settings);
}

}  // namespace perfbench
