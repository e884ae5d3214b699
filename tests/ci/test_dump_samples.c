/* Samples of large outputs, results beyond their type, controls of a dump (spec E7). */
#include "ci/products/dumps/dump_judge.h"

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
