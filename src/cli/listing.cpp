#include "cli/listing.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/table.h"
#include "base/text.h"
#include "rows/show.h"

namespace perfbench {
namespace {

std::string cell(const Json& value) {
  if (const auto* array = std::get_if<Json::Array>(&value.value)) {
    std::vector<std::string> texts;
    for (const Json& entry : *array) texts.push_back(show_value(entry));
    return texts.empty() ? "-" : join(texts, ", ");
  }
  if (const auto* flag = std::get_if<bool>(&value.value)) return *flag ? "yes" : "no";
  if (const auto whole = value.integer(); whole && *whole >= 10000) return show_quantity(static_cast<double>(*whole));
  if (const auto whole = value.integer(); whole && *whole < 1000) return std::to_string(*whole);
  return show_value(value);
}

// What a filter may find: a list agrees with each of its entries.
void add_values(NamedValues& values, const std::string& name, const Json& value) {
  if (const auto* array = std::get_if<Json::Array>(&value.value)) {
    for (const Json& entry : *array) add_values(values, name, entry);
  } else if (const auto* text = std::get_if<std::string>(&value.value)) {
    values.emplace(name, *text);
  } else if (!value.is_null()) {
    values.emplace(name, dump_json(value, -1));
  }
}

Json value_at(const ListedItem& item, const std::string& column) {
  const auto found =
      std::find_if(item.values.begin(), item.values.end(), [&](const auto& entry) { return entry.first == column; });
  return found == item.values.end() ? Json() : found->second;
}

bool is_number_column(const Listing& listing, const std::string& column) {
  return std::all_of(listing.items.begin(), listing.items.end(), [&](const ListedItem& item) {
    const Json value = value_at(item, column);
    return value.is_null() || value.number();
  });
}

TextTable rows_table(const Listing& listing) {
  TextTable table{.header = listing.columns, .rows = {}, .right_aligned = {}};
  for (const std::string& column : listing.columns) table.right_aligned.push_back(is_number_column(listing, column));
  for (const ListedItem& item : listing.items) {
    std::vector<std::string>& cells = table.rows.emplace_back();
    for (const std::string& column : listing.columns) cells.push_back(cell(value_at(item, column)));
  }
  return table;
}

TextTable columns_table(const Listing& listing) {
  TextTable table{.header = {listing.columns.front()}, .rows = {}, .right_aligned = {}};
  for (const ListedItem& item : listing.items) table.header.push_back(cell(item.values.front().second));
  for (std::size_t i = 1; i < listing.columns.size(); ++i) {
    std::vector<std::string>& cells = table.rows.emplace_back();
    cells.push_back(listing.columns[i]);
    for (const ListedItem& item : listing.items) cells.push_back(cell(value_at(item, listing.columns[i])));
  }
  return table;
}

}  // namespace

void filter(Listing& listing, std::string_view where) {
  std::vector<std::string> known = listing.columns;
  for (const std::string& name : listing.filter_names)
    if (std::find(known.begin(), known.end(), name) == known.end()) known.push_back(name);
  const Where conditions = parse_where(where, "--where", known);
  std::erase_if(listing.items, [&](const ListedItem& item) {
    NamedValues values = item.also;
    for (const auto& [name, value] : item.values) add_values(values, name, value);
    return !matches(conditions, values);
  });
}

std::string listing_text(const Listing& listing, std::size_t num_all) {
  std::string text;
  if (!listing.tree.empty() && listing.items.size() == num_all)
    text = join(listing.tree, "\n") + "\n";
  else if (!listing.items.empty())
    text = to_terminal(listing.one_column_per_item ? columns_table(listing) : rows_table(listing));
  if (listing.items.size() == num_all) return text + fmt::format("{} {}\n", num_all, listing.what);
  return text + fmt::format("{} of {} {}\n", listing.items.size(), num_all, listing.what);
}

std::string listing_json(const Listing& listing) {
  Json::Array array;
  for (const ListedItem& item : listing.items) array.emplace_back(item.values);
  return dump_json(array) + "\n";
}

std::string listing_item_names(const Listing& listing) {
  std::string text;
  for (const ListedItem& item : listing.items) text += cell(item.values.front().second) + "\n";
  return text;
}

}  // namespace perfbench
