/* What `sluice eval --samples` prints (spec L4.5). */
#include "eval_samples.h"

#include "kernels/support/cli.h"
#include "trainer/run/pass_rate.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A share of all completions, with what is known of it. */
typedef struct {
  double accuracy;
  sl_interval wilson, bootstrap;
} estimate;

static sl_status estimate_of(estimate *out, const uint32_t *correct, size_t n, size_t samples,
                             uint64_t seed, sl_error *err) {
  uint64_t sum = 0;
  for (size_t p = 0; p < n; p++) sum += correct[p];
  out->accuracy = (double)sum / ((double)n * (double)samples);
  out->wilson = sl_wilson(out->accuracy, n);
  return sl_bootstrap(&out->bootstrap, correct, n, samples, seed, err);
}

/* 1, 2, 4, ... and the number of samples. */
static size_t next_k(size_t k, size_t samples) {
  return k < samples && 2 * k > samples ? samples : 2 * k;
}

static void print_text(const estimate *e, const sl_sampled_counts *c) {
  const double all = (double)c->problems * (double)c->samples;
  printf(
      "accuracy: %.1f %% of %zu problems, %zu samples each; 95 %%: %.1f to %.1f (Wilson), %.1f to "
      "%.1f (bootstrap by problem)\n",
      100 * e->accuracy, c->problems, c->samples, 100 * e->wilson.low, 100 * e->wilson.high,
      100 * e->bootstrap.low, 100 * e->bootstrap.high);
  for (size_t k = 1; k <= c->samples; k = next_k(k, c->samples))
    printf("pass@%zu: %.1f %%\n", k, 100 * sl_pass_at(k, c->correct, c->problems, c->samples));
  printf("format: %.3f; ended: %.1f %%; compared as texts: %llu of %.0f\n", c->format / all,
         100 * (double)c->ended / all, (unsigned long long)c->by_text, all);
}

static void print_json(const estimate *e, const sl_sampled_counts *c) {
  const double all = (double)c->problems * (double)c->samples;
  printf(
      "{\"held_out\":%zu,\"samples\":%zu,\"accuracy\":%.9g,\"wilson\":[%.9g,%.9g],\"bootstrap\":["
      "%.9g,%.9g],\"pass\":{",
      c->problems, c->samples, e->accuracy, e->wilson.low, e->wilson.high, e->bootstrap.low,
      e->bootstrap.high);
  for (size_t k = 1; k <= c->samples; k = next_k(k, c->samples))
    printf("%s\"%zu\":%.9g", k > 1 ? "," : "", k,
           sl_pass_at(k, c->correct, c->problems, c->samples));
  printf("},\"format\":%.9g,\"ended\":%.9g,\"by_text\":%llu", c->format / all,
         (double)c->ended / all, (unsigned long long)c->by_text);
}

/* Problems of one category stand together (spec F3.14). */
static void print_categories(const sl_run_state *run, const sl_sampled_counts *c, int json) {
  const sl_problem *items = run->task.held_out.items;
  for (size_t first = 0, end; first < c->problems; first = end) {
    uint64_t sum = 0;
    for (end = first; end < c->problems && strcmp(items[end].category, items[first].category) == 0;
         end++)
      sum += c->correct[end];
    if (!*items[first].category) continue;
    const double share = (double)sum / ((double)(end - first) * (double)c->samples);
    if (json) {
      fputs(first ? "," : ",\"categories\":{", stdout);
      sl_cli_json_text(stdout, items[first].category);
      printf(":[%.9g,%zu]%s", share, end - first, end == c->problems ? "}" : "");
    } else {
      printf("  %s: %.1f %% of %zu\n", items[first].category, 100 * share, end - first);
    }
  }
}

sl_status sl_eval_samples(sl_run_state *run, const sl_sampling_plan *plan, int json,
                          sl_error *err) {
  sl_sampled_counts counts;
  estimate e;
  SL_TRY(sl_evaluate_samples(run, plan, &counts, err));
  const sl_status status =
      estimate_of(&e, counts.correct, counts.problems, counts.samples, plan->sampling.seed, err);
  if (!status) {
    (json ? print_json : print_text)(&e, &counts);
    print_categories(run, &counts, json);
    if (json) puts("}");
  }
  free(counts.correct);
  return status;
}
