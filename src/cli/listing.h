// What `perfbench list` prints: items with the same keys, filtered, as a table or as JSON.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "harness/where.h"
#include "job/catalog.h"

namespace perfbench {

struct ListedItem {
  Json::Object values;  // the first is what names the item; every item of a listing has the same keys
  NamedValues also{};   // further names and values that a filter may ask for
};

struct Listing {
  std::string what;  // "models"
  std::vector<std::string> columns;
  std::vector<ListedItem> items;
  std::vector<std::string> filter_names{};  // beside the columns
  bool one_column_per_item = false;         // few items with many keys
  std::vector<std::string> tree{};          // a line for each item, where so many columns would be no table
  std::vector<std::string> warnings{};      // of files that can't be read: they are not among the items
};

// The words that `perfbench list` takes.
std::vector<std::string> listing_names();
// Throws InputError with the nearest word for one that is none of them.
Listing listing_of(std::string_view what, const Catalog& catalog);

// Takes away the items that don't agree. Throws InputError for a name that is neither a column nor a filter name.
void filter(Listing& listing, std::string_view where);

std::string listing_text(const Listing& listing, std::size_t num_all);  // a table, then "3 of 20 models"
std::string listing_json(const Listing& listing);                       // a list of objects
std::string listing_item_names(const Listing& listing);                 // one a line

}  // namespace perfbench
