/* Chains of multiply-adds in registers, and a copy (peak.h). */
#include "peak.h"

#include "kernels/cpu/cpu.h"
#include "kernels/cpu/lanes.h"

/* Two ports of four cycles need 8 chains; AVX2 has registers for 12 and a constant. */
enum { CHAINS = 12 };

float SL_ISA_NAME(peak_chains)(size_t rounds, size_t *fmas) {
  const vf half = v_set(0.5f);
  vf c[CHAINS];
  for (int k = 0; k < CHAINS; k++) c[k] = v_set((float)k);
  for (size_t i = 0; i < rounds; i++)
    for (int k = 0; k < CHAINS; k++) c[k] = v_fma(c[k], half, half);
  float ends[SL_VW], sum = 0.0f;
  for (int k = 0; k < CHAINS; k++) {
    v_store(ends, c[k]);
    for (int l = 0; l < SL_VW; l++) sum += ends[l];
  }
  *fmas = CHAINS * SL_VW;
  return sum;
}

void SL_ISA_NAME(peak_copy)(float *to, const float *from, size_t n) {
  for (size_t i = 0; i < n; i += SL_VW)
#ifdef __AVX512F__
    _mm512_stream_ps(to + i, _mm512_load_ps(from + i));
#else
    _mm256_stream_ps(to + i, _mm256_load_ps(from + i));
#endif
  _mm_sfence();
}
