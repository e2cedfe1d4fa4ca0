// Secrets inside texts. What leaves the program as text (errors, warnings, results, files) goes through redacted() at
// the door: format_problems(), print(), say(), write_file(), WholeFile and Journal.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace perfbench {

inline constexpr std::string_view kRedacted = "[redacted]";

struct TextPart {
  std::size_t offset = 0, size = 0;  // bytes
  bool operator==(const TextPart&) const = default;
};

// The parts of a text that are secrets, in order: who logs in and the query of a URL, "user:password@host" without a
// scheme, the value behind "hf_token=" and "Authorization:", the path of a webhook, tokens by the form that their
// issuer gives them, keys in PEM. Rather a part too many than one too few. Parts hold no double quote and no backslash
// but those of "\n" in a key, so that JSON stays JSON. Linear in the size of the text.
std::vector<TextPart> secret_parts(std::string_view text);

// The same text with "[redacted]" in the place of every secret. A text that went through it once stays as it is.
std::string redacted(std::string_view text);

// The same, cut to `most` bytes with "..." behind them: in this order, for half a secret looks like nothing.
std::string redacted_start(std::string_view text, std::size_t most);

// True of a name whose value is a secret by what the name says: it ends with token, password, api_key and the like, in
// any case.
bool is_secret_name(std::string_view name);

}  // namespace perfbench
