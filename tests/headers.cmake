# Every header of src/ compiles alone: a unit per header that includes nothing else, compiled and never linked.
file(GLOB_RECURSE headers CONFIGURE_DEPENDS RELATIVE ${PROJECT_SOURCE_DIR}/src ${PROJECT_SOURCE_DIR}/src/*.h)
# These see LibTorch, NCCL and CUDA, which a build without them has not.
list(FILTER headers EXCLUDE REGEX "^engine/torch/")
set(units "")
foreach(header IN LISTS headers)
  set(unit ${CMAKE_CURRENT_BINARY_DIR}/headers/${header}.cpp)
  file(CONFIGURE OUTPUT ${unit} CONTENT "#include \"${header}\"\n")
  list(APPEND units ${unit})
endforeach()
add_library(headers_alone OBJECT ${units})
target_include_directories(headers_alone PRIVATE ${PROJECT_SOURCE_DIR}/src)
target_compile_options(headers_alone PRIVATE -O0 -g0)
target_link_libraries(headers_alone PRIVATE perfbench_warnings fmt::fmt)
