#include "job/extended_json.h"

#include <fmt/core.h>

#include <algorithm>
#include <utility>

#include "base/error.h"
#include "base/file.h"
#include "base/text.h"
#include "job/sourced.h"

namespace perfbench {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kParent = "extends";

const Json::Object& entries(const Json& json) { return std::get<Json::Object>(json.value); }

Json read_object(const fs::path& path) {
  Json json = read_json(path);
  if (!json.is_object()) throw InputError(path.string(), "must be a JSON object");
  return json;
}

bool is_sourced(const Json& json) { return json.find("value") != nullptr; }

std::vector<std::string> names_in(const fs::path& folder) {
  std::vector<std::string> names;
  std::error_code error;
  for (const auto& item : fs::directory_iterator(folder, error)) {
    if (item.path().extension() == ".json") names.push_back(item.path().stem().string());
  }
  std::ranges::sort(names);
  return names;
}

// The file that `json` extends; empty: none.
fs::path parent_of(const Json& json, const fs::path& path, const fs::path& folder, std::string_view kind) {
  const Json* name = json.find(kParent);
  if (name == nullptr) return {};
  const std::string place = fmt::format("{}: {}", path.string(), kParent);
  if (!name->is_string()) {
    throw InputError(place, fmt::format("is {}, but must be the name of a {}", shown(*name), kind),
                     "leave it out where the file stands alone");
  }
  const std::string& text = std::get<std::string>(name->value);
  fs::path parent = folder / (text + ".json");
  if (!is_there(parent)) {
    throw InputError(place, fmt::format("there is no {} \"{}\"", kind, text), nearest_hint(text, names_in(folder)));
  }
  return parent;
}

void without(Json::Object& object, std::string_view key) {
  std::erase_if(object, [&](const auto& entry) { return entry.first == key; });
}

// Notes under whose name the values with a source stand that `json` brings.
void note_stated(const Json& json, const std::string& path, const std::string& name,
                 std::map<std::string, std::string>& stated_by) {
  for (const auto& [key, value] : entries(json)) {
    if (!value.is_object()) continue;
    const std::string place = path.empty() ? key : fmt::format("{}.{}", path, key);
    if (is_sourced(value)) {
      stated_by[place] = name;
    } else {
      note_stated(value, place, name, stated_by);
    }
  }
}

}  // namespace

Json joined(const Json& base, const Json& over) {
  if (!base.is_object() || !over.is_object() || is_sourced(over)) return over;
  Json::Object all = entries(base);
  for (const auto& [key, value] : entries(over)) {
    const auto same = std::ranges::find(all, key, &std::pair<std::string, Json>::first);
    if (same == all.end()) {
      all.emplace_back(key, value);
    } else {
      same->second = joined(same->second, value);
    }
  }
  return all;
}

ExtendedJson read_extended(const fs::path& path, const fs::path& folder, std::string_view kind,
                           std::span<const std::string_view> own) {
  std::vector<Json> files;  // the file's own first
  std::vector<std::string> chain;
  std::vector<fs::path> read;  // two files may have one name: a user's own and the catalog's
  for (fs::path at = path; !at.empty(); at = parent_of(files.back(), at, folder, kind)) {
    const std::string name = at.stem().string();
    std::error_code error;
    if (std::ranges::find(read, fs::weakly_canonical(at, error)) != read.end()) {
      throw InputError(fmt::format("{}: {}", path.string(), kParent),
                       fmt::format("comes back to itself: {} -> {}", join(chain, " -> "), name));
    }
    chain.push_back(name);
    read.push_back(fs::weakly_canonical(at, error));
    files.push_back(read_object(at));
  }
  ExtendedJson extended{.json = Json::Object{}, .chain = chain, .stated_by = {}};
  for (std::size_t i = files.size(); i-- > 0;) {
    auto& object = std::get<Json::Object>(files[i].value);
    without(object, kParent);
    if (i > 0) {
      for (const std::string_view key : own) without(object, key);
    }
    note_stated(files[i], "", chain[i], extended.stated_by);
    extended.json = joined(extended.json, files[i]);
  }
  return extended;
}

}  // namespace perfbench
