# One library per folder of src/, linked in the directions of cmake/layers.txt.
#   perfbench_add_layers()   makes perfbench_<layer> for each layer; a folder with headers only is an INTERFACE library
# Sets PERFBENCH_LAYERS to the names.

function(perfbench_add_layer layer)
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/src/${layer}/*.cpp)
  list(FILTER sources EXCLUDE REGEX "/src/engine/torch/")  # the engine library, see cmake/engine.cmake
  list(FILTER sources EXCLUDE REGEX "/src/cli/main\\.cpp$")
  if(sources)
    add_library(perfbench_${layer} STATIC ${sources})
    target_link_libraries(perfbench_${layer} PRIVATE perfbench_odr perfbench_warnings)
    set(scope PUBLIC)
  else()
    add_library(perfbench_${layer} INTERFACE)
    set(scope INTERFACE)
  endif()
  target_include_directories(perfbench_${layer} ${scope} ${PROJECT_SOURCE_DIR}/src)
  target_link_libraries(perfbench_${layer} ${scope} fmt::fmt)
  foreach(below IN LISTS ARGN)
    target_link_libraries(perfbench_${layer} ${scope} perfbench_${below})
  endforeach()
endfunction()

function(perfbench_add_layers)
  set(table ${PROJECT_SOURCE_DIR}/cmake/layers.txt)
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${table})
  file(STRINGS ${table} lines REGEX "^[a-z]+:")
  set(layers "")
  foreach(line IN LISTS lines)
    string(REGEX MATCH "^([a-z]+): *(.*)$" _ "${line}")
    string(REPLACE " " ";" below "${CMAKE_MATCH_2}")
    list(APPEND layers ${CMAKE_MATCH_1})
    perfbench_add_layer(${CMAKE_MATCH_1} ${below})
  endforeach()
  set(PERFBENCH_LAYERS ${layers} PARENT_SCOPE)
endfunction()

# Options for a layer's own sources; a layer without sources has none.
function(perfbench_layer_private layer)
  get_target_property(type perfbench_${layer} TYPE)
  if(NOT type STREQUAL "INTERFACE_LIBRARY")
    target_link_libraries(perfbench_${layer} PRIVATE ${ARGN})
  endif()
endfunction()
