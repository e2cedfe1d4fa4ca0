// A JSON file that states only what differs from another of its kind: "extends": "megatron_2504".
#pragma once

#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"

namespace perfbench {

struct ExtendedJson {
  Json json;                       // one object with all that the file says and inherits, without "extends"
  std::vector<std::string> chain;  // the file's name, the one that it extends, and so on
  // By key path ("constants.attention"): the name of the file whose value counts. Values with a source only.
  std::map<std::string, std::string> stated_by;
};

// Reads `path` and the files that it extends, which are <folder>/<name>.json. Of two objects under one key the keys are
// joined; everything else is replaced, also an object with a "value", which brings its own source. Keys among `own` are
// of one file and never inherited. Throws InputError with file and key for what is no object, for a parent that is not
// there (with the nearest names) and for a chain that comes back to itself; `kind` is what a file is: "stack".
ExtendedJson read_extended(const std::filesystem::path& path, const std::filesystem::path& folder,
                           std::string_view kind, std::span<const std::string_view> own);

// `base` with what `over` says.
Json joined(const Json& base, const Json& over);

}  // namespace perfbench
