# Checks of the repository itself: include directions, documents, tests in Python, format, the Dockerfile.
add_test(NAME layers.includes COMMAND ${PERFBENCH_PYTHON} ${PROJECT_SOURCE_DIR}/scripts/check_layers.py)
perfbench_register(layers.includes "repository")
add_test(NAME layers.self_test COMMAND ${PERFBENCH_PYTHON} ${CMAKE_CURRENT_SOURCE_DIR}/layers/check_layers_test.py)
perfbench_register(layers.self_test "repository")
add_test(NAME docs.check COMMAND ${PERFBENCH_PYTHON} ${PROJECT_SOURCE_DIR}/scripts/check_documents.py)
perfbench_register(docs.check "repository")
add_test(NAME docs.self_test COMMAND ${PERFBENCH_PYTHON} ${CMAKE_CURRENT_SOURCE_DIR}/docs/check_documents_test.py)
perfbench_register(docs.self_test "repository")
add_test(NAME scripts.run COMMAND bash ${CMAKE_CURRENT_SOURCE_DIR}/scripts/run_test.sh)
perfbench_register(scripts.run "repository")
add_test(NAME scripts.lint COMMAND bash ${CMAKE_CURRENT_SOURCE_DIR}/scripts/lint_test.sh)
perfbench_register(scripts.lint "repository")
# clang-tidy on what has changed takes minutes: scripts/test.sh --tidy runs it, as CI does.
add_test(NAME tidy.changed COMMAND bash ${PROJECT_SOURCE_DIR}/scripts/lint.sh --changed)
perfbench_register(tidy.changed "tidy")
set_property(TEST tidy.changed APPEND PROPERTY ENVIRONMENT PERFBENCH_BUILD=${PROJECT_BINARY_DIR})
set_tests_properties(scripts.lint tidy.changed PROPERTIES SKIP_RETURN_CODE 77)
# It takes every core, and tests that measure want a quiet one.
set_tests_properties(tidy.changed PROPERTIES RUN_SERIAL ON)

# These need the packages of scripts/requirements-test.txt in .venv.
foreach(folder cli oracle suite)
  add_test(NAME python.${folder}
    COMMAND ${venv_bin}/python -m pytest -q -p no:cacheprovider ${CMAKE_CURRENT_SOURCE_DIR}/${folder})
  perfbench_register(python.${folder} "python")
  set_property(TEST python.${folder} APPEND PROPERTY ENVIRONMENT HF_HUB_OFFLINE=1)
endforeach()
add_test(NAME lint.dockerfile COMMAND ${venv_bin}/hadolint ${PROJECT_SOURCE_DIR}/Dockerfile)
perfbench_register(lint.dockerfile "python")
file(GLOB_RECURSE formatted CONFIGURE_DEPENDS
  ${PROJECT_SOURCE_DIR}/src/*.h ${PROJECT_SOURCE_DIR}/src/*.cpp ${CMAKE_CURRENT_SOURCE_DIR}/*.h
  ${CMAKE_CURRENT_SOURCE_DIR}/*.cpp ${PROJECT_SOURCE_DIR}/bench/*.cpp)
add_test(NAME lint.format COMMAND ${venv_bin}/clang-format --dry-run --Werror ${formatted})
perfbench_register(lint.format "python")
