// Adapters as peft saves them: adapter_model.safetensors and adapter_config.json in a folder, here that of the base
// model.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "engine/weights/safetensors.h"
#include "job/request.h"

namespace perfbench {

struct AdapterFolder {
  std::vector<StoredTensor> weights;  // headers only
  std::optional<std::int64_t> rank, alpha;
  std::optional<std::vector<std::string>> targets;
};

// nullopt where the folder holds no adapters. Throws InputError with every fault of the files, and for settings that
// change what an adapter computes: patterns of ranks, DoRA, rank-stabilised scaling, trained biases or whole modules.
std::optional<AdapterFolder> read_adapter_folder(const std::filesystem::path& folder);

// What the flags leave out of an adapter, from its adapter_config.json.
void fill_from_adapter(Request& request, const AdapterFolder& adapter);

}  // namespace perfbench
