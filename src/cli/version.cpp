#include "cli/version.h"

#include <fmt/format.h>

#include "base/error.h"
#include "harness/commit.h"
#include "harness/digest.h"
#include "job/catalog.h"
#include "job/recorded_vars.h"

namespace perfbench {
namespace {

std::string data_text() {
  try {
    const Catalog catalog = Catalog::find();
    return fmt::format("{} {}", folder_digest(catalog.folder()), catalog.folder().string());
  } catch (const Error& error) {  // the version is known all the same
    return "none: " + error.problems().front().what;
  }
}

std::string environment_text() {
  std::string text;
  for (const auto& [name, value] : recorded_environment())
    text += fmt::format("{}{}={}", text.empty() ? "" : " ", name, value);
  return text.empty() ? "none of the recorded variables" : text;
}

}  // namespace

std::string version_text() {
  return fmt::format("perfbench {}\ncommit {}\ndata {}\nenvironment {}\n", PERFBENCH_VERSION, commit(), data_text(),
                     environment_text());
}

}  // namespace perfbench
