#include "job/catalog.h"

#include <fmt/core.h>

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <optional>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/text.h"

namespace perfbench {
namespace {

namespace fs = std::filesystem;

// One thing of the catalog: a folder with a config.json, or a JSON file.
struct Entry {
  std::string name;  // of the folder, or of the file without ".json"
  fs::path file;     // its JSON file
};

std::vector<Entry> list_entries(const fs::path& folder, bool folders) {
  std::vector<Entry> entries;
  std::error_code error, unreadable;
  for (const auto& item : fs::directory_iterator(folder, error)) {
    const fs::path& path = item.path();
    if (folders && item.is_directory(unreadable)) entries.push_back({path.filename().string(), path / "config.json"});
    if (!folders && path.extension() == ".json") entries.push_back({path.stem().string(), path});
  }
  std::sort(entries.begin(), entries.end(), [](const Entry& a, const Entry& b) { return a.name < b.name; });
  return entries;
}

std::vector<Entry> models(const fs::path& folder) { return list_entries(folder / "models", true); }
std::vector<Entry> systems(const fs::path& folder) { return list_entries(folder / "systems", false); }
std::vector<Entry> stacks(const fs::path& folder) { return list_entries(folder / "stacks", false); }

std::vector<std::string> names(const std::vector<Entry>& entries) {
  std::vector<std::string> list;
  list.reserve(entries.size());
  for (const Entry& entry : entries) list.push_back(entry.name);
  return list;
}

std::optional<Entry> find_by_name(const std::vector<Entry>& entries, std::string_view name) {
  const std::string wanted = canonical_name(name);
  for (const Entry& entry : entries) {
    if (canonical_name(entry.name) == wanted) return entry;
  }
  return std::nullopt;
}

// The texts under `key`, or none: what else is wrong with the file is said when it is read as what it is.
std::vector<std::string> aliases_of(const Entry& entry, std::string_view key) {
  std::error_code error;
  if (!fs::exists(entry.file, error)) return {};
  std::vector<std::string> aliases;
  const Json json = read_json(entry.file);
  const Json* list = json.find(key);
  if (list == nullptr || !list->is_array()) return {};
  for (const Json& alias : std::get<Json::Array>(list->value)) {
    if (alias.is_string()) aliases.push_back(std::get<std::string>(alias.value));
  }
  return aliases;
}

struct AliasSearch {
  std::vector<Entry> found;
  std::vector<std::string> known;  // every alias that was looked at
};

AliasSearch find_by_alias(const std::vector<Entry>& entries, std::string_view name, std::string_view key) {
  AliasSearch search;
  const std::string wanted = canonical_name(name);
  for (const Entry& entry : entries) {
    bool matches = false;
    for (std::string& alias : aliases_of(entry, key)) {
      matches = matches || canonical_name(alias) == wanted;
      search.known.push_back(std::move(alias));
    }
    if (matches) search.found.push_back(entry);
  }
  return search;
}

// Near names and aliases; all names when nothing is near.
std::string hint_for(std::string_view name, const std::vector<Entry>& entries,
                     const std::vector<std::string>& aliases) {
  std::vector<std::string> candidates = names(entries);
  for (const std::string& alias : aliases) candidates.push_back(canonical_name(alias));
  const std::string wanted = canonical_name(name);
  return nearest(wanted, candidates).empty() ? nearest_hint(wanted, names(entries)) : nearest_hint(wanted, candidates);
}

void require_one(const AliasSearch& search, std::string_view name, const std::string& where) {
  if (search.found.size() < 2) return;
  throw InputError(where, fmt::format("\"{}\" is an alias of {}", name, join(names(search.found), " and of ")),
                   "give the name itself");
}

bool is_written_as_path(std::string_view text) {
  return text.starts_with('.') || text.starts_with('/') || text.ends_with('/') || text.ends_with(".json");
}

ModelSpec read_user_model(std::string_view path) {
  ModelSpec model = read_model(fs::path(path));
  model.name = std::string(path);
  return model;
}

// A user's own file: what it describes is called by the path.
template <typename Read>
auto read_user_file(std::string_view path, const fs::path& data, Read read) {
  auto spec = read(fs::path(path), data);
  spec.name = std::string(path);
  return spec;
}

// What `read` gives is kept; what it throws is not.
template <typename Memo, typename Read>
typename Memo::mapped_type remembered(Memo& memo, std::string_view name, Read&& read) {
  const auto found = memo.find(name);
  return found != memo.end() ? found->second : memo.emplace(std::string(name), read()).first->second;
}

}  // namespace

std::string canonical_name(std::string_view name) {
  constexpr std::string_view kSeparators = " -_./";
  std::string canonical;
  for (const char c : trim(name)) {
    if (kSeparators.find(c) == std::string_view::npos) {
      canonical += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    } else if (!canonical.empty() && canonical.back() != '_') {
      canonical += '_';
    }
  }
  if (!canonical.empty() && canonical.back() == '_') canonical.pop_back();
  return canonical;
}

Catalog::Catalog(fs::path folder) : folder_(std::move(folder)) {
  std::error_code error;
  if (!fs::is_directory(folder_, error)) {
    throw InputError(folder_.string(), "is no folder", "a folder with models, systems and stacks is needed");
  }
}

Catalog Catalog::find() {
  std::error_code error;
  if (const char* folder = std::getenv("PERFBENCH_DATA"); folder != nullptr && *folder != '\0') {
    if (fs::is_directory(folder, error)) return Catalog(folder);
    throw EnvironmentError("PERFBENCH_DATA", fmt::format("names {}, which is no folder", folder),
                           "set it to a model_configs folder, or unset it");
  }
  const fs::path start = executable_path().parent_path();
  for (fs::path folder = start;; folder = folder.parent_path()) {
    if (fs::is_directory(folder / "model_configs", error)) return Catalog(folder / "model_configs");
    if (folder == folder.parent_path()) break;
  }
  const fs::path installed = start.parent_path() / "share" / "perfbench" / "model_configs";
  if (fs::is_directory(installed, error)) return Catalog(installed);
  throw EnvironmentError("", fmt::format("there is no folder model_configs in {} or above it", start.string()),
                         "set PERFBENCH_DATA to the model_configs folder");
}

ModelSpec Catalog::model(std::string_view name, const std::string& where) const {
  return remembered(models_, name, [&] { return read_model_of(name, where); });
}

SystemSpec Catalog::system(std::string_view name, const std::string& where) const {
  return remembered(systems_, name, [&] { return read_system_of(name, where); });
}

Stack Catalog::stack(std::string_view name, const std::string& where) const {
  return remembered(stacks_, name, [&] { return read_stack_of(name, where); });
}

ModelSpec Catalog::read_model_of(std::string_view name, const std::string& where) const {
  std::error_code error;
  if (is_written_as_path(name)) {
    if (fs::exists(name, error)) return read_user_model(name);
    throw InputError(where, fmt::format("there is no file or folder {}", name),
                     "the path of a config.json or of its folder, or a name: " + join(model_names(), ", "));
  }
  const std::vector<Entry> entries = models(folder_);
  if (const auto entry = find_by_name(entries, name)) return read_model(entry->file.parent_path());
  const AliasSearch search = find_by_alias(entries, name, "_aliases");
  require_one(search, name, where);
  if (!search.found.empty()) return read_model(search.found.front().file);
  if (!name.empty() && fs::exists(name, error)) return read_user_model(name);
  throw InputError(where, fmt::format("there is no model \"{}\"", name),
                   hint_for(name, entries, search.known) + " (or give the path of a config.json)");
}

SystemSpec Catalog::read_system_of(std::string_view name, const std::string& where) const {
  if (is_written_as_path(name)) {
    if (is_there(fs::path(name))) return read_user_file(name, folder_, read_system);
    throw InputError(where, fmt::format("there is no file {}", name),
                     "the path of a system's JSON file, or a name: " + join(system_names(), ", "));
  }
  const std::vector<Entry> entries = systems(folder_);
  if (const auto entry = find_by_name(entries, name)) return read_system(entry->file, folder_);
  const AliasSearch search = find_by_alias(entries, name, "aliases");
  require_one(search, name, where);
  if (!search.found.empty()) return read_system(search.found.front().file, folder_);
  throw InputError(where, fmt::format("there is no system \"{}\"", name), hint_for(name, entries, search.known));
}

Stack Catalog::read_stack_of(std::string_view name, const std::string& where) const {
  if (is_written_as_path(name)) {
    if (is_there(fs::path(name))) return read_user_file(name, folder_, read_stack);
    throw InputError(where, fmt::format("there is no file {}", name),
                     "the path of a stack's JSON file, or a name: " + join(stack_names(), ", "));
  }
  const std::vector<Entry> entries = stacks(folder_);
  if (const auto entry = find_by_name(entries, name)) return read_stack(entry->file, folder_);
  const AliasSearch search = find_by_alias(entries, name, "aliases");
  require_one(search, name, where);
  if (!search.found.empty()) return read_stack(search.found.front().file, folder_);
  throw InputError(where, fmt::format("there is no stack \"{}\"", name), hint_for(name, entries, search.known));
}

std::string Catalog::stack_name(std::string_view name) const {
  if (is_written_as_path(name)) return std::string(name);
  const std::vector<Entry> entries = stacks(folder_);
  if (const auto entry = find_by_name(entries, name)) return entry->name;
  const AliasSearch search = find_by_alias(entries, name, "aliases");
  return search.found.size() == 1 ? search.found.front().name : canonical_name(name);
}

bool Catalog::stack_comes_first(std::string_view name) const {
  const auto entry = find_by_name(stacks(folder_), name);
  if (!entry) return false;
  const Json file = read_json(entry->file);
  const Json* preferred = file.find("preferred");
  return preferred != nullptr && preferred->is_bool() && std::get<bool>(preferred->value);
}

std::optional<SystemSpec> Catalog::system_of_device(std::string_view device_name) const {
  for (const Entry& entry : systems(folder_)) {
    const SystemSpec system = read_system(entry.file, folder_);
    if (std::ranges::find(system.device_names, device_name) != system.device_names.end()) return system;
  }
  return std::nullopt;
}

std::vector<std::string> Catalog::model_names() const { return names(models(folder_)); }
std::vector<std::string> Catalog::system_names() const { return names(systems(folder_)); }
std::vector<std::string> Catalog::stack_names() const { return names(stacks(folder_)); }

bool Catalog::has_model(std::string_view name) const {
  // An alias that was looked up before; what was read by its path is called so.
  if (const auto known = models_.find(name); known != models_.end() && known->second.name != name) return true;
  const std::vector<Entry> entries = models(folder_);
  return find_by_name(entries, name) || !find_by_alias(entries, name, "_aliases").found.empty();
}

fs::path Catalog::kernel_constants(const SystemSpec& system) const {
  return folder_ / "kernels" / fmt::format("{}.json", system.kernels);
}

fs::path Catalog::config_table(std::string_view system) const {
  return folder_ / fmt::format("model_configs_{}.csv", canonical_name(system));
}

}  // namespace perfbench
