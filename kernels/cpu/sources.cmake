# SIMD kernels: the same files compiled once for each instruction set (see cpu.h).
set(SLUICE_CPU_SOURCES
  cpu/table.c cpu/elementwise.c cpu/swiglu.c cpu/rotary.c cpu/norm.c cpu/embedding.c
  cpu/optimizer.c cpu/digest.c cpu/cache.c
  cpu/attention.c cpu/attention_backward.c cpu/sample.c cpu/loss.c cpu/linear.c cpu/linear_grad.c
  cpu/head.c cpu/head_backward.c
  cpu/function_maps.c)

foreach(isa avx2 avx512)
  sluice_add_isa_objects(sluice_${isa} ${isa} ${SLUICE_CPU_SOURCES})
  target_sources(sluice PRIVATE $<TARGET_OBJECTS:sluice_${isa}>)
endforeach()
