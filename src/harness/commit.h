// Of which commit the sources are. The unit behind this is written by cmake/write_commit.cmake.
#pragma once

#include <string_view>

namespace perfbench {

// 40 hex digits, with "+dirty" where a tracked file was changed since; "unknown" for sources without git.
std::string_view commit();

}  // namespace perfbench
