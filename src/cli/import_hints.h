// What the flags say of documents that leave it out.
#pragma once

#include "cli/command_line.h"
#include "import/import_table.h"
#include "job/catalog.h"

namespace perfbench {

// Throws InputError for a system, stack or precision that is not known.
ImportHints import_hints(const CommandLine& line, const Catalog& catalog);

}  // namespace perfbench
