# Compiler flags of every target: warnings are errors, no contraction (spec N1.3), x86-64-v3 floor (spec N1.2).
add_library(sluice_flags INTERFACE)
target_compile_options(sluice_flags INTERFACE
  -Wall -Wextra -Wconversion -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Werror
  -ffp-contract=off -fno-fast-math -fno-math-errno -fvisibility=hidden)
if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|amd64")
  target_compile_options(sluice_flags INTERFACE -march=x86-64-v3)
endif()
target_compile_definitions(sluice_flags INTERFACE _POSIX_C_SOURCE=200809L)
target_include_directories(sluice_flags INTERFACE
  ${CMAKE_SOURCE_DIR}/kernels/include ${CMAKE_BINARY_DIR}/include ${CMAKE_SOURCE_DIR})

# What is in this build; a subcommand that is not says so (trainer/commands.def).
foreach(part REFERENCE PROOFS)
  if(SLUICE_${part})
    target_compile_definitions(sluice_flags INTERFACE SLUICE_HAS_${part}=1)
  endif()
endforeach()
