# perfbench_add_text(<layer> <file> <function>): a unit of the layer with `std::string_view function()`, the text of the
# file, declared in the layer's texts.h. A change of the file is seen in every build.
function(perfbench_add_text layer file function)
  set(path ${PROJECT_SOURCE_DIR}/src/${layer}/${file})
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${path})
  file(READ ${path} text)
  set(unit ${PROJECT_BINARY_DIR}/texts/${file}.cpp)
  file(CONFIGURE OUTPUT ${unit} CONTENT [[
#include "@layer@/texts.h"

namespace perfbench {

std::string_view @function@() { return R"text(@text@)text"; }

}  // namespace perfbench
]] @ONLY)
  target_sources(perfbench_${layer} PRIVATE ${unit})
endfunction()
