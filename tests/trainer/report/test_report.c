/* Reports of runs; what metrics.jsonl must hold, and the place of what it must not (spec F4.3). */
#include "tests/trainer/scratch.h"
#include "trainer/report/report.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

TestSuite(report, .init = scratch_make, .fini = scratch_remove);

#define STEP(phase, step, more)                                                                   \
  "{\"kind\":\"step\",\"phase\":\"" phase "\",\"step\":" step                                     \
  ",\"seconds\":0.5,\"tokens_per_second\":100,\"backend\":\"plain\",\"state\":\"s" step "\"" more \
  "}\n"
#define EVALUATION(phase, step, success)                            \
  "{\"kind\":\"evaluation\",\"phase\":\"" phase "\",\"step\":" step \
  ",\"held_out_success\":" success "}\n"

static const char run_text[] = STEP("sft", "1", ",\"loss\":2.5") EVALUATION("sft", "1", "0.25")
    EVALUATION("rl", "0", "0.25") STEP("rl", "1", ",\"reward_mean\":0.5,\"entropy\":0.7")
        STEP("rl", "2", ",\"reward_mean\":0.75,\"entropy\":0.5") EVALUATION("rl", "2", "0.5");

/* The scratch folder as a run with these metrics. */
static const char *make_run(const char *metrics) {
  scratch_text("config.yaml", "rl: {steps: 2}\n");
  scratch_text("metrics.jsonl", metrics);
  return scratch_path("");
}

/* What a writer writes, freed by the caller. */
static char *written(void (*write)(FILE *, const sl_run_report *, size_t),
                     const sl_run_report *runs, size_t n) {
  char *text = NULL;
  size_t size = 0;
  FILE *memory = open_memstream(&text, &size);
  cr_assert_not_null(memory);
  write(memory, runs, n);
  cr_assert_eq(fclose(memory), 0);
  return text;
}

static void summary(FILE *out, const sl_run_report *runs, size_t n) {
  for (size_t i = 0; i < n; i++) sl_run_report_text(out, &runs[i]);
}

static size_t count(const char *text, const char *part) {
  size_t n = 0;
  for (const char *at = strstr(text, part); at; at = strstr(at + 1, part)) n++;
  return n;
}

Test(report, a_run_is_read_as_curves) {
  sl_run_report r;
  sl_error err = {0};
  cr_assert_eq(sl_run_report_read(&r, make_run(run_text), &err), SL_OK, "%s", err.message);
  cr_expect_eq(r.before, 0.25);
  cr_expect_eq(r.after, 0.5);
  cr_expect_eq(sl_run_report_steps(&r, "rl"), 2.0);
  cr_expect_eq(sl_run_report_steps(&r, "sft"), 1.0);
  cr_expect_eq(r.curves.seconds, 1.5);
  cr_expect_eq(r.curves.tokens, 150.0);
  cr_expect_str_eq(r.curves.state, "s2");
  cr_expect_str_eq(r.curves.warm, "s1");
  cr_expect_str_eq(r.curves.backend, "plain");
  const sl_run_curve *reward = sl_run_curves_find(&r.curves, "step", "rl", "reward_mean");
  cr_assert_not_null(reward);
  cr_expect_eq(reward->n, 2);
  cr_expect_eq(reward->x[1], 2.0);
  cr_expect_eq(reward->y[1], 0.75);
  cr_expect_eq(sl_run_curve_mean(reward, 1), 0.75);
  cr_expect_eq(sl_run_curve_mean(reward, 10), (reward->y[0] + 0.75) / 2);
  cr_expect(isnan(sl_run_curve_mean(NULL, 10)) && isnan(sl_run_curve_mean(reward, 0)));
  cr_expect_null(sl_run_curves_find(&r.curves, "step", "sft", "reward_mean"));
  sl_run_report_free(&r);
}

/* Of an array the last number is drawn: an empty one, and one that ends in null, leave a gap. */
Test(report, arrays_are_drawn_by_their_last_number) {
  static const char text[] = STEP("rl", "1", ",\"eur\":[1,0.75]") STEP("rl", "2", ",\"eur\":[]")
      STEP("rl", "3", ",\"eur\":[1,null]") STEP("rl", "4", ",\"eur\":[1],\"eur_later\":0.5");
  sl_run_report r;
  sl_error err = {0};
  cr_assert_eq(sl_run_report_read(&r, make_run(text), &err), SL_OK, "%s", err.message);
  const sl_run_curve *eur = sl_run_curves_find(&r.curves, "step", "rl", "eur");
  cr_assert(eur && eur->n == 2);
  cr_expect_eq(eur->y[0], 0.75);
  cr_expect_eq(eur->x[1], 4.0);
  cr_expect_eq(eur->y[1], 1.0);
  char *page = written(sl_run_report_page, &r, 1), *lines = written(summary, &r, 1);
  cr_expect_eq(count(page, ">Effective update ratio (EUR)<"), 1);
  cr_expect_not_null(strstr(lines, "effective update ratio      0.5000"), "%s", lines);
  free(page);
  free(lines);
  sl_run_report_free(&r);
}

Test(report, page_and_picture_need_nothing_else) {
  sl_run_report r;
  sl_error err = {0};
  cr_assert_eq(sl_run_report_read(&r, make_run(run_text), &err), SL_OK, "%s", err.message);
  snprintf(r.name, sizeof r.name, "<script>");
  char *page = written(sl_run_report_page, &r, 1), *picture = written(sl_run_report_picture, &r, 1);
  cr_expect_eq(
      count(page, "<figure>"),
      7); /* success, reward, entropy, tokens/s; success, loss and tokens/s of the warm start */
  cr_expect_eq(count(page, "<svg"), count(page, "</svg>"));
  cr_expect_eq(count(picture, "<g transform"), 5);
  cr_expect_not_null(strstr(page, "25.0 % \u2192 50.0 %"));
  cr_expect_null(strstr(page, "<script"));
  cr_expect_null(strstr(picture, "<script"));
  static const char *const references[] = {"src=", "href=", "url(", "@import"};
  for (size_t i = 0; i < sizeof references / sizeof *references; i++) {
    cr_expect_null(strstr(page, references[i]), "the page refers to something: %s", references[i]);
    cr_expect_null(strstr(picture, references[i]), "the picture refers to something: %s",
                   references[i]);
  }
  free(page);
  free(picture);
  sl_run_report_free(&r);
}

/* No component of a reward (spec F3.7) is without a curve. */
Test(report, every_component_is_drawn) {
  for (int k = 0; k < SL_COMPONENT_COUNT; k++) {
    char metrics[256];
    snprintf(metrics, sizeof metrics, "%s,\"reward_%s\":0.5}\n",
             "{\"kind\":\"step\",\"phase\":\"rl\",\"step\":1,\"seconds\":1,\"tokens_per_second\":1,"
             "\"backend\":\"plain\",\"state\":\"s\"",
             sl_component_names[k]);
    sl_run_report r;
    sl_error err = {0};
    cr_assert_eq(sl_run_report_read(&r, make_run(metrics), &err), SL_OK, "%s", err.message);
    char *page = written(sl_run_report_page, &r, 1);
    cr_expect_eq(count(page, ">Components of the reward<"), 1, "%s", sl_component_names[k]);
    free(page);
    sl_run_report_free(&r);
  }
}

/* Each chart of two runs holds one key of both; a chart of several keys becomes several. */
/* A run whose controller holds the EUR: target and tau are in the picture, in place of what it has
 * of other runs. */
Test(report, what_a_controller_holds_is_in_the_picture) {
  static const char metrics[] = STEP("rl", "1", ",\"eur_later\":0.7,\"tau_scale\":1")
      STEP("rl", "2", ",\"eur_later\":0.75,\"tau_scale\":0.9,\"weight_mean\":0.8");
  sl_run_report held, other;
  sl_error err;
  const char *path = make_run(metrics);
  cr_assert_eq(sl_run_report_read(&other, path, &err), SL_OK, "%s", err.message);
  scratch_text("config.yaml", "rl: {steps: 2}\ngate: {schedule: eur, eur_target: 0.875}\n");
  cr_assert_eq(sl_run_report_read(&held, path, &err), SL_OK, "%s", err.message);
  char *picture = written(sl_run_report_picture, &held, 1),
       *page = written(sl_run_report_page, &held, 1),
       *free_picture = written(sl_run_report_picture, &other, 1),
       *free_page = written(sl_run_report_page, &other, 1);
  cr_expect(strstr(picture, "Effective update ratio") && strstr(picture, "Scale of tau"));
  cr_expect_null(strstr(picture, ">Gate<"));
  cr_expect(count(picture, ">target<") == 1 && strstr(picture, ">0.875<"), "%s", picture);
  cr_expect(count(page, ">target<") == 1 && strstr(page, ">Gate<"));
  cr_expect_null(strstr(free_picture, "Scale of tau"));
  cr_expect(strstr(free_picture, ">Gate<") && !strstr(free_page, ">target<"));
  const sl_run_report both[] = {other, held};
  char *overlay = written(sl_run_report_page, both, 2);
  cr_expect_eq(count(overlay, ">target<"), 1);
  free(picture), free(page), free(free_picture), free(free_page), free(overlay);
  sl_run_report_free(&held), sl_run_report_free(&other);
}

/* A run keeps its colour in a chart that another run has no data for. */
Test(report, runs_keep_their_colours) {
  sl_run_report r[2];
  sl_run_chart chart;
  sl_error err;
  const char *path = make_run(STEP("rl", "1", ",\"entropy\":0.5"));
  cr_assert_eq(sl_run_report_read(&r[0], path, &err), SL_OK, "%s", err.message);
  scratch_text("metrics.jsonl", STEP("rl", "1", ",\"entropy\":0.5,\"tau_scale\":2"));
  cr_assert_eq(sl_run_report_read(&r[1], path, &err), SL_OK, "%s", err.message);
  size_t shared = 0, own = 0;
  for (size_t i = 0; sl_run_chart_at(r, 2, i, &chart); i++) {
    if (!chart.panel.curves) continue;
    cr_assert_eq(chart.panel.curves, 2, "%s", chart.title);
    cr_assert_eq(chart.curve[1].n, 1, "%s", chart.title);
    shared += chart.curve[0].n == 1, own += chart.curve[0].n == 0;
  }
  cr_expect(shared > 0 && own == 1);
  sl_run_report_free(&r[0]), sl_run_report_free(&r[1]);
}

Test(report, runs_are_laid_over_each_other) {
  sl_run_report r[2];
  sl_error err = {0};
  for (int i = 0; i < 2; i++)
    cr_assert_eq(sl_run_report_read(&r[i], make_run(run_text), &err), SL_OK, "%s", err.message);
  snprintf(r[0].name, sizeof r[0].name, "first");
  snprintf(r[1].name, sizeof r[1].name, "second");
  char *rl = strstr(r[1].printed, "\nrl:"), *steps = rl ? strstr(rl, "\n  steps: 2") : NULL;
  cr_assert_not_null(steps);
  steps[strlen("\n  steps: ")] = '3';
  char *page = written(sl_run_report_page, r, 2), *picture = written(sl_run_report_picture, r, 2);
  cr_expect_eq(count(page, "<figure>"), 7);
  cr_expect_eq(count(page, ">first</text>"), 7); /* a legend each */
  cr_expect_eq(count(page, ">second</text>"), 7);
  cr_expect_not_null(strstr(page, "<tr><th>rl.steps</th><td>2</td><td>3</td></tr>"));
  cr_expect_eq(count(page, "<tr><th>rl."), 1); /* nothing else differs */
  cr_expect_eq(count(picture, "<g transform"), 5);
  free(page);
  free(picture);
  for (int i = 0; i < 2; i++) sl_run_report_free(&r[i]);
}

Test(report, the_page_says_what_made_it_and_shows_completions) {
  static const char sample[] =
      "{\"step\":1,\"prompt\":\"1+1=\",\"completion\":\"<2>\",\"answer\":\"2\",\"ended\":true,"
      "\"reward\":0.25}\n";
  sl_run_report r;
  sl_error err = {0};
  make_run(run_text);
  scratch_text("samples.jsonl", sample);
  scratch_text("ledger.jsonl", "{\"kind\":\"ledger\",\"version\":2,\"numerics\":7}\n");
  setenv("SOURCE_DATE_EPOCH", "86400", 1);
  cr_assert_eq(sl_run_report_read(&r, scratch_path(""), &err), SL_OK, "%s", err.message);
  char *page = written(sl_run_report_page, &r, 1);
  cr_expect_not_null(strstr(page, " on 1970-01-02 00:00 UTC. Numerics version 7."));
  cr_expect_not_null(strstr(page, "<code>1+1=</code></td><td><code>&lt;2&gt;</code></td>"));
  cr_expect_not_null(strstr(page, "0.25</td>"));
  free(page);
  sl_run_report_free(&r);
  char text[1000];
  snprintf(text, sizeof text, "%s{\"step\":1}\n%snonsense\n", sample, sample);
  scratch_text("samples.jsonl", text);
  cr_assert_eq(sl_run_report_read(&r, scratch_path(""), &err), SL_OK, "%s", err.message);
  cr_expect_eq(r.samples.n, 2);
  cr_expect_eq(r.samples.left_out.n, 2);
  cr_expect_eq(r.samples.left_out.first, 2);
  sl_run_report_free(&r);
}

Test(report, only_a_finished_run_has_a_state_hash) {
  static const struct {
    const char *state, *final, *part;
  } cases[] = {{"{\"phase\":2,\"state\":\"abc\"}", "abc", "state hash                  abc"},
               {"{\"phase\":1,\"state\":\"abc\"}", "", "state after the last step   s2"}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    sl_run_report r;
    sl_error err = {0};
    make_run(run_text);
    mkdir(scratch_path("checkpoints"), 0777);
    mkdir(scratch_path("checkpoints/2-done-000000002"), 0777);
    scratch_text("checkpoints/2-done-000000002/state.json", cases[i].state);
    cr_assert_eq(sl_run_report_read(&r, scratch_path(""), &err), SL_OK, "%s", err.message);
    cr_expect_str_eq(r.final, cases[i].final);
    char *text = written(summary, &r, 1);
    cr_expect_not_null(strstr(text, cases[i].part), "%s", text);
    free(text);
    sl_run_report_free(&r);
  }
  sl_run_report r;
  sl_error err = {0};
  scratch_text("checkpoints/2-done-000000002/state.json", "{\"phase\":2,");
  expect_error(sl_run_report_read(&r, scratch_path(""), &err), SL_ERR_INPUT, &err,
               "2-done-000000002/state.json:1:");
}

Test(report, a_run_without_evaluations_has_no_figures_for_them) {
  sl_run_report r;
  sl_error err = {0};
  cr_assert_eq(sl_run_report_read(&r, make_run(STEP("sft", "1", ",\"loss\":2.5")), &err), SL_OK,
               "%s", err.message);
  char *page = written(sl_run_report_page, &r, 1), *text = written(summary, &r, 1);
  cr_expect_null(strstr(page, "nan"));
  cr_expect_null(strstr(text, "nan"));
  cr_expect_null(strstr(text, "before"));
  free(page);
  free(text);
  sl_run_report_free(&r);
}

/* The objective of a gate that is a weight only is null (spec F4.3): a gap in its curve, and no
 * reason to refuse the rest. */
Test(report, a_value_that_was_not_finite_is_a_gap) {
  sl_run_report r;
  sl_error err = {0};
  cr_assert_eq(
      sl_run_report_read(&r,
                         make_run(STEP("rl", "1", ",\"objective\":null,\"entropy\":2")
                                      STEP("rl", "2", ",\"objective\":null,\"entropy\":null")
                                          STEP("rl", "3", ",\"objective\":null,\"entropy\":1")),
                         &err),
      SL_OK, "%s", err.message);
  cr_expect_null(sl_run_curves_find(&r.curves, "step", "rl", "objective"));
  const sl_run_curve *entropy = sl_run_curves_find(&r.curves, "step", "rl", "entropy");
  cr_assert(entropy && entropy->n == 2 && entropy->x[1] == 3.0 && entropy->y[1] == 1.0);
  char *page = written(sl_run_report_page, &r, 1);
  cr_expect_not_null(strstr(page, "</html>"));
  free(page);
  sl_run_report_free(&r);
}

/* A first line that is right, then one that is not. */
static void refused(const char *line, const char *part) {
  sl_run_report r;
  sl_error err = {0};
  char metrics[2000];
  snprintf(metrics, sizeof metrics, "%s%s", STEP("rl", "7", ""), line);
  expect_error(sl_run_report_read(&r, make_run(metrics), &err), SL_ERR_INPUT, &err, part);
}

Test(report, bad_metrics_are_refused_with_the_place) {
  refused("{\"kind\":\"step\",\"phase\":\"rl\",\"st\n", "metrics.jsonl:2:");
  refused("[1, 2]\n", "metrics.jsonl:2:1: expected a JSON object");
  refused("\n", "metrics.jsonl:2:1: empty line");
  refused("{\"phase\":\"rl\",\"step\":8}\n", "metrics.jsonl:2:1: kind: missing");
  refused("{\"kind\":\"stop\",\"phase\":\"rl\",\"step\":8}\n",
          "metrics.jsonl:2:2: kind: expected \"step\" or \"evaluation\", found \"stop\"");
  refused("{\"kind\":\"step\",\"phase\":3,\"step\":8}\n",
          "metrics.jsonl:2:16: phase: expected a string, found an integer");
  refused("{\"kind\":\"step\",\"phase\":\"rl\",\"step\":-1}\n", "step: expected an integer from 0");
  refused(STEP("rl", "7", ""), "metrics.jsonl:2:29: step: step 7 comes after step 7");
  refused("{\"kind\":\"step\",\"phase\":\"rl\",\"step\":8}\n", "backend: missing");
  refused("{\"kind\":\"step\",\"kind\":\"step\"}\n", "metrics.jsonl:2:");
  refused(
      "{\"kind\":\"evaluation\",\"phase\":\"rl\",\"step\":8,\"a_key_that_is_far_too_long_to_be_one_"
      "of_ours_or_of_anybody\":1}\n",
      "a key of more than 47 bytes");
}

Test(report, absent_and_empty_files_are_refused) {
  sl_run_report r;
  sl_error err = {0};
  expect_error(sl_run_report_read(&r, scratch_path("nowhere"), &err), SL_ERR_INPUT, &err,
               "nowhere/config.yaml");
  scratch_text("config.yaml", "rl: {steps: 2}\n");
  expect_error(sl_run_report_read(&r, scratch_path(""), &err), SL_ERR_INPUT, &err, "metrics.jsonl");
  expect_error(sl_run_report_read(&r, make_run(""), &err), SL_ERR_INPUT, &err,
               "metrics.jsonl:1:1: no line");
  make_run(run_text);
  scratch_text("config.yaml", "rl: {steps: many}\n");
  expect_error(sl_run_report_read(&r, scratch_path(""), &err), SL_ERR_INPUT, &err,
               "config.yaml:1:");
}
