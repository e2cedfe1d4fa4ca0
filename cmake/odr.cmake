# perfbench_odr: what the test lint.odr needs to find two types of one name. The objects of the layers and of the engine hold
# their types and code a second time, as -flto leaves them (3 % of their compile time); the ordinary link does not read that.
#   PERFBENCH_ODR  ON: objects are made so, and tests/odr.cmake looks at them
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND PERFBENCH_TESTS)
  set(can_find_types ON)
else()
  set(can_find_types OFF)
endif()
option(PERFBENCH_ODR "compile so that a test can find two types of one name" ${can_find_types})

add_library(perfbench_odr INTERFACE)
if(PERFBENCH_ODR)
  target_compile_options(perfbench_odr INTERFACE $<$<COMPILE_LANGUAGE:CXX>:-flto> $<$<COMPILE_LANGUAGE:CXX>:-ffat-lto-objects>)
  target_link_options(perfbench_odr INTERFACE -fno-lto)
endif()
