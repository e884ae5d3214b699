/* The figures of a study's page. A curve is the mean over the seeds of an arm. */
#include "figures.h"

#include "kernels/support/plot.h"

#include <sluice/gate.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { POINTS = 201, CURVES = SL_PLOT_COLOURS };

typedef struct {
  FILE *out;
  const sl_study_results *results;
  const sl_study *study;
  sl_study_cast part;
  sl_error *err;
} sketch;

/* A list of arms, a colour each. */
typedef struct {
  size_t arm[CURVES], n;
} arms;

static void take(arms *list, size_t arm) {
  if (arm == SL_STUDY_NONE || list->n == CURVES) return;
  for (size_t i = 0; i < list->n; i++)
    if (list->arm[i] == arm) return;
  list->arm[list->n++] = arm;
}

static void heading(const sketch *s, const char *title, const char *below) {
  fprintf(s->out, "<h2>%s</h2>\n<p>", title);
  sl_plot_text(s->out, below);
  fputs("</p>\n<div class=\"charts\">\n", s->out);
}

static void figure(const sketch *s, const sl_plot_panel *panel, const char *caption) {
  fputs("<figure>\n", s->out);
  sl_plot_panel_write(s->out, panel);
  fputs("<figcaption>", s->out);
  sl_plot_text(s->out, caption);
  fputs("</figcaption>\n</figure>\n", s->out);
}

/* What a figure shows of its arms: a metric of RL (spec F4.3). */
typedef struct {
  const char *kind, *key, *title, *unit, *caption;
  double low, high;
  size_t part; /* the first 1/part of the rollouts; 0: all */
} metric;

static const metric metrics[] = {
    {"step", "reward_mean", "Reward", "of sampled completions", "Mean of a rollout.", 0, NAN, 0},
    {"evaluation", "held_out_success", "Held-out success", "greedy, share of problems",
     "Problems that training never saw.", 0, NAN, 0},
    {"step", "reward_format", "Format", "mean of the component",
     "The first quarter of the rollouts. 1 where the template is fully met.", 0, 1, 4},
    {"step", "entropy", "Entropy", "nats a token", "Of the sampled tokens' distributions.", 0, NAN,
     0},
    {"step", "eur_later", "Effective update ratio", "mean over prompts",
     "Of a rollout's updates but the first. For clip it is 1 minus the clip ratio.", NAN, 1, 0},
    {"step", "tau_scale", "Scale of tau", "factor of both taus", "As the controller moved it.", NAN,
     NAN, 0},
};
enum { REWARD, SUCCESS, FORMAT, ENTROPY, EUR, SCALE };

static sl_status draw(const sketch *s, const arms *list, const metric *m) {
  sl_plot_curve curve[CURVES];
  double *x[CURVES] = {NULL}, *y[CURVES] = {NULL};
  sl_plot_panel panel = {.title = m->title,
                         .unit = m->unit,
                         .x_label = "rollout",
                         .curve = curve,
                         .low = m->low,
                         .high = m->high};
  sl_status status = SL_OK;
  size_t points = 0;
  for (size_t i = 0; !status && i < list->n; i++) {
    size_t n;
    status =
        sl_study_mean_curve(&x[i], &y[i], &n, s->results, list->arm[i], m->kind, m->key, s->err);
    if (status || n == 0) continue;
    if (m->part && n > m->part) n /= m->part;
    if (n > points) points = n;
    curve[panel.curves++] =
        (sl_plot_curve){s->study->arm[list->arm[i]].name, x[i], y[i], n, n <= 20};
  }
  if (strcmp(m->kind, "step") == 0 && points >= 60) panel.smooth = points / 20 | 1;
  if (!status && panel.curves) figure(s, &panel, m->caption);
  for (size_t i = 0; i < list->n; i++) free(x[i]), free(y[i]);
  return status;
}

/* The first run of an arm that is there. */
static const sl_study_result *any_result(const sketch *s, size_t arm) {
  const sl_study_result *r = NULL;
  for (size_t seed = 0; !r && seed < s->study->seeds; seed++)
    r = sl_study_result_of(s->results, arm, seed);
  return r;
}

/* f - f(1) and f' of an arm's gate at `r`. */
static sl_status evaluate(const sl_study_result *of, const double *r, double *f, double *w,
                          sl_error *err) {
  sl_gate_parameter parameter[SL_CONFIG_VALUES_MAX];
  sl_gate gate;
  sl_gate_definition *definition = NULL;
  const double one = 1;
  double at_one, weight;
  for (size_t i = 0; i < of->parameters.n; i++) {
    const double v = of->parameters.items[i].real;
    parameter[i] = (sl_gate_parameter){of->parameters.items[i].name, {v, v}};
  }
  const sl_status status =
      sl_gate_load(&gate, &definition, of->gate, parameter, of->parameters.n, err);
  if (status) return status;
  sl_gate_evaluate64(definition, 1, r, f, w, POINTS);
  sl_gate_evaluate64(definition, 1, &one, &at_one, &weight, 1);
  for (size_t i = 0; i < POINTS; i++) f[i] -= at_one;
  sl_gate_definition_free(definition);
  return SL_OK;
}

static sl_status gates(const sketch *s, const arms *list) {
  double r[POINTS], f[CURVES][POINTS], w[CURVES][POINTS];
  sl_plot_curve values[CURVES], weights[CURVES];
  size_t n = 0;
  for (size_t i = 0; i < POINTS; i++) r[i] = 0.5 + (double)i / (POINTS - 1);
  for (size_t i = 0; i < list->n; i++) {
    const sl_study_result *of = any_result(s, list->arm[i]);
    if (!of) continue;
    const sl_status status = evaluate(of, r, f[n], w[n], s->err);
    if (status) return status;
    values[n] = (sl_plot_curve){s->study->arm[list->arm[i]].name, r, f[n], POINTS, 0};
    weights[n] = (sl_plot_curve){values[n].label, r, w[n], POINTS, 0};
    n++;
  }
  if (!n) return SL_OK;
  heading(s, "Gates and their weights", "Where the advantage is positive.");
  sl_plot_panel panel = {.title = "f(r) - f(1)",
                         .x_label = "importance ratio r",
                         .curve = values,
                         .curves = n,
                         .low = (double)NAN,
                         .high = (double)NAN};
  figure(s, &panel, "The value; a constant moves no gradient.");
  panel.title = "f'(r)", panel.curve = weights, panel.low = 0, panel.high = 1;
  figure(s, &panel, "The weight that a token's gradient keeps.");
  fputs("</div>\n", s->out);
  return SL_OK;
}

static sl_status section(const sketch *s, const char *title, const char *below, const arms *list,
                         const int *which, size_t n) {
  sl_status status = SL_OK;
  if (list->n == 0) return SL_OK;
  heading(s, title, below);
  for (size_t i = 0; !status && i < n; i++) status = draw(s, list, &metrics[which[i]]);
  fputs("</div>\n", s->out);
  return status;
}

/* The arm without a gate. */
static size_t find_ungated(const sketch *s) {
  for (size_t i = 0; i < s->study->arms; i++) {
    const sl_study_result *r = any_result(s, i);
    if (r && strcmp(r->gate, "identity") == 0) return i;
  }
  return SL_STUDY_NONE;
}

/* Arms by themselves: those that are in no grid and play no part. */
static arms others(const sketch *s, int scheduled) {
  const sl_study_roles *p = &s->study->roles;
  arms list = {.n = 0};
  for (size_t i = 0; i < s->study->arms; i++) {
    const sl_study_result *r = any_result(s, i);
    if (!r || *s->study->arm[i].tau || i == p->baseline || i == p->repeat || i == p->shuffled ||
        i == find_ungated(s))
      continue;
    if (isfinite(r->eur_target) == (scheduled != 0)) take(&list, i);
  }
  return list;
}

static arms join(const size_t *arm, size_t n, size_t more) {
  arms list = {.n = 0};
  for (size_t i = 0; i < n; i++) take(&list, arm[i]);
  take(&list, more);
  return list;
}

sl_status sl_study_figures_write(FILE *out, const sl_study_results *r, sl_error *err) {
  static const int by_gate[] = {REWARD, SUCCESS, FORMAT, ENTROPY, EUR},
                   by_tau[] = {REWARD, ENTROPY, EUR}, rest[] = {REWARD, ENTROPY, EUR},
                   controller[] = {EUR, SCALE, REWARD}, controls[] = {REWARD, SUCCESS, EUR};
  const sketch s = {out, r, r->table->study, sl_study_find_cast(r->table->study), err};
  const sl_study_roles *p = &s.study->roles;
  const size_t main = s.part.main == SL_STUDY_NONE ? SL_STUDY_NONE : s.part.ladder[s.part.main];
  arms list = join(s.part.gate, s.part.gates, s.part.baseline), single = others(&s, 0),
       moved = others(&s, 1), control = {.n = 0};
  const arms ladder = join(s.part.ladder, s.part.ladders, SL_STUDY_NONE);
  sl_status status = gates(&s, &list);
  take(&list, find_ungated(&s));
  if (!status)
    status = section(&s, "By gate", "Reward, and entropy with the effective update ratio.", &list,
                     by_gate, sizeof by_gate / sizeof *by_gate);
  if (!status)
    status =
        section(&s, "By tau", "One gate. The first number holds where the advantage is positive.",
                &ladder, by_tau, sizeof by_tau / sizeof *by_tau);
  if (single.n) take(&single, main);
  if (!status)
    status = section(&s, "Single arms", "Such as gates that are matched in EUR to another.",
                     &single, rest, sizeof rest / sizeof *rest);
  if (moved.n) take(&moved, main);
  if (!status)
    status = section(&s, "The controller", "tau moved towards a wanted EUR, beside a fixed tau.",
                     &moved, controller, sizeof controller / sizeof *controller);
  take(&control, s.part.baseline), take(&control, p->repeat), take(&control, p->shuffled);
  if (!status && (p->repeat != SL_STUDY_NONE || p->shuffled != SL_STUDY_NONE))
    status =
        section(&s, "Controls",
                "The baseline with another sampling seed shows what chance does; from shuffled "
                "rewards nothing can be learnt.",
                &control, controls, sizeof controls / sizeof *controls);
  return status;
}
