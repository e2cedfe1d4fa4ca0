#include "cost/kernel_constants.h"

#include <fmt/format.h>

#include <optional>
#include <string_view>
#include <type_traits>

#include "base/text.h"

namespace perfbench {
namespace {

// Wide ranges: they catch a wrong unit or a broken fit, and keep every time finite.
struct Range {
  double least, most;
};
constexpr Range kSeconds{1e-12, 1.0};  // of one launch, latency or hop
constexpr Range kShare{1e-6, 1e3};     // relative to a peak, or to another rate
constexpr Range kSize{1e-6, 1e18};     // elements, bytes or FLOPs at which a curve bends

// A JSON object that is being read, and where it stands.
struct Block {
  JsonFields fields;
  std::string file, path;

  Block(const Json& json, const std::string& file_name, const std::string& path_in_file)
      : fields(json, file_name, path_in_file), file(file_name), path(path_in_file) {}

  // The object under `key`, read by `read(Block&)`; an empty result after a problem was noted.
  template <class Read>
  auto child(std::string_view key, Read read) {
    std::invoke_result_t<Read, Block&> result{};
    const Json* json = fields.any(key);
    if (json == nullptr || !json->is_object()) {
      fields.problem(key, json == nullptr ? "is missing" : "must be an object");
      return result;
    }
    Block block(*json, file, path.empty() ? std::string(key) : path + "." + std::string(key));
    result = read(block);
    block.fields.finish();
    return result;
  }

  double seconds(std::string_view key) { return within(key, kSeconds); }
  double share(std::string_view key) { return within(key, kShare); }
  double size(std::string_view key) { return within(key, kSize); }

  // A share that is lost.
  double loss(std::string_view key) {
    const double value = fields.number(key);
    if (value < 0.0 || value >= 1.0) fields.problem(key, "must be at least 0 and below 1");
    return value;
  }

  std::string source() {
    const Json* json = fields.any("source");
    if (json != nullptr && json->is_string() && std::get<std::string>(json->value).empty()) {
      fields.problem("source", "must not be empty");
      return "";
    }
    return fields.text("source");
  }

 private:
  double within(std::string_view key, Range range) {
    const Json* json = fields.any(key);
    const std::optional<double> value = json == nullptr ? std::nullopt : json->number();
    if (value && !(*value >= range.least && *value <= range.most)) {
      fields.problem(key, fmt::format("is {}, but must be above 0: from {} to {}", format_double(*value),
                                      format_double(range.least), format_double(range.most)));
    }
    return fields.number(key);
  }
};

FitError read_fit(Block& b) {
  return {.points = static_cast<int>(b.fields.integer("points")),
          .held_out = static_cast<int>(b.fields.integer("held_out")),
          .median_percent = b.fields.number("median_error_percent"),
          .p90_percent = b.fields.number("p90_error_percent")};
}

GemmConstants read_gemm(Block& b) {
  return {.launch_s = b.seconds("launch_s"),
          .peak_share = b.share("peak_share"),
          .half_m = b.size("half_m"),
          .half_n = b.size("half_n"),
          .half_k = b.size("half_k"),
          .sustained_drop = b.loss("sustained_drop"),
          .sustained_flops = b.size("sustained_flops"),
          .memory_share = b.share("memory_share"),
          .source = b.source(),
          .fit = b.child("fit", read_fit)};
}

QuantizeConstants read_quantize(Block& b) {
  return {.launch_s = b.seconds("launch_s"), .bytes_per_element = b.share("bytes_per_element"), .source = b.source()};
}

AttentionConstants read_attention(Block& b) {
  return {.launch_s = b.seconds("launch_s"),
          .peak_share_64 = b.share("peak_share_64"),
          .peak_share_128 = b.share("peak_share_128"),
          .peak_share_256 = b.share("peak_share_256"),
          .half_keys = b.size("half_keys"),
          .half_blocks = b.size("half_blocks"),
          .prepare_passes = b.share("prepare_passes"),
          .backward_flops = b.share("backward_flops"),
          .backward_rate = b.share("backward_rate"),
          .packed_work = b.share("packed_work"),
          .source = b.source(),
          .fit = b.child("fit", read_fit)};
}

MemoryConstants read_memory(Block& b) {
  return {.launch_s = b.seconds("launch_s"), .bandwidth_share = b.share("bandwidth_share"), .source = b.source()};
}

CollectiveConstants read_collective(Block& b) {
  return {.latency_s = b.seconds("latency_s"),
          .latency_per_rank_s = b.seconds("latency_per_rank_s"),
          .bandwidth_share = b.share("bandwidth_share"),
          .local_share = b.share("local_share"),
          .ramp_bytes = b.size("ramp_bytes"),
          .source = b.source(),
          .fit = b.child("fit", read_fit)};
}

SendConstants read_send(Block& b) {
  return {.latency_s = b.seconds("latency_s"), .bandwidth_share = b.share("bandwidth_share"), .source = b.source()};
}

NetworkConstants read_network(Block& b) {
  return {
      .bandwidth_share = b.share("bandwidth_share"), .hop_latency_s = b.seconds("hop_latency_s"), .source = b.source()};
}

}  // namespace

KernelConstants parse_kernel_constants(const Json& json, const std::string& file) {
  Block file_block(json, file, "");
  KernelConstants constants;
  constants.system = file_block.fields.text("system");
  constants.quantize = file_block.child("quantize", read_quantize);
  constants.attention = file_block.child("attention", read_attention);
  constants.memory = file_block.child("memory", read_memory);
  constants.network = file_block.child("network", read_network);
  // "gemm" and "nvlink" only hold other blocks; their results stand in `constants` itself.
  file_block.child("gemm", [&](Block& b) {
    constants.gemm_bf16 = b.child("bf16", read_gemm);
    constants.gemm_fp8 = b.child("fp8", read_gemm);
    return true;
  });
  file_block.child("nvlink", [&](Block& b) {
    constants.all_gather = b.child("all_gather", read_collective);
    constants.reduce_scatter = b.child("reduce_scatter", read_collective);
    constants.all_reduce = b.child("all_reduce", read_collective);
    constants.all_to_all = b.child("all_to_all", read_collective);
    constants.send = b.child("send", read_send);
    return true;
  });
  file_block.fields.finish();
  return constants;
}

KernelConstants read_kernel_constants(const std::filesystem::path& path) {
  return parse_kernel_constants(read_json(path), path.string());
}

}  // namespace perfbench
