# perfbench_commit: one small unit that says of which commit the sources are. It is looked at in every build, written only when
# it changes, and nothing else is compiled for it.
function(perfbench_add_commit)
  set(unit ${PROJECT_BINARY_DIR}/commit/commit.cpp)
  add_custom_target(perfbench_find_commit
    COMMAND ${CMAKE_COMMAND} -DSOURCE=${PROJECT_SOURCE_DIR} -DUNIT=${unit} -P ${PROJECT_SOURCE_DIR}/cmake/write_commit.cmake
    BYPRODUCTS ${unit}
    COMMENT "")
  add_library(perfbench_commit STATIC ${unit})
  add_dependencies(perfbench_commit perfbench_find_commit)
  target_include_directories(perfbench_commit PRIVATE ${PROJECT_SOURCE_DIR}/src)
  target_link_libraries(perfbench_commit PRIVATE perfbench_warnings)
endfunction()
