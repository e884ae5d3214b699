/* Embedding rows and their gradient (spec T1.1, T1.2). */
#include "plain.h"
#include "reduce.h"

#include <string.h>

sl_status sl_plain_embedding_forward(sl_context *ctx, float *y, const float *table,
                                     const uint32_t *ids, size_t t, size_t d, size_t vocab) {
  (void)ctx, (void)vocab;
  for (size_t i = 0; i < t; i++) memcpy(y + i * d, table + ids[i] * d, d * sizeof *y);
  return SL_OK;
}

/* One chunk of tokens: the chain of an id is built at its first occurrence in the chunk, from all
 * its occurrences. */
static void add_chunk(float *total, const float *dy, const uint32_t *ids, size_t begin, size_t end,
                      size_t d) {
  for (size_t i = begin; i < end; i++) {
    size_t first = begin;
    while (ids[first] != ids[i]) first++;
    if (first < i) continue;
    for (size_t c = 0; c < d; c++) {
      float chain = 0.0f;
      for (size_t j = i; j < end; j++)
        if (ids[j] == ids[i]) chain = fmaf(dy[j * d + c], 1.0f, chain);
      total[ids[i] * d + c] += chain;
    }
  }
}

sl_status sl_plain_embedding_grad(sl_context *ctx, float *total, const float *dy,
                                  const uint32_t *ids, const uint32_t *seq, size_t n_seq, size_t d,
                                  size_t vocab) {
  (void)ctx, (void)vocab;
  for (size_t s = 0; s < n_seq; s++)
    for (size_t begin = seq[s]; begin < seq[s + 1]; begin += SL_DOT_CHUNK)
      add_chunk(total, dy, ids, begin, smaller(seq[s + 1], begin + SL_DOT_CHUNK), d);
  return SL_OK;
}
