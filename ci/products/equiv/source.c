/* Random numbers of a problem: splitmix64 (Steele, Lea, Flood 2014). A file of its own, so that
 * fuzz/fuzz_kernels.c can take the choices from its input instead. */
#include "problem.h"

uint64_t sl_source_u64(sl_source *s) {
  uint64_t z = s->state += 0x9e3779b97f4a7c15u;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

uint32_t sl_source_below(sl_source *s, uint32_t n) {
  return (uint32_t)((sl_source_u64(s) >> 32) * n >> 32);
}

double sl_source_unit(sl_source *s) { return (double)(int64_t)sl_source_u64(s) * 0x1p-63; }
