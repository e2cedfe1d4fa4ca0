#include "cost/kernel_table.h"

#include <fmt/format.h>

#include <cmath>
#include <functional>
#include <iterator>

#include "base/error.h"

namespace perfbench {
namespace {

constexpr std::int64_t kFormat = 1;

// Problems of nested objects, gathered: JsonFields complains of one object at a time.
template <class Read>
void gather(std::vector<Problem>& problems, Read read) {
  try {
    read();
  } catch (const InputError& error) {
    problems.insert(problems.end(), error.problems().begin(), error.problems().end());
  }
}

// Beyond any kernel: sums and products of such numbers stay finite.
constexpr double kMostSeconds = 3600.0, kMostSize = 1e18;

double not_negative(JsonFields& fields, std::string_view key, double most = kMostSize) {
  const double value = fields.number(key);
  if (value < 0.0) fields.problem(key, "must not be negative");
  if (value > most) fields.problem(key, fmt::format("is {}, but must be at most {}", value, most));
  return value;
}

double positive(JsonFields& fields, std::string_view key, double most = kMostSize) {
  const Json* json = fields.any(key);
  if (json != nullptr && json->number() && !(*json->number() > 0.0)) {
    fields.problem(key, "must be above 0");
    return 1.0;
  }
  return not_negative(fields, key, most);
}

// 0 where the key is not there.
double positive_or_none(JsonFields& fields, std::string_view key) {
  return fields.any(key) == nullptr ? 0.0 : positive(fields, key);
}

DType dtype(JsonFields& fields, std::string_view key) {
  const std::string text = fields.text(key);
  for (const DType known : {DType::f32, DType::bf16, DType::f8e4m3, DType::f8e5m2})
    if (text == name(known)) return known;
  if (!text.empty()) fields.problem(key, fmt::format("is \"{}\"", text), "f32, bf16, f8e4m3 or f8e5m2");
  return DType::bf16;
}

struct WorkJson {
  Json operator()(const GemmShape& s) const {
    return Json::Object{{"kind", "gemm"},  {"m", s.m}, {"n", s.n}, {"k", s.k}, {"dtype", std::string(name(s.dtype))},
                        {"batch", s.batch}};
  }
  Json operator()(const AttentionWork& w) const {
    Json::Object json{{"kind", w.backward ? "attention_backward" : "attention"},
                      {"batch", w.shape.batch},
                      {"seq", w.shape.seq},
                      {"heads", w.shape.heads},
                      {"kv_heads", w.shape.kv_heads},
                      {"head_dim", w.shape.head_dim},
                      {"causal", w.shape.causal},
                      {"attended", w.shape.attended},
                      {"blocks", w.blocks}};
    if (w.shape.key_seq > 0.0) json.emplace_back("key_seq", w.shape.key_seq);
    if (w.shape.value_dim > 0.0) json.emplace_back("value_dim", w.shape.value_dim);
    return json;
  }
  Json operator()(const QuantizeWork& w) const {
    return Json::Object{{"kind", "quantize"}, {"elements", w.elements}, {"layouts", w.layouts}};
  }
  Json operator()(const MemoryWork& w) const { return Json::Object{{"kind", "memory"}, {"bytes", w.bytes}}; }
};

KernelWork read_work(JsonFields& f) {
  const std::string kind = f.text("kind");
  if (kind == "gemm") {
    return GemmShape{.m = positive(f, "m"),
                     .n = positive(f, "n"),
                     .k = positive(f, "k"),
                     .dtype = dtype(f, "dtype"),
                     .batch = positive(f, "batch")};
  }
  if (kind == "attention" || kind == "attention_backward") {
    return AttentionWork{.shape = {.batch = positive(f, "batch"),
                                   .seq = positive(f, "seq"),
                                   .heads = positive(f, "heads"),
                                   .kv_heads = positive(f, "kv_heads"),
                                   .head_dim = positive(f, "head_dim"),
                                   .causal = f.boolean("causal"),
                                   .key_seq = positive_or_none(f, "key_seq"),
                                   .attended = not_negative(f, "attended"),
                                   .value_dim = positive_or_none(f, "value_dim")},
                         .blocks = positive(f, "blocks"),
                         .backward = kind == "attention_backward"};
  }
  if (kind == "quantize") {
    const std::int64_t layouts = f.integer("layouts");
    if (layouts != 1 && layouts != 2) f.problem("layouts", "must be 1 or 2");
    return QuantizeWork{.elements = positive(f, "elements"), .layouts = layouts == 2 ? 2 : 1};
  }
  if (kind != "memory" && !kind.empty())
    f.problem("kind", fmt::format("is \"{}\"", kind), "gemm, attention, attention_backward, quantize or memory");
  return MemoryWork{.bytes = not_negative(f, "bytes")};
}

Json on_json(const MeasuredOn& on) {
  const auto text = [](const std::string& value) { return value.empty() ? Json() : Json(value); };
  Json::Object versions;
  for (const auto& [part, version] : on.versions) versions.emplace_back(part, version);
  return Json::Object{{"system", text(on.system)},
                      {"device", on.device},
                      {"driver", text(on.driver)},
                      {"date", on.date},
                      {"versions", std::move(versions)},
                      {"sm_clock_mhz", on.sm_clock_mhz ? Json(*on.sm_clock_mhz) : Json()},
                      {"throttled", on.throttled ? Json(*on.throttled) : Json()},
                      {"throttle_reasons", Json::Array(on.throttle_reasons.begin(), on.throttle_reasons.end())}};
}

// The texts of an array or an object; a problem where one is no text.
std::vector<std::string> texts(JsonFields& f, std::string_view key, const Json::Array& items) {
  std::vector<std::string> all;
  for (const Json& item : items) {
    if (const auto* text = std::get_if<std::string>(&item.value))
      all.push_back(*text);
    else
      f.problem(key, "must hold texts only");
  }
  return all;
}

MeasuredOn read_on(const Json& json, const std::string& file) {
  JsonFields f(json, file, "measured_on");
  MeasuredOn on{.system = f.optional_text("system").value_or(""),
                .device = f.text("device"),
                .driver = f.optional_text("driver").value_or(""),
                .date = f.text("date")};
  if (const Json* versions = f.any("versions"); versions != nullptr && versions->is_object()) {
    for (const auto& [part, version] : std::get<Json::Object>(versions->value)) {
      const std::vector<std::string> text = texts(f, "versions", {version});
      if (!text.empty()) on.versions.emplace_back(part, text.front());
    }
  } else {
    f.problem("versions", "must be an object");
  }
  on.sm_clock_mhz = f.optional_number("sm_clock_mhz");
  on.throttled = f.optional_boolean("throttled");
  if (const Json* reasons = f.any("throttle_reasons"); reasons != nullptr && reasons->is_array())
    on.throttle_reasons = texts(f, "throttle_reasons", std::get<Json::Array>(reasons->value));
  else
    f.problem("throttle_reasons", "must be an array");
  f.finish();
  return on;
}

Json kernel_json(const std::string& signature, const MeasuredKernel& kernel) {
  return Json::Object{{"signature", signature},
                      {"seconds", kernel.seconds},
                      {"mad_s", kernel.mad_s},
                      {"runs", kernel.runs},
                      {"shape", std::visit(WorkJson{}, kernel.work)}};
}

void read_kernel(KernelTable& table, const Json& json, const std::string& file, const std::string& path) {
  JsonFields f(json, file, path);
  const std::string signature = f.text("signature");
  MeasuredKernel kernel{.seconds = positive(f, "seconds", kMostSeconds),
                        .mad_s = not_negative(f, "mad_s", kMostSeconds),
                        .runs = f.integer("runs")};
  if (kernel.runs < 1) f.problem("runs", "must be at least 1");
  if (const Json* shape = f.any("shape"); shape != nullptr && shape->is_object()) {
    JsonFields of_shape(*shape, file, path + ".shape");
    kernel.work = read_work(of_shape);
    of_shape.finish();
  } else {
    f.problem("shape", "must be an object");
  }
  if (table.kernels.contains(signature)) f.problem("signature", fmt::format("\"{}\" is there twice", signature));
  f.finish();
  table.kernels.emplace(signature, kernel);
}

}  // namespace

const MeasuredKernel* KernelTable::find(std::string_view signature) const {
  const auto found = kernels.find(signature);
  return found == kernels.end() ? nullptr : &found->second;
}

std::string_view op_of(std::string_view signature) { return signature.substr(0, signature.find('(')); }

Json to_json(const KernelTable& table) {
  Json::Array kernels;
  for (const auto& [signature, kernel] : table.kernels) kernels.push_back(kernel_json(signature, kernel));
  return Json::Object{{"format", kFormat},
                      {"measured_on", on_json(table.on)},
                      {"left_out", table.left_out},
                      {"skipped", table.skipped},
                      {"kernels", std::move(kernels)}};
}

KernelTable parse_kernel_table(const Json& json, const std::string& file) {
  JsonFields f(json, file);
  KernelTable table;
  std::vector<Problem> problems;
  if (const std::int64_t format = f.integer("format"); format != kFormat && json.find("format") != nullptr)
    f.problem("format", fmt::format("is {}, and this version reads {}", format, kFormat), "calibrate again");
  if (const Json* on = f.any("measured_on"); on != nullptr && on->is_object())
    gather(problems, [&] { table.on = read_on(*on, file); });
  else
    f.problem("measured_on", "must be an object");
  table.left_out = f.integer("left_out");
  table.skipped = f.integer("skipped");
  if (const Json* kernels = f.any("kernels"); kernels != nullptr && kernels->is_array()) {
    const auto& all = std::get<Json::Array>(kernels->value);
    for (std::size_t i = 0; i < all.size(); ++i)
      gather(problems, [&] { read_kernel(table, all[i], file, fmt::format("kernels[{}]", i)); });
  } else {
    f.problem("kernels", "must be an array");
  }
  gather(problems, [&] { f.finish(); });
  if (!problems.empty()) throw InputError(std::move(problems));
  return table;
}

KernelTable read_kernel_table(const std::filesystem::path& path) {
  return parse_kernel_table(read_json(path), path.string());
}

}  // namespace perfbench
