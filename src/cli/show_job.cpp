#include "cli/show_job.h"

#include <fmt/format.h>

#include <utility>
#include <vector>

#include "base/json.h"
#include "base/table.h"
#include "base/text.h"

namespace perfbench {
namespace {

using Fields = std::vector<std::pair<std::string, Json>>;

Json::Array texts_of(const std::vector<std::string>& texts) { return {texts.begin(), texts.end()}; }

// Names as rows have them, in their order.
Fields common_fields(const Job& job) {
  const ParallelLayout& layout = job.layout;
  Json::Array modules(job.recompute_modules.begin(), job.recompute_modules.end());
  return {{"model", job.model.name},
          {"task", std::string(name(job.task))},
          {"system", job.system.name},
          {"precision", std::string(name(job.precision))},
          {"stack", job.stack.name},
          {"num_gpus", job.num_gpus},
          {"gbs", job.gbs},
          {"mbs", job.mbs},
          {"lbs", job.lbs},
          {"seq_len", job.seq_len},
          {"tp", layout.tp},
          {"pp", layout.pp},
          {"cp", layout.cp},
          {"vp", layout.vp},
          {"ep", layout.ep},
          {"etp", layout.etp},
          {"dp", layout.dp},
          {"fsdp", layout.fsdp},
          {"ga", job.ga},
          {"num_microbatches", job.num_microbatches},
          {"num_flushes", job.num_flushes},
          {"cuda_graphs", job.cuda_graphs},
          {"recompute_layers", job.recompute_layers},
          {"offload_layers", job.offload_layers},
          {"recompute_modules", std::move(modules)}};
}

Fields fields_of(const Job& job) {
  Fields fields = common_fields(job);
  if (job.lora) {
    fields.emplace_back("lora_rank", job.lora->rank);
    fields.emplace_back("lora_alpha", job.lora->alpha);
    fields.emplace_back("lora_targets", texts_of(job.lora->targets));
  }
  if (job.task != Task::pretrain) fields.emplace_back("packed", job.packed);
  return fields;
}

std::string text_of(const Json& value) {
  if (value.is_string()) return std::get<std::string>(value.value);
  if (!value.is_array()) return dump_json(value, -1);
  std::vector<std::string> items;
  for (const Json& item : std::get<Json::Array>(value.value)) items.push_back(text_of(item));
  return items.empty() ? "-" : join(items, "/");
}

Json::Array chunks_of(const Job& job) {
  Json::Array chunks;
  for (const ChunkLayers& chunk : job.chunks)
    chunks.push_back(Json::Object{{"first_layer", chunk.first},
                                  {"num_layers", chunk.count},
                                  {"embedding", chunk.embedding},
                                  {"head", chunk.head}});
  return chunks;
}

std::vector<std::string> all_notes(const Asked& asked) {
  std::vector<std::string> notes = asked.job.notes;
  notes.insert(notes.end(), asked.notes.begin(), asked.notes.end());
  return notes;
}

std::string status_text(const Row& row) {
  if (row.status == Status::ok) return std::string(name(row.status));
  return fmt::format("{}, {}: {}", name(row.status), row.feature, row.reason);
}

Json text_or_null(const std::string& text) { return text.empty() ? Json() : Json(text); }

}  // namespace

std::string job_text(const Asked& asked, const std::optional<Row>& planned) {
  TextTable table{.header = {"", "value", "from"}, .rows = {}, .right_aligned = {false, true, false}};
  for (const auto& [field, value] : fields_of(asked.job)) {
    const auto origin = asked.job.origins.find(field);
    table.rows.push_back({field, text_of(value), origin == asked.job.origins.end() ? "" : origin->second});
  }
  std::string text = fmt::format("{}\n\n{}", asked.choice.sentence, to_terminal(table));
  for (const std::string& note : all_notes(asked)) text += fmt::format("note: {}\n", note);
  if (planned) text += fmt::format("status of a prediction: {}\n", status_text(*planned));
  return text;
}

std::string job_json(const Asked& asked, const std::optional<Row>& planned) {
  Json::Object object = fields_of(asked.job);
  Json::Object origins;
  for (const auto& [field, origin] : asked.job.origins) origins.emplace_back(field, origin);
  object.emplace_back("chunks", chunks_of(asked.job));
  object.emplace_back("origins", std::move(origins));
  object.emplace_back("row", asked.choice.sentence);
  object.emplace_back("notes", texts_of(all_notes(asked)));
  object.emplace_back("status", planned ? Json(std::string(name(planned->status))) : Json());
  object.emplace_back("feature", planned ? text_or_null(planned->feature) : Json());
  object.emplace_back("reason", planned ? text_or_null(planned->reason) : Json());
  return dump_json(Json(std::move(object))) + "\n";
}

}  // namespace perfbench
