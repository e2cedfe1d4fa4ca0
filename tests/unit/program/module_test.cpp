// Which module an op is part of.
#include <gtest/gtest.h>

#include "program/builder.h"

namespace perfbench {
namespace {

TEST(Modules, AnOpIsPartOfTheInnermostThatIsOpen) {
  Program program;
  const Policy policy;
  Builder build(program, policy);
  const ValueId x = build.boundary("x", {4, 8});
  const auto add = [&] { build.emit(Add{.a = {x}, .b = {x}}, {"sum"}); };
  add();
  {
    const OpenModule mlp = build.module(Module::mlp);
    add();
    {
      const OpenModule act = build.module(Module::mlp_act);
      add();
    }
    add();
  }
  const OpenModule next = build.module(Module::layernorm);
  add();
  std::vector<int> scopes;
  for (const Node& node : program.forward) scopes.push_back(node.scope);
  EXPECT_EQ(scopes, (std::vector<int>{-1, 0, 1, 0, 2}));
  EXPECT_EQ(program.scopes[1].module, Module::mlp_act);
  EXPECT_EQ(program.scopes[1].outer, 0);
  EXPECT_EQ(program.scopes[2].outer, -1);
}

TEST(Modules, AreFoundByTheirWords) {
  for (const ModuleWord& known : kModuleWords) EXPECT_EQ(module_of(known.word), known.module);
  EXPECT_EQ(module_of("act"), module_of("mlp_act"));
  EXPECT_EQ(module_of("attention"), std::nullopt);
}

TEST(Modules, OfASetAreThoseThatWerePutThere) {
  ModuleSet set{Module::core_attn};
  set.insert(Module::shared_experts);
  EXPECT_TRUE(set.contains(Module::core_attn) && set.contains(Module::shared_experts));
  EXPECT_FALSE(set.contains(Module::mlp) || set.empty());
  EXPECT_TRUE(ModuleSet{}.empty());
}

}  // namespace
}  // namespace perfbench
