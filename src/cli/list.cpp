// perfbench list: what the data files hold.
#include <fmt/format.h>

#include "base/text.h"
#include "cli/commands.h"
#include "cli/listing.h"
#include "cli/output.h"

namespace perfbench {
namespace {

// Names alone need no file to be read: shells ask for them at every key.
std::optional<std::vector<std::string>> names_of_files(std::string_view what, const Catalog& catalog) {
  if (what == "models") return catalog.model_names();
  if (what == "systems") return catalog.system_names();
  if (what == "stacks") return catalog.stack_names();
  return std::nullopt;
}

std::string what_of(const CommandLine& line) {
  const std::string words = join(listing_names(), "|");
  if (line.words.empty()) throw InputError("list", "needs what to list", fmt::format("perfbench list {}", words));
  if (line.words.size() == 1) return line.words.front();
  throw InputError("list", fmt::format("lists one thing, {} words given: {}", line.words.size(), join(line.words, " ")),
                   fmt::format("perfbench list {}", words));
}

}  // namespace

ExitCode run_list(const CommandLine& line) {
  const std::string what = what_of(line);
  const Catalog catalog = Catalog::find();
  if (line.options.names && !line.options.where)
    if (const auto names = names_of_files(what, catalog))
      return print(join(*names, "\n") + (names->empty() ? "" : "\n"));

  Listing listing = listing_of(what, catalog);
  const std::size_t num_all = listing.items.size();
  if (line.options.where) filter(listing, *line.options.where);
  warn(listing.warnings);
  if (line.options.names) return print(listing_item_names(listing));
  return print(line.options.json ? listing_json(listing) : listing_text(listing, num_all));
}

}  // namespace perfbench
