/* Keys (or values) of packed sequences transposed to (kv head, component, position), so that a
 * vector holds the same component of neighbouring keys. Internal.
 *
 * A sequence's panel has kv_heads * d rows of `stride` floats. From 64 positions on the stride is
 * an odd number of cache lines: rows of a power-of-two stride would share a few cache sets. Padding
 * is below 32 <= length / 2 there, so 3/2 of the tokens hold all panels. */
#ifndef SLUICE_CPU_PANEL_H
#define SLUICE_CPU_PANEL_H

#include "transpose.h"

static inline size_t panel_stride(size_t length) {
  if (length < 64) return length;
  const size_t lines = (length + 15) / 16;
  return (lines | 1) * 16;
}

/* Where the panels of a sequence begin that starts at token `first`, in rows of length 1: times
 * kv_heads * d for floats. */
static inline size_t panel_base(size_t first) { return first + first / 2; }

/* to[c * stride + i] = from[i * width + c] for n positions and `width` components */
static void panel_fill(float *to, size_t stride, const float *from, size_t n, size_t width) {
  size_t i = 0;
  for (; i + 8 <= n; i += 8) {
    size_t c = 0;
    for (; c + 8 <= width; c += 8)
      transpose8(to + c * stride + i, stride, from + i * width + c, width);
    for (; c < width; c++)
      for (size_t j = i; j < i + 8; j++) to[c * stride + j] = from[j * width + c];
  }
  for (; i < n; i++)
    for (size_t c = 0; c < width; c++) to[c * stride + i] = from[i * width + c];
}

/* The sequence that holds token i: seq[s] <= i < seq[s + 1]. */
static inline size_t sequence_of(const uint32_t *seq, size_t n_seq, size_t i) {
  size_t lo = 0, hi = n_seq;
  while (hi - lo > 1) {
    const size_t middle = lo + (hi - lo) / 2;
    if (seq[middle] <= i)
      lo = middle;
    else
      hi = middle;
  }
  return lo;
}

/* Panels of tokens [begin, end); width is kv_heads * d. */
static void panel_tokens(float *panels, const float *x, const uint32_t *seq, size_t n_seq,
                         size_t width, size_t begin, size_t end) {
  for (size_t s = begin < end ? sequence_of(seq, n_seq, begin) : 0; begin < end; s++) {
    const size_t first = seq[s], stop = smaller(end, seq[s + 1]);
    panel_fill(panels + panel_base(first) * width + begin - first, panel_stride(seq[s + 1] - first),
               x + begin * width, stop - begin, width);
    begin = stop;
  }
}

#endif
