#include "cli/show_job.h"

#include <fmt/format.h>

#include <utility>
#include <vector>

#include "base/json.h"
#include "base/table.h"
#include "base/text.h"
#include "rows/asked_fields.h"

namespace perfbench {
namespace {

using Fields = std::vector<std::pair<std::string, Json>>;

Json::Array texts_of(const std::vector<std::string>& texts) { return {texts.begin(), texts.end()}; }

// Names as rows have them. Samples are packs in fine-tuning only.
Fields fields_of(const Job& job) {
  Fields fields;
  for (const AskedField& field : asked_fields()) {
    if (field.name == "packed" && job.task == Task::pretrain) continue;
    if (Json value = field.of(job); !value.is_null()) fields.emplace_back(field.name, std::move(value));
  }
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
