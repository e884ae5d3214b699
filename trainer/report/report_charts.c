/* Which metrics (spec F4.3) are drawn together, and how each chart is read. */
#include "report.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* Headings of the page; charts of a group share the address. */
static const char learning[] = "Learning", off_policy[] = "Off-policy: ratios and the gate",
                  optimiser[] = "Objective, optimiser, speed", warm_start[] = "Warm start";

enum { KEYS_MAX = SL_COMPONENT_COUNT, DOTS_MAX = 150 }; /* curves of a chart */
/* PICTURE: in the picture too; EXACT: no running mean; HELD: in the picture of a run whose
 * controller holds the EUR, in place of the FREE ones. */
enum { PAGE = 0, PICTURE = 1, EXACT = 2, HELD = 4, FREE = 8 };

typedef struct {
  const char *group;
  int flags;
  const char *kind, *phase, *title, *unit;
  double low, high; /* values that the axis must hold; NAN: the curves decide */
  struct {
    const char *key, *label;
  } curve[KEYS_MAX];
  const char *reading;
} plan;

/* A row, in a form that the formatter leaves readable. */
#define CHART(...) \
  { __VA_ARGS__ }
static const plan plans[] = {
    CHART(learning, PICTURE, "evaluation", "rl", "Held-out success", "greedy, share of problems", 0,
          1, {{"held_out_success", "success"}},
          "Problems that training never saw, answered greedily: the number that counts."),
    CHART(learning, PICTURE, "step", "rl", "Reward", "of sampled completions", 0, 1,
          {{"reward_mean", "mean"}, {"reward_std", "standard deviation"}},
          "Over a rollout, at the sampling temperature; below held-out success as long as sampling "
          "still errs."),
    CHART(learning, PAGE, "step", "rl", "Components of the reward", "means, without weights", 0, 1,
          {{"reward_exact", "exact"},
           {"reward_numeric", "numeric"},
           {"reward_math", "math"},
           {"reward_format", "format"},
           {"reward_length", "length"},
           {"reward_command", "command"}},
          "What the reward is a sum of. The answer's component alone is success."),
    CHART(learning, PICTURE, "step", "rl", "Entropy", "nats a token", 0, NAN,
          {{"entropy", "entropy"}},
          "Falls as the policy grows sure. A sudden fall to 0 is a collapse: nothing is explored "
          "any more."),
    CHART(learning, PAGE, "step", "rl", "Groups without variance", "share", 0, 1,
          {{"zero_variance", "share"}},
          "Groups whose completions all got the same reward. They give no gradient."),
    CHART(learning, PAGE, "step", "rl", "Dynamic sampling: groups", "of a rollout", 0, NAN,
          {{"groups_kept", "kept"}, {"groups_dropped", "dropped"}},
          "Groups without variance are dropped, and further prompts taken until rl.prompts are "
          "kept. Fewer are kept where the limit on rounds was reached."),
    CHART(learning, EXACT, "step", "rl", "Dynamic sampling: rounds", "of a rollout", 0, NAN,
          {{"sampling_rounds", "rounds"}},
          "Each takes rl.prompts prompts more; rl.dynamic_sampling is the limit. Sampling costs as "
          "many times that of one round."),
    CHART(learning, PAGE, "step", "rl", "Completion length", "tokens", 0, NAN,
          {{"length_mean", "mean"}, {"length_max", "longest"}},
          "End token included. Growth without reward is padding."),
    CHART(learning, PAGE, "step", "rl", "Truncated completions", "share", 0, NAN,
          {{"truncated", "share"}},
          "Those that met the limit before their end token; they score 0."),
    CHART(off_policy, PICTURE | FREE, "step", "rl", "Importance ratio", "variance", 0, NAN,
          {{"ratio_variance", "variance"}},
          "Of r over the tokens of all updates of a rollout. At the first of them r is 1 exactly; "
          "what shows here, the later ones did."),
    CHART(off_policy, PAGE, "step", "rl", "Importance ratio", "over a rollout's tokens", 0, NAN,
          {{"ratio_mean", "mean"}, {"ratio_max", "largest"}},
          "A mean far from 1, or a largest value that climbs: the rollout is used for too many "
          "updates, or too large ones."),
    CHART(off_policy, PICTURE | FREE, "step", "rl", "Gate", NULL, 0, 1,
          {{"weight_mean", "weight f'"},
           {"effective_weight", "r f'"},
           {"weight_below_half", "share f' < 1/2"}},
          "f' is what the gate leaves of a token's gradient, r f' what multiplies the gradient of "
          "its log-prob. On policy both are 1."),
    CHART(
        off_policy, HELD, "step", "rl", "Effective update ratio (EUR)", "mean over prompts", NAN, 1,
        {{"eur_later", "later updates"}, {"eur", "last update"}},
        "Mean weight f' of a prompt's tokens, clamped ones 0. The first update of a rollout has 1; "
        "lower is more gradient held back. For clip it is 1 minus the clip ratio."),
    CHART(off_policy, EXACT, "step", "rl", "Temperature of the gate", "tau", 0, NAN,
          {{"tau_pos", "A > 0"}, {"tau_neg", "else"}},
          "As scheduled, or as the controller moved it towards gate.eur_target."),
    CHART(off_policy, EXACT | HELD, "step", "rl", "Scale of tau", NULL, NAN, NAN,
          {{"tau_scale", "scale"}, {"tau_saturated", "1: cut at a bound"}},
          "One for both signs. At a bound the target is out of reach."),
    CHART(off_policy, PAGE, "step", "rl", "Clip ratio", "last update of a rollout", 0, NAN,
          {{"clip_ratio", "mean over prompts"}, {"clip_ratio_tokens", "of all tokens"}},
          "Tokens that clip leaves without a gradient. Of all tokens, A = 0 aside, as TRL and verl "
          "count it."),
    CHART(off_policy, EXACT, "step", "rl", "Clamped log-ratios", "tokens a step", 0, NAN,
          {{"clamped", "tokens"}},
          "Tokens whose log-ratio left [-80, 80]; they give no gradient. Anything but 0 is a "
          "broken run."),
    CHART(off_policy, PAGE, "step", "rl", "KL to the sampling policy", "nats a token, estimated", 0,
          NAN, {{"kl_old_k1", "k1"}, {"kl_old_k3", "k3"}},
          "How far the updates of a rollout moved from the policy that sampled it. k1 is unbiased "
          "and may be negative, k3 never is."),
    CHART(off_policy, EXACT, "step", "rl", "KL to the reference", "nats a token, estimated", 0, NAN,
          {{"kl", "KL"}},
          "How far the policy has moved from the frozen reference; 0 and not measured where "
          "rl.beta is 0."),
    CHART(optimiser, PAGE, "step", "rl", "Objective, centred", "f(r) - f(1)", NAN, NAN,
          {{"objective_centred", "centred"}},
          "Without the gate's constant offset, which has no gradient. 0 on policy: not a measure "
          "of success."),
    CHART(optimiser, PAGE, "step", "rl", "Objective, as written", "f(r)", NAN, NAN,
          {{"objective", "objective"}},
          "With the offset of f, which moves it without any learning where the advantages do not "
          "sum to 0."),
    CHART(optimiser, PICTURE, "step", "rl", "Gradient norm", "before clipping", 0, NAN,
          {{"gradient_norm", "mean of the updates"}, {"gradient_norm_max", "largest"}},
          "Above optimizer.max_norm of the configuration a gradient is scaled down to it."),
    CHART(optimiser, EXACT, "step", "rl", "Learning rate", NULL, 0, NAN, {{"lr", "rate"}},
          "As scheduled."),
    CHART(optimiser, PAGE, "step", "rl", "Tokens per second", "sampled and trained", 0, NAN,
          {{"tokens_per_second", "tokens/s"}},
          "Of whole steps: rollout and updates. Time is no part of the run's identity."),
    CHART(warm_start, PICTURE, "evaluation", "sft", "Held-out success", "warm start", 0, 1,
          {{"held_out_success", "success"}},
          "The warm start ends at sft.stop_success, so that something is left to learn by reward."),
    CHART(warm_start, PICTURE, "step", "sft", "Loss", "nats a token", 0, NAN, {{"loss", "loss"}},
          "Cross-entropy of the answers' tokens."),
    CHART(warm_start, PICTURE, "step", "sft", "Gradient norm", "before clipping", 0, NAN,
          {{"gradient_norm", "norm"}},
          "Above optimizer.max_norm of the configuration a gradient is scaled down to it."),
    CHART(warm_start, PAGE, "step", "sft", "Tokens per second", "trained", 0, NAN,
          {{"tokens_per_second", "tokens/s"}}, "Of whole steps."),
};
#define PLAN_COUNT (sizeof plans / sizeof *plans)

static const sl_run_curve *find(const sl_run_report *run, const plan *p, const char *key) {
  return sl_run_curves_find(&run->curves, p->kind, p->phase, key);
}

static void add_curve(sl_run_chart *chart, const plan *p, const sl_run_curve *found,
                      const char *label) {
  if (!found) return;
  const int dots = strcmp(p->kind, "evaluation") == 0 && found->n <= DOTS_MAX;
  chart->curve[chart->panel.curves++] = (sl_plot_curve){label, found->x, found->y, found->n, dots};
  if (!dots && !(p->flags & EXACT) && found->n >= 60 && found->n / 30 > chart->panel.smooth)
    chart->panel.smooth = found->n / 30 | 1;
}

static int is_held(const sl_run_report *run) {
  return run->config.gate.schedule == SL_CONFIG_SCHEDULE_EUR;
}

/* The first run whose EUR a controller holds; NULL: none. */
static const sl_run_report *first_held(const sl_run_report *runs, size_t n) {
  for (size_t r = 0; r < n; r++)
    if (is_held(&runs[r])) return &runs[r];
  return NULL;
}

/* What the controller is to hold, beside the curve that it holds. */
static void add_target(sl_run_chart *chart, const char *key, const sl_run_report *held) {
  if (!held || !chart->panel.curves || chart->panel.curves == SL_CHART_CURVES_MAX) return;
  if (strcmp(key, "eur_later") == 0)
    chart->curve[chart->panel.curves++] = (sl_plot_curve){"target", held->span, held->target, 2, 0};
}

static size_t key_count(const plan *p) {
  size_t n = 0;
  while (n < KEYS_MAX && p->curve[n].key) n++;
  return n;
}

static sl_run_chart begin_chart(const plan *p, int held) {
  const int shown = held ? p->flags & HELD || (p->flags & (PICTURE | FREE)) == PICTURE
                         : (p->flags & PICTURE) != 0;
  sl_run_chart chart = {.group = p->group, .reading = p->reading, .in_picture = shown};
  snprintf(chart.title, sizeof chart.title, "%s", p->title);
  chart.panel =
      (sl_plot_panel){.unit = p->unit,
                      .x_label = strcmp(p->phase, "rl") == 0 ? "rollout" : "step of the warm start",
                      .low = p->low,
                      .high = p->high};
  return chart;
}

/* A run without this curve has an empty one, so that the others' colours are those of their runs.
 */
static void keep_colours(sl_run_chart *chart, const sl_run_report *runs, size_t n) {
  size_t drawn = chart->panel.curves;
  for (size_t r = n; r-- > 0;) {
    const int has = drawn && chart->curve[drawn - 1].label == runs[r].name;
    if (has) drawn--;
    chart->curve[r] = has ? chart->curve[drawn] : (sl_plot_curve){.label = runs[r].name};
  }
  chart->panel.curves = n;
}

/* Of several runs: one key of plan p, a curve a run. Only the first key is in the picture. */
static sl_run_chart overlay(const sl_run_report *runs, size_t n, const plan *p, size_t key) {
  const sl_run_report *held = first_held(runs, n);
  sl_run_chart chart = begin_chart(p, held != NULL);
  if (key_count(p) > 1)
    snprintf(chart.title, sizeof chart.title, "%s: %s", p->title, p->curve[key].label);
  if (key > 0) chart.in_picture = 0;
  for (size_t r = 0; r < n; r++)
    add_curve(&chart, p, find(&runs[r], p, p->curve[key].key), runs[r].name);
  if (chart.panel.curves && chart.panel.curves < n) keep_colours(&chart, runs, n);
  add_target(&chart, p->curve[key].key, held);
  return chart;
}

int sl_run_chart_at(const sl_run_report *runs, size_t n, size_t i, sl_run_chart *out) {
  if (n == 1) {
    if (i >= PLAN_COUNT) return 0;
    *out = begin_chart(&plans[i], is_held(runs));
    for (size_t c = 0; c < key_count(&plans[i]); c++)
      add_curve(out, &plans[i], find(runs, &plans[i], plans[i].curve[c].key),
                plans[i].curve[c].label);
    add_target(out, plans[i].curve[0].key, first_held(runs, 1));
    return 1;
  }
  for (const plan *p = plans; p < plans + PLAN_COUNT; p++) {
    if (i < key_count(p)) {
      *out = overlay(runs, n, p, i);
      return 1;
    }
    i -= key_count(p);
  }
  return 0;
}

sl_plot_panel sl_run_chart_panel(const sl_run_chart *chart) {
  sl_plot_panel panel = chart->panel;
  panel.title = chart->title;
  panel.curve = chart->curve;
  return panel;
}
