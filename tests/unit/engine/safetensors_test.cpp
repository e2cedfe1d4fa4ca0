#include "engine/weights/safetensors.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>

#include "base/error.h"
#include "base/file.h"

namespace perfbench {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

// A new empty folder, removed at the end.
class SafetensorsTest : public ::testing::Test {
 protected:
  SafetensorsTest() { fs::create_directories(folder_); }
  ~SafetensorsTest() override { fs::remove_all(folder_); }

  // A file with this header and `data_bytes` zero bytes of data.
  fs::path file(const std::string& header, std::size_t data_bytes, const std::string& name = "t.safetensors") const {
    return raw(length_text(header.size()) + header + std::string(data_bytes, '\0'), name);
  }
  fs::path raw(const std::string& bytes, const std::string& name = "t.safetensors") const {
    std::ofstream(folder_ / name, std::ios::binary) << bytes;
    return folder_ / name;
  }
  static std::string length_text(std::uint64_t length) {
    std::string bytes;
    for (unsigned i = 0; i < 8; ++i) bytes += static_cast<char>(static_cast<unsigned char>(length >> (8U * i)));
    return bytes;
  }

  fs::path folder_ = fs::temp_directory_path() / ("perfbench-safetensors-" + std::to_string(::getpid()));
};

HostTensor f32(std::string name, std::vector<std::int64_t> shape, const std::vector<float>& values) {
  HostTensor tensor{.name = std::move(name), .dtype = DType::f32, .shape = std::move(shape), .data = {}};
  tensor.data.resize(values.size() * sizeof(float));
  if (!values.empty()) std::memcpy(tensor.data.data(), values.data(), tensor.data.size());
  return tensor;
}

// The text of the InputError that `read` throws; "" when it throws none.
template <typename Read>
std::string fault(Read read) {
  try {
    read();
  } catch (const InputError& error) {
    return error.what();
  }
  return "";
}

std::string header_fault(const fs::path& path) {
  return fault([&] { read_safetensors_header(path); });
}

TEST_F(SafetensorsTest, WhatIsWrittenReadsBackEqual) {
  const std::vector<HostTensor> tensors = {f32("b", {2, 3}, {1, 2, 3, 4, 5, 6}), f32("a", {1}, {-7}),
                                           f32("none", {0, 4}, {}), f32("scalar", {}, {3})};
  const fs::path path = folder_ / "out.safetensors";
  write_safetensors(path, tensors);
  const std::vector<StoredTensor> stored = read_safetensors_header(path);
  ASSERT_EQ(stored.size(), tensors.size());
  for (const StoredTensor& entry : stored) {
    const HostTensor back = read_tensor(entry);
    const auto& wanted = *std::find_if(tensors.begin(), tensors.end(), [&](auto& t) { return t.name == entry.name; });
    EXPECT_EQ(back.shape, wanted.shape) << entry.name;
    EXPECT_EQ(back.data, wanted.data) << entry.name;
  }
}

TEST_F(SafetensorsTest, EveryDTypeHasItsSize) {
  const std::string header =
      R"({"a":{"dtype":"BF16","shape":[2],"data_offsets":[0,4]},"b":{"dtype":"I64","shape":[1],"data_offsets":[4,12]},)"
      R"("c":{"dtype":"F8_E4M3","shape":[3],"data_offsets":[12,15]},"d":{"dtype":"F8_E5M2","shape":[1],)"
      R"("data_offsets":[15,16]},"__metadata__":{"format":"pt"}}   )";
  const std::vector<StoredTensor> stored = read_safetensors_header(file(header, 16));
  ASSERT_EQ(stored.size(), 4U);
  EXPECT_EQ(stored[0].dtype, DType::bf16);
  EXPECT_EQ(stored[1].dtype, DType::i64);
  EXPECT_EQ(stored[2].dtype, DType::f8e4m3);
  EXPECT_EQ(stored[3].dtype, DType::f8e5m2);
  EXPECT_EQ(stored[1].offset, static_cast<std::int64_t>(8 + header.size() + 4));
}

TEST_F(SafetensorsTest, AFileThatIsCutShortIsNamed) {
  const std::string whole = safetensors_bytes(std::vector{f32("w", {4}, {1, 2, 3, 4})});
  EXPECT_THAT(header_fault(raw(whole.substr(0, 5))), HasSubstr("is 5 bytes long"));
  EXPECT_THAT(header_fault(raw(whole.substr(0, 20))), HasSubstr("is 20 bytes long"));
  EXPECT_THAT(header_fault(raw(whole.substr(0, whole.size() - 1))),
              HasSubstr("t.safetensors: w: ends at byte 16 of the data, and the file holds 15"));
  EXPECT_THAT(header_fault(raw(whole + "x")), HasSubstr("1 bytes at its end belong to no tensor"));
}

TEST_F(SafetensorsTest, AFileThatShrinksAfterItsHeaderWasReadIsNamed) {
  const fs::path path = raw(safetensors_bytes(std::vector{f32("w", {4}, {1, 2, 3, 4})}));
  const std::vector<StoredTensor> stored = read_safetensors_header(path);
  fs::resize_file(path, fs::file_size(path) - 4);
  EXPECT_THAT(fault([&] { read_tensor(stored.front()); }), HasSubstr("ends before byte"));
}

TEST_F(SafetensorsTest, AHeaderThatIsNoneIsNamed) {
  EXPECT_THAT(header_fault(raw(length_text(100'000'001) + "{}")), HasSubstr("over the limit of 100000000"));
  EXPECT_THAT(header_fault(raw("PK\x03\x04 a zip archive")), HasSubstr("over the limit"));
  EXPECT_THAT(header_fault(file("[]", 0)), HasSubstr("is no JSON object"));
  EXPECT_THAT(header_fault(file("{", 0)), HasSubstr("t.safetensors: header"));
  EXPECT_THAT(header_fault(file(R"({"__metadata__":{"a":1}})", 0)), HasSubstr("__metadata__: is no object of texts"));
  EXPECT_THAT(header_fault(folder_), HasSubstr("is no regular file"));
  EXPECT_THAT(header_fault(folder_ / "nothing"), HasSubstr("there is no such file"));
}

TEST_F(SafetensorsTest, ANameTwiceIsNamed) {
  const std::string entry = R"("w":{"dtype":"F32","shape":[],"data_offsets":[0,4]})";
  EXPECT_THAT(header_fault(file("{" + entry + "," + entry + "}", 4)), HasSubstr("\"w\" stands twice"));
}

TEST_F(SafetensorsTest, RangesMustFillTheData) {
  const std::string a = R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},)";
  EXPECT_THAT(header_fault(file(a + R"("b":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}})", 8)),
              HasSubstr("b: overlaps a: it starts at byte 4 of the data, and that one ends at 8"));
  EXPECT_THAT(header_fault(file(a + R"("b":{"dtype":"F32","shape":[1],"data_offsets":[12,16]}})", 16)),
              HasSubstr("nothing lies in the 4 bytes before it"));
}

TEST_F(SafetensorsTest, AllFaultsOfAHeaderAreNamedAtOnce) {
  const std::string text = header_fault(
      file(R"({"half":{"dtype":"F16","shape":[1],"data_offsets":[0,2]},"size":{"dtype":"F32","shape":[3],)"
           R"("data_offsets":[0,8]},"shape":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]},"order":{"dtype":"F32",)"
           R"("shape":[1],"data_offsets":[8,4]},"huge":{"dtype":"F32","shape":[4294967296,4294967296],)"
           R"("data_offsets":[0,0]},"number":7})",
           8));
  EXPECT_THAT(text, HasSubstr("half: has dtype F16, which perfbench does not read"));
  EXPECT_THAT(text, HasSubstr("valid: F32, BF16, I64, F8_E4M3, F8_E5M2"));
  EXPECT_THAT(text, HasSubstr("size: has 8 bytes of data; F32 of shape (3) takes 12"));
  EXPECT_THAT(text, HasSubstr("shape: has no shape of whole numbers"));
  EXPECT_THAT(text, HasSubstr("order: has no data_offsets"));
  EXPECT_THAT(text, HasSubstr("huge: has 0 bytes of data; F32 of shape (4294967296, 4294967296) takes more than 63"));
  EXPECT_THAT(text, HasSubstr("number: has no dtype"));
}

class ShardsTest : public SafetensorsTest {
 protected:
  void index(const std::string& map) const { raw(R"({"weight_map":)" + map + "}", "model.safetensors.index.json"); }
  void shard(const std::string& name, const std::string& tensor) const {
    write_safetensors(folder_ / name, std::vector{f32(tensor, {1}, {1})});
  }
  std::string folder_fault() const {
    return fault([&] { read_model_headers(folder_); });
  }
};

TEST_F(ShardsTest, TensorsComeFromTheirFiles) {
  shard("1.safetensors", "a");
  shard("2.safetensors", "b");
  index(R"({"b":"2.safetensors","a":"1.safetensors"})");
  EXPECT_EQ(read_model_headers(folder_).size(), 2U);
}

TEST_F(ShardsTest, AnIndexThatDoesNotAgreeWithItsFilesIsNamed) {
  shard("1.safetensors", "a");
  shard("2.safetensors", "b");
  index(R"({"a":"1.safetensors","c":"2.safetensors"})");
  EXPECT_THAT(folder_fault(), HasSubstr("c is not in 2.safetensors"));
  EXPECT_THAT(folder_fault(), HasSubstr("2.safetensors: the index does not say that b is here"));
}

TEST_F(ShardsTest, ATensorInTwoFilesIsNamed) {
  shard("1.safetensors", "a");
  shard("2.safetensors", "a");
  index(R"({"a":"1.safetensors"})");
  EXPECT_EQ(folder_fault(), "");  // a file that the index does not name is not read
  write_safetensors(folder_ / "2.safetensors", std::vector{f32("a", {1}, {1}), f32("b", {1}, {1})});
  index(R"({"a":"1.safetensors","b":"2.safetensors"})");
  EXPECT_THAT(folder_fault(), HasSubstr("2.safetensors: the index does not say that a is here"));
}

TEST_F(ShardsTest, AnIndexLeadsNowhereElse) {
  index(R"({"a":"../t.safetensors","b":"/etc/passwd","c":7})");
  for (const char* tensor : {"a", "b", "c"})
    EXPECT_THAT(folder_fault(), HasSubstr(std::string("weight_map.") + tensor + ": is no name of a file beside it"));
}

TEST_F(ShardsTest, AFolderWithoutWeightsIsNamed) {
  EXPECT_THAT(folder_fault(), HasSubstr("holds neither model.safetensors nor model.safetensors.index.json"));
}

}  // namespace
}  // namespace perfbench
