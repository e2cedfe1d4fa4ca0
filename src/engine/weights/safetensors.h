// Tensors in files, as Hugging Face's safetensors stores them: 8 bytes with the length of a JSON header (little
// endian), the header with each tensor's dtype, shape and byte range, then the bytes of all tensors without gaps. Rules
// and limits: https://github.com/huggingface/safetensors, "Format".
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/session.h"

namespace perfbench {

// Where a tensor lies; its bytes are not read yet.
struct StoredTensor {
  std::string name;
  DType dtype = DType::f32;
  std::vector<std::int64_t> shape;
  std::filesystem::path file;
  std::int64_t offset = 0;  // bytes from the start of the file
  std::int64_t bytes = 0;
};

// The header of one file, tensors in the order of their bytes. Throws InputError with every fault of the file: cut
// short, header too long or no JSON, ranges that overlap, leave gaps or leave the file, sizes that are not those of the
// shape, an unknown dtype, a name twice.
std::vector<StoredTensor> read_safetensors_header(const std::filesystem::path& file);

// The headers of a model folder: model.safetensors, else the files that model.safetensors.index.json names. Throws
// InputError as above, and for tensors that the index and the files do not agree on.
std::vector<StoredTensor> read_model_headers(const std::filesystem::path& folder);

// Reads the bytes of one tensor, and nothing else of the file. Throws InputError when the file became shorter.
HostTensor read_tensor(const StoredTensor& stored);

// The whole file as bytes, tensors in the given order. Names must differ and data must have the size of the shape.
std::string safetensors_bytes(std::span<const HostTensor> tensors);
// Writes it whole or not at all (base/file.h). Throws RunError.
void write_safetensors(const std::filesystem::path& file, std::span<const HostTensor> tensors);

// "F32", as the format spells it.
std::string_view safetensors_dtype(DType dtype);

std::int64_t num_elements(std::span<const std::int64_t> shape);
// "(2, 3)"
std::string shape_text(std::span<const std::int64_t> shape);

}  // namespace perfbench
