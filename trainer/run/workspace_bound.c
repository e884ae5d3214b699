/* An upper bound of the workspace that the kernels of a run use. The formulas follow the
 * sl_workspace calls of kernels/cpu and kernels/plain, with sizes rounded up generously; a test
 * compares them with what is really taken. Sizes are in floats, as doubles: an overflow is one too
 * large to matter. */
#include "workspace_bound.h"

#include <sluice/types.h>

#include <math.h>
#include <stdint.h>
#include <string.h>

#define PACK_FLOATS 0x1p22  /* kernels/cpu/head.h: columns of the head that are packed at a time */
#define BLOCK_FLOATS 0x1p20 /* kernels/cpu/head_backward.c: logits of a block of rows */
#define GROUP 1024.0        /* there: most columns of a group */
#define CHUNK 256.0         /* tokens of a chunk (spec N3.3) */
#define PAD 64.0            /* no less than any rounding of one size */

typedef struct {
  double tokens, sequences, update, shard, rows, threads;
  double norm_rows; /* of a token: more than 1 where heads are normed */
  double hidden, heads, kv_width, head_dim, widest, vocab, largest_tensor;
} sizes;

/* Two panels of keys and values, a sum for each row, and tiles of scores for each thread. */
static double attention(const sizes *s) {
  return 2 * (1.5 * s->tokens * s->kv_width + PAD) + s->tokens * s->heads + PAD +
         s->threads * CHUNK * (3 * PAD + s->head_dim);
}

/* Panels of both factors of a weight gradient, over the tokens of a block. */
static double weight_gradient(const sizes *s) {
  const double block = fmin(s->shard, 3 * CHUNK);
  return (s->hidden + s->widest + 2 * PAD) * block + s->shard / CHUNK + s->sequences + PAD;
}

static double head_forward(const sizes *s) {
  const double columns = fmin(s->vocab, fmax(PACK_FLOATS / s->hidden, 4 * CHUNK)) + PAD;
  const double chunks = s->vocab / (4 * CHUNK) + 1;
  return columns * (s->hidden + PAD) + s->threads * (48 * (18 * PAD + s->hidden) + 18 * PAD) +
         fmin(s->tokens, 4 * CHUNK) * (1 + 3 * chunks) + s->tokens + PAD;
}

/* Of all shards at once. */
static double head_backward(const sizes *s) {
  const double columns =
      fmin(fmin(s->vocab, GROUP), fmax(PACK_FLOATS / 2 / s->hidden, CHUNK)) + PAD;
  const double rows =
      fmin(s->update, fmax(BLOCK_FLOATS / fmax(columns - PAD, 2 * s->hidden), CHUNK));
  return 2 * columns * (s->hidden + PAD) + rows * (2 * columns + 3 * s->hidden) + s->update +
         s->update / CHUNK + 2 * s->sequences + 2 * PAD;
}

static double sampling(const sizes *s) {
  return s->threads * (2 * (s->vocab + PAD) + 6 * (s->vocab / (4 * CHUNK) + 1)) + 4 * s->rows + PAD;
}

static double loss(const sizes *s) {
  return s->sequences * (sizeof(sl_loss_sums) / 4.0 + 2) + s->tokens / (2 * CHUNK) + 2 * s->tokens +
         PAD;
}

/* The plain kernels take whole rows of logits, and a chunk of them in the backward pass. */
static double plain(const sizes *s) {
  const double rows = fmax(2 * s->tokens, s->shard * s->norm_rows);
  return fmax(CHUNK * (s->vocab + 1), fmax(4 * s->vocab, rows)) + 2 * fmax(s->hidden, s->head_dim) +
         PAD;
}

/* Of the optimiser and of digests. */
static double optimizer(const sizes *s) {
  return s->largest_tensor / (2 * CHUNK) + 8 * s->threads * PAD;
}

static double cpu(const sizes *s) {
  if (!(s->tokens > 0)) return optimizer(s);
  double most = fmax(attention(s), fmax(head_forward(s), sampling(s)));
  if (!(s->shard > 0)) return most;
  most = fmax(most, fmax(weight_gradient(s), head_backward(s)));
  most = fmax(most, fmax(loss(s), s->vocab + s->shard));
  return fmax(most, optimizer(s));
}

size_t sl_workspace_bound(const sl_context *ctx, const sl_model_layout *layout,
                          const sl_workspace_calls *calls) {
  const sl_model_shape *m = &layout->shape;
  if (sl_context_on_device(ctx)) return 0;
  sizes s = {.tokens = (double)calls->tokens,
             .sequences = (double)calls->sequences,
             .shard = (double)calls->shard_tokens,
             .update = (double)calls->update_tokens,
             .rows = (double)calls->rows,
             .threads = (double)(calls->threads ? calls->threads : (size_t)sl_context_threads(ctx)),
             .norm_rows = sl_model_norms_heads(m) ? (double)m->heads : 1.0,
             .hidden = (double)m->hidden,
             .heads = (double)m->heads,
             .kv_width = (double)m->kv_heads * (double)m->head_dim,
             .head_dim = (double)m->head_dim,
             .vocab = (double)m->vocab};
  s.widest = fmax((double)m->intermediate, s.heads * s.head_dim);
  for (size_t i = 0; i < layout->n_tensors; i++)
    s.largest_tensor = fmax(s.largest_tensor, (double)layout->tensors[i].count);
  const int is_plain = strcmp(sl_context_backend(ctx), "plain") == 0;
  const double floats = is_plain ? fmax(plain(&s), loss(&s)) : cpu(&s);
  return floats * 4 < 0x1p62 ? (size_t)(floats * 4) + 4096 : SIZE_MAX;
}
