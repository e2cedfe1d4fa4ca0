#include "harness/digest.h"

#include <fmt/format.h>
#include <xxhash.h>

#include <fstream>
#include <map>
#include <memory>
#include <system_error>
#include <vector>

#include "base/error.h"

namespace perfbench {
namespace {

namespace fs = std::filesystem;

std::string hex(XXH128_hash_t hash) { return fmt::format("{:016x}{:016x}", hash.high64, hash.low64); }

}  // namespace

std::string digest(std::string_view bytes) { return hex(XXH3_128bits(bytes.data(), bytes.size())); }

std::string file_digest(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  const std::unique_ptr<XXH3_state_t, decltype(&XXH3_freeState)> state(XXH3_createState(), &XXH3_freeState);
  check(state != nullptr && XXH3_128bits_reset(state.get()) == XXH_OK, "file_digest: no memory for its state");
  std::vector<char> block(std::size_t{1} << 16U);
  while (file.read(block.data(), static_cast<std::streamsize>(block.size())) || file.gcount() > 0)
    XXH3_128bits_update(state.get(), block.data(), static_cast<std::size_t>(file.gcount()));
  if (!file.eof()) throw InputError(path.string(), "cannot read the file");
  return hex(XXH3_128bits_digest(state.get()));
}

std::string folder_digest(const fs::path& folder) {
  std::map<std::string, std::string> digests;
  std::error_code error;
  for (fs::recursive_directory_iterator item(folder, error), end; !error && item != end; item.increment(error))
    if (item->is_regular_file()) digests[item->path().lexically_relative(folder).generic_string()] = file_digest(*item);
  if (error) throw InputError(folder.string(), "cannot read the folder: " + error.message());
  std::string text;
  for (const auto& [name, of_file] : digests) text += fmt::format("{} {}\n", of_file, name);
  return digest(text);
}

}  // namespace perfbench
