# Gates from files (spec/gates.md). The files of spec/gates are built into the library.
include(${CMAKE_SOURCE_DIR}/spec/gates/list.cmake) # sets gate_names
set(gate_rows "")
foreach(gate_name ${gate_names})
  set(path ${CMAKE_SOURCE_DIR}/spec/gates/${gate_name}.gate)
  file(READ ${path} gate_text)
  string(REPLACE "\\" "\\\\" gate_text "${gate_text}")
  string(REPLACE "\"" "\\\"" gate_text "${gate_text}")
  string(REPLACE "\n" "\\n\"\n  \"" gate_text "${gate_text}")
  string(APPEND gate_rows "{\"${gate_name}\",\n  \"${gate_text}\"},\n")
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${path})
endforeach()
file(GENERATE OUTPUT ${CMAKE_BINARY_DIR}/include/sluice/builtin_gates.inc CONTENT "${gate_rows}")
target_sources(sluice PRIVATE
  gate/tree.c gate/decimal.c gate/derivative.c gate/print.c gate/lexer.c gate/parser.c
  gate/statements.c gate/definition.c gate/program.c gate/functions64.c
  gate/load.c gate/builtin.c gate/normal.c gate/kernel_text.c
  gate/hint.c)
