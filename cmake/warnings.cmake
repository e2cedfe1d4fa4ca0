# perfbench_warnings: the warnings of every unit of this project.
# They are errors with g++ 12, the compiler that the tests run on; other compilers warn, so that a new one still builds.
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_GREATER_EQUAL 12
   AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
  set(tested_compiler ON)
else()
  set(tested_compiler OFF)
endif()
option(PERFBENCH_WERROR "treat warnings as errors" ${tested_compiler})

add_library(perfbench_warnings INTERFACE)
target_compile_options(perfbench_warnings INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wno-sign-conversion
  $<$<BOOL:${PERFBENCH_WERROR}>:-Werror>
  # g++ 12 reports -Wrestrict on plain std::string concatenation (gcc bug 105651).
  $<$<CXX_COMPILER_ID:GNU>:-Wno-restrict>)
