// Where a test finds what the build knows: on another machine than that of the build, environment variables say it.
#pragma once

#include <cstdlib>
#include <filesystem>

namespace perfbench {

inline std::filesystem::path place(const char* variable, const char* of_the_build) {
  const char* found = std::getenv(variable);
  return found != nullptr && *found != '\0' ? found : of_the_build;
}

// Empty where the build has no engine.
inline std::filesystem::path engine_library() { return place("PERFBENCH_ENGINE_LIBRARY", PERFBENCH_ENGINE_LIBRARY); }
inline std::filesystem::path source_dir() { return place("PERFBENCH_SOURCE_DIR", PERFBENCH_SOURCE_DIR); }

}  // namespace perfbench
