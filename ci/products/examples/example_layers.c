/* Examples of functions, the generator, sampling, and the layers (spec N2, N5, T1, T2). */
#include "examples.h"

#include "kernels/core/function_maps.h"

#include <sluice/random.h>
#include <sluice/rope.h>

#include <math.h>

void sl_examples_functions(sl_examples *x) {
  static const char *const names[] = {
#define SL_FUNCTION(name, low, high) #name,
#include <sluice/functions.def>
#undef SL_FUNCTION
  };
  static const double lows[] = {
#define SL_FUNCTION(name, low, high) (double)(low),
#include <sluice/functions.def>
#undef SL_FUNCTION
  };
  for (int f = 0; f < SL_FUNCTION_COUNT; f++) {
    static const double ends[] = {1e-42, 1e-6, 0.7, 4, 20, 90};
    for (size_t e = 0; e < sizeof ends / sizeof *ends; e++) {
      sl_example(x, names[f], "arguments from %g to %g", lows[f] < 0 ? -ends[e] : 0, ends[e]);
      const size_t n = 6;
      const float *in = sl_example_between(x, "x", SL_DIMS(n), lows[f] < 0 ? -ends[e] : 0, ends[e]);
      float *out = sl_example_room(x, n, sizeof *out);
      sl_plain_function_maps[f](out, in, n);
      sl_example_put_f32(x, "out", "y", SL_DIMS(n), out);
    }
  }
}

static void key(sl_examples *x, uint64_t seed, uint32_t sequence, uint32_t step, uint32_t purpose) {
  sl_example_count(x, "seed", seed);
  sl_example_count(x, "sequence", sequence);
  sl_example_count(x, "step", step);
  sl_example_count(x, "purpose", purpose);
}

void sl_examples_random(sl_examples *x) {
  const uint64_t seed = 0x0123456789abcdef;
  uint32_t words[4];
  sl_example(x, "philox", "words of the generator");
  key(x, seed, 3, 11, SL_RANDOM_TEST);
  sl_example_count(x, "position", 5);
  sl_philox(words, seed, 5, 3, 11, SL_RANDOM_TEST);
  sl_example_put_u32(x, "out", "words", SL_DIMS(4), words);

  sl_example(x, "normals", "an odd number of elements");
  float normals[7];
  sl_example_count(x, "seed", seed);
  sl_example_count(x, "tensor", 2);
  sl_example_count(x, "count", 7);
  sl_example_single(x, "std", 0.5f);
  sl_random_normals(normals, 7, 0.5f, seed, 2);
  sl_example_put_f32(x, "out", "values", SL_DIMS(7), normals);

  sl_example(x, "shuffle", "the order of 13 items");
  uint32_t items[13];
  for (uint32_t i = 0; i < 13; i++) items[i] = i;
  key(x, seed, 1, 4, SL_RANDOM_SHUFFLE);
  sl_example_put_u32(x, "in", "items", SL_DIMS(13), items);
  sl_random_shuffle(items, 13, seed, 1, 4, SL_RANDOM_SHUFFLE);
  sl_example_put_u32(x, "out", "items", SL_DIMS(13), items);
}

static void draw_tokens(sl_examples *x, const char *what, size_t vocab, sl_sampling s) {
  enum { ROWS = 4 };
  sl_example(x, "sample", "%s", what);
  sl_example_single(x, "temperature", s.temperature);
  sl_example_count(x, "top_k", s.top_k);
  sl_example_number(x, "top_p", s.top_p);
  sl_example_count(x, "seed", s.seed);
  sl_example_count(x, "step", s.step);
  const float *logits = sl_example_floats(x, "logits", SL_DIMS(ROWS, vocab), 4);
  const uint32_t *sequence = sl_example_ids(x, "sequence", SL_DIMS(ROWS), 100);
  const uint32_t *position = sl_example_ids(x, "position", SL_DIMS(ROWS), 100);
  uint32_t token[ROWS];
  float logp[ROWS], entropy[ROWS];
  sl_example_check(
      x, sl_sample(x->plain, token, logp, entropy, logits, &s, sequence, position, ROWS, vocab),
      NULL);
  sl_example_put_u32(x, "out", "token", SL_DIMS(ROWS), token);
  sl_example_put_f32(x, "out", "logp", SL_DIMS(ROWS), logp);
  sl_example_put_f32(x, "out", "entropy", SL_DIMS(ROWS), entropy);
}

void sl_examples_sample(sl_examples *x) {
  draw_tokens(x, "plain", 9, (sl_sampling){1, 0, 1, 42, 7});
  draw_tokens(x, "tempered", 9, (sl_sampling){0.7f, 0, 1, 42, 8});
  draw_tokens(x, "greedy", 9, (sl_sampling){0, 0, 1, 42, 9});
  draw_tokens(x, "top-k", 9, (sl_sampling){1.3f, 3, 1, 1ull << 40, 1});
  draw_tokens(x, "top-p", 9, (sl_sampling){1, 0, 0.6, 42, 2});
  draw_tokens(x, "top-k and top-p", 9, (sl_sampling){0.9f, 4, 0.7, 42, 3});
  draw_tokens(x, "more than a chunk of the vocabulary", 1100, (sl_sampling){1, 50, 0.95, 42, 4});
}

/* Its gradients make a chain, which then joins the total: adding one after the other is seen. */
static void repeated_id(sl_examples *x) {
  enum { T = 7, D = 8, VOCAB = 3 };
  static const uint32_t ids[T] = {1, 0, 1, 1, 2, 1, 0}, seq[] = {0, 4, T};
  sl_example(x, "embedding_grad", "an id that occurs three times in a chunk");
  float *total = sl_example_floats(x, "total", SL_DIMS(VOCAB, D), 2);
  const float *dy = sl_example_floats(x, "dy", SL_DIMS(T, D), 0.3);
  sl_example_put_u32(x, "in", "ids", SL_DIMS(T), ids);
  sl_example_put_u32(x, "in", "seq", SL_DIMS(3), seq);
  sl_example_check(x, sl_embedding_grad(x->plain, total, dy, ids, seq, 2, D, VOCAB), NULL);
  sl_example_put_f32(x, "out", "total", SL_DIMS(VOCAB, D), total);
}

void sl_examples_embedding(sl_examples *x) {
  const size_t vocab = 5, d = 3, t = 7;
  sl_example(x, "embedding_forward", "rows of the table");
  const float *table = sl_example_floats(x, "table", SL_DIMS(vocab, d), 1);
  const uint32_t *ids = sl_example_ids(x, "ids", SL_DIMS(t), (uint32_t)vocab);
  float *y = sl_example_room(x, t * d, sizeof *y);
  sl_example_check(x, sl_embedding_forward(x->plain, y, table, ids, t, d, vocab), NULL);
  sl_example_put_f32(x, "out", "y", SL_DIMS(t, d), y);

  sl_example(x, "embedding_grad", "three sequences, one without tokens");
  const uint32_t seq[] = {0, 4, 4, 7};
  float *total = sl_example_floats(x, "total", SL_DIMS(vocab, d), 1);
  const float *dy = sl_example_floats(x, "dy", SL_DIMS(t, d), 1);
  ids = sl_example_ids(x, "ids", SL_DIMS(t), (uint32_t)vocab);
  sl_example_put_u32(x, "in", "seq", SL_DIMS(4), seq);
  sl_example_check(x, sl_embedding_grad(x->plain, total, dy, ids, seq, 3, d, vocab), NULL);
  sl_example_put_f32(x, "out", "total", SL_DIMS(vocab, d), total);
  repeated_id(x);
}

static void rmsnorm(sl_examples *x, size_t t, size_t d) {
  const float eps = 1e-6f;
  const char *rows = d > 1024 ? "a row longer than a chunk" : "short rows";
  sl_example(x, "rmsnorm_forward", "%s", rows);
  sl_example_single(x, "eps", eps);
  const float *in = sl_example_floats(x, "x", SL_DIMS(t, d), 2),
              *w = sl_example_floats(x, "w", SL_DIMS(d), 2);
  float *y = sl_example_room(x, t * d, sizeof *y), *rstd = sl_example_room(x, t, sizeof *rstd);
  sl_example_check(x, sl_rmsnorm_forward(x->plain, y, rstd, in, w, t, d, eps), NULL);
  sl_example_put_f32(x, "out", "y", SL_DIMS(t, d), y);
  sl_example_put_f32(x, "out", "rstd", SL_DIMS(t), rstd);

  for (int with = 0; with < 2; with++) {
    sl_example(x, "rmsnorm_backward", "%s, %s a residual", rows, with ? "with" : "without");
    const float *dy = sl_example_floats(x, "dy", SL_DIMS(t, d), 1),
                *row = sl_example_floats(x, "x", SL_DIMS(t, d), 2),
                *weight = sl_example_floats(x, "w", SL_DIMS(d), 2),
                *scale = sl_example_between(x, "rstd", SL_DIMS(t), 0.5, 2),
                *residual = with ? sl_example_floats(x, "residual", SL_DIMS(t, d), 1) : NULL;
    float *dx = sl_example_room(x, t * d, sizeof *dx);
    sl_example_check(x, sl_rmsnorm_backward(x->plain, dx, dy, row, weight, scale, residual, t, d),
                     NULL);
    sl_example_put_f32(x, "out", "dx", SL_DIMS(t, d), dx);
  }
}

void sl_examples_rmsnorm(sl_examples *x) {
  rmsnorm(x, 2, 5);
  rmsnorm(x, 1, 1056); /* more than a chunk */
  const size_t t = 6, d = 3;
  const uint32_t seq[] = {0, 1, 6};
  sl_example(x, "rmsnorm_weight_grad", "two sequences");
  float *total = sl_example_floats(x, "total", SL_DIMS(d), 1);
  const float *dy = sl_example_floats(x, "dy", SL_DIMS(t, d), 1),
              *in = sl_example_floats(x, "x", SL_DIMS(t, d), 2),
              *rstd = sl_example_between(x, "rstd", SL_DIMS(t), 0.5, 2);
  sl_example_put_u32(x, "in", "seq", SL_DIMS(3), seq);
  sl_example_check(x, sl_rmsnorm_weight_grad(x->plain, total, dy, in, rstd, seq, 2, d), NULL);
  sl_example_put_f32(x, "out", "total", SL_DIMS(d), total);
}

void sl_examples_elementwise(sl_examples *x) {
  const size_t n = 9;
  float *y = NULL, *up = NULL;
  sl_example(x, "residual_add", "nine elements");
  const float *a = sl_example_floats(x, "a", SL_DIMS(n), 1),
              *b = sl_example_floats(x, "b", SL_DIMS(n), 1);
  y = sl_example_room(x, n, sizeof *y);
  sl_example_check(x, sl_residual_add(x->plain, y, a, b, n), NULL);
  sl_example_put_f32(x, "out", "y", SL_DIMS(n), y);

  sl_example(x, "swiglu_forward", "nine elements");
  a = sl_example_floats(x, "gate", SL_DIMS(n), 6), b = sl_example_floats(x, "up", SL_DIMS(n), 2);
  y = sl_example_room(x, n, sizeof *y);
  sl_example_check(x, sl_swiglu_forward(x->plain, y, a, b, n), NULL);
  sl_example_put_f32(x, "out", "y", SL_DIMS(n), y);

  sl_example(x, "swiglu_backward", "nine elements");
  const float *dy = sl_example_floats(x, "dy", SL_DIMS(n), 1);
  a = sl_example_floats(x, "gate", SL_DIMS(n), 6), b = sl_example_floats(x, "up", SL_DIMS(n), 2);
  y = sl_example_room(x, n, sizeof *y), up = sl_example_room(x, n, sizeof *up);
  sl_example_check(x, sl_swiglu_backward(x->plain, y, up, dy, a, b, n), NULL);
  sl_example_put_f32(x, "out", "dgate", SL_DIMS(n), y);
  sl_example_put_f32(x, "out", "dup", SL_DIMS(n), up);
}

void sl_examples_rope(sl_examples *x) {
  const size_t d = 6, half = 3, positions = 40, t = 3, heads = 2;
  float *cosines = NULL, *sines = NULL;
  sl_error err;
  sl_example(x, "rope_tables", "forty positions");
  sl_example_number(x, "theta", 10000);
  sl_example_count(x, "positions", positions);
  sl_example_count(x, "d", d);
  cosines = sl_example_room(x, positions * half, sizeof *cosines);
  sines = sl_example_room(x, positions * half, sizeof *sines);
  sl_example_check(x, sl_rope_tables(cosines, sines, positions, d, 10000, &err), &err);
  sl_example_put_f32(x, "out", "cos", SL_DIMS(positions, half), cosines);
  sl_example_put_f32(x, "out", "sin", SL_DIMS(positions, half), sines);

  for (int backward = 0; backward < 2; backward++) {
    sl_example(x, backward ? "rope_backward" : "rope_forward", "in place");
    float *in = sl_example_floats(x, "x", SL_DIMS(t, heads, d), 1);
    const uint32_t *position = sl_example_ids(x, "position", SL_DIMS(t), (uint32_t)positions);
    const float *c = sl_example_floats(x, "cos", SL_DIMS(positions, half), 1),
                *s = sl_example_floats(x, "sin", SL_DIMS(positions, half), 1);
    sl_example_check(x,
                     (backward ? sl_rope_backward : sl_rope_forward)(x->plain, in, position, c, s,
                                                                     t, heads, d, positions),
                     NULL);
    sl_example_put_f32(x, "out", "x", SL_DIMS(t, heads, d), in);
  }
}

static void linear_forward(sl_examples *x, size_t t, size_t n, size_t k, int with_bias) {
  sl_example(x, "linear_forward", "%s", with_bias ? "with a bias" : "two chunks and a rest");
  const float *in = sl_example_floats(x, "x", SL_DIMS(t, k), 1),
              *w = sl_example_floats(x, "w", SL_DIMS(n, k), 1),
              *bias = with_bias ? sl_example_floats(x, "bias", SL_DIMS(n), 1) : NULL;
  float *y = sl_example_room(x, t * n, sizeof *y);
  sl_example_check(x, sl_linear_forward(x->plain, y, in, w, NULL, bias, t, n, k), NULL);
  sl_example_put_f32(x, "out", "y", SL_DIMS(t, n), y);
}

/* Sums next to the middle of two binary32 numbers: rounding them to binary64 first is seen. */
static void near_middles(sl_examples *x) {
  static const float rows[] = {0x1.000002p+10f, 0x1.fffffcp-1f, -0x1.000002p+10f, -0x1.fffffcp-1f},
                     weights[] = {1, 0x1.000002p-14f}, tiny[] = {0x1.00002p-130f, 0x1.fffffcp-76f},
                     scales[] = {1, 0x1.000002p-75f};
  float y[2];
  sl_example(x, "linear_forward", "sums next to the middle of two binary32 numbers");
  sl_example_put_f32(x, "in", "x", SL_DIMS(2, 2), rows);
  sl_example_put_f32(x, "in", "w", SL_DIMS(1, 2), weights);
  sl_example_check(x, sl_linear_forward(x->plain, y, rows, weights, NULL, NULL, 2, 1, 2), NULL);
  sl_example_put_f32(x, "out", "y", SL_DIMS(2, 1), y);

  sl_example(x, "linear_forward", "the same among subnormal numbers");
  sl_example_put_f32(x, "in", "x", SL_DIMS(1, 2), tiny);
  sl_example_put_f32(x, "in", "w", SL_DIMS(1, 2), scales);
  sl_example_check(x, sl_linear_forward(x->plain, y, tiny, scales, NULL, NULL, 1, 1, 2), NULL);
  sl_example_put_f32(x, "out", "y", SL_DIMS(1, 1), y);
}

void sl_examples_linear(sl_examples *x) {
  linear_forward(x, 2, 3, 4, 1);
  linear_forward(x, 1, 2, 515, 0);

  const size_t t = 2, k = 3, n[] = {2, 270};
  sl_example(x, "linear_input_grad", "two parts");
  sl_linear_part parts[2] = {{0}};
  for (int p = 0; p < 2; p++) {
    parts[p].dy = sl_example_floats(x, p ? "dy1" : "dy0", SL_DIMS(t, n[p]), 1);
    parts[p].w = sl_example_floats(x, p ? "w1" : "w0", SL_DIMS(n[p], k), 1);
    parts[p].n = n[p];
  }
  float *dx = sl_example_room(x, t * k, sizeof *dx);
  sl_example_check(x, sl_linear_input_grad(x->plain, dx, parts, 2, t, k), NULL);
  sl_example_put_f32(x, "out", "dx", SL_DIMS(t, k), dx);

  const uint32_t seq[] = {0, 260, 262};
  sl_example(x, "linear_weight_grad", "a sequence longer than a chunk");
  float *dw = sl_example_floats(x, "dw", SL_DIMS(2, 2), 1),
        *db = sl_example_floats(x, "db", SL_DIMS(2), 1);
  const float *dy = sl_example_floats(x, "dy", SL_DIMS(262, 2), 1),
              *in = sl_example_floats(x, "x", SL_DIMS(262, 2), 1);
  sl_example_put_u32(x, "in", "seq", SL_DIMS(3), seq);
  sl_example_check(x, sl_linear_weight_grad(x->plain, dw, db, dy, in, seq, 2, 2, 2), NULL);
  sl_example_put_f32(x, "out", "dw", SL_DIMS(2, 2), dw);
  sl_example_put_f32(x, "out", "db", SL_DIMS(2), db);
  near_middles(x);
}
