#include "job/extended_json.h"

#include <gtest/gtest.h>

#include <array>

#include "unit/job/spec_files.h"

namespace perfbench {
namespace {

constexpr std::array<std::string_view, 2> kOwn{"name", "aliases"};

class ExtendedFiles : public TemporaryFolder {
 protected:
  ExtendedJson read(const std::string& name) {
    const auto path = write("x/" + name + ".json", texts_.at(name));
    return read_extended(path, path.parent_path(), "thing", kOwn);
  }
  void add(const std::string& name, const std::string& text) {
    texts_[name] = text;
    write("x/" + name + ".json", text);
  }
  std::map<std::string, std::string> texts_;
};

TEST_F(ExtendedFiles, KeysAreJoinedAndSourcedValuesReplaced) {
  add("a",
      R"({"name": "a", "aliases": ["first"], "n": 1, "m": 2, "c": {"x": {"value": 1, "source": "s", "prior": 3}, "y": 5}})");
  add("b", R"({"name": "b", "extends": "a", "n": 7, "c": {"x": {"value": 2, "source": "t"}}})");
  add("c", R"({"name": "c", "extends": "b", "m": [1]})");
  const ExtendedJson all = read("c");
  EXPECT_EQ(dump_json(all.json, -1),
            dump_json(parse_json(R"({"n":7,"m":[1],"c":{"x":{"value":2,"source":"t"},"y":5},"name":"c"})", ""), -1));
  EXPECT_EQ(all.chain, (std::vector<std::string>{"c", "b", "a"}));
  EXPECT_EQ(all.stated_by.at("c.x"), "b");
}

TEST_F(ExtendedFiles, AChainEnds) {
  add("a", R"({"extends": "c"})");
  add("b", R"({"extends": "a"})");
  add("c", R"({"extends": "b"})");
  EXPECT_PRED2(says, refusal([&] { read("a"); }), "extends: comes back to itself: a -> c -> b -> a");
  add("d", R"({"extends": "d"})");
  EXPECT_PRED2(says, refusal([&] { read("d"); }), "extends: comes back to itself: d -> d");
}

TEST_F(ExtendedFiles, AParentIsThere) {
  add("first", "{}");
  add("b", R"({"extends": "frist"})");
  const std::string unknown = refusal([&] { read("b"); });
  EXPECT_PRED2(says, unknown, "b.json: extends: there is no thing \"frist\"");
  EXPECT_PRED2(says, unknown, "did you mean first");
  add("c", R"({"extends": null})");
  EXPECT_PRED2(says, refusal([&] { read("c"); }), "extends: is null, but must be the name of a thing");
  add("d", R"({"extends": "e"})");
  add("e", "[]");
  EXPECT_PRED2(says, refusal([&] { read("d"); }), "e.json: must be a JSON object");
}

}  // namespace
}  // namespace perfbench
