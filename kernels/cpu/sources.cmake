# SIMD kernels: the same files compiled once for each instruction set (see cpu.h).
set(SLUICE_CPU_SOURCES
  cpu/table.c cpu/elementwise.c cpu/swiglu.c cpu/rotary.c cpu/norm.c cpu/embedding.c cpu/optimizer.c cpu/cache.c
  cpu/attention.c cpu/attention_backward.c cpu/sample.c cpu/loss.c cpu/linear.c cpu/linear_grad.c cpu/head.c cpu/head_backward.c
  cpu/function_maps.c)

# The common flags are named first: taken from sluice_flags alone they would come last, and with them its -march.
function(sluice_add_isa isa)
  add_library(sluice_${isa} OBJECT ${SLUICE_CPU_SOURCES})
  target_link_libraries(sluice_${isa} PRIVATE sluice_flags)
  target_compile_definitions(sluice_${isa} PRIVATE SL_ISA=${isa} SL_ISA_${isa})
  target_compile_options(sluice_${isa} PRIVATE $<TARGET_PROPERTY:sluice_flags,INTERFACE_COMPILE_OPTIONS> ${ARGN})
  target_sources(sluice PRIVATE $<TARGET_OBJECTS:sluice_${isa}>)
endfunction()
sluice_add_isa(avx2 -march=x86-64-v3 -mprefer-vector-width=256)
sluice_add_isa(avx512 -march=x86-64-v4 -mprefer-vector-width=512)
