#include "base/json.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

namespace perfbench {
namespace {

using Lines = std::vector<std::string>;

// "where: what" of each problem that the action throws.
Lines faults_of(const auto& action) {
  Lines out;
  try {
    action();
  } catch (const InputError& error) {
    for (const Problem& problem : error.problems()) out.push_back(problem.where + ": " + problem.what);
  }
  return out;
}

std::string fault(std::string_view text) {
  const Lines lines = faults_of([&] { parse_json(text, "m.json"); });
  return lines.size() == 1 ? lines[0] : "faults: " + std::to_string(lines.size());
}

std::string again(std::string_view text) { return dump_json(parse_json(text, "m.json"), -1); }

TEST(ParseJson, KeepsTypesAndTheOrderOfKeys) {
  EXPECT_EQ(again(R"( {"z": [1, -2, 2.50, 1e3], "a": {"t": true, "n": null}, "e": {}, "l": [], "s": "x"} )"),
            R"({"z":[1,-2,2.5,1000.0],"a":{"t":true,"n":null},"e":{},"l":[],"s":"x"})");
  EXPECT_EQ(again("7"), "7");
  EXPECT_EQ(again("\xEF\xBB\xBF[]\n"), "[]");
}

TEST(ParseJson, ReadsEscapes) {
  const Json json = parse_json(R"({"a\"\\": "\u00e9\n\ud83d\ude00"})", "m.json");
  ASSERT_NE(json.find("a\"\\"), nullptr);
  EXPECT_EQ(std::get<std::string>(json.find("a\"\\")->value), "\xC3\xA9\n\xF0\x9F\x98\x80");
}

TEST(ParseJson, WholeNumbersBeyond64BitsBecomeDoubles) {
  EXPECT_EQ(again("[9223372036854775807,-9223372036854775808]"), "[9223372036854775807,-9223372036854775808]");
  const Json json = parse_json("[9223372036854775808, 99999999999999999999, -9223372036854775809]", "m.json");
  for (const Json& item : std::get<Json::Array>(json.value)) {
    EXPECT_TRUE(std::holds_alternative<double>(item.value));
    EXPECT_GE(std::fabs(*item.number()), 9.2e18);
  }
}

TEST(ParseJson, NamesTheFaultAndItsPlace) {
  const std::vector<std::pair<std::string, std::string>> cases{
      {"", "1:1: the file is empty; expected a JSON value"},
      {" \n\n", "3:1: the file is empty; expected a JSON value"},
      {"{\n  \"a\": 1,\n}", "3:1: no comma may stand before a closing bracket"},
      {"[1, 2,]", "1:7: no comma may stand before a closing bracket"},
      {"{\"a\": 1", "1:8: the file ends too early: expected ',' or '}'"},
      {"{\"a\":", "1:6: the file ends too early: expected a value"},
      {"{\"a\"", "1:5: the file ends too early: expected ':' after the key"},
      {"{", "1:2: the file ends too early: expected a key in double quotes or '}'"},
      {"[1,", "1:4: the file ends too early: expected a value"},
      {"{\"a\" 1}", "1:6: expected ':' after the key, found '1'"},
      {"{\"a\": 1 \"b\": 2}", "1:9: expected ',' or '}', found '\"'"},
      {"{\"a\": }", "1:7: expected a value, found '}'"},
      {"{a: 1}", "1:2: expected a key in double quotes or '}', found 'a'"},
      {"{1: 1}", "1:2: expected a key in double quotes or '}', found '1'"},
      {"[1 2]", "1:4: expected ',' or ']', found '2'"},
      {"[1}", "1:3: expected ',' or ']', found '}'"},
      {"[,1]", "1:2: expected a value or ']', found ','"},
      {"{} x", "1:4: expected the end of the file, found 'x'"},
      {"{}\n{}", "2:1: expected the end of the file, found '{'"},
      {"[01]", "1:2: expected a value or ']', found '01'"},
      {"[1e5x]", "1:2: expected a value or ']', found '1e5x'"},
      {"[true false]", "1:7: expected ',' or ']', found 'false'"},
      {"{\"a\": \"b\" \"c\\\"\"}", "1:11: expected ',' or '}', found '\"'"},
      {"]", "1:1: expected a value, found ']'"},
      {"// note\n{}", "1:1: JSON has no comments"},
      {"{\n  # note\n}", "2:3: JSON has no comments"},
      {"['a']", "1:2: a string must stand in double quotes"},
      {"[NaN]", "1:2: JSON has no NaN and no infinity; write null"},
      {"[-Infinity]", "1:2: JSON has no NaN and no infinity; write null"},
      {"{\"a\": True}", "1:7: JSON spells true, false and null so"},
      {"[nul]", "1:2: expected a value or ']', found 'nul'"},
      {"nul\"", "1:1: expected a value, found 'nul'"},
      {"[1 \"tru\"]", "1:4: expected ',' or ']', found '\"'"},
      {"\"\"\"", "1:4: the file ends inside a string"},
      {"[true}", "1:6: expected ',' or ']', found '}'"},
      {"[-]", "1:2: expected a value or ']', found '-'"},
      {"[1e+]", "1:2: expected a value or ']', found '1e+'"},
      {"[tru", "1:2: expected a value or ']', found 'tru'"},
      {"-", "1:1: expected a value, found '-'"},
      {"[1.]", "1:2: expected a value or ']', found '1.'"},
      {"[1e999]", "1:2: the number 1e999 is too large"},
      {"[\"abc", "1:6: the file ends inside a string"},
      {"[\"abc\n\"]", "1:6: the string is not closed on its line"},
      {"[\"a\tb\"]", "1:4: a control character inside a string must be written as an escape"},
      {"[\"C:\\dir\"]", "1:6: this is no escape of JSON; a backslash is written twice"},
      {"[\"\\ud800\"]", "1:9: this is no escape of JSON; a backslash is written twice"},
      {"[\"\xFF\"]", "1:3: the bytes of this string are not UTF-8"},
      {"[\"\xC3(\"]", "1:4: the bytes of this string are not UTF-8"},
      {"[\xC3\xA9]", "1:2: expected a value or ']', found a character outside of ASCII"},
      {"{\"\xC3\xA9\": x}", "1:7: expected a value, found 'x'"},
      {"{\r\n\"a\": x}", "2:6: expected a value, found 'x'"},
  };
  for (const auto& [text, expected] : cases) EXPECT_EQ(fault(text), "m.json:" + expected) << text;
}

TEST(ParseJson, RefusesAKeyThatStandsTwice) {
  EXPECT_EQ(fault("{\"a\": {\"a\": 1},\n \"a\": 2}"), "m.json:2:2: the key \"a\" stands twice in one object");
  EXPECT_EQ(fault(R"({"\"x\\": 1, "\"x\\": 2})"), "m.json:1:14: the key \"\"x\\\" stands twice in one object");
  EXPECT_EQ(fault(R"([{"a": 1}, {"a": 2}])"), "faults: 0");
}

TEST(ParseJson, RefusesWhatComesBehindANul) {
  using namespace std::string_view_literals;
  EXPECT_EQ(fault("{}\n\0garbage"sv), "m.json:2:1: a NUL byte; JSON is plain UTF-8 text");
}

TEST(ParseJson, DeepNestingIsAFaultNotACrash) {
  const auto nested = [](std::size_t depth) { return std::string(depth, '[') + std::string(depth, ']'); };
  EXPECT_EQ(fault(nested(200)), "faults: 0");
  EXPECT_EQ(fault(nested(201)), "m.json:1:201: brackets are nested deeper than 200 levels");
  EXPECT_EQ(fault(std::string(5000000, '[')), "m.json:1:201: brackets are nested deeper than 200 levels");
}

TEST(ParseJson, ManyKeysTakeNoQuadraticTime) {
  std::string text = "{";
  for (int i = 0; i < 200000; ++i) text += "\"k" + std::to_string(i) + "\":0,";
  EXPECT_EQ(fault(text + "\"k7\":0}").substr(0, 9), "m.json:1:");
}

TEST(ReadJson, NamesAMissingFile) { EXPECT_THROW(read_json("/no/such/config.json"), InputError); }

TEST(Json, NumbersAndWholeNumbers) {
  EXPECT_EQ(Json(8).number(), 8.0);
  EXPECT_EQ(Json(8.0).integer(), 8);
  EXPECT_EQ(Json(8.5).integer(), std::nullopt);
  EXPECT_EQ(Json(1e19).integer(), std::nullopt);
  EXPECT_EQ(Json(-9223372036854775808.0).integer(), std::numeric_limits<std::int64_t>::min());
  EXPECT_EQ(Json(9223372036854775808.0).integer(), std::nullopt);
  EXPECT_EQ(Json(std::nan("")).integer(), std::nullopt);
  EXPECT_EQ(Json("8").number(), std::nullopt);
  EXPECT_EQ(Json(true).integer(), std::nullopt);
}

TEST(Json, FindAndSet) {
  Json json(Json::Object{});
  json.set("a", 1);
  ASSERT_NE(json.find("a"), nullptr);
  EXPECT_EQ(json.find("a")->integer(), 1);
  EXPECT_EQ(json.find("b"), nullptr);
  EXPECT_EQ(Json(1).find("a"), nullptr);
  Json number(1);
  EXPECT_THROW(number.set("a", 1), std::logic_error);
}

TEST(DumpJson, Indents) {
  Json json(Json::Object{});
  json.set("a", Json(Json::Array{Json(1), Json("x")}));
  json.set("b", Json(Json::Object{}));
  EXPECT_EQ(dump_json(json),
            "{\n"
            "  \"a\": [\n"
            "    1,\n"
            "    \"x\"\n"
            "  ],\n"
            "  \"b\": {}\n"
            "}");
}

TEST(DumpJson, DoublesReadBackEqualAndStayDoubles) {
  for (const double value : {0.1, 1.0 / 3.0, 1621.0, 1e-6, 5e-324, 1.7976931348623157e308, -0.0, 1e15}) {
    const Json json = parse_json(dump_json(Json(value)), "m.json");
    ASSERT_TRUE(std::holds_alternative<double>(json.value)) << value;
    EXPECT_EQ(std::get<double>(json.value), value);
  }
  EXPECT_EQ(dump_json(Json(0.1)), "0.1");
  EXPECT_EQ(dump_json(Json(8.0)), "8.0");
}

TEST(DumpJson, WhatJsonCannotHoldIsReplaced) {
  EXPECT_EQ(dump_json(Json(std::nan(""))), "null");
  EXPECT_EQ(dump_json(Json(-INFINITY)), "null");
  EXPECT_EQ(dump_json(Json("a\xFF\"\n\x01")), "\"a\xEF\xBF\xBD\\\"\\n\\u0001\"");
}

TEST(JsonFields, ReadsEachKind) {
  const Json json = parse_json(R"({"t": "x", "n": 1, "d": 1.5, "i": 8.0, "b": true, "o": null, "raw": [1]})", "m.json");
  JsonFields fields(json, "m.json");
  EXPECT_EQ(fields.text("t"), "x");
  EXPECT_EQ(fields.number("n"), 1.0);
  EXPECT_EQ(fields.number("d"), 1.5);
  EXPECT_EQ(fields.integer("i"), 8);
  EXPECT_TRUE(fields.boolean("b"));
  EXPECT_EQ(fields.optional_number("o"), std::nullopt);
  EXPECT_EQ(fields.optional_text("absent"), std::nullopt);
  EXPECT_EQ(fields.optional_integer("n"), 1);
  ASSERT_NE(fields.any("raw"), nullptr);
  EXPECT_TRUE(fields.any("raw")->is_array());
  EXPECT_NO_THROW(fields.finish());
}

TEST(JsonFields, TellsEveryProblemAtOnce) {
  const Json json =
      parse_json(R"({"t": 1, "n": "8", "i": 8.5, "b": "yes", "ot": {}, "z": null, "memory_byte": 1})", "m.json");
  JsonFields fields(json, "m.json", "gpu");
  EXPECT_EQ(fields.text("t"), "");
  EXPECT_EQ(fields.number("n"), 0.0);
  EXPECT_EQ(fields.integer("i"), 0);
  EXPECT_FALSE(fields.boolean("b"));
  EXPECT_EQ(fields.optional_text("ot"), std::nullopt);
  fields.number("z");
  fields.number("memory_bytes");
  fields.problem("i", "must be even");
  const Lines expected{"m.json: gpu.t: expected a text, found the number 1",
                       "m.json: gpu.n: expected a number, found the text \"8\"",
                       "m.json: gpu.i: expected a whole number, found the number 8.5",
                       "m.json: gpu.b: expected true or false, found the text \"yes\"",
                       "m.json: gpu.ot: expected a text, found an object",
                       "m.json: gpu.z: expected a number, found null",
                       "m.json: gpu.memory_bytes: this key is missing",
                       "m.json: gpu.i: must be even",
                       "m.json: gpu.memory_byte: unknown key"};
  EXPECT_EQ(faults_of([&] { fields.finish(); }), expected);
}

TEST(JsonFields, AnUnknownKeyGetsTheNearestKnown) {
  const Json json = parse_json(R"({"memory_byte": 1})", "m.json");
  JsonFields fields(json, "m.json");
  fields.ignore("memory_bytes");
  try {
    fields.finish();
    FAIL() << "the unknown key was accepted";
  } catch (const InputError& error) {
    EXPECT_STREQ(error.what(),
                 "perfbench: error: m.json: memory_byte: unknown key\n  hint: did you mean memory_bytes?\n");
  }
  JsonFields lenient(json, "m.json");
  EXPECT_NO_THROW(lenient.finish(true));
}

TEST(JsonFields, AValueThatIsNoObjectIsOneProblem) {
  const Json json(Json::Array{});
  JsonFields fields(json, "m.json", "gpu");
  fields.text("t");
  fields.optional_number("n");
  EXPECT_EQ(faults_of([&] { fields.finish(); }), (Lines{"m.json: gpu: expected an object, found an array"}));
}

}  // namespace
}  // namespace perfbench
