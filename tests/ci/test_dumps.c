/* Dumps as files (spec E6, E7, E9): axes and types of right kernels' dumps, what is refused and
 * where, and problems that are made from a seed. */
#include "dump_file.h"

#include "ci/products/dumps/dump_judge.h"
#include "ci/products/dumps/generated.h"
#include "tests/trainer/scratch.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

TestSuite(dumps, .init = scratch_make, .fini = scratch_remove);

static sl_status read_case(sl_dump_case *d, const char *path, const sl_dump_request *request,
                           sl_error *err) {
  sl_dump *dump;
  cr_assert_eq(sl_dump_open(&dump, path, err), SL_OK, "%s", err->message);
  const sl_status status = sl_dump_case_read(d, dump, request, err);
  sl_dump_close(dump);
  return status;
}

/* The outcome of a file that can be read. */
static sl_outcome judge(dump_file *f, sl_judgement *judgement) {
  const char *path = dump_write(f, "dump.safetensors");
  const sl_dump_request request = {0};
  sl_dump_case d;
  sl_dump_verdict v;
  sl_error err = {0};
  cr_assert_eq(read_case(&d, path, &request, &err), SL_OK, "%s", err.message);
  cr_assert_eq(sl_dump_judge(&v, &d, SL_DUMP_ELEMENTS, 1, &err), SL_OK);
  const sl_outcome outcome = v.outcome;
  if (judgement) *judgement = v.all;
  sl_dump_verdict_end(&v);
  sl_dump_case_end(&d);
  return outcome;
}

enum { T = 6, N = 5, K = 16 };

/* x, w, and their products in binary64, of values that bfloat16 holds. */
static void linear(double *x, double *w, double *y) {
  for (size_t i = 0; i < T * K; i++) x[i] = (double)((int)(i * 37 % 31) - 15) / 8.0;
  for (size_t i = 0; i < N * K; i++) w[i] = (double)((int)(i * 53 % 29) - 14) / 16.0;
  for (size_t i = 0; i < T * N; i++) {
    y[i] = 0.0;
    for (size_t k = 0; k < K; k++) y[i] += x[i / N * K + k] * w[i % N * K + k];
  }
}

static void transpose(double *out, const double *in, size_t rows, size_t columns) {
  for (size_t i = 0; i < rows * columns; i++) out[i] = in[i % rows * columns + i / rows];
}

Test(dumps, axes_of_linear) {
  double x[T * K], w[N * K], y[T * N], wt[N * K], yt[T * N];
  linear(x, w, y);
  transpose(wt, w, N, K), transpose(yt, y, T, N);
  dump_file f = {0};
  dump_add(&f, "x", SL_TENSOR_F32, "6x16", x), dump_add(&f, "w", SL_TENSOR_F32, "5x16", w);
  dump_add(&f, "y", SL_TENSOR_F32, "6x5", y), dump_say(&f, "sluice.op", "linear");
  cr_expect_eq(judge(&f, NULL), SL_OUTCOME_EQUAL);
  /* rows of a batch; weights and outputs with their axes exchanged; other names */
  dump_add(&f, "in", SL_TENSOR_F32, "2x3x16", x), dump_add(&f, "w", SL_TENSOR_F32, "16x5", wt);
  dump_add(&f, "y", SL_TENSOR_F32, "5x6", yt), dump_say(&f, "sluice.op", "linear");
  dump_say(&f, "sluice.layout.w", "kn"), dump_say(&f, "sluice.layout.y", "nt");
  dump_say(&f, "sluice.tensor.x", "in"), dump_say(&f, "format", "pt");
  cr_expect_eq(judge(&f, NULL), SL_OUTCOME_EQUAL);
  /* one row without its axis */
  dump_add(&f, "x", SL_TENSOR_F32, "16", x), dump_add(&f, "w", SL_TENSOR_F32, "5x16", w);
  dump_add(&f, "y", SL_TENSOR_F32, "5", y), dump_say(&f, "sluice.op", "linear");
  cr_expect_eq(judge(&f, NULL), SL_OUTCOME_EQUAL);
  /* the wrong axes: other numbers */
  dump_add(&f, "x", SL_TENSOR_F32, "6x16", x), dump_add(&f, "w", SL_TENSOR_F32, "5x16", wt);
  dump_add(&f, "y", SL_TENSOR_F32, "6x5", y), dump_say(&f, "sluice.op", "linear");
  cr_expect_eq(judge(&f, NULL), SL_OUTCOME_DIFFERENT);
}

Test(dumps, types_of_linear) {
  static const sl_tensor_type types[] = {SL_TENSOR_F32, SL_TENSOR_F64, SL_TENSOR_BF16,
                                         SL_TENSOR_F16};
  double x[T * K], w[N * K], y[T * N];
  linear(x, w, y);
  for (size_t in = 0; in < 4; in++)
    for (size_t out = 0; out < 4; out++) {
      dump_file f = {0};
      dump_add(&f, "x", types[in], "6x16", x), dump_add(&f, "w", types[in], "5x16", w);
      dump_add(&f, "y", types[out], "6x5", y), dump_say(&f, "sluice.op", "linear");
      cr_expect_eq(judge(&f, NULL), SL_OUTCOME_EQUAL, "%s", sl_tensor_type_name(types[out]));
    }
  /* the output's type decides: what bfloat16 loses is too much for binary32 */
  for (size_t i = 0; i < T * N; i++) x[i] += 0x1p-9, y[i] = 0.0;
  for (size_t i = 0; i < T * N; i++)
    for (size_t k = 0; k < K; k++) y[i] += x[i / N * K + k] * w[i % N * K + k];
  for (int contract = 0; contract < 2; contract++) {
    double rounded[T * N];
    dump_file f = {0};
    for (size_t i = 0; i < T * N; i++) rounded[i] = sl_format_round(SL_FORMAT_BF16, y[i]);
    dump_add(&f, "x", SL_TENSOR_F32, "6x16", x), dump_add(&f, "w", SL_TENSOR_F32, "5x16", w);
    dump_add(&f, "y", SL_TENSOR_F32, "6x5", rounded), dump_say(&f, "sluice.op", "linear");
    if (contract) dump_say(&f, "sluice.contract", "out=bf16");
    cr_expect_eq(judge(&f, NULL), contract ? SL_OUTCOME_EQUAL : SL_OUTCOME_DIFFERENT);
  }
}

/* Scores that are stored as bfloat16, the type of o, move an lse that is binary32; its own rounding
 * is binary32's. */
Test(dumps, stored_in_the_first_type) {
  sl_op_case c = sl_op_case_of(&sl_op_attention);
  sl_op_problem p;
  sl_error err = {0};
  sl_ball none, stored, all;
  cr_assert_eq(sl_op_shape_parse(&c, "b=1,i=4,j=4,h=1,g=1,d=8", &err), SL_OK);
  cr_assert_eq(sl_op_problem_make(&p, &c, SL_KIND_USUAL, SL_FORMAT_F32, 1, &err), SL_OK);
  sl_dump_case d = {.c = p.c, .output = {{.type = SL_FORMAT_BF16}, {.type = SL_FORMAT_F32}}};
  d.c.contract.out = SL_FORMAT_BF16;
  c = d.c, c.contract = sl_dump_contract(&d, 1);
  cr_assert_eq(sl_op_bounds(&c, 1, 3, 4, &none, NULL), SL_OK);
  d.c.contract.stored = 1;
  c.contract = sl_dump_contract(&d, 1);
  cr_assert_eq(sl_op_bounds(&c, 1, 3, 4, &stored, NULL), SL_OK);
  cr_assert_eq(sl_op_bounds(&d.c, 1, 3, 4, &all, NULL), SL_OK);
  cr_expect(none.rad < 0x1p-16 && stored.rad > 0x1p-12 && all.rad > stored.rad, "%g %g %g",
            none.rad, stored.rad, all.rad);
  sl_op_problem_end(&p);
}

/* Heads before tokens, and pairs that alternate. */
Test(dumps, axes_of_rope) {
  enum { TOKENS = 3, HEADS = 2, HALF = 4, ROW = 2 * HALF };
  double x[TOKENS * HEADS * ROW], y[TOKENS * HEADS * ROW], position[TOKENS], c[TOKENS * HALF],
      s[TOKENS * HALF];
  for (size_t i = 0; i < TOKENS * HALF; i++)
    c[i] = (double)(float)cos(0.3 * (double)i), s[i] = (double)(float)sin(0.3 * (double)i);
  for (size_t h = 0; h < HEADS; h++)
    for (size_t t = 0; t < TOKENS; t++)
      for (size_t k = 0; k < HALF; k++) {
        const size_t at = (h * TOKENS + t) * ROW + 2 * k, table = t * HALF + k;
        position[t] = (double)t;
        x[at] = (double)(float)sin((double)at), x[at + 1] = (double)(float)cos((double)at);
        y[at] = x[at] * c[table] - x[at + 1] * s[table];
        y[at + 1] = x[at + 1] * c[table] + x[at] * s[table];
      }
  for (int right = 0; right < 2; right++) {
    dump_file f = {0};
    dump_add(&f, "x", SL_TENSOR_F32, "2x3x8", x), dump_add(&f, "y", SL_TENSOR_F32, "2x3x8", y);
    dump_add(&f, "cos", SL_TENSOR_F32, "3x4", c), dump_add(&f, "sin", SL_TENSOR_F32, "3x4", s);
    dump_add(&f, "position", SL_TENSOR_I64, "3", position), dump_say(&f, "sluice.op", "rope");
    dump_say(&f, "sluice.layout.x", right ? "htc2" : "ht2c");
    dump_say(&f, "sluice.layout.y", right ? "htc2" : "ht2c");
    cr_expect_eq(judge(&f, NULL), right ? SL_OUTCOME_EQUAL : SL_OUTCOME_DIFFERENT);
  }
}

/* Rows are groups where there is no tensor of them. */
Test(dumps, rows_of_rewards) {
  const double reward[] = {1, 0, 0, 0, 0.5, 0.5, 0.5, 0.5}, group[] = {0, 0, 0, 0, 1, 1, 1, 1};
  double advantage[8];
  for (size_t i = 0; i < 8; i++)
    advantage[i] = i < 4 ? (reward[i] - 0.25) / (sqrt(0.1875) + 1e-6) : 0.0;
  for (int rows = 0; rows < 2; rows++) {
    dump_file f = {0};
    dump_add(&f, "reward", SL_TENSOR_F32, rows ? "2x4" : "8", reward);
    dump_add(&f, "advantage", SL_TENSOR_F32, rows ? "2x4" : "8", advantage);
    if (!rows) dump_add(&f, "group", SL_TENSOR_I64, "8", group);
    dump_say(&f, "sluice.op", "advantages");
    cr_expect_eq(judge(&f, NULL), SL_OUTCOME_EQUAL);
  }
}

/* What a file may have wrong: the change, and the place in the message. */
typedef struct {
  const char *what, *message;
  sl_status status;
} refusal;

static const char *wrong_linear(const char *what) {
  double x[T * K], w[N * K], y[T * N];
  linear(x, w, y);
  dump_file f = {0};
  const int is_nan = strcmp(what, "nan") == 0;
  if (is_nan) x[17] = NAN;
  dump_add(&f, "x", SL_TENSOR_F32, strcmp(what, "rank") == 0 ? "96" : "6x16", x);
  if (strcmp(what, "no w") != 0)
    dump_add(&f, "w", SL_TENSOR_F32, strcmp(what, "axes") == 0 ? "16x5" : "5x16", w);
  dump_add(&f, "y", strcmp(what, "integers") == 0 ? SL_TENSOR_I64 : SL_TENSOR_F32,
           strcmp(what, "empty") == 0 ? "0x5" : "6x5", y);
  if (strcmp(what, "no op") != 0)
    dump_say(&f, "sluice.op", strcmp(what, "op") ? "linear" : "lineer");
  if (strcmp(what, "layout") == 0) dump_say(&f, "sluice.layout.w", "nn");
  if (strcmp(what, "key") == 0) dump_say(&f, "sluice.esp", "1e-5");
  if (strcmp(what, "renamed") == 0) dump_say(&f, "sluice.tensor.bias", "b");
  if (strcmp(what, "contract") == 0) dump_say(&f, "sluice.contract", "acc=f8");
  return dump_write(&f, "wrong.safetensors");
}

static const refusal refusals[] = {
    {"nan", "wrong.safetensors: x[17] is nan", SL_ERR_NONFINITE},
    {"rank", "tensor w has the shape [5,16], axes nk: k is 16, but 96 in x", SL_ERR_INPUT},
    {"no w", "there is no tensor w, which linear needs", SL_ERR_INPUT},
    {"axes", "tensor w has the shape [16,5], axes nk: k is 5, but 16 in x", SL_ERR_INPUT},
    {"integers", "tensor y is I64: an output is F64, F32, BF16 or F16", SL_ERR_INPUT},
    {"empty", "tensor y has the shape [0,5]: it is empty", SL_ERR_INPUT},
    {"no op", "no sluice.op in the metadata", SL_ERR_USAGE},
    {"op", "metadata: sluice.op: no op 'lineer'; did you mean linear?", SL_ERR_INPUT},
    {"layout", "layout of w: 'nn' is no permutation of 'nk'", SL_ERR_INPUT},
    {"key", "metadata: sluice.esp is no convention of linear", SL_ERR_INPUT},
    {"renamed", "there is no tensor b, which linear needs", SL_ERR_INPUT},
    {"contract", "contract: acc=f8: may be", SL_ERR_INPUT},
};

Test(dumps, refused_with_their_place) {
  for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++) {
    const char *path = wrong_linear(refusals[i].what);
    const sl_dump_request request = {0};
    sl_dump_case d;
    sl_error err = {0};
    expect_error(read_case(&d, path, &request, &err), refusals[i].status, &err,
                 refusals[i].message);
    sl_dump_case_end(&d);
  }
}

/* Masks, infinite log-probs, what a setting needs. */
Test(dumps, refused_losses) {
  const double logp[] = {-1, -2, -3, -4}, mask[] = {1, 1, 0, 1}, odd[] = {1, 2, 0, 1},
               advantage[] = {1, -1}, minus[] = {-1, -(double)INFINITY, -3, -4};
  for (int what = 0; what < 4; what++) {
    static const char *const messages[] = {"mask[1] is 2: it must be 0 or 1", "logp_old[1] is -inf",
                                           "gamma is 0.5: entropy is needed",
                                           "kl=k4: may be k1|k2|k3"};
    dump_file f = {0};
    const sl_dump_request request = {0};
    sl_dump_case d;
    sl_error err = {0};
    dump_add(&f, "logp_new", SL_TENSOR_F32, "2x2", logp);
    dump_add(&f, "logp_old", SL_TENSOR_F32, "2x2", what == 1 ? minus : logp);
    dump_add(&f, "mask", SL_TENSOR_F32, "2x2", what == 0 ? odd : mask);
    dump_add(&f, "advantage", SL_TENSOR_F32, "2", advantage);
    dump_add(&f, "dlogp", SL_TENSOR_F32, "2x2", logp), dump_say(&f, "sluice.op", "gated_loss");
    if (what == 2) dump_say(&f, "sluice.gamma", "0.5");
    if (what == 3) dump_say(&f, "sluice.kl", "k4");
    const char *path = dump_write(&f, "wrong.safetensors");
    cr_expect_neq(read_case(&d, path, &request, &err), SL_OK);
    cr_expect(strstr(err.message, messages[what]), "%s", err.message);
    sl_dump_case_end(&d);
  }
}

/* The same inputs from the file of the seed, for every op; and what is refused. */
Test(dumps, generated) {
  for (size_t i = 0; i < sl_op_count(); i++) {
    const sl_generated_request g = {
        .op = sl_op_at(i)->name, .type = "bf16", .kind = "usual", .seed = 7 + i};
    const char *path = scratch_path("inputs.safetensors");
    sl_error err = {0};
    cr_assert_eq(sl_generated_write(path, &g, &err), SL_OK, "%s", err.message);
    sl_dump *dump;
    cr_assert_eq(sl_dump_open(&dump, path, &err), SL_OK, "%s", err.message);
    const sl_dump_request request = {0};
    sl_dump_case d;
    expect_error(sl_generated_read(&d, dump, dump, &request, &err), SL_ERR_INPUT, &err,
                 "there is no tensor"); /* the outputs, after the inputs were made */
    for (size_t in = 0; in < sl_op_drawn(d.c.op); in++) {
      const size_t index = sl_dump_find(dump, d.c.op->in[in].name),
                   n = sl_dump_at(dump, index)->count;
      double *found = malloc(n * sizeof *found);
      cr_assert_eq(sl_dump_values(dump, index, 0, n, found, &err), SL_OK);
      cr_expect(memcmp(found, d.c.in[in], n * sizeof *found) == 0, "%s %s", g.op,
                d.c.op->in[in].name);
      free(found);
    }
    sl_dump_case_end(&d);
    sl_dump_close(dump);
  }
}

Test(dumps, generated_by_another) {
  static const char *const keys[] = {"sluice.problem.generator", "sluice.problem.seed",
                                     "sluice.problem.shape", "sluice.problem.type",
                                     "sluice.problem.kind"};
  static const char *const values[][5] = {{"2", "7", "t=2,n=2,k=2", "f32", "usual"},
                                          {"4", "-7", "t=2,n=2,k=2", "f32", "usual"},
                                          {"4", "7", "t=2,q=2", "f32", "usual"},
                                          {"4", "7", "t=2,n=2,k=2", "f33", "usual"},
                                          {"4", "7", "t=2,n=2,k=2", "f32", "masked"}};
  static const char *const messages[] = {"inputs of generator 2, this is generator 4",
                                         "sluice.problem.seed is '-7'", "has the sizes tnk",
                                         "type 'f33'", "linear has nothing to mask"};
  const double y[4] = {0};
  for (size_t row = 0; row < 5; row++) {
    dump_file f = {0};
    dump_add(&f, "y", SL_TENSOR_F32, "2x2", y), dump_say(&f, "sluice.op", "linear");
    for (size_t k = 0; k < 5; k++) dump_say(&f, keys[k], values[row][k]);
    const char *path = dump_write(&f, "out.safetensors");
    const sl_dump_request request = {0};
    sl_dump *dump;
    sl_dump_case d;
    sl_error err = {0};
    cr_assert_eq(sl_dump_open(&dump, path, &err), SL_OK);
    expect_error(sl_generated_read(&d, dump, dump, &request, &err), SL_ERR_INPUT, &err,
                 messages[row]);
    sl_dump_case_end(&d);
    sl_dump_close(dump);
  }
}

/* A text's sizes are those of the files, and results are stored as the problem's: before anything
 * is made. k of linear is in no output, so that only a limit can hold it. */
Test(dumps, texts_beyond_the_file) {
  static const char *const keys[] = {"sluice.problem.generator", "sluice.problem.seed",
                                     "sluice.problem.kind"},
                           *const values[] = {"4", "7", "usual"};
  static const struct {
    const char *shape, *type, *contract;
    sl_tensor_type stored;
    const char *message; /* NULL: it is judged */
  } rows[] = {
      {"t=99999999,n=2,k=2", "f32", NULL, SL_TENSOR_F32, "tensor y has the shape [2,2]"},
      {"t=2,n=4294967296,k=2", "f32", NULL, SL_TENSOR_F32, "n is 2, but 4294967296 in the problem"},
      {"t=2,n=2,k=4294967296", "f32", NULL, SL_TENSOR_F32, "more than 2^24 numbers"},
      {"t=2,n=2,k=2", "f32", NULL, SL_TENSOR_F32, NULL},
      {"t=2,n=2,k=2", "f32", NULL, SL_TENSOR_F64, NULL},
      {"t=2,n=2,k=2", "f32", NULL, SL_TENSOR_BF16, "tensor y is BF16, but results of this"},
      {"t=2,n=2,k=2", "f32", NULL, SL_TENSOR_F16, "--contract out=f16"},
      {"t=2,n=2,k=2", "bf16", NULL, SL_TENSOR_F16, "results of this problem are bf16"},
      {"t=2,n=2,k=2", "f16", NULL, SL_TENSOR_BF16, "results of this problem are f16"},
      {"t=2,n=2,k=2", "f64", NULL, SL_TENSOR_F32, NULL},
      {"t=2,n=2,k=2", "bf16", NULL, SL_TENSOR_F32, NULL},
      {"t=2,n=2,k=2", "f32", "out=bf16", SL_TENSOR_BF16, NULL},
  };
  const double y[4] = {0};
  for (size_t row = 0; row < sizeof rows / sizeof *rows; row++) {
    dump_file f = {0};
    dump_add(&f, "y", rows[row].stored, "2x2", y), dump_say(&f, "sluice.op", "linear");
    for (size_t k = 0; k < 3; k++) dump_say(&f, keys[k], values[k]);
    dump_say(&f, "sluice.problem.shape", rows[row].shape);
    dump_say(&f, "sluice.problem.type", rows[row].type);
    const char *path = dump_write(&f, "out.safetensors");
    const sl_dump_request request = {.contract = rows[row].contract};
    sl_dump *dump;
    sl_dump_case d;
    sl_error err = {0};
    cr_assert_eq(sl_dump_open(&dump, path, &err), SL_OK);
    const sl_status status = sl_generated_read(&d, dump, dump, &request, &err);
    if (rows[row].message)
      expect_error(status, SL_ERR_INPUT, &err, rows[row].message);
    else
      cr_expect_eq(status, SL_OK, "row %zu: %s", row, err.message);
    sl_dump_case_end(&d);
    sl_dump_close(dump);
  }
}

/* The file of the inputs shows their sizes. */
Test(dumps, texts_beyond_the_inputs) {
  const double x[4] = {1.0, 2.0, 3.0, 4.0};
  sl_dump *out, *in;
  sl_dump_case d;
  sl_error err = {0};
  const sl_dump_request request = {0};
  dump_file f = {0};
  dump_add(&f, "y", SL_TENSOR_F32, "2x2", x);
  cr_assert_eq(sl_dump_open(&out, dump_write(&f, "out.safetensors"), &err), SL_OK);
  dump_add(&f, "x", SL_TENSOR_F32, "2x2", x), dump_add(&f, "w", SL_TENSOR_F32, "2x2", x);
  dump_say(&f, "sluice.op", "linear"), dump_say(&f, "sluice.problem.generator", "4");
  dump_say(&f, "sluice.problem.seed", "7"), dump_say(&f, "sluice.problem.kind", "usual");
  dump_say(&f, "sluice.problem.shape", "t=2,n=2,k=4294967296"),
      dump_say(&f, "sluice.problem.type", "f32");
  cr_assert_eq(sl_dump_open(&in, dump_write(&f, "in.safetensors"), &err), SL_OK);
  expect_error(sl_generated_read(&d, out, in, &request, &err), SL_ERR_INPUT, &err,
               "in.safetensors: tensor x has the shape [2,2], axes tk: k is 2, but 4294967296");
  sl_dump_case_end(&d);
  sl_dump_close(out), sl_dump_close(in);
}
