# Two types of one name are an error that no compiler sees and no linker reports; g++ -flto -Wodr does, over all objects of
# the executable and of the engine library at once. Nothing is linked in the end: -r stops where the types are compared.
if(NOT PERFBENCH_ODR)
  return()
endif()
set(objects $<TARGET_OBJECTS:perfbench>)
foreach(target IN LISTS PERFBENCH_LAYERS ITEMS engine_torch engine_fused)
  if(TARGET perfbench_${target})
    get_target_property(type perfbench_${target} TYPE)
    if(NOT type STREQUAL "INTERFACE_LIBRARY")
      list(APPEND objects $<TARGET_OBJECTS:perfbench_${target}>)
    endif()
  endif()
endforeach()
set(list ${CMAKE_CURRENT_BINARY_DIR}/odr_objects.txt)
file(GENERATE OUTPUT ${list} CONTENT "$<JOIN:${objects},\n>\n")

set(compare ${CMAKE_CXX_COMPILER} -r -flto -Wodr -Werror)
add_test(NAME lint.odr COMMAND ${compare} @${list} -o /dev/null)
perfbench_register(lint.odr "repository")
# The same look at two units of one type name each finds it.
set(planted ${CMAKE_CURRENT_SOURCE_DIR}/odr)
add_test(NAME lint.odr_self_test COMMAND ${compare} ${planted}/one.cpp ${planted}/other.cpp -o /dev/null)
perfbench_register(lint.odr_self_test "repository")
set_tests_properties(lint.odr_self_test PROPERTIES
  PASS_REGULAR_EXPRESSION "struct Planted.* violates the C\\+\\+ One Definition Rule")
