# Compiler flags of every target: warnings are errors unless -DSLUICE_WERROR=OFF, no contraction
# (spec N1.3), x86-64-v3 floor (spec N1.2). GCC 12's vectoriser of straight code takes
# (double)(float)x of two neighbours for x, and drops the rounding (test environment).
add_library(sluice_flags INTERFACE)
target_compile_options(sluice_flags INTERFACE
  -Wall -Wextra -Wconversion -Wshadow -Wstrict-prototypes -Wmissing-prototypes ${SLUICE_WERROR_FLAG}
  -ffp-contract=off -fno-fast-math -fno-math-errno -fvisibility=hidden)
foreach(language C CXX)
  target_compile_options(sluice_flags INTERFACE
    $<$<COMPILE_LANG_AND_ID:${language},GNU>:-fno-tree-slp-vectorize>)
endforeach()
if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|amd64")
  target_compile_options(sluice_flags INTERFACE -march=x86-64-v3)
endif()
target_compile_definitions(sluice_flags INTERFACE _POSIX_C_SOURCE=200809L)
target_include_directories(sluice_flags INTERFACE
  ${CMAKE_SOURCE_DIR}/kernels/include ${CMAKE_BINARY_DIR}/include ${CMAKE_SOURCE_DIR})

# What is in this build; a subcommand that is not says so (commands.def).
foreach(part REFERENCE PROOFS SIMT)
  if(SLUICE_${part})
    target_compile_definitions(sluice_flags INTERFACE SLUICE_HAS_${part}=1)
  endif()
endforeach()
foreach(part CUDA OPENBLAS CUBLAS)
  if(SLUICE_HAS_${part})
    target_compile_definitions(sluice_flags INTERFACE SLUICE_HAS_${part}=1)
  endif()
endforeach()

# Assertions (kernels/core/verify.h): everywhere, or only in the tests' library
# (tests/kernels/tiny.cmake).
if(SLUICE_VERIFY)
  target_compile_definitions(sluice_flags INTERFACE SLUICE_VERIFY=1)
endif()

# Sources compiled for one instruction set, avx2 or avx512; SL_ISA names it (kernels/cpu/cpu.h). The
# common flags are named first: taken from sluice_flags alone they would come last, and with them
# its -march.
function(sluice_add_isa_objects target isa)
  set(flags_avx2 -march=x86-64-v3 -mprefer-vector-width=256)
  set(flags_avx512 -march=x86-64-v4 -mprefer-vector-width=512)
  add_library(${target} OBJECT ${ARGN})
  target_link_libraries(${target} PRIVATE sluice_flags)
  target_compile_definitions(${target} PRIVATE SL_ISA=${isa} SL_ISA_${isa})
  target_compile_options(${target} PRIVATE
    $<TARGET_PROPERTY:sluice_flags,INTERFACE_COMPILE_OPTIONS> ${flags_${isa}})
endfunction()
