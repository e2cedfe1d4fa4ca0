// What the flags say of documents that leave it out.
#pragma once

#include "cli/command_line.h"
#include "rows/import_table.h"
#include "spec/catalog.h"

namespace perfbench {

// Throws InputError for a system, stack or precision that is not known.
ImportHints import_hints(const CommandLine& line, const Catalog& catalog);

}  // namespace perfbench
