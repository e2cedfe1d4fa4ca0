// A model folder: one file, or shards with an index.
#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/json.h"
#include "engine/weights/safetensors.h"

namespace perfbench {
namespace {

namespace fs = std::filesystem;

// A shard is a plain file name: an index must not lead out of its folder.
bool is_plain_name(const std::string& name) {
  return !name.empty() && name.front() != '.' && name.find('/') == std::string::npos;
}

struct Shards {
  std::vector<std::pair<std::string, std::string>> place_of;  // tensor, file
  std::vector<std::string> files;                             // each once, in the order of the index
};

Shards read_index(const fs::path& index) {
  const Json json = read_json(index);
  const Json* map = json.find("weight_map");
  if (map == nullptr || !map->is_object())
    throw InputError(index.string() + ": weight_map", "is no object of tensor names and file names");
  Shards shards;
  std::vector<Problem> problems;
  for (const auto& [name, file] : std::get<Json::Object>(map->value)) {
    const std::string text = file.is_string() ? std::get<std::string>(file.value) : "";
    if (!is_plain_name(text)) {
      problems.push_back(
          {fmt::format("{}: weight_map.{}", index.string(), name), "is no name of a file beside it", ""});
      continue;
    }
    shards.place_of.emplace_back(name, text);
    if (std::find(shards.files.begin(), shards.files.end(), text) == shards.files.end()) shards.files.push_back(text);
  }
  if (!problems.empty()) throw InputError(std::move(problems));
  return shards;
}

void append(std::vector<Problem>& problems, const InputError& error) {
  problems.insert(problems.end(), error.problems().begin(), error.problems().end());
}

// Every tensor of the index is in the file it names, and no file holds another.
std::vector<StoredTensor> read_shards(const fs::path& folder, const fs::path& index) {
  const Shards shards = read_index(index);
  std::vector<StoredTensor> tensors;
  std::vector<Problem> problems;
  for (const std::string& file : shards.files) {
    try {
      for (StoredTensor& tensor : read_safetensors_header(folder / file)) tensors.push_back(std::move(tensor));
    } catch (const InputError& error) {
      append(problems, error);
    }
  }
  if (!problems.empty()) throw InputError(std::move(problems));
  std::vector<std::pair<std::string, std::string>> wanted = shards.place_of, found;
  for (const StoredTensor& tensor : tensors) found.emplace_back(tensor.name, tensor.file.filename().string());
  std::sort(wanted.begin(), wanted.end());
  std::sort(found.begin(), found.end());
  for (const auto& place : wanted)
    if (!std::binary_search(found.begin(), found.end(), place))
      problems.push_back({index.string(), fmt::format("{} is not in {}", place.first, place.second), ""});
  for (const auto& place : found)
    if (!std::binary_search(wanted.begin(), wanted.end(), place))
      problems.push_back(
          {(folder / place.second).string(), fmt::format("the index does not say that {} is here", place.first), ""});
  if (!problems.empty()) throw InputError(std::move(problems));
  return tensors;
}

}  // namespace

std::vector<StoredTensor> read_model_headers(const fs::path& folder) {
  const fs::path whole = folder / "model.safetensors", index = folder / "model.safetensors.index.json";
  std::error_code error;
  if (!fs::exists(whole, error) && fs::exists(index, error)) return read_shards(folder, index);
  if (fs::exists(whole, error)) return read_safetensors_header(whole);
  throw InputError(folder.string(), "holds neither model.safetensors nor model.safetensors.index.json",
                   "transformers writes them: model.save_pretrained(folder)");
}

}  // namespace perfbench
