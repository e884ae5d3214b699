/* Internals of the cpu backend. Each file here is compiled once with AVX2 and once with AVX-512;
 * SL_ISA (avx2, avx512) is set by the build, and SL_ISA_NAME(x) names a function of this
 * compilation. Internal. */
#ifndef SLUICE_CPU_H
#define SLUICE_CPU_H

#include "kernels/core/context.h"
#include "kernels/core/verify.h"

#if defined(SL_ISA_avx512) != defined(__AVX512F__)
#error "compiled for another instruction set than its name says"
#endif

#define SL_ISA_PASTE2(isa, name) sl_##isa##_##name
#define SL_ISA_PASTE(isa, name) SL_ISA_PASTE2(isa, name)
#define SL_ISA_NAME(name) SL_ISA_PASTE(SL_ISA, name)

#define SL_KERNEL(name, params, args, storage, clause, bound) \
  sl_status SL_ISA_NAME(name)(sl_context * ctx, SL_UNPAREN params);
#include <sluice/kernels.def>
#undef SL_KERNEL
size_t SL_ISA_NAME(linear_pack_bytes)(size_t n, size_t k, sl_pack_kind kind);

#endif
