#include "base/json.h"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <iterator>
#include <limits>
#include <nlohmann/json.hpp>
#include <unordered_set>

#include "base/file.h"
#include "base/redact.h"
#include "base/text.h"

namespace perfbench {
namespace {

constexpr std::size_t kMaxDepth = 200;

struct Fault {
  std::size_t offset = 0;  // bytes from the start of the text
  std::string what;
};

// Reads the text and tells a shared counter how far it has come: the library gives no position with its events.
class Cursor {
 public:
  using iterator_category = std::input_iterator_tag;
  using value_type = char;
  using difference_type = std::ptrdiff_t;
  using pointer = const char*;
  using reference = const char&;

  Cursor(const char* at, const char** reached) : at_(at), reached_(reached) {}
  reference operator*() const { return *at_; }
  Cursor& operator++() {
    *reached_ = ++at_;
    return *this;
  }
  Cursor operator++(int) {
    Cursor old = *this;
    ++*this;
    return old;
  }
  bool operator==(const Cursor& other) const { return at_ == other.at_; }
  bool operator!=(const Cursor& other) const { return at_ != other.at_; }

 private:
  const char* at_;
  const char** reached_;
};

bool is_json_space(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

// Fills a Json tree from the library's events; stops at the first fault.
class TreeBuilder final : public nlohmann::json_sax<nlohmann::json> {
 public:
  explicit TreeBuilder(std::string_view text) : text_(text), reached_(text.data()) {}

  std::optional<Fault> read() {
    const Cursor begin(text_.data(), &reached_);
    const Cursor end(text_.data() + text_.size(), &reached_);
    const bool ok = nlohmann::json::sax_parse(begin, end, this);
    if (!ok && !fault_) fault_ = Fault{.offset = offset(), .what = "this is not JSON"};
    return fault_;
  }
  Json take() { return std::move(root_); }

  bool null() override { return add(Json()); }
  bool boolean(bool v) override { return add(Json(v)); }
  bool number_integer(std::int64_t v) override { return add(Json(v)); }
  bool number_unsigned(std::uint64_t v) override {
    constexpr auto kMax = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
    return add(v > kMax ? Json(static_cast<double>(v)) : Json(static_cast<std::int64_t>(v)));
  }
  bool number_float(double v, const std::string&) override { return add(Json(v)); }
  bool string(std::string& v) override { return add(Json(std::move(v))); }
  bool binary(nlohmann::json::binary_t&) override { return false; }
  bool start_object(std::size_t) override { return open(Json(Json::Object{})); }
  bool start_array(std::size_t) override { return open(Json(Json::Array{})); }
  bool end_object() override { return close(); }
  bool end_array() override { return close(); }

  bool key(std::string& name) override {
    Frame& frame = open_.back();
    if (!frame.keys.insert(name).second) {
      return fail(opening_quote(offset() - 1), "the key \"" + name + "\" stands twice in one object");
    }
    frame.key = std::move(name);
    frame.has_key = true;
    return true;
  }

  bool parse_error(std::size_t position, const std::string&, const nlohmann::json::exception& error) override {
    const std::string_view message = error.what();
    const auto says = [&](std::string_view words) { return message.find(words) != std::string_view::npos; };
    const std::size_t last = std::min(position > 0 ? position - 1 : 0, text_.size());
    if (says("invalid string")) return fail(last, bad_string(last));
    const std::size_t at = token_start(last, says("invalid literal") || says("invalid number"));
    if (at == text_.size()) return fail(at, end_of_text());
    if (error.id == 406) return fail(at, "the number " + word(text_.substr(at)) + " is too large");
    return fail(at, bad_token(at));
  }

 private:
  struct Frame {
    Json* node;
    std::string key;       // of the value to come
    bool has_key = false;  // a key was read and its value was not
    std::unordered_set<std::string> keys;
  };

  std::size_t offset() const { return static_cast<std::size_t>(reached_ - text_.data()); }

  bool fail(std::size_t at, std::string what) {
    fault_ = Fault{.offset = at, .what = std::move(what)};
    return false;
  }

  // Containers are the last child of their parent while they are open, so that a pointer to them stays good.
  Json* place(Json value) {
    if (open_.empty()) {
      root_ = std::move(value);
      return &root_;
    }
    Frame& frame = open_.back();
    if (auto* array = std::get_if<Json::Array>(&frame.node->value)) return &array->emplace_back(std::move(value));
    frame.has_key = false;
    auto& object = std::get<Json::Object>(frame.node->value);
    return &object.emplace_back(std::exchange(frame.key, {}), std::move(value)).second;
  }

  bool add(Json value) {
    place(std::move(value));
    return true;
  }

  bool open(Json container) {
    if (open_.size() == kMaxDepth) {
      return fail(offset() - 1, "brackets are nested deeper than " + std::to_string(kMaxDepth) + " levels");
    }
    open_.push_back({.node = place(std::move(container)), .key = {}, .keys = {}});
    return true;
  }

  bool close() {
    open_.pop_back();
    return true;
  }

  // Of the string whose closing quote is at `at`.
  std::size_t opening_quote(std::size_t at) const {
    while (at > 0 && (at = text_.rfind('"', at - 1)) != std::string_view::npos) {
      std::size_t backslashes = 0;
      while (backslashes < at && text_[at - 1 - backslashes] == '\\') ++backslashes;
      if (backslashes % 2 == 0) return at;
    }
    return 0;
  }

  static bool is_word(char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '.' || c == '-' || c == '+';
  }

  // Of the token that ends at `last`. A broken word may have been noticed on the character behind it: "1.]", "nul]".
  std::size_t token_start(std::size_t last, bool is_broken) const {
    const auto is_word_at = [&](std::size_t at) { return at < text_.size() && is_word(text_[at]); };
    if (is_broken && last > 0 && !is_word_at(last) && is_word_at(last - 1)) --last;
    if (last < text_.size() && text_[last] == '"') return opening_quote(last);
    while (last > 0 && is_word_at(last) && is_word_at(last - 1)) --last;
    return last;
  }

  // The last sign before `at` that is no space; 0 at the start of the text.
  char before(std::size_t at) const {
    while (at > 0 && is_json_space(text_[at - 1])) --at;
    return at > 0 ? text_[at - 1] : '\0';
  }

  std::string expected(std::size_t at) const {
    if (open_.empty()) return before(at) == '\0' ? "a value" : "the end of the file";
    const bool in_object = open_.back().node->is_object();
    if (in_object && open_.back().has_key) return before(at) == ':' ? "a value" : "':' after the key";
    switch (before(at)) {
      case '{':
        return "a key in double quotes or '}'";
      case '[':
        return "a value or ']'";
      case ',':
        return in_object ? "a key in double quotes" : "a value";
      default:
        return in_object ? "',' or '}'" : "',' or ']'";
    }
  }

  std::string end_of_text() const {
    if (before(text_.size()) == '\0') return "the file is empty; expected a JSON value";
    return "the file ends too early: expected " + expected(text_.size());
  }

  std::string bad_string(std::size_t at) const {
    if (at == text_.size()) return "the file ends inside a string";
    const auto byte = static_cast<unsigned char>(text_[at]);
    if (byte == '\n' || byte == '\r') return "the string is not closed on its line";
    if (byte < 0x20) return "a control character inside a string must be written as an escape";
    if (byte >= 0x80 || (at > 0 && static_cast<unsigned char>(text_[at - 1]) >= 0x80)) {
      return "the bytes of this string are not UTF-8";
    }
    return "this is no escape of JSON; a backslash is written twice";
  }

  std::string bad_token(std::size_t at) const {
    const std::string_view rest = text_.substr(at);
    const char first = rest.front();
    if ((first == '}' || first == ']') && before(at) == ',') return "no comma may stand before a closing bracket";
    if (first == '/' || first == '#') return "JSON has no comments";
    if (first == '\'') return "a string must stand in double quotes";
    for (const std::string_view word : {"NaN", "nan", "Inf", "inf", "-Inf", "-inf"}) {
      if (rest.starts_with(word)) return "JSON has no NaN and no infinity; write null";
    }
    for (const std::string_view word : {"True", "False", "None"}) {
      if (rest.starts_with(word)) return "JSON spells true, false and null so";
    }
    const bool is_ascii = static_cast<unsigned char>(first) < 0x80;
    return "expected " + expected(at) + ", found " +
           (is_ascii ? "'" + word(rest) + "'" : "a character outside of ASCII");
  }

  // The word that starts here, cut when it is long, or one character.
  static std::string word(std::string_view rest) {
    constexpr std::size_t kMaxShown = 20;
    const auto end = std::find_if_not(rest.begin(), rest.end(), is_word);
    const auto size = static_cast<std::size_t>(end - rest.begin());
    return redacted_start(rest.substr(0, std::max<std::size_t>(1, size)), kMaxShown);
  }

  std::string_view text_;
  const char* reached_;
  Json root_;
  std::vector<Frame> open_;
  std::optional<Fault> fault_;
};

// "file:line:column", both from 1; a column is a UTF-8 character.
std::string position(std::string_view text, std::size_t offset, const std::string& file) {
  std::size_t line = 1;
  std::size_t column = 1;
  for (const char c : text.substr(0, offset)) {
    if (c == '\n') {
      ++line;
      column = 1;
    } else if ((static_cast<unsigned char>(c) & 0xC0U) != 0x80U) {
      ++column;
    }
  }
  return file + ":" + std::to_string(line) + ":" + std::to_string(column);
}

std::string dump_double(double value) {
  if (!std::isfinite(value)) return "null";
  std::string out = format_double(value);
  if (out.find_first_of(".e") == std::string::npos) out += ".0";  // reads back as a double
  return out;
}

std::string dump_string(const std::string& value) {
  return nlohmann::json(value).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

void dump(const Json& json, int indent, int level, std::string& out);

void dump_item(const Json& json, int indent, int level, std::string& out) { dump(json, indent, level, out); }

void dump_item(const std::pair<std::string, Json>& member, int indent, int level, std::string& out) {
  out += dump_string(member.first) + (indent < 0 ? ":" : ": ");
  dump(member.second, indent, level, out);
}

template <class Items>
void dump_items(const Items& items, std::string_view brackets, int indent, int level, std::string& out) {
  const auto line_break = [&](int depth) {
    if (indent < 0) return;
    out += '\n';
    out.append(static_cast<std::size_t>(indent) * static_cast<std::size_t>(depth), ' ');
  };
  out += brackets[0];
  for (const auto& item : items) {
    if (&item != items.data()) out += ',';
    line_break(level + 1);
    dump_item(item, indent, level + 1, out);
  }
  if (!items.empty()) line_break(level);
  out += brackets[1];
}

void dump(const Json& json, int indent, int level, std::string& out) {
  struct Writer {
    int indent, level;
    std::string& out;
    void operator()(std::nullptr_t) const { out += "null"; }
    void operator()(bool v) const { out += v ? "true" : "false"; }
    void operator()(std::int64_t v) const { out += std::to_string(v); }
    void operator()(double v) const { out += dump_double(v); }
    void operator()(const std::string& v) const { out += dump_string(v); }
    void operator()(const Json::Array& v) const { dump_items(v, "[]", indent, level, out); }
    void operator()(const Json::Object& v) const { dump_items(v, "{}", indent, level, out); }
  };
  std::visit(Writer{indent, level, out}, json.value);
}

}  // namespace

std::optional<double> Json::number() const {
  if (const auto* v = std::get_if<std::int64_t>(&value)) return static_cast<double>(*v);
  if (const auto* v = std::get_if<double>(&value)) return *v;
  return std::nullopt;
}

std::optional<std::int64_t> Json::integer() const {
  if (const auto* v = std::get_if<std::int64_t>(&value)) return *v;
  constexpr double kLimit = 9223372036854775808.0;  // 2^63
  const auto* v = std::get_if<double>(&value);
  if (v == nullptr || !(*v >= -kLimit && *v < kLimit) || std::trunc(*v) != *v) return std::nullopt;
  return static_cast<std::int64_t>(*v);
}

const Json* Json::find(std::string_view key) const {
  const auto* object = std::get_if<Object>(&value);
  if (object == nullptr) return nullptr;
  for (const auto& [name, member] : *object) {
    if (name == key) return &member;
  }
  return nullptr;
}

void Json::set(std::string key, Json v) {
  auto* object = std::get_if<Object>(&value);
  check(object != nullptr, "Json::set: the value must be an object");
  object->emplace_back(std::move(key), std::move(v));
}

Json parse_json(std::string_view text, const std::string& file) {
  if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
  // The library takes a NUL for the end of the text and would not see what follows.
  if (const std::size_t nul = text.find('\0'); nul != std::string_view::npos) {
    throw InputError(position(text, nul, file), "a NUL byte; JSON is plain UTF-8 text");
  }
  TreeBuilder builder(text);
  if (const auto fault = builder.read()) throw InputError(position(text, fault->offset, file), fault->what);
  return builder.take();
}

Json read_json(const std::filesystem::path& path) { return parse_json(read_file(path), path.string()); }

std::string dump_json(const Json& json, int indent) {
  std::string out;
  dump(json, indent, 0, out);
  return out;
}

}  // namespace perfbench
