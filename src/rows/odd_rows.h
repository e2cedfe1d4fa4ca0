// Published rows that no sane model hits: predicted, and left out of fits and means.
#pragma once

#include <filesystem>
#include <map>
#include <string>

namespace perfbench {

using OddRows = std::map<std::string, std::string>;  // why, by the row's id

// odd_rows.csv (row, reason) of the folder; none where there is no such file. Throws InputError for a file without
// these columns, a repeated row and an empty reason.
OddRows read_odd_rows(const std::filesystem::path& folder);

}  // namespace perfbench
