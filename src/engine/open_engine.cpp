#include <dlfcn.h>

#include "base/error.h"
#include "base/file.h"
#include "engine/abi.h"
#include "engine/engine.h"
#include "engine/op_timer.h"
#include "engine/session.h"
#include "engine/watched_op_timer.h"
#include "engine/watched_session.h"

namespace perfbench {
namespace {

std::filesystem::path own_library() { return executable_path().parent_path() / kEngineLibrary; }

// A function of the engine library, after the library has said that it can be used.
template <class Function>
Function* function_of(const std::filesystem::path& library, const char* symbol) {
  const EngineReport report = engine_report(library);
  for (const EnginePart* part : {&report.engine, &report.libtorch}) {
    if (!part->present()) {
      throw EnvironmentError("engine", part->missing, part->remedy.empty() ? "" : "run " + part->remedy);
    }
  }
  void* handle = dlopen(library.c_str(), RTLD_NOW | RTLD_LOCAL);  // the one that the report has loaded
  const auto function = reinterpret_cast<Function*>(handle ? dlsym(handle, symbol) : nullptr);
  if (function == nullptr) throw EnvironmentError("engine", library.string() + " has no " + symbol);
  return function;
}

}  // namespace

std::unique_ptr<Session> open_session(const std::filesystem::path& library, const Plan& plan,
                                      const SessionSettings& settings) {
  const auto open = function_of<EngineAbiOpenFunction>(library, kEngineOpenSymbol);
  return open_watched_session([open](const auto&... asked) { return std::unique_ptr<Session>(open(asked...)); }, plan,
                              settings);
}

std::unique_ptr<Session> open_session(const Plan& plan, const SessionSettings& settings) {
  return open_session(own_library(), plan, settings);
}

std::unique_ptr<OpTimer> open_op_timer(const std::filesystem::path& library, const OpTimerSettings& settings) {
  const auto open = function_of<EngineAbiOpTimerFunction>(library, kEngineOpTimerSymbol);
  return open_watched_op_timer([open](const auto& asked) { return std::unique_ptr<OpTimer>(open(asked)); }, settings);
}

std::unique_ptr<OpTimer> open_op_timer(const OpTimerSettings& settings) {
  return open_op_timer(own_library(), settings);
}

}  // namespace perfbench
