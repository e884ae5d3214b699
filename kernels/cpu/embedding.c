/* Embedding rows and their gradient: rows over threads; for the gradient, columns over threads
 * (spec T1.1, T1.2).
 *
 * Forward copies 4 bytes per element. The gradient reads 4 bytes per token and column for one
 * addition, and moves 8 bytes of the total for each distinct id of a chunk. Floor: memory. */
#include "cpu.h"
#include "lanes.h"

#include <string.h>

typedef struct {
  float *y;
  const float *table;
  const uint32_t *ids;
  size_t d;
} gather_job;

static void gather_range(void *arg, size_t begin, size_t end, int thread) {
  const gather_job *j = arg;
  (void)thread;
  for (size_t i = begin; i < end; i++)
    memcpy(j->y + i * j->d, j->table + j->ids[i] * j->d, j->d * sizeof *j->y);
}

sl_status SL_ISA_NAME(embedding_forward)(sl_context *ctx, float *y, const float *table,
                                         const uint32_t *ids, size_t t, size_t d, size_t vocab) {
  (void)vocab;
  gather_job j = {y, table, ids, d};
  return sl_parallel_for(ctx, t, grain_for(d / 4 + 8), gather_range, &j);
}

/* Tokens of one chunk with the same id form a list: next[i] is the token after i in it, 0 at its
 * end; the first of a list is marked. */
#define FIRST 0x80000000u
#define NEXT 0x7fffffffu

typedef struct {
  float *total;
  const float *dy;
  const uint32_t *ids, *seq;
  uint32_t *link;
  size_t n_seq, d;
} grad_job;

/* last[id] is 1 + the last token seen with that id, 0 if none. Lists are built from the last token
 * back, so that `next` is known when a token is added. */
static void link_chunk(const grad_job *j, uint32_t *last, size_t begin, size_t end) {
  for (size_t i = end; i-- > begin;) {
    const uint32_t later = last[j->ids[i]];
    const int same_chunk = later > i && later <= end;
    j->link[i] = FIRST | (same_chunk ? later - 1 : 0);
    if (same_chunk) j->link[later - 1] &= NEXT;
    last[j->ids[i]] = (uint32_t)i + 1;
  }
}

#define COLUMN_VECTORS 4
#define COLUMN_BLOCK (COLUMN_VECTORS * SL_VW)

/* One id of a chunk: its chain goes to its row of the total. fma(dy, 1, c) is dy + c. */
static inline void add_list(const grad_job *j, size_t first, size_t c,
                            const size_t left[COLUMN_VECTORS]) {
  vf chain[COLUMN_VECTORS];
  for (int v = 0; v < COLUMN_VECTORS; v++) chain[v] = v_zero();
  for (size_t i = first;; i = j->link[i] & NEXT) {
    for (size_t v = 0; v < COLUMN_VECTORS; v++)
      chain[v] += v_load_n(j->dy + i * j->d + c + v * SL_VW, left[v]);
    if (!(j->link[i] & NEXT)) break;
  }
  float *total = j->total + j->ids[first] * j->d + c;
  for (size_t v = 0; v < COLUMN_VECTORS; v++)
    v_store_n(total + v * SL_VW, left[v], v_load_n(total + v * SL_VW, left[v]) + chain[v]);
}

/* Lists in any order within a chunk: each id has one, and its own row. */
static void grad_columns(const grad_job *j, size_t c) {
  size_t left[COLUMN_VECTORS];
  const size_t t = j->seq[j->n_seq];
  for (size_t v = 0; v < COLUMN_VECTORS; v++) left[v] = j->d - smaller(j->d, c + v * SL_VW);
  for (size_t i = 0; i < t; i++)
    if (j->link[i] & FIRST) add_list(j, i, c, left);
}

static void grad_range(void *arg, size_t begin, size_t end, int thread) {
  (void)thread;
  for (size_t block = begin; block < end; block++) grad_columns(arg, block * COLUMN_BLOCK);
}

sl_status SL_ISA_NAME(embedding_grad)(sl_context *ctx, float *total, const float *dy,
                                      const uint32_t *ids, const uint32_t *seq, size_t n_seq,
                                      size_t d, size_t vocab) {
  const size_t t = n_seq ? seq[n_seq] : 0;
  if (t == 0) return SL_OK;
  if (t > NEXT)
    return sl_fail(&ctx->error, SL_ERR_INPUT,
                   "embedding_grad: %zu tokens in one call, at most 2^31 - 1", t);
  uint32_t *last = sl_workspace(ctx, (vocab + t) * sizeof *last);
  if (!last) return ctx->error.status;
  memset(last, 0, vocab * sizeof *last);
  grad_job j = {total, dy, ids, seq, last + vocab, n_seq, d};
  for (size_t s = 0; s < n_seq; s++)
    for (size_t begin = seq[s]; begin < seq[s + 1]; begin += SL_DOT_CHUNK)
      link_chunk(&j, last, begin, smaller(seq[s + 1], begin + SL_DOT_CHUNK));
  return sl_parallel_for(ctx, (d + COLUMN_BLOCK - 1) / COLUMN_BLOCK, grain_for(t * 4), grad_range,
                         &j);
}
