#include "cost/kernel_constants.h"

#include <string_view>
#include <type_traits>

#include "base/error.h"

namespace perfbench {
namespace {

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

  double positive(std::string_view key) {
    const Json* json = fields.any(key);
    if (json != nullptr && json->number() && !(*json->number() > 0.0)) {
      fields.problem(key, "must be above 0");
      return 0.0;
    }
    return fields.number(key);
  }

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
};

FitError read_fit(Block& b) {
  return {.points = static_cast<int>(b.fields.integer("points")),
          .held_out = static_cast<int>(b.fields.integer("held_out")),
          .median_percent = b.fields.number("median_error_percent"),
          .p90_percent = b.fields.number("p90_error_percent")};
}

GemmConstants read_gemm(Block& b) {
  return {.launch_s = b.positive("launch_s"),
          .peak_share = b.positive("peak_share"),
          .half_m = b.positive("half_m"),
          .half_n = b.positive("half_n"),
          .half_k = b.positive("half_k"),
          .sustained_drop = b.loss("sustained_drop"),
          .sustained_flops = b.positive("sustained_flops"),
          .memory_share = b.positive("memory_share"),
          .source = b.source(),
          .fit = b.child("fit", read_fit)};
}

QuantizeConstants read_quantize(Block& b) {
  return {
      .launch_s = b.positive("launch_s"), .bytes_per_element = b.positive("bytes_per_element"), .source = b.source()};
}

AttentionConstants read_attention(Block& b) {
  return {.launch_s = b.positive("launch_s"),
          .peak_share_64 = b.positive("peak_share_64"),
          .peak_share_128 = b.positive("peak_share_128"),
          .peak_share_256 = b.positive("peak_share_256"),
          .half_keys = b.positive("half_keys"),
          .half_blocks = b.positive("half_blocks"),
          .prepare_passes = b.positive("prepare_passes"),
          .backward_flops = b.positive("backward_flops"),
          .backward_rate = b.positive("backward_rate"),
          .packed_work = b.positive("packed_work"),
          .source = b.source(),
          .fit = b.child("fit", read_fit)};
}

MemoryConstants read_memory(Block& b) {
  return {.launch_s = b.positive("launch_s"), .bandwidth_share = b.positive("bandwidth_share"), .source = b.source()};
}

CollectiveConstants read_collective(Block& b) {
  return {.latency_s = b.positive("latency_s"),
          .latency_per_rank_s = b.positive("latency_per_rank_s"),
          .bandwidth_share = b.positive("bandwidth_share"),
          .local_share = b.positive("local_share"),
          .ramp_bytes = b.positive("ramp_bytes"),
          .source = b.source(),
          .fit = b.child("fit", read_fit)};
}

SendConstants read_send(Block& b) {
  return {.latency_s = b.positive("latency_s"), .bandwidth_share = b.positive("bandwidth_share"), .source = b.source()};
}

NetworkConstants read_network(Block& b) {
  return {.bandwidth_share = b.positive("bandwidth_share"),
          .hop_latency_s = b.positive("hop_latency_s"),
          .source = b.source()};
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
