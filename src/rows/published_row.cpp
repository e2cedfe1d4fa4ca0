#include "rows/published_row.h"

#include <array>
#include <string_view>

#include "rows/published_fields.h"

namespace perfbench {
namespace {

// No published table prints these; they are here so that both rows of a comparison have the same keys.
constexpr std::array<std::string_view, 7> kNeverPrinted{"etp",         "samples_per_s",   "flops_convention", "mfu",
                                                        "peak_tflops", "peak_memory_gib", "breakdown"};

Json text_or_null(const std::string& text) { return text.empty() ? Json() : Json(text); }

Json to_json(const Correction& correction) {
  return Json::Object{{"column", correction.column},
                      {"printed", correction.printed},
                      {"value", correction.value},
                      {"reason", correction.reason}};
}

Correction correction_from_json(const Json& json, const std::string& where) {
  JsonFields fields(json, where, "corrections");
  Correction correction{.column = fields.text("column"),
                        .printed = fields.text("printed"),
                        .value = fields.text("value"),
                        .reason = fields.text("reason")};
  fields.finish();
  return correction;
}

void check_word(JsonFields& fields, std::string_view key, std::string_view expected) {
  const std::string word = fields.text(key);
  if (word != expected) fields.problem(key, "must be " + std::string(expected));
}

}  // namespace

Json to_json(const PublishedRow& row) {
  Json json(Json::Object{{"method", "published"}, {"status", "ok"}});
  json.set("model", text_or_null(row.model));
  json.set("system", text_or_null(row.system));
  json.set("task", row.task ? Json(std::string(name(*row.task))) : Json());
  json.set("precision", row.precision ? Json(std::string(name(*row.precision))) : Json());
  json.set("stack", text_or_null(row.stack));
  for (const auto& [key, field] : kPublishedCounts)
    json.set(std::string(key), row.*field ? Json(*(row.*field)) : Json());
  json.set("fsdp_is_size", row.fsdp_is_size);
  json.set("recompute", text_or_null(row.recompute));
  for (const auto& [key, field] : kPublishedFigures)
    json.set(std::string(key), row.*field ? Json(*(row.*field)) : Json());
  for (const std::string_view key : kNeverPrinted) json.set(std::string(key), nullptr);
  json.set("row", row.row);
  json.set("source", row.source);
  json.set("section", row.section);
  Json::Array corrections;
  for (const Correction& correction : row.corrections) corrections.push_back(to_json(correction));
  json.set("corrections", corrections);
  return json;
}

PublishedRow published_row_from_json(const Json& json, const std::string& where) {
  JsonFields fields(json, where);
  PublishedRow row;
  check_word(fields, "method", "published");
  check_word(fields, "status", "ok");
  row.model = fields.optional_text("model").value_or("");
  row.system = fields.optional_text("system").value_or("");
  if (const auto word = fields.optional_text("task"))
    if (!(row.task = parse_task(*word))) fields.problem("task", "is no task: " + *word);
  if (const auto word = fields.optional_text("precision"))
    if (!(row.precision = parse_precision(*word))) fields.problem("precision", "is no precision: " + *word);
  row.stack = fields.optional_text("stack").value_or("");
  for (const auto& [key, field] : kPublishedCounts) row.*field = fields.optional_integer(key);
  row.fsdp_is_size = fields.boolean("fsdp_is_size");
  row.recompute = fields.optional_text("recompute").value_or("");
  for (const auto& [key, field] : kPublishedFigures) row.*field = fields.optional_number(key);
  for (const std::string_view key : kNeverPrinted) fields.ignore(key);
  row.row = fields.text("row");
  row.source = fields.text("source");
  row.section = fields.text("section");
  const Json* corrections = fields.any("corrections");
  if (corrections && corrections->is_array()) {
    for (const Json& entry : std::get<Json::Array>(corrections->value))
      row.corrections.push_back(correction_from_json(entry, where));
  } else {
    fields.problem("corrections", "must be a list");
  }
  fields.finish();
  return row;
}

}  // namespace perfbench
