// perfbench audit: published tables checked against themselves.
#include "audit/audit.h"

#include "audit/read_tables.h"
#include "audit/writers.h"
#include "base/error.h"
#include "base/file.h"
#include "cli/commands.h"
#include "cli/import_hints.h"
#include "cli/output.h"
#include "job/catalog.h"

namespace perfbench {
namespace {

std::string text_of(const Options& options, const AuditInput& input, const Findings& findings) {
  if (options.json) {
    Json json = findings_json(input, findings);
    if (options.report) json.set("report", flops_report_json(input));
    return dump_json(json) + "\n";
  }
  return options.report ? flops_report_terminal(input) : findings_terminal(input, findings);
}

}  // namespace

ExitCode run_audit(const CommandLine& line) {
  const Options& options = line.options;
  const Catalog catalog = Catalog::find();
  const Facts facts(catalog);
  const AuditInput input = line.words.empty() ? read_audit_folder(catalog.folder() / "published", facts)
                                              : read_audit_files(line.words, facts, import_hints(line, catalog));
  if (input.tables.empty())
    throw InputError(line.words.empty() ? (catalog.folder() / "published").string() : line.words.front(),
                     "holds no table to audit", "command lines are checked beside their table: give that, too");
  if (options.junit) require_writable_file(*options.junit);
  warn(input.warnings);
  const Findings findings = audit(input);
  if (options.junit) write_file(*options.junit, findings_junit(input, findings));
  print(text_of(options, input, findings));
  const std::size_t above_info = findings.size() - count(findings, Severity::info);
  return options.strict && above_info > 0 ? ExitCode::regression : ExitCode::ok;
}

}  // namespace perfbench
