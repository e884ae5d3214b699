/* Linear layers: each backend, instruction set and thread count gives the bits of plain at shapes
 * around every tile and chunk, from packed and from plain weights, and the comparison catches the
 * usual wrong orders (spec T2.1, T2.2, T2.3, T2.4, N3.2, N3.4, N4.2). */
#include "kernel_test.h"

#include "kernels/core/context.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PARTS 3
#define SEED 7

typedef struct {
  const float *x, *w, *bias;
  size_t t, n, k;
  int packed;
} forward_inputs;

/* The pack of w, or NULL where the context does not pack; kept for each context, so that a second
 * run takes no memory. */
static void *pack_for(sl_context *ctx, const float *w, size_t n, size_t k, sl_pack_kind which,
                      int part) {
  static void *pack[PARTS];
  static size_t room[PARTS];
  const size_t bytes = sl_linear_pack_bytes(ctx, n, k, which);
  if (bytes == 0) return NULL;
  if (bytes > room[part]) {
    free(pack[part]);
    pack[part] = malloc(bytes);
    room[part] = bytes;
    cr_assert_not_null(pack[part]);
  }
  cr_assert_eq(sl_linear_pack(ctx, pack[part], w, n, k, which), SL_OK, "%s",
               sl_context_error(ctx)->message);
  return pack[part];
}

static sl_status forward(sl_context *ctx, void *arg, float *out) {
  const forward_inputs *in = arg;
  const void *packed = in->packed ? pack_for(ctx, in->w, in->n, in->k, SL_PACK_FORWARD, 0) : NULL;
  return sl_linear_forward(ctx, out, in->x, in->w, packed, in->bias, in->t, in->n, in->k);
}

static void check_forward(source *s, kind what, size_t t, size_t n, size_t k) {
  float *x = new_floats(s, what, t * k), *w = new_floats(s, what, n * k),
        *bias = new_floats(s, what, n);
  char name[128];
  for (int i = 0; i < 4; i++) {
    forward_inputs in = {x, w, i & 1 ? bias : NULL, t, n, k, i >> 1};
    snprintf(name, sizeof name, "forward t %zu n %zu k %zu, seed %d, way %d", t, n, k, SEED, i);
    cr_expect(all_contexts_agree(name, forward, &in, NULL, t * n), "%s", name);
  }
  free_floats(x), free_floats(w), free_floats(bias);
}

Test(linear, forward) {
  source s = seeded(SEED);
  static const size_t t[] = {0, 1, 3, 12, 13, 37}, n[] = {0, 1, 17, 24, 32, 33, 97},
                      k[] = {0, 1, 7, 255, 256, 257, 523};
  size_t round = 0;
  for (size_t a = 0; a < sizeof t / sizeof *t; a++)
    for (size_t b = 0; b < sizeof n / sizeof *n; b++)
      for (size_t c = 0; c < sizeof k / sizeof *k; c++)
        check_forward(&s, (kind)(round++ % KINDS), t[a], n[b], k[c]);
}

/* More blocks than one, for threads. */
Test(linear, forward_in_blocks) {
  source s = seeded(SEED);
  check_forward(&s, MIXED, 509, 419, 96);
  check_forward(&s, USUAL, 61, 827, 300);
}

/* The blocks follow the second-level cache; the bits do not: from none to 4 MiB. */
Test(linear, any_cache) {
  enum { T = 61, N = 827, K = 300 };
  static const size_t l2[] = {0, 1 << 18, 1 << 20, 1 << 21, 1 << 22};
  source s = seeded(SEED);
  float *x = new_floats(&s, USUAL, T * K), *w = new_floats(&s, USUAL, N * K),
        *y = new_floats(&s, USUAL, T * N), *first = new_floats(&s, USUAL, T * N);
  sl_context *ctx;
  sl_error err;
  cr_assert_eq(sl_context_create(&ctx, &(sl_context_options){.backend = "cpu"}, &err), SL_OK);
  for (size_t i = 0; i < sizeof l2 / sizeof *l2; i++) {
    ctx->l2_bytes = l2[i];
    cr_assert_eq(sl_linear_forward(ctx, i ? y : first, x, w, NULL, NULL, T, N, K), SL_OK);
    cr_expect(i == 0 || memcmp(y, first, T * N * sizeof *y) == 0, "L2 of %zu bytes", l2[i]);
  }
  sl_context_destroy(ctx);
  free_floats(x), free_floats(w), free_floats(y), free_floats(first);
}

typedef struct {
  const float *dy[PARTS], *w[PARTS];
  size_t n[PARTS], n_parts, t, k;
  int packed;
} input_grad_inputs;

static sl_status input_grad(sl_context *ctx, void *arg, float *out) {
  const input_grad_inputs *in = arg;
  sl_linear_part parts[PARTS];
  for (size_t i = 0; i < in->n_parts; i++) {
    const void *packed = in->packed && i != 1
                             ? pack_for(ctx, in->w[i], in->n[i], in->k, SL_PACK_INPUT_GRAD, (int)i)
                             : NULL;
    parts[i] = (sl_linear_part){in->dy[i], in->w[i], packed, in->n[i]};
  }
  return sl_linear_input_grad(ctx, out, parts, in->n_parts, in->t, in->k);
}

static void check_input_grad(source *s, kind what, size_t t, size_t k, const size_t n[PARTS]) {
  input_grad_inputs in = {.t = t, .k = k};
  float *dy[PARTS], *w[PARTS];
  char name[128];
  for (size_t i = 0; i < PARTS; i++) {
    in.dy[i] = dy[i] = new_floats(s, what, t * n[i]),
    in.w[i] = w[i] = new_floats(s, what, n[i] * k);
    in.n[i] = n[i];
  }
  for (in.n_parts = 0; in.n_parts <= PARTS; in.n_parts++)
    for (in.packed = 0; in.packed < 2; in.packed++) {
      snprintf(name, sizeof name, "input grad t %zu k %zu n %zu %zu %zu, parts %zu, seed %d", t, k,
               n[0], n[1], n[2], in.n_parts, SEED);
      cr_expect(all_contexts_agree(name, input_grad, &in, NULL, t * k), "%s", name);
    }
  for (size_t i = 0; i < PARTS; i++) free_floats(dy[i]), free_floats(w[i]);
}

Test(linear, input_grad) {
  source s = seeded(SEED);
  static const size_t t[] = {0, 1, 13, 50}, k[] = {0, 1, 31, 32, 97};
  static const size_t n[][PARTS] = {{1, 2, 3}, {256, 0, 257}, {0, 255, 0}, {300, 17, 33}};
  size_t round = 0;
  for (size_t a = 0; a < sizeof t / sizeof *t; a++)
    for (size_t b = 0; b < sizeof k / sizeof *k; b++)
      for (size_t c = 0; c < sizeof n / sizeof *n; c++)
        check_input_grad(&s, (kind)(round++ % KINDS), t[a], k[b], n[c]);
}

typedef struct {
  const float *dy, *x;
  const uint32_t *seq;
  size_t n_seq, n, k;
  int bias;
} weight_grad_inputs;

static sl_status weight_grad(sl_context *ctx, void *arg, float *out) {
  const weight_grad_inputs *in = arg;
  return sl_linear_weight_grad(ctx, out, in->bias ? out + in->n * in->k : NULL, in->dy, in->x,
                               in->seq, in->n_seq, in->n, in->k);
}

static void check_weight_grad(source *s, kind what, const uint32_t *seq, size_t n_seq, size_t n,
                              size_t k) {
  const size_t t = seq[n_seq], floats = n * k + n;
  float *dy = new_floats(s, what, t * n), *x = new_floats(s, what, t * k),
        *initial = new_floats(s, what, floats);
  char name[128];
  for (int bias = 0; bias < 2; bias++) {
    weight_grad_inputs in = {dy, x, seq, n_seq, n, k, bias};
    snprintf(name, sizeof name, "weight grad n %zu k %zu, %zu tokens in %zu sequences, seed %d", n,
             k, t, n_seq, SEED);
    cr_expect(all_contexts_agree(name, weight_grad, &in, initial, floats), "%s", name);
  }
  free_floats(dy), free_floats(x), free_floats(initial);
}

Test(linear, weight_grad) {
  source s = seeded(SEED);
  static const uint32_t length[] = {0, 1, 255, 0, 256, 257, 7, 0};
  static const size_t n[] = {0, 1, 12, 31, 97}, k[] = {0, 1, 32, 61};
  uint32_t *edges = new_seq(length, 8), *shorts = random_seq(&s, 60, 21);
  size_t round = 0;
  for (size_t a = 0; a < sizeof n / sizeof *n; a++)
    for (size_t b = 0; b < sizeof k / sizeof *k; b++) {
      check_weight_grad(&s, (kind)(round++ % KINDS), edges, 8, n[a], k[b]);
      check_weight_grad(&s, (kind)(round++ % KINDS), shorts, 60, n[a], k[b]);
      check_weight_grad(&s, USUAL, edges, 0, n[a], k[b]);
      check_weight_grad(&s, USUAL, edges, 1, n[a], k[b]);
    }
  check_weight_grad(&s, MIXED, shorts, 60, 250, 419);
  free(edges), free(shorts);
}

/* Wrong orders, put into the same small kernels. */
typedef enum {
  RIGHT,
  TWO_ACCUMULATORS,
  PRODUCT_ROUNDED,
  TAIL_DROPPED,
  ONE_CHUNK,
  BIAS_FIRST,
  RULES
} rule;
static const char *const rule_names[] = {
    "right",        "two accumulators",     "product rounded on its own",
    "tail dropped", "one chain, no chunks", "bias before the dot"};

static float planted_chain(const float *a, size_t step_a, const float *b, size_t step_b, size_t n,
                           rule r) {
  float chain[2] = {0};
  for (size_t i = 0; i < n; i++) {
    float *c = &chain[r == TWO_ACCUMULATORS ? i % 2 : 0];
    const float product = a[i * step_a] * b[i * step_b];
    *c = r == PRODUCT_ROUNDED ? *c + product : fmaf(a[i * step_a], b[i * step_b], *c);
  }
  return chain[0] + chain[1];
}

static float planted_dot(float total, const float *a, size_t step_a, const float *b, size_t step_b,
                         size_t n, rule r) {
  const size_t chunk = r == ONE_CHUNK ? n + 1 : SL_DOT_CHUNK;
  if (r == TAIL_DROPPED) n = n / 8 * 8;
  for (size_t i = 0; i < n; i += chunk)
    total += planted_chain(a + i * step_a, step_a, b + i * step_b, step_b,
                           n - i < chunk ? n - i : chunk, r);
  return total;
}

typedef struct {
  forward_inputs in;
  rule r;
} planted_inputs;

static sl_status planted_forward(sl_context *ctx, void *arg, float *out) {
  const planted_inputs *p = arg;
  const forward_inputs *in = &p->in;
  (void)ctx;
  for (size_t i = 0; i < in->t; i++)
    for (size_t j = 0; j < in->n; j++) {
      const float first = p->r == BIAS_FIRST ? in->bias[j] : 0.0f;
      const float y = planted_dot(first, in->x + i * in->k, 1, in->w + j * in->k, 1, in->k, p->r);
      out[i * in->n + j] = p->r == BIAS_FIRST ? y : y + in->bias[j];
    }
  return SL_OK;
}

static sl_status right_forward(sl_context *ctx, void *arg, float *out) {
  return forward(ctx, &((planted_inputs *)arg)->in, out);
}

Test(linear, planted_in_forward) {
  enum { T = 5, N = 30, K = 2 * SL_DOT_CHUNK + 5 };
  source s = seeded(SEED);
  float *x = new_floats(&s, USUAL, T * K), *w = new_floats(&s, USUAL, N * K),
        *bias = new_floats(&s, USUAL, N);
  for (rule r = RIGHT; r < RULES; r++) {
    planted_inputs p = {{x, w, bias, T, N, K, 0}, r};
    cr_expect_eq(runs_agree(rule_names[r], planted_forward, right_forward, &p, NULL, T * N),
                 r == RIGHT, "%s", rule_names[r]);
  }
  free_floats(x), free_floats(w), free_floats(bias);
}

/* Chunks of tokens anchored at the batch instead of the sequence, a sequence too few, and the
 * rules above. */
enum { ANCHORED_AT_BATCH = RULES, SEQUENCE_DROPPED, TOKEN_RULES };

typedef struct {
  weight_grad_inputs in;
  int r;
} planted_tokens;

static sl_status planted_weight_grad(sl_context *ctx, void *arg, float *out) {
  const planted_tokens *p = arg;
  const weight_grad_inputs *in = &p->in;
  (void)ctx;
  const uint32_t one_sequence[] = {0, in->seq[in->n_seq]};
  const uint32_t *seq = p->r == ANCHORED_AT_BATCH ? one_sequence : in->seq;
  const size_t n_seq = p->r == ANCHORED_AT_BATCH ? 1 : in->n_seq - (p->r == SEQUENCE_DROPPED);
  for (size_t j = 0; j < in->n; j++)
    for (size_t c = 0; c < in->k; c++)
      for (size_t s = 0; s < n_seq; s++)
        out[j * in->k + c] = planted_dot(out[j * in->k + c], in->dy + seq[s] * in->n + j, in->n,
                                         in->x + seq[s] * in->k + c, in->k, seq[s + 1] - seq[s],
                                         p->r < RULES ? (rule)p->r : RIGHT);
  return SL_OK;
}

static sl_status right_weight_grad(sl_context *ctx, void *arg, float *out) {
  return weight_grad(ctx, &((planted_tokens *)arg)->in, out);
}

Test(linear, planted_in_weight_grad) {
  enum { N = 7, K = 11 };
  static const uint32_t length[] = {5, SL_DOT_CHUNK + 3, 0, SL_DOT_CHUNK};
  source s = seeded(SEED);
  uint32_t *seq = new_seq(length, 4);
  float *dy = new_floats(&s, USUAL, seq[4] * N), *x = new_floats(&s, USUAL, seq[4] * K),
        *initial = new_floats(&s, USUAL, N * K);
  for (int r = RIGHT; r < TOKEN_RULES; r++) {
    if (r == BIAS_FIRST) continue;
    planted_tokens p = {{dy, x, seq, 4, N, K, 0}, r};
    cr_expect_eq(runs_agree("planted in weight grad", planted_weight_grad, right_weight_grad, &p,
                            initial, N * K),
                 r == RIGHT, "rule %d", r);
  }
  free_floats(dy), free_floats(x), free_floats(initial), free(seq);
}
