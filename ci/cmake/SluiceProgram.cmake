# sluice_add_program(NAME LIBRARY): the command NAME as a program of its own, sluice-NAME, which
# `sluice NAME` starts. So what the library stands on (OpenBLAS, FLINT, OpenMP) is in no process of
# another command.
function(sluice_add_program name library)
  add_executable(sluice_${name}_program ${CMAKE_SOURCE_DIR}/program_main.c)
  set_target_properties(sluice_${name}_program PROPERTIES OUTPUT_NAME sluice-${name}
    RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR})
  target_compile_definitions(sluice_${name}_program PRIVATE SL_PROGRAM=${name})
  target_link_libraries(sluice_${name}_program PRIVATE sluice_flags sluice_start sluice_support
    ${library})
  set_property(GLOBAL APPEND PROPERTY SLUICE_PROGRAMS sluice_${name}_program)
endfunction()
