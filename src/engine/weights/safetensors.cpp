#include "engine/weights/safetensors.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <fstream>
#include <optional>
#include <utility>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/text.h"

namespace perfbench {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kLengthBytes = 8;
constexpr std::int64_t kMaxHeader = 100'000'000;  // bytes, as the reference reader has it
constexpr std::pair<std::string_view, DType> kDTypes[] = {{"F32", DType::f32},
                                                          {"BF16", DType::bf16},
                                                          {"I64", DType::i64},
                                                          {"F8_E4M3", DType::f8e4m3},
                                                          {"F8_E5M2", DType::f8e5m2}};

// A file that is being read; what its header claims is checked against its size.
class Reader {
 public:
  explicit Reader(const fs::path& file) : name_(file.string()) {
    std::error_code error;
    const fs::file_status status = fs::status(file, error);
    if (!fs::exists(status)) throw InputError(name_, "there is no such file");
    if (!fs::is_regular_file(status)) throw InputError(name_, "is no regular file");
    size_ = static_cast<std::int64_t>(fs::file_size(file, error));
    stream_.open(file, std::ios::binary);
    if (error || !stream_) throw InputError(name_, "cannot be read", "are its permissions right?");
  }

  std::int64_t size() const { return size_; }
  const std::string& name() const { return name_; }

  void read(std::int64_t offset, std::int64_t bytes, char* to) {
    stream_.seekg(offset);
    stream_.read(to, bytes);
    if (stream_ && stream_.gcount() == bytes) return;
    throw InputError(name_, fmt::format("ends before byte {}", offset + bytes), "the file was cut short");
  }

 private:
  std::string name_;
  std::int64_t size_ = 0;
  std::ifstream stream_;
};

std::int64_t header_length(Reader& reader) {
  if (reader.size() < kLengthBytes) {
    throw InputError(reader.name(), fmt::format("is {} bytes long; a safetensors file starts with {} bytes that give "
                                                "the length of its header",
                                                reader.size(), kLengthBytes));
  }
  std::array<char, kLengthBytes> bytes{};
  reader.read(0, kLengthBytes, bytes.data());
  std::uint64_t length = 0;
  for (std::size_t i = 0; i < bytes.size(); ++i)
    length |= std::uint64_t{static_cast<unsigned char>(bytes[i])} << (8U * i);
  if (length > static_cast<std::uint64_t>(kMaxHeader)) {
    throw InputError(reader.name(),
                     fmt::format("claims a header of {} bytes, over the limit of {}", length, kMaxHeader),
                     "is it a safetensors file?");
  }
  if (static_cast<std::int64_t>(length) > reader.size() - kLengthBytes) {
    throw InputError(reader.name(),
                     fmt::format("claims a header of {} bytes and is {} bytes long", length, reader.size()),
                     "the file was cut short");
  }
  return static_cast<std::int64_t>(length);
}

std::optional<DType> parse_dtype(std::string_view text) {
  for (const auto& [word, dtype] : kDTypes)
    if (word == text) return dtype;
  return std::nullopt;
}

std::string dtype_words() {
  std::vector<std::string> words;
  for (const auto& [word, dtype] : kDTypes) words.emplace_back(word);
  return join(words, ", ");
}

// The whole numbers of an array, none below 0; nullopt for anything else.
std::optional<std::vector<std::int64_t>> whole_numbers(const Json* json) {
  if (json == nullptr || !json->is_array()) return std::nullopt;
  std::vector<std::int64_t> numbers;
  for (const Json& item : std::get<Json::Array>(json->value)) {
    const std::optional<std::int64_t> number = item.integer();
    if (!number || *number < 0) return std::nullopt;
    numbers.push_back(*number);
  }
  return numbers;
}

// The bytes of a tensor; nullopt beyond 63 bits.
std::optional<std::int64_t> tensor_bytes(std::span<const std::int64_t> shape, DType dtype) {
  std::int64_t bytes = size_bytes(dtype);
  for (const std::int64_t size : shape)
    if (__builtin_mul_overflow(bytes, size, &bytes)) return std::nullopt;
  return bytes;
}

// One entry of the header; offsets still count from the end of the header.
class EntryReader {
 public:
  EntryReader(const Reader& reader, std::int64_t data_bytes, std::vector<Problem>& problems)
      : reader_(reader), data_bytes_(data_bytes), problems_(problems) {}

  std::optional<StoredTensor> read(const std::string& name, const Json& json) {
    where_ = reader_.name() + ": " + name;
    StoredTensor tensor{
        .name = name, .dtype = DType::f32, .shape = {}, .file = reader_.name(), .offset = 0, .bytes = 0};
    return read_dtype(json, tensor) && read_shape(json, tensor) && read_range(json, tensor) ? std::optional(tensor)
                                                                                            : std::nullopt;
  }

 private:
  bool wrong(std::string what, std::string hint = "") {
    problems_.push_back({where_, std::move(what), std::move(hint)});
    return false;
  }

  bool read_dtype(const Json& json, StoredTensor& tensor) {
    const Json* dtype = json.find("dtype");
    if (dtype == nullptr || !dtype->is_string()) return wrong("has no dtype");
    const std::string& word = std::get<std::string>(dtype->value);
    const std::optional<DType> known = parse_dtype(word);
    if (!known)
      return wrong(fmt::format("has dtype {}, which perfbench does not read", word), "valid: " + dtype_words());
    tensor.dtype = *known;
    return true;
  }

  bool read_shape(const Json& json, StoredTensor& tensor) {
    const auto shape = whole_numbers(json.find("shape"));
    if (!shape) return wrong("has no shape of whole numbers");
    tensor.shape = *shape;
    return true;
  }

  bool read_range(const Json& json, StoredTensor& tensor) {
    const auto range = whole_numbers(json.find("data_offsets"));
    if (!range || range->size() != 2 || range->front() > range->back())
      return wrong("has no data_offsets of two whole numbers in order");
    if (range->back() > data_bytes_) {
      return wrong(fmt::format("ends at byte {} of the data, and the file holds {}", range->back(), data_bytes_),
                   "the file was cut short");
    }
    tensor.offset = range->front();
    tensor.bytes = range->back() - range->front();
    const std::optional<std::int64_t> wanted = tensor_bytes(tensor.shape, tensor.dtype);
    if (wanted == tensor.bytes) return true;
    return wrong(fmt::format("has {} bytes of data; {} of shape {} takes {}", tensor.bytes,
                             safetensors_dtype(tensor.dtype), shape_text(tensor.shape),
                             wanted ? std::to_string(*wanted) : "more than 63 bits can count"));
  }

  const Reader& reader_;
  std::int64_t data_bytes_;
  std::vector<Problem>& problems_;
  std::string where_;
};

// Sorted tensors fill the data from its first to its last byte.
void check_order(const Reader& reader, std::int64_t data_bytes, const std::vector<StoredTensor>& tensors,
                 std::vector<Problem>& problems) {
  std::int64_t end = 0;
  const StoredTensor* before = nullptr;
  for (const StoredTensor& tensor : tensors) {
    const std::string where = reader.name() + ": " + tensor.name;
    if (tensor.offset < end)
      problems.push_back({where,
                          fmt::format("overlaps {}: it starts at byte {} of the data, and that one ends at {}",
                                      before->name, tensor.offset, end),
                          ""});
    if (tensor.offset > end)
      problems.push_back({where,
                          fmt::format("starts at byte {} of the data, and nothing lies in the {} bytes before it",
                                      tensor.offset, tensor.offset - end),
                          ""});
    if (tensor.offset + tensor.bytes < end) continue;
    end = tensor.offset + tensor.bytes;
    before = &tensor;
  }
  if (end < data_bytes)
    problems.push_back({reader.name(), fmt::format("{} bytes at its end belong to no tensor", data_bytes - end), ""});
}

void by_place(std::vector<StoredTensor>& tensors) {
  std::sort(tensors.begin(), tensors.end(), [](const StoredTensor& a, const StoredTensor& b) {
    return std::pair(a.offset, a.bytes) < std::pair(b.offset, b.bytes);
  });
}

void check_metadata(const Reader& reader, const Json& metadata, std::vector<Problem>& problems) {
  bool texts = metadata.is_object();
  if (texts)
    for (const auto& [key, value] : std::get<Json::Object>(metadata.value)) texts = texts && value.is_string();
  if (!texts) problems.push_back({reader.name() + ": __metadata__", "is no object of texts", ""});
}

}  // namespace

std::string_view safetensors_dtype(DType dtype) {
  for (const auto& [word, known] : kDTypes)
    if (known == dtype) return word;
  return "?";
}

std::int64_t num_elements(std::span<const std::int64_t> shape) {
  std::int64_t elements = 1;
  for (const std::int64_t size : shape) elements *= size;
  return elements;
}

std::string shape_text(std::span<const std::int64_t> shape) { return fmt::format("({})", fmt::join(shape, ", ")); }

std::vector<StoredTensor> read_safetensors_header(const fs::path& file) {
  Reader reader(file);
  const std::int64_t length = header_length(reader);
  const std::int64_t data_bytes = reader.size() - kLengthBytes - length;
  std::string text(static_cast<std::size_t>(length), '\0');
  reader.read(kLengthBytes, length, text.data());
  const Json header = parse_json(text, file.string() + ": header");
  if (!header.is_object()) throw InputError(file.string() + ": header", "is no JSON object");

  std::vector<Problem> problems;
  std::vector<StoredTensor> tensors;
  EntryReader entries(reader, data_bytes, problems);
  for (const auto& [name, json] : std::get<Json::Object>(header.value)) {
    if (name == "__metadata__") {
      check_metadata(reader, json, problems);
    } else if (std::optional<StoredTensor> tensor = entries.read(name, json)) {
      tensors.push_back(std::move(*tensor));
    }
  }
  by_place(tensors);
  if (problems.empty()) check_order(reader, data_bytes, tensors, problems);
  if (!problems.empty()) throw InputError(std::move(problems));
  for (StoredTensor& tensor : tensors) tensor.offset += kLengthBytes + length;
  return tensors;
}

HostTensor read_tensor(const StoredTensor& stored) {
  HostTensor tensor{.name = stored.name, .dtype = stored.dtype, .shape = stored.shape, .data = {}};
  tensor.data.resize(static_cast<std::size_t>(stored.bytes));
  Reader reader(stored.file);
  reader.read(stored.offset, stored.bytes, reinterpret_cast<char*>(tensor.data.data()));
  return tensor;
}

std::string safetensors_bytes(std::span<const HostTensor> tensors) {
  Json::Object entries{{"__metadata__", Json::Object{{"format", "pt"}}}};
  std::int64_t end = 0;
  for (const HostTensor& tensor : tensors) {
    const std::int64_t start = end;
    end += static_cast<std::int64_t>(tensor.data.size());
    check(end - start == num_elements(tensor.shape) * size_bytes(tensor.dtype),
          "a tensor has not the size of its shape");
    Json::Array shape(tensor.shape.begin(), tensor.shape.end());
    entries.emplace_back(tensor.name, Json::Object{{"dtype", std::string(safetensors_dtype(tensor.dtype))},
                                                   {"shape", std::move(shape)},
                                                   {"data_offsets", Json::Array{start, end}}});
  }
  std::string header = dump_json(Json(std::move(entries)), -1);
  header.append((kLengthBytes - header.size() % kLengthBytes) % kLengthBytes, ' ');  // data starts aligned
  std::string bytes;
  bytes.reserve(static_cast<std::size_t>(kLengthBytes + end) + header.size());
  for (unsigned i = 0; i < kLengthBytes; ++i)
    bytes += static_cast<char>(static_cast<unsigned char>(header.size() >> (8U * i)));
  bytes += header;
  for (const HostTensor& tensor : tensors)
    bytes.append(reinterpret_cast<const char*>(tensor.data.data()), tensor.data.size());
  return bytes;
}

void write_safetensors(const fs::path& file, std::span<const HostTensor> tensors) {
  write_bytes(file, safetensors_bytes(tensors));
}

}  // namespace perfbench
