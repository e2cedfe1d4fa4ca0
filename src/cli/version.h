// perfbench --version.
#pragma once

#include <string>

namespace perfbench {

// What results depend on beside what is asked, a line each: version, commit, digest of the data files, and the
// variables of this process that are recorded.
std::string version_text();

}  // namespace perfbench
