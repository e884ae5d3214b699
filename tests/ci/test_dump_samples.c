/* Samples of large outputs, results beyond their type, controls of a dump (spec E7). */
#include "ci/products/dumps/dump_judge.h"
#include "ci/products/judge/op_problem.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* A case in memory: y = a + b of n elements. */
static sl_dump_case sum_of(size_t n) {
  sl_dump_case d = {.c = sl_op_case_of(&sl_op_add)};
  d.c.size['n' - 'a'] = n;
  for (int i = 0; i < 2; i++) {
    d.input[i] = malloc(n * sizeof(double));
    for (size_t e = 0; e < n; e++) d.input[i][e] = (double)(e % 1000) + i;
    d.c.in[i] = d.input[i];
  }
  d.output[0] = (sl_dump_output){malloc(n * sizeof(double)), n, SL_FORMAT_F32, SL_TENSOR_F32};
  for (size_t e = 0; e < n; e++) d.output[0].got[e] = d.input[0][e] + d.input[1][e];
  return d;
}

static sl_outcome outcome_of(const sl_dump_case *d, size_t elements, uint64_t seed, size_t *judged,
                             sl_judgement *all) {
  sl_dump_verdict v;
  sl_error err;
  cr_assert_eq(sl_dump_judge(&v, d, elements, seed, &err), SL_OK);
  const sl_outcome outcome = v.outcome;
  *judged = v.all.judged, *all = v.all;
  sl_dump_verdict_end(&v);
  return outcome;
}

/* Of a large output a sample is judged: a NaN is found wherever it is, a fault that covers 1 of 50
 * elements under every seed, and the number of judged elements is what was asked for. */
Test(dump_samples, samples) {
  enum { MANY = 1000003, SOME = 8192 };
  sl_dump_case d = sum_of(MANY);
  size_t judged;
  sl_judgement all;
  cr_expect_eq(outcome_of(&d, SOME, 1, &judged, &all), SL_OUTCOME_EQUAL);
  cr_expect_eq(judged, SOME);
  d.output[0].got[MANY - 1] = NAN;
  cr_expect_eq(outcome_of(&d, SOME, 1, &judged, &all), SL_OUTCOME_DIFFERENT);
  cr_expect(all.wrong == 1 && all.wrong_at.index == MANY - 1);
  d.output[0].got[MANY - 1] = d.input[0][MANY - 1] + d.input[1][MANY - 1];
  for (size_t e = 0; e < MANY; e += 50) d.output[0].got[e] += 1.0;
  for (uint64_t seed = 0; seed < 20; seed++)
    cr_expect_eq(outcome_of(&d, SOME, seed, &judged, &all), SL_OUTCOME_DIFFERENT);
  cr_expect_eq(outcome_of(&d, SIZE_MAX, 1, &judged, &all), SL_OUTCOME_DIFFERENT);
  cr_expect(judged == MANY && all.wrong == MANY / 50 + 1);
  sl_dump_case_end(&d);
}

/* A result beyond its type is not judged, and counted; zeros are no answer. */
Test(dump_samples, beyond_the_type_and_controls) {
  sl_dump_case d = sum_of(64);
  size_t judged;
  sl_judgement all;
  d.output[0].type = SL_FORMAT_F16;
  d.input[0][7] = 65536.0, d.output[0].got[7] = INFINITY;
  cr_expect_eq(outcome_of(&d, SIZE_MAX, 1, &judged, &all), SL_OUTCOME_EQUAL);
  cr_expect(judged == 63 && all.unjudged == 1);
  d.output[0].type = SL_FORMAT_F32;
  cr_expect_eq(outcome_of(&d, SIZE_MAX, 1, &judged, &all), SL_OUTCOME_DIFFERENT);
  d.output[0].got[7] = d.input[0][7] + d.input[1][7];
  cr_expect_eq(outcome_of(&d, SIZE_MAX, 1, &judged, &all), SL_OUTCOME_EQUAL);
  for (size_t i = 0; i < 64; i++) d.output[0].got[i] = 0.0;
  cr_expect_eq(outcome_of(&d, SIZE_MAX, 1, &judged, &all), SL_OUTCOME_DIFFERENT);
  for (size_t i = 0; i < 64; i++) d.output[0].got[i] = d.input[0][i];
  cr_expect_eq(outcome_of(&d, SIZE_MAX, 1, &judged, &all), SL_OUTCOME_DIFFERENT);
  /* bounds that let zeros pass decide nothing */
  for (size_t i = 0; i < 64; i++)
    d.input[0][i] = 1.0, d.input[1][i] = -1.0 + 0x1p-30, d.output[0].got[i] = 0x1p-30;
  d.c.contract.reduced = 1, d.c.contract.in = SL_FORMAT_F16;
  cr_expect_eq(outcome_of(&d, SIZE_MAX, 1, &judged, &all), SL_OUTCOME_INCONCLUSIVE);
  sl_dump_case_end(&d);
}

/* y = x w' with x and w of ones and k = 1. */
static sl_dump_case product_of(size_t rows, size_t columns) {
  sl_dump_case d = {.c = sl_op_case_of(&sl_op_linear)};
  const size_t sizes[2] = {rows, columns};
  d.c.size['t' - 'a'] = rows, d.c.size['n' - 'a'] = columns, d.c.size['k' - 'a'] = 1;
  for (int i = 0; i < 2; i++) {
    d.input[i] = malloc(sizes[i] * sizeof(double));
    for (size_t e = 0; e < sizes[i]; e++) d.input[i][e] = (double)(1 + e % (size_t)(7 + i));
    d.c.in[i] = d.input[i];
  }
  const size_t n = rows * columns;
  d.output[0] = (sl_dump_output){malloc(n * sizeof(double)), n, SL_FORMAT_F32, SL_TENSOR_F32};
  for (size_t e = 0; e < n; e++)
    d.output[0].got[e] = d.input[0][e / columns] * d.input[1][e % columns];
  return d;
}

/* Edges are judged under every seed, within the number of elements: the first and last row, column
 * and element. */
Test(dump_samples, edges) {
  enum { ROWS = 600, COLUMNS = 500, SOME = 8192 };
  static const size_t faults[][3] = {/* first, step, number */
                                     {(ROWS - 1) * COLUMNS, 1, COLUMNS}, {0, 1, COLUMNS},
                                     {COLUMNS - 1, COLUMNS, ROWS},       {0, COLUMNS, ROWS},
                                     {ROWS * COLUMNS - 1, 1, 1},         {0, 1, 1}};
  size_t judged;
  sl_judgement all;
  for (size_t elements = SOME; elements >= 16; elements /= 8) {
    sl_dump_case d = product_of(ROWS, COLUMNS);
    cr_expect_neq(outcome_of(&d, elements, 1, &judged, &all), SL_OUTCOME_DIFFERENT);
    cr_expect(judged <= elements && 2 * judged > elements, "%zu of %zu", judged, elements);
    sl_dump_case_end(&d);
  }
  for (size_t f = 0; f < sizeof faults / sizeof *faults; f++) {
    sl_dump_case d = product_of(ROWS, COLUMNS);
    for (size_t i = 0; i < faults[f][2]; i++)
      d.output[0].got[faults[f][0] + i * faults[f][1]] = 0.0;
    for (uint64_t seed = 0; seed < 20; seed++)
      cr_expect_eq(outcome_of(&d, SOME, seed, &judged, &all), SL_OUTCOME_DIFFERENT, "fault %zu", f);
    sl_dump_case_end(&d);
  }
}

/* Where each element costs a pass over the inputs, edges are few; the last token's row is one. */
Test(dump_samples, edges_of_long_passes) {
  enum { KEYS = 40, WIDTH = 32, SOME = 512 };
  sl_op_problem p;
  sl_error err;
  sl_op_case c = sl_op_case_of(&sl_op_attention_backward);
  cr_assert_eq(sl_op_shape_parse(&c, "b=1,i=40,j=40,h=2,g=2,d=32", &err), SL_OK);
  cr_assert_eq(sl_op_problem_make(&p, &c, SL_KIND_USUAL, SL_FORMAT_F32, 3, &err), SL_OK);
  sl_dump_case d = {.c = p.c};
  const size_t n = (size_t)KEYS * 2 * WIDTH;
  sl_ball *balls = malloc(n * sizeof *balls);
  d.output[0] = (sl_dump_output){malloc(n * sizeof(double)), n, SL_FORMAT_F32, SL_TENSOR_F32};
  cr_assert_eq(sl_op_bounds(&p.c, 0, 0, n, balls, NULL), SL_OK);
  for (size_t e = 0; e < n; e++)
    d.output[0].got[e] = e < n - 2 * WIDTH ? sl_format_round(SL_FORMAT_F32, balls[e].mid) : 0.0;
  for (uint64_t seed = 0; seed < 10; seed++) {
    size_t judged;
    sl_judgement all;
    cr_expect_eq(outcome_of(&d, SOME, seed, &judged, &all), SL_OUTCOME_DIFFERENT);
    cr_expect(judged <= SOME);
  }
  free(balls), free(d.output[0].got);
  sl_op_problem_end(&p);
}
