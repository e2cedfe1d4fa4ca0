// Published tables for an audit: as printed, without corrections.
#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "audit/audited_table.h"
#include "audit/facts.h"
#include "import/import_table.h"

namespace perfbench {

// Every table of the folder, and the command lines of files with the columns row, variant and command. Throws
// InputError with every problem: an unknown column, a task or precision that is none. Cells that hold no number are no
// problem here but findings.
AuditInput read_audit_folder(const std::filesystem::path& folder, const Facts& facts);

// Files in the form of model_configs/published, or documents that import_table() reads; `hints` is for these. Command
// lines are read from files *_commands.csv beside them, too.
AuditInput read_audit_files(std::span<const std::string> files, const Facts& facts, const ImportHints& hints);

// One table; `text` in the published form. The rows point into `facts`.
AuditedTable parse_audited_table(std::string_view text, const std::string& file, const Facts& facts);

}  // namespace perfbench
