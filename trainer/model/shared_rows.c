/* Rows of a micro-batch with equal values (spec T5.7): all that a row of the forward pass depends
 * on are its token and those before it in its sequence. The completions of a group share their
 * prompt, and what they begin with alike. */
#include "shared_rows.h"

#include "kernels/core/context.h"

#include <string.h>

#define NONE UINT32_MAX

/* A tree of tokens: node n is the n-th of the different rows. While it grows, three arrays of the
 * step that are filled later hold the links. */
typedef struct {
  const sl_read_rows *r;
  size_t at;       /* its arrays begin there */
  uint32_t *child; /* by node: its newest child, */
  uint32_t *next;  /* and the child of the same node that is older than it; NONE: none */
  size_t n;        /* nodes */
} tree;

/* The node of a token among the children that *newest begins; a new one if there is none. The
 * sequences of a group stand side by side, so the newest child is the likeliest. */
static uint32_t step_down(tree *t, uint32_t *newest, uint32_t id, size_t row, size_t position) {
  uint32_t *ids = t->r->shared_ids + t->at;
  uint32_t node = *newest;
  while (node != NONE && ids[node] != id) node = t->next[node];
  if (node != NONE) return node;
  node = (uint32_t)t->n++;
  t->r->shared_row[t->at + node] = (uint32_t)row;
  t->r->shared_position[t->at + node] = (uint32_t)position;
  ids[node] = id, t->child[node] = NONE;
  t->next[node] = *newest, *newest = node;
  return node;
}

static size_t find_rows(const sl_read_rows *r, const sl_batch *b, size_t at) {
  tree t = {r, at, r->read_node + at, r->read_place + at, 0};
  uint32_t root = NONE;
  for (size_t q = 0; q < b->n_seq; q++) {
    uint32_t *newest = &root;
    for (size_t i = b->seq[q]; i < b->seq[q + 1]; i++) {
      const uint32_t node = step_down(&t, newest, r->ids[at + i], i, i - b->seq[q]);
      r->shared_place[at + i] = node;
      newest = &t.child[node];
    }
  }
  return t.n;
}

/* Of the rows that the last layer needs after attention those that differ; how many. */
static size_t find_read_rows(const sl_read_rows *r, size_t n_read, size_t nodes, size_t at) {
  uint32_t *of_node = r->read_node + at, *row = r->read_row + at, *place = r->read_place + at,
           n = 0;
  for (size_t i = 0; i < nodes; i++) of_node[i] = NONE;
  for (size_t j = 0; j < n_read; j++) {
    const uint32_t i = r->last[at + j];
    uint32_t *node = &of_node[r->shared_place[at + i]];
    if (*node == NONE) row[n] = i, *node = n++;
    place[j] = *node;
  }
  return n;
}

void sl_shared_rows_find(const sl_update_batch *s, sl_shared_rows *out, sl_batch *b, size_t at) {
  const sl_read_rows *r = &s->read;
  const size_t t = b->seq[b->n_seq];
  if (s->rehearses || sl_context_on_device(s->mirror.ctx)) return;
  const size_t n = find_rows(r, b, at);
  if (n * 8 >= t * 7) return;
  *out = (sl_shared_rows){.n = n,
                          .row = r->shared_row + at,
                          .ids = r->shared_ids + at,
                          .position = r->shared_position + at,
                          .place = r->shared_place + at,
                          .n_read = b->read ? find_read_rows(r, b->n_read, n, at) : 0,
                          .read_row = r->read_row + at,
                          .read_place = r->read_place + at};
  b->shared = out;
}

typedef struct {
  float *x;
  const uint32_t *place;
  size_t t, d;
} repeat_job;

/* From the last row on, so that each is read before it is overwritten; by columns, so that threads
 * need not wait for each other. */
static void repeat_columns(void *arg, size_t begin, size_t end, int thread) {
  const repeat_job *j = arg;
  (void)thread;
  for (size_t i = j->t; i-- > 0;)
    if (j->place[i] != i)
      memcpy(j->x + i * j->d + begin, j->x + j->place[i] * j->d + begin,
             (end - begin) * sizeof *j->x);
}

#define LEAST_COLUMNS ((size_t)64) /* of a thread: a few cache lines */

sl_status sl_rows_repeat(sl_context *ctx, float *x, const uint32_t *place, size_t t, size_t d) {
  const size_t threads = (size_t)sl_context_threads(ctx), share = (d + threads - 1) / threads;
  repeat_job j = {x, place, t, d};
  return sl_parallel_for(ctx, d, share > LEAST_COLUMNS ? share : LEAST_COLUMNS, repeat_columns, &j);
}
