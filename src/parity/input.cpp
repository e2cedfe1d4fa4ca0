#include "parity/input.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <initializer_list>
#include <limits>
#include <numeric>
#include <optional>
#include <string>
#include <utility>

#include "base/error.h"
#include "job/resolve.h"
#include "models/names.h"

namespace perfbench {
namespace {

namespace fs = std::filesystem;

template <typename Read>
auto gather(std::vector<Problem>& problems, Read read) -> decltype(read()) {
  try {
    return read();
  } catch (const InputError& error) {
    problems.insert(problems.end(), error.problems().begin(), error.problems().end());
    return {};
  }
}

// The numbers of `name`, (rows, seq_len) of I64; empty after a problem.
std::vector<std::int64_t> read_numbers(const VerifyFolder& folder, const std::vector<StoredTensor>& tensors,
                                       const std::string& name, std::vector<std::int64_t>& shape,
                                       std::vector<Problem>& problems) {
  const std::string where = fmt::format("{}: {}", folder.batch_file().string(), name);
  const auto found =
      std::find_if(tensors.begin(), tensors.end(), [&](const StoredTensor& tensor) { return tensor.name == name; });
  if (found == tensors.end()) {
    problems.push_back({where, "is missing", "the batch holds input_ids and labels, both (rows, seq_len)"});
    return {};
  }
  if (found->dtype != DType::i64)
    problems.push_back({where, fmt::format("is {}, and must be I64", safetensors_dtype(found->dtype)), ""});
  if (found->shape.size() != 2 || num_elements(found->shape) == 0)
    problems.push_back({where, fmt::format("has shape {}, and must be (rows, seq_len)", shape_text(found->shape)), ""});
  if (found->dtype != DType::i64 || found->shape.size() != 2) return {};
  shape = found->shape;
  const HostTensor tensor = read_tensor(*found);
  std::vector<std::int64_t> numbers(tensor.data.size() / sizeof(std::int64_t));
  if (!numbers.empty()) std::memcpy(numbers.data(), tensor.data.data(), tensor.data.size());
  return numbers;
}

void require_shape(const VerifyFolder& folder, std::string_view name, const std::vector<std::int64_t>& found,
                   const std::vector<std::int64_t>& shape, std::vector<Problem>& problems) {
  if (found == shape) return;
  problems.push_back({fmt::format("{}: {}", folder.batch_file().string(), name),
                      fmt::format("has shape {}, and input_ids has {}", shape_text(found), shape_text(shape)),
                      fmt::format("one of the {} for each token", name)});
}

void read_batch(VerifyFolder& folder, std::vector<Problem>& problems) {
  const std::size_t before = problems.size();
  const auto tensors = gather(problems, [&] { return read_safetensors_header(folder.batch_file()); });
  if (problems.size() > before) return;
  std::vector<std::int64_t> shape, labels_shape;
  folder.input_ids = read_numbers(folder, tensors, "input_ids", shape, problems);
  folder.labels = read_numbers(folder, tensors, "labels", labels_shape, problems);
  const bool packed = std::any_of(tensors.begin(), tensors.end(), [](const auto& t) { return t.name == "starts"; });
  std::vector<std::int64_t> starts_shape = shape;
  if (packed) folder.starts = read_numbers(folder, tensors, "starts", starts_shape, problems);
  if (problems.size() > before) return;
  require_shape(folder, "labels", labels_shape, shape, problems);
  require_shape(folder, "starts", starts_shape, shape, problems);
  if (problems.size() > before) return;
  folder.rows = shape[0];
  folder.seq_len = shape[1];
}

// "-gb" where the flag was given, else the field's name.
std::string place(const Request& request, std::string_view field) {
  const std::string flag = flag_of(request, field);
  return flag.empty() ? std::string(field) : flag;
}

// Sets a size that the batch decides; a flag must agree.
void set_from_batch(Request& request, std::optional<std::int64_t> Request::*member, std::string_view field,
                    std::int64_t size, std::string_view of_batch, std::vector<Problem>& problems) {
  if (request.*member && *(request.*member) != size) {
    problems.push_back({place(request, field),
                        fmt::format("{} does not agree with the batch's {} {}", *(request.*member), size, of_batch),
                        "leave it out"});
  }
  request.*member = size;
  request.origins.try_emplace(std::string(field), fmt::format("batch.safetensors: {}", of_batch));
}

// The product, or the most that the limits of num_gpus will refuse.
std::int64_t product_of(std::initializer_list<std::int64_t> sizes) {
  std::int64_t product = 1;
  for (const std::int64_t size : sizes)
    if (__builtin_mul_overflow(product, std::max<std::int64_t>(size, 1), &product))
      return std::numeric_limits<std::int64_t>::max();
  return product;
}

// Experts share the ranks of a stage: as many as both tp x cp and ep x etp divide.
std::int64_t fewest_gpus(const Request& request) {
  const std::int64_t tp = request.tp.value_or(1), pp = request.pp.value_or(1), ep = request.ep.value_or(1);
  const std::int64_t dense = product_of({tp, request.cp.value_or(1)});
  const std::int64_t expert = product_of({ep, request.etp.value_or(ep > 1 ? tp : 1)});
  return product_of({pp, dense, expert / std::max<std::int64_t>(std::gcd(dense, expert), 1)});
}

// Another implementation computes topk, or takes the choices of a file. A gate that is no word is a file.
void set_gate(Request& request, bool& from_file, std::vector<Problem>& problems) {
  if (!request.moe_gate) {
    request.moe_gate = name(Gate::topk);
    request.origins["moe_gate"] = "rule: the model's own router";
    return;
  }
  const std::optional<Gate> gate = parse_gate(*request.moe_gate);
  from_file = !gate;
  if (gate && *gate != Gate::topk) {
    problems.push_back(
        {place(request, "moe_gate"),
         fmt::format("{} does not choose by the model's router, and no other implementation has its choices",
                     name(*gate)),
         "topk, or a file with choices and gate_weights"});
  }
  request.moe_gate = name(Gate::topk);
}

// The dtype of most weights: those that differ are named when they are compared with the model's.
DType dtype_of(const std::vector<StoredTensor>& weights) {
  std::size_t floats = 0;
  for (const StoredTensor& weight : weights) floats += weight.dtype == DType::f32 ? 1U : 0U;
  return 2 * floats >= weights.size() ? DType::f32 : DType::bf16;
}

void set_default(Request& request, std::optional<std::string> Request::*member, std::string_view field,
                 std::string value, std::string origin) {
  if (request.*member) return;
  request.*member = std::move(value);
  request.origins[std::string(field)] = std::move(origin);
}

// The first number outside [0, vocab), unless it is `ignored`; all others are counted.
void check_ids(const std::vector<std::int64_t>& numbers, std::int64_t vocab, std::optional<std::int64_t> ignored,
               const VerifyFolder& folder, std::string_view what, std::vector<Problem>& problems) {
  std::int64_t count = 0;
  std::size_t first = 0;
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    if (numbers[i] == ignored || (numbers[i] >= 0 && numbers[i] < vocab)) continue;
    if (count++ == 0) first = i;
  }
  if (count == 0) return;
  const auto columns = static_cast<std::size_t>(folder.seq_len);
  problems.push_back(
      {fmt::format("{}: {}[{}, {}]", folder.batch_file().string(), what, first / columns, first % columns),
       fmt::format("is {}, and the vocabulary of config.json has {} tokens{}", numbers[first], vocab,
                   count > 1 ? fmt::format("; {} more are outside", count - 1) : ""),
       ignored ? fmt::format("0 to {}, or {} for a label that does not count", vocab - 1, *ignored)
               : fmt::format("0 to {}", vocab - 1)});
}

// A token starts a sub-sequence, then its start is its own place in the row, or goes on with that of the token before.
void check_starts(const VerifyFolder& folder, std::vector<Problem>& problems) {
  for (std::size_t i = 0; i < folder.starts.size(); ++i) {
    const std::int64_t column = static_cast<std::int64_t>(i) % folder.seq_len;
    const bool first = folder.starts[i] == column, goes_on = column > 0 && folder.starts[i] == folder.starts[i - 1];
    if (first || goes_on) continue;
    problems.push_back({fmt::format("{}: starts[{}, {}]", folder.batch_file().string(),
                                    i / static_cast<std::size_t>(folder.seq_len), column),
                        fmt::format("is {}, and neither the token's own column {} nor the start of the token before",
                                    folder.starts[i], column),
                        "the column at which the token's sub-sequence starts"});
    return;
  }
}

}  // namespace

VerifyFolder read_verify_folder(const fs::path& path) {
  std::error_code error;
  if (!fs::is_directory(path, error)) {
    throw InputError(path.string(), "is no folder",
                     "a folder with config.json, model.safetensors and batch.safetensors");
  }
  VerifyFolder folder;
  folder.folder = path;
  std::vector<Problem> problems;
  if (!fs::exists(folder.config_file(), error)) problems.push_back({folder.config_file().string(), "is missing", ""});
  folder.weights = gather(problems, [&] { return read_model_headers(path); });
  folder.adapter = gather(problems, [&] { return read_adapter_folder(path); });
  read_batch(folder, problems);
  if (!problems.empty()) throw InputError(std::move(problems));
  return folder;
}

Job verify_job(Request request, const Catalog& catalog, const VerifyFolder& folder) {
  std::vector<Problem> problems;
  request.model = fs::absolute(folder.config_file()).string();
  request.origins["model"] = "flag " + folder.folder.string();
  if (!request.task) {
    request.task = folder.adapter ? Task::lora : Task::pretrain;
    request.origins["task"] = folder.adapter ? "the folder's adapters" : "rule: pretrain unless a task is given";
  }
  if (request.task == Task::lora && folder.adapter) fill_from_adapter(request, *folder.adapter);
  if (!request.packed) request.origins["packed"] = "rule: the batch holds full samples";
  request.packed = request.packed.value_or(false);
  set_default(request, &Request::system, "system", "cpu", "rule: cpu unless a GPU is given");
  set_default(request, &Request::stack, "stack", "perfbench", "rule: what is run is stack perfbench");
  if (!request.dtype && !request.fp8_recipe)
    set_default(request, &Request::dtype, "dtype", dtype_of(folder.weights) == DType::f32 ? "fp32" : "bf16",
                "the dtype of the weights");
  set_from_batch(request, &Request::gbs, "gbs", folder.rows, "rows", problems);
  set_from_batch(request, &Request::seq_len, "seq_len", folder.seq_len, "columns", problems);
  if (!request.mbs) request.origins["mbs"] = "rule: mbs 1 unless given";
  request.mbs = request.mbs.value_or(1);
  if (!request.num_gpus) request.origins["num_gpus"] = "rule: as many as the axes need";
  request.num_gpus = request.num_gpus.value_or(fewest_gpus(request));
  bool gate_of_file = false;
  set_gate(request, gate_of_file, problems);
  if (!problems.empty()) throw InputError(std::move(problems));
  Job job = make_job(request, catalog);
  job.model.name = folder.folder.string();
  job.packed = !folder.starts.empty();
  if (gate_of_file) job.gate = Gate::given;
  return job;
}

std::vector<StoredTensor> weights_of(const VerifyFolder& folder, const Job& job) {
  std::vector<StoredTensor> weights = folder.weights;
  if (job.gate == Gate::given) {
    const std::string router = layer_module(names_of(job.model), "mlp.gate") + ".weight";
    for (int layer = 0; layer < job.model.num_layers(); ++layer) {
      const std::string name = fmt::format(fmt::runtime(router), layer);
      std::erase_if(weights, [&](const StoredTensor& weight) { return weight.name == name; });
    }
  }
  if (job.lora && folder.adapter) {
    weights.insert(weights.end(), folder.adapter->weights.begin(), folder.adapter->weights.end());
  }
  return weights;
}

Batch verify_batch(const VerifyFolder& folder, std::int64_t vocab) {
  std::vector<Problem> problems;
  check_ids(folder.input_ids, vocab, std::nullopt, folder, "input_ids", problems);
  check_ids(folder.labels, vocab, kIgnoredTarget, folder, "labels", problems);
  check_starts(folder, problems);
  Batch batch{.tokens = folder.input_ids, .targets = folder.labels, .starts = folder.starts};
  const auto columns = static_cast<std::size_t>(folder.seq_len);
  bool any = false;
  for (std::size_t i = 0; i < batch.targets.size(); ++i) {
    const bool last = (i + 1) % columns == 0;
    batch.targets[i] = last ? kIgnoredTarget : folder.labels[i + 1];
    any = any || batch.targets[i] != kIgnoredTarget;
  }
  if (!any) {
    problems.push_back({folder.batch_file().string() + ": labels",
                        "no label counts, so the loss is a mean over nothing",
                        "labels other than -100 behind the first column"});
  }
  if (!problems.empty()) throw InputError(std::move(problems));
  return batch;
}

}  // namespace perfbench
