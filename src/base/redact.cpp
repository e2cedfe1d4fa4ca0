#include "base/redact.h"

#include <algorithm>
#include <array>
#include <cctype>

#include "base/secret_forms.h"
#include "base/text.h"

namespace perfbench {
namespace {

std::size_t run_end(std::string_view text, std::size_t at, Holds holds) {
  while (at < text.size() && holds(text[at])) ++at;
  return at;
}

constexpr std::string_view kPemBegin = "-----BEGIN ", kPemEnd = "-----END ", kPemDashes = "-----";
constexpr std::size_t kLeastPemLine = 16;

// How far is looked for the beginning of a login, so that no text takes more than linear time.
constexpr std::size_t kMostLogin = 1024;  // bytes

constexpr std::size_t kUnicodeEscape = 5;  // of "\\u001f" behind the backslash

// Where one looks closer: at these characters, and at these pairs, with which the forms and the hosts begin.
constexpr std::string_view kMarks = ":?@=-";
using Pairs = std::array<std::array<bool, 128>, 128>;

constexpr Pairs pairs_of_beginnings() {
  Pairs pairs{};
  const auto add = [&pairs](std::string_view text) {
    pairs[static_cast<std::size_t>(text[0])][static_cast<std::size_t>(text[1])] = true;
  };
  for (const TokenForm& form : kTokenForms) add(form.prefix);
  for (const std::string_view host : kWebhooks) add(host);
  for (const std::string_view bearer : {"be", "Be", "bE", "BE"}) add(bearer);
  return pairs;
}
constexpr Pairs kBeginnings = pairs_of_beginnings();

constexpr std::array<bool, 256> marks_and_beginnings() {
  std::array<bool, 256> marks{};
  for (const char mark : kMarks) marks[static_cast<unsigned char>(mark)] = true;
  for (std::size_t c = 0; c < kBeginnings.size(); ++c)
    for (const bool begins : kBeginnings[c]) marks[c] = marks[c] || begins;
  return marks;
}
constexpr std::array<bool, 256> kTriggers = marks_and_beginnings();

class Scan {
 public:
  explicit Scan(std::string_view text) : text_(text) {}

  std::vector<TextPart> parts() {
    for (std::size_t at = 0; at < text_.size(); at = std::max(at + 1, end_))
      if (kTriggers[static_cast<unsigned char>(text_[at])]) look(at);
    return std::move(parts_);
  }

 private:
  bool stands(std::string_view part, std::size_t at) const { return text_.substr(at).starts_with(part); }

  bool begins(std::size_t at) const {
    const auto first = static_cast<unsigned char>(text_[at]);
    const auto second = static_cast<unsigned char>(at + 1 < text_.size() ? text_[at + 1] : '\0');
    return first < kBeginnings.size() && second < kBeginnings.size() && kBeginnings[first][second];
  }

  // JSON's escapes stay whole: in "\\npm_" the n is none of a token's.
  std::size_t behind_escape(std::size_t from) const {
    std::size_t backslashes = 0;
    while (backslashes < from && text_[from - 1 - backslashes] == '\\') ++backslashes;
    if (backslashes % 2 == 1 && from < text_.size()) return from + (text_[from] == 'u' ? kUnicodeEscape : 1);
    for (std::size_t back = 1; back < kUnicodeEscape && back < from; ++back)
      if (text_[from - back] == 'u' && text_[from - back - 1] == '\\') return from - back + kUnicodeEscape;
    return from;
  }

  bool add(std::size_t from, std::size_t to) {
    from = std::max(behind_escape(from), end_);
    if (from >= to || stands(kRedacted, from)) return false;
    parts_.push_back({from, to - from});
    end_ = to;
    return true;
  }

  void look(std::size_t at) {
    switch (text_[at]) {
      case ':':
        return stands("://", at) ? look_at_url(at + 3) : look_at_header(at);
      case '?':
        return look_at_query(at + 1);
      case '@':
        return look_at_login(at);
      case '=':
        return look_at_value(at);
      case '-':
        return look_at_pem(at);
      default:
        if (begins(at) && !is_form(at) && !is_webhook(at)) look_at_bearer(at);
    }
  }

  // Behind "://". A password may hold what should have been escaped: then what looks like a port is none.
  void look_at_url(std::size_t at) {
    if (at >= url_end_) url_end_ = run_end(text_, at, is_url);
    const std::string_view authority = text_.substr(at, run_end(text_, at, is_authority) - at);
    std::size_t login = authority.rfind('@');
    const std::size_t colon = authority.find(':');
    if (login == std::string_view::npos && colon != std::string_view::npos &&
        !std::all_of(authority.begin() + static_cast<std::ptrdiff_t>(colon) + 1, authority.end(), is_digit))
      login = text_.substr(at, std::min(url_end_ - at, kMostLogin)).rfind('@');
    if (login != std::string_view::npos) add(at, at + login);
  }

  void look_at_query(std::size_t at) {
    if (at < url_end_) add(at, run_end(text_, at, is_query));
  }

  // "user:password@host" without a scheme, as container images have it; "image:tag@sha256:..." is none.
  void look_at_login(std::size_t at) {
    const std::string_view host = text_.substr(at + 1);
    if (host.empty() || !is_letter_or_digit(host.front()) || host.starts_with("sha256:") || host.starts_with("sha512:"))
      return;
    const std::size_t least = std::max(end_, at - std::min(at, kMostLogin));
    std::size_t from = at;
    while (from > least && is_login(text_[from - 1])) --from;
    const std::string_view login = text_.substr(from, at - from);
    const std::size_t colon = login.find(':'), equals = login.find('=');
    if (colon == std::string_view::npos || colon == 0 || colon + 1 == login.size() || login[colon + 1] == '/') return;
    add(equals < colon ? from + equals + 1 : from, at);
  }

  void look_at_value(std::size_t at) {
    if (!is_secret_name(name_before(at))) return;
    const std::size_t value = behind_quotes(at + 1);
    add(value, run_end(text_, value, is_value));
  }

  // Opening quotes, also as JSON has them inside a text.
  std::size_t behind_quotes(std::size_t at) const {
    for (;;) {
      const std::size_t sign = stands("\\", at) ? at + 1 : at;
      if (sign >= text_.size() || !is_quote(text_[sign])) return at;
      at = sign + 1;
    }
  }

  // "Authorization: Basic ..." and cookies, to the end of the line.
  void look_at_header(std::size_t at) {
    const std::string name = lower(name_before(at));
    if (!name.ends_with("authorization") && name != "cookie" && name != "set-cookie") return;
    const std::size_t value = run_end(text_, at + 1, [](char c) { return c == ' '; });
    add(value, run_end(text_, value, is_header));
  }

  std::string_view name_before(std::size_t at) const {
    std::size_t from = at;
    while (from > end_ && is_name(text_[from - 1])) --from;
    return text_.substr(from, at - from);
  }

  void look_at_pem(std::size_t at) {
    if (!stands(kPemBegin, at)) return;
    const std::size_t label = at + kPemBegin.size(), dashes = run_end(text_, label, is_label);
    if (!stands(kPemDashes, dashes) || text_.substr(label, dashes - label).find("KEY") == std::string_view::npos)
      return;
    const std::size_t body = dashes + kPemDashes.size();
    if (pem_end_ < body) pem_end_ = text_.find(kPemEnd, body);
    if (quote_ < body) quote_ = text_.find('"', body);
    if (pem_end_ == std::string_view::npos || quote_ < pem_end_) {
      add(at, pem_body_end(body));
    } else {
      const std::size_t last = text_.find(kPemDashes, pem_end_ + kPemEnd.size());
      add(at, last == std::string_view::npos ? pem_end_ : last + kPemDashes.size());
    }
  }

  // Of a key that is cut short: the lines of base64, also with line ends as JSON writes them.
  std::size_t pem_body_end(std::size_t at) const {
    for (;;) {
      const std::size_t end = run_end(text_, at, is_base64);
      if (stands("\\n", end) || stands("\\r", end)) {
        at = end + 2;
        continue;
      }
      const std::size_t next = run_end(text_, end, [](char c) { return c == '\n' || c == '\r'; });
      const std::size_t next_end = run_end(text_, next, is_base64);
      const bool is_line = next_end == text_.size() || text_[next_end] == '\n' || text_[next_end] == '\r';
      if (next == end || !is_line || next_end - next < kLeastPemLine) return end;
      at = next;
    }
  }

  bool is_form(std::size_t at) {
    for (const TokenForm& form : kTokenForms) {
      if (text_[at] != form.prefix.front() || !stands(form.prefix, at)) continue;
      if (form.begins_word && at > 0 && is_letter_or_digit(text_[at - 1])) continue;
      const std::size_t begin = at + form.prefix.size(), end = run_end(text_, begin, form.holds);
      if (end - begin >= form.least) return add(at, end);
    }
    return false;
  }

  bool is_webhook(std::size_t at) {
    for (const std::string_view host : kWebhooks)
      if (text_[at] == host.front() && stands(host, at))
        return add(at + host.size(), run_end(text_, at + host.size(), is_query));
    return false;
  }

  void look_at_bearer(std::size_t at) {
    if (std::tolower(static_cast<unsigned char>(text_[at])) != kBearer.front()) return;
    if (lower(text_.substr(at, kBearer.size())) != kBearer) return;
    const std::size_t begin = run_end(text_, at + kBearer.size(), is_space);
    const std::size_t end = run_end(text_, begin, is_bearer);
    if (begin > at + kBearer.size() && end - begin >= kLeastBearer) add(begin, end);
  }

  std::string_view text_;
  std::vector<TextPart> parts_{};
  std::size_t end_ = 0;      // of the last part
  std::size_t url_end_ = 0;  // of the last URL
  std::size_t pem_end_ = 0;  // the next end of a key, from where it was last looked for
  std::size_t quote_ = 0;    // the next double quote, likewise
};

}  // namespace

std::vector<TextPart> secret_parts(std::string_view text) { return Scan(text).parts(); }

std::string redacted(std::string_view text) {
  std::string out;
  std::size_t done = 0;
  for (const TextPart& part : secret_parts(text)) {
    out += text.substr(done, part.offset - done);
    out += kRedacted;
    done = part.offset + part.size;
  }
  return out += text.substr(done);
}

std::string redacted_start(std::string_view text, std::size_t most) {
  const std::string whole = redacted(text);
  return whole.size() > most ? whole.substr(0, most) + "..." : whole;
}

bool is_secret_name(std::string_view name) {
  const std::string text = lower(name);
  return std::any_of(std::begin(kSecretWords), std::end(kSecretWords), [&](const SecretWord& of) {
    if (!text.ends_with(of.word)) return false;
    const std::size_t before = text.size() - of.word.size();
    return !of.alone || before == 0 || !is_letter_or_digit(text[before - 1]);
  });
}

}  // namespace perfbench
