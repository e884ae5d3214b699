/* The relations on planted backends (spec E3, E4): what each must notice, and what it must not. */
#include "ci/products/relations/command.h"
#include "ci/products/relations/parity.h"
#include "ci/products/relations/report.h"
#include "ci/products/relations/run.h"

#include "ci/products/equiv/equiv.h"
#include "kernels/core/context.h"
#include "kernels/plain/plain.h"

#include <criterion/criterion.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Another order of the sum: other bits, within the bound of no promise but `any`. */
static sl_status backwards(sl_context *ctx, float *y, const float *x, const float *w,
                           const void *packed, const float *bias, size_t t, size_t n, size_t k) {
  (void)ctx, (void)packed;
  for (size_t i = 0; i < t * n; i++) {
    float sum = 0.0f;
    for (size_t c = k; c-- > 0;) sum = fmaf(x[i / n * k + c], w[i % n * k + c], sum);
    y[i] = bias ? sum + bias[i % n] : sum;
  }
  return SL_OK;
}

/* The last digit is wrong, in one element. */
static sl_status last_digit(sl_context *ctx, float *y, const float *a, const float *b, size_t n) {
  const sl_status status = sl_plain_residual_add(ctx, y, a, b, n);
  if (n) y[n / 2] = nextafterf(y[n / 2], INFINITY);
  return status;
}

/* Another answer every second time. */
static sl_status fickle(sl_context *ctx, float *y, const float *gate, const float *up, size_t n) {
  static int calls;
  const sl_status status = sl_plain_swiglu_forward(ctx, y, gate, up, n);
  if (n && calls++ % 2) y[0] = nextafterf(y[0], 0.0f);
  return status;
}

/* The answer depends on how many rows there are. */
static sl_status by_batch(sl_context *ctx, float *y, float *rstd, const float *x, const float *w,
                          size_t t, size_t d, float eps) {
  return sl_plain_rmsnorm_forward(ctx, y, rstd, x, w, t, d, eps * (float)t);
}

static sl_status broken(sl_context *ctx, double *sum, const float *g, size_t n) {
  (void)sum, (void)g, (void)n;
  return sl_fail(&ctx->error, SL_ERR_ENVIRONMENT, "broken on purpose");
}

static sl_status nothing(sl_context *ctx, float *p, float *m, float *v, const float *g,
                         const sl_adamw *step, size_t n) {
  (void)ctx, (void)p, (void)m, (void)v, (void)g, (void)step, (void)n;
  return SL_OK;
}

static sl_status open_planted(sl_context *ctx, const sl_context_options *options, sl_error *err) {
  (void)options;
  (void)err;
  sl_plain_table(&ctx->table);
  ctx->table.linear_forward = backwards;
  ctx->table.residual_add = last_digit;
  ctx->table.swiglu_forward = fickle;
  ctx->table.rmsnorm_forward = by_batch;
  ctx->table.grad_square_sum = broken;
  ctx->table.adamw_step = nothing;
  return SL_OK;
}

/* The last term of every sum is dropped. */
static sl_status shorter(sl_context *ctx, float *y, const float *x, const float *w,
                         const void *packed, const float *bias, size_t t, size_t n, size_t k) {
  (void)ctx, (void)packed;
  for (size_t i = 0; i < t * n; i++) {
    y[i] = bias ? bias[i % n] : 0.0f;
    for (size_t c = 0; c + 1 < k; c++) y[i] += x[i / n * k + c] * w[i % n * k + c];
  }
  return SL_OK;
}

static sl_status open_shorter(sl_context *ctx, const sl_context_options *options, sl_error *err) {
  (void)options;
  (void)err;
  sl_plain_table(&ctx->table);
  ctx->table.linear_forward = shorter;
  return SL_OK;
}

static void close_planted(sl_context *ctx) { (void)ctx; }
static const sl_backend planted = {"planted", open_planted, close_planted};

static const sl_backend dropping = {"dropping", open_shorter, close_planted};

static void keep(void *arg, const sl_run_row *row) { *(sl_run_row *)arg = *row; }

enum { I = 1u << SL_RELATION_I, A = 1u << SL_RELATION_A, P = 1u << SL_RELATION_P };

static sl_run_row run_shape(const char *shape, uint64_t seed, sl_kernel_id kernel,
                            const char *backend, unsigned relations) {
  sl_run_request r = {.backend = backend,
                      .shape = shape,
                      .some = 1,
                      .seed = seed,
                      .cases = 7,
                      .relations = relations,
                      .explain = 1,
                      .program = "test"};
  sl_run_row row = {0};
  sl_error err;
  size_t skipped;
  r.wanted[kernel] = 1;
  sl_backend_add(&planted);
  cr_assert_eq(sl_run(&r, keep, &row, &skipped, &err), SL_OK, "%s", err.message);
  printf("%s on %s: I %s, A %s, P %s: %s\n", sl_equiv_kernel_name(kernel), backend,
         sl_outcome_name(row.outcomes.of[0]), sl_outcome_name(row.outcomes.of[1]),
         sl_outcome_name(row.outcomes.of[2]), row.message);
  return row;
}

static sl_run_row run_from(uint64_t seed, sl_kernel_id kernel, const char *backend,
                           unsigned relations) {
  return run_shape(NULL, seed, kernel, backend, relations);
}

static sl_run_row run(sl_kernel_id kernel, const char *backend, unsigned relations) {
  return run_from(1, kernel, backend, relations);
}

static void expect(const sl_run_row *row, sl_relation r, sl_outcome outcome, const char *message) {
  cr_expect_eq(row->outcomes.of[r], outcome, "%s is %s", sl_relation_name(r),
               sl_outcome_name(row->outcomes.of[r]));
  cr_expect(strstr(row->message, message), "'%s' is not in '%s'", message, row->message);
}

/* P sees another order; A knows that it is as good. */
Test(relations, another_order) {
  sl_run_row row = run(SL_KERNEL_linear_forward, "planted", I | A | P);
  expect(&row, SL_RELATION_P, SL_OUTCOME_DIFFERENT, "P parity: linear_forward, seed ");
  cr_expect_eq(row.outcome, SL_OUTCOME_DIFFERENT);
  cr_expect(strstr(row.replay, "test --backend planted --kernel linear_forward --seed "));
}

/* What P finds of ten problems of a kernel with an order of its own. */
static sl_judgement parity_with(const char *backend) {
  sl_context *golden, *ctx;
  sl_error err = {0};
  sl_judgement j = {0};
  cr_assert_eq(
      sl_context_create(&golden, &(sl_context_options){.backend = "plain", .threads = 1}, &err),
      SL_OK);
  cr_assert_eq(
      sl_context_create(&ctx, &(sl_context_options){.backend = backend, .threads = 1}, &err), SL_OK,
      "%s", err.message);
  for (uint64_t seed = 1; seed <= 10; seed++) {
    sl_equiv_trial *trial;
    cr_assert_eq(sl_equiv_begin_small(&trial, SL_KERNEL_linear_forward, seed, 4, golden, &err),
                 SL_OK);
    cr_assert_eq(sl_equiv_run(trial, ctx, &err), SL_OK, "%s", err.message);
    cr_assert_eq(sl_parity_of(&j, SL_KERNEL_linear_forward, trial), SL_OK);
    sl_equiv_end(trial);
  }
  sl_context_destroy(ctx), sl_context_destroy(golden);
  return j;
}

/* Within the sum of both bounds another order has parity, a dropped term has not. */
Test(relations, parity_within_both_bounds) {
  sl_backend_add(&planted), sl_backend_add(&dropping);
  const sl_judgement right = parity_with("planted"), wrong = parity_with("dropping");
  printf("parity: another order %.3f of both bounds, %zu elements; a term dropped: %zu of %zu\n",
         right.share, right.judged, wrong.wrong, wrong.judged);
  cr_expect(right.judged > 0 && right.wrong == 0 && right.share > 0.0);
  cr_expect(wrong.wrong > 0);
}

/* A alone sees a wrong last digit where one rounding is all that is allowed. */
Test(relations, a_wrong_last_digit) {
  sl_run_row row = run(SL_KERNEL_residual_add, "planted", A);
  expect(&row, SL_RELATION_A, SL_OUTCOME_DIFFERENT, "A accuracy: y[");
  row = run(SL_KERNEL_residual_add, "plain", A);
  cr_expect_eq(row.outcome, SL_OUTCOME_EQUAL);
}

Test(relations, another_answer_the_second_time) {
  const sl_run_row row = run(SL_KERNEL_swiglu_forward, "planted", I);
  expect(&row, SL_RELATION_I, SL_OUTCOME_DIFFERENT, "a second run differs");
}

Test(relations, rows_that_depend_on_the_batch) {
  const sl_run_row row = run(SL_KERNEL_rmsnorm_forward, "planted", I);
  expect(&row, SL_RELATION_I, SL_OUTCOME_DIFFERENT, "alone differ");
}

Test(relations, a_kernel_that_fails) {
  sl_run_row row = run(SL_KERNEL_grad_square_sum, "planted", P);
  expect(&row, SL_RELATION_P, SL_OUTCOME_DIFFERENT, "it fails: broken on purpose");
  row = run(SL_KERNEL_grad_square_sum, "planted", A);
  expect(&row, SL_RELATION_A, SL_OUTCOME_DIFFERENT, "it fails: broken on purpose");
}

Test(relations, a_kernel_that_does_nothing) {
  const sl_run_row row = run(SL_KERNEL_adamw_step, "planted", A);
  expect(&row, SL_RELATION_A, SL_OUTCOME_DIFFERENT, "p[");
}

/* A kernel that never returns, and one that crashes. */
static sl_status endless(sl_context *ctx, float *x, const uint32_t *position, const float *cosine,
                         const float *sine, size_t t, size_t heads, size_t d, size_t positions) {
  (void)ctx, (void)x, (void)position, (void)cosine, (void)sine;
  (void)t, (void)heads, (void)d, (void)positions;
  for (volatile int on = 1; on;) {
  }
  return SL_OK;
}

static sl_status crashing(sl_context *ctx, float *y, const float *a, const float *b, size_t n) {
  (void)ctx, (void)y, (void)a, (void)b, (void)n;
  raise(SIGSEGV);
  return SL_OK;
}

static sl_status open_crashing(sl_context *ctx, const sl_context_options *options, sl_error *err) {
  (void)options;
  (void)err;
  sl_plain_table(&ctx->table);
  ctx->table.rope_forward = endless;
  ctx->table.residual_add = crashing;
  return SL_OK;
}

static const sl_backend bad = {"crashing", open_crashing, close_planted};

static int command_on_bad(char *kernel) {
  char *argv[] = {(char[]){"equiv"},
                  (char[]){"--backend"},
                  (char[]){"crashing"},
                  (char[]){"--timeout"},
                  (char[]){"1"},
                  kernel,
                  NULL};
  sl_backend_add(&bad);
  return sl_equiv_command(6, argv, "test", NULL);
}

/* Both end the process with 1: `different`. */
Test(relations, a_kernel_that_crashes, .exit_code = 1) {
  command_on_bad((char[]){"residual_add"});
  cr_assert_fail("it came back");
}

Test(relations, a_kernel_that_does_not_return, .exit_code = 1, .timeout = 60) {
  command_on_bad((char[]){"rope_forward"});
  cr_assert_fail("it came back");
}

/* A gate that is an expression is left out: only problems with such a gate tell. */
static sl_status ungated(sl_context *ctx, float *d, float *e, sl_loss_sums *sums,
                         const sl_objective *objective, const sl_gated_loss_batch *batch) {
  sl_objective other = *objective;
  for (int side = 0; side < 2; side++)
    if (other.gate.family[side] == SL_GATE_EXPRESSION) other.gate.family[side] = SL_GATE_IDENTITY;
  return sl_plain_gated_loss(ctx, d, e, sums, &other, batch);
}

static sl_status open_ungated(sl_context *ctx, const sl_context_options *options, sl_error *err) {
  (void)options;
  (void)err;
  sl_plain_table(&ctx->table);
  ctx->table.gated_loss = ungated;
  return SL_OK;
}

static const sl_backend without_gate = {"ungated", open_ungated, close_planted};

Test(relations, a_gate_that_is_an_expression) {
  sl_backend_add(&without_gate);
  const sl_run_row row = run(SL_KERNEL_gated_loss, "ungated", A);
  expect(&row, SL_RELATION_A, SL_OUTCOME_DIFFERENT, "A accuracy: ");
}

static char *text_of(void (*write)(FILE *, const sl_run_report *), const sl_run_report *report) {
  char *text = NULL;
  size_t size = 0;
  FILE *out = open_memstream(&text, &size);
  write(out, report);
  fclose(out);
  return text;
}

static void expect_text(void (*write)(FILE *, const sl_run_report *), const sl_run_report *report,
                        const char *wanted) {
  char *text = text_of(write, report);
  cr_expect(strstr(text, wanted), "'%s' is not in:\n%s", wanted, text);
  free(text);
}

/* What is different is a failure in every report. */
Test(relations, reports_of_a_failure) {
  sl_run_row row = run(SL_KERNEL_residual_add, "planted", I | A | P);
  const sl_run_request request = {.seed = 1, .cases = 7, .program = "test"};
  const sl_run_report report = {&request, &row, 1, 0, 1, 0.5};
  cr_expect_eq(row.outcome, SL_OUTCOME_DIFFERENT);
  expect_text(sl_report_as_json, &report, "\"exit_code\": 1");
  expect_text(sl_report_as_json, &report, "\"outcome\": \"different\"");
  expect_text(sl_report_as_junit, &report, "failures=\"1\" errors=\"0\" skipped=\"0\"");
  expect_text(sl_report_as_junit, &report, "<failure message=\"P parity: residual_add");
  expect_text(sl_report_annotations, &report, "::error title=residual_add on planted::P parity");
  expect_text(sl_report_annotations, &report, "%0Arepeat: test --backend planted");
  expect_text(sl_report_as_markdown, &report, "| residual_add | planted | different |");
}

/* Every kernel has power on plain: no control passes, a missing term and a shifted mask are seen.
 * The bound of its worst element is explained with its numbers. */
Test(relations, every_kernel_has_power) {
  for (int k = 0; k < SL_KERNEL_COUNT; k++) {
    const sl_run_row row = run((sl_kernel_id)k, "plain", I | A | P);
    cr_expect_eq(row.outcome, SL_OUTCOME_EQUAL, "%s: %s", sl_equiv_kernel_name(row.kernel),
                 row.message);
    cr_expect(row.scale >= 12, "%s: 2^-%d", sl_equiv_kernel_name(row.kernel), row.scale);
    cr_expect(2 * row.terms_rejected > row.terms, "%s: %zu of %zu terms",
              sl_equiv_kernel_name(row.kernel), row.terms_rejected, row.terms);
    cr_expect(row.masks_rejected == row.masks || 2 * row.masks_rejected > row.masks,
              "%s: %zu of %zu masks", sl_equiv_kernel_name(row.kernel), row.masks_rejected,
              row.masks);
    cr_expect(strstr(row.derivation, "\n    exact ") && strstr(row.derivation, "; bound "),
              "%s: %s", sl_equiv_kernel_name(row.kernel), row.derivation);
  }
}

/* Of a table with one row all rows are alike, and a kernel that computes one of them cannot be told
 * from a right one. */
Test(relations, rows_that_are_alike) {
  sl_run_row row = run_shape("t=5,vocab=1,d=4", 1, SL_KERNEL_embedding_forward, "plain", A);
  expect(&row, SL_RELATION_A, SL_OUTCOME_INCONCLUSIVE,
         "no problem of the kind usual rejects the first row in every row");
  row = run_shape("t=5,vocab=9,d=4", 1, SL_KERNEL_embedding_forward, "plain", A);
  cr_expect_eq(row.outcome, SL_OUTCOME_EQUAL, "%s", row.message);
}

/* The one problem of seeds 50 to 56 with wide logits has samples that are certain: zeros are right
 * within the bound there, and the next problem of that kind is tried too. */
Test(relations, more_problems_for_power) {
  const sl_run_row row = run_from(50, SL_KERNEL_sample, "plain", A);
  cr_expect_eq(row.outcome, SL_OUTCOME_EQUAL, "%s", row.message);
  cr_expect_eq(row.problems, 8);
  cr_expect_eq(run_from(1, SL_KERNEL_sample, "plain", A).problems, 7);
}
