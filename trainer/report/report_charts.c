/* Which metrics (spec F4.3) are drawn together, and how each chart is read. */
#include "report.h"

#include <math.h>
#include <string.h>

/* Headings of the page; charts of a group share the address. */
static const char learning[] = "Learning", off_policy[] = "Off-policy: ratios and the gate",
                  optimiser[] = "Objective, optimiser, speed", warm_start[] = "Warm start";

enum { PAGE = 0, PICTURE = 1, EXACT = 2 }; /* PICTURE: in the picture too; EXACT: no running mean */

typedef struct {
  const char *group;
  int flags;
  const char *kind, *phase, *title, *unit;
  double low, high; /* values that the axis must hold; NAN: the curves decide */
  struct {
    const char *key, *label;
  } curve[SL_CHART_CURVES_MAX];
  const char *reading;
} plan;

/* clang-format off */
static const plan plans[] = {
    {learning, PICTURE, "evaluation", "rl", "Held-out success", "greedy, share of problems", 0, 1,
     {{"held_out_success", "success"}},
     "Problems that training never saw, answered greedily: the number that counts."},
    {learning, PICTURE, "step", "rl", "Reward", "of sampled completions", 0, 1,
     {{"reward_mean", "mean"}, {"reward_std", "standard deviation"}},
     "Over a rollout, at the sampling temperature; below held-out success as long as sampling still errs."},
    {learning, PICTURE, "step", "rl", "Entropy", "nats a token", 0, NAN,
     {{"entropy", "entropy"}},
     "Falls as the policy grows sure. A sudden fall to 0 is a collapse: nothing is explored any more."},
    {learning, PAGE, "step", "rl", "Groups without variance", "share", 0, 1,
     {{"zero_variance", "share"}},
     "Groups whose completions all got the same reward. They give no gradient."},
    {learning, PAGE, "step", "rl", "Completion length", "tokens", 0, NAN,
     {{"length_mean", "mean"}, {"length_max", "longest"}},
     "End token included. Growth without reward is padding."},
    {learning, PAGE, "step", "rl", "Truncated completions", "share", 0, NAN,
     {{"truncated", "share"}},
     "Those that met the limit before their end token; they score 0."},

    {off_policy, PICTURE, "step", "rl", "Importance ratio", "variance", 0, NAN,
     {{"ratio_variance", "variance"}},
     "Of r over the tokens of all updates of a rollout. At the first of them r is 1 exactly; what shows here, the later ones did."},
    {off_policy, PAGE, "step", "rl", "Importance ratio", "mean and largest", 0, NAN,
     {{"ratio_mean", "mean"}, {"ratio_max", "largest"}},
     "A mean far from 1, or a largest value that climbs: the rollout is used for too many updates, or too large ones."},
    {off_policy, PICTURE, "step", "rl", "Gate", NULL, 0, 1,
     {{"weight_mean", "weight f'"}, {"effective_weight", "r f'"}, {"weight_below_half", "share f' < 1/2"}},
     "f' is what the gate leaves of a token's gradient, r f' what multiplies the gradient of its log-prob. On policy both are 1."},
    {off_policy, EXACT, "step", "rl", "Clamped log-ratios", "tokens a step", 0, NAN,
     {{"clamped", "tokens"}},
     "Tokens whose log-ratio left [-80, 80]; they give no gradient. Anything but 0 is a broken run."},
    {off_policy, PAGE, "step", "rl", "KL to the sampling policy", "nats a token, estimated", 0, NAN,
     {{"kl_old_k1", "k1"}, {"kl_old_k3", "k3"}},
     "How far the updates of a rollout moved from the policy that sampled it. k1 is unbiased and may be negative, k3 never is."},
    {off_policy, EXACT, "step", "rl", "KL to the reference", "nats a token, estimated", 0, NAN,
     {{"kl", "KL"}},
     "How far the policy has moved from the frozen reference; 0 and not measured where rl.beta is 0."},

    {optimiser, PAGE, "step", "rl", "Objective, centred", "f(r) - f(1)", NAN, NAN,
     {{"objective_centred", "centred"}},
     "Without the gate's constant offset, which has no gradient. 0 on policy: not a measure of success."},
    {optimiser, PAGE, "step", "rl", "Objective, as written", "f(r)", NAN, NAN,
     {{"objective", "objective"}},
     "With the offset of f, which moves it without any learning where the advantages do not sum to 0."},
    {optimiser, PICTURE, "step", "rl", "Gradient norm", "before clipping", 0, NAN,
     {{"gradient_norm", "mean of the updates"}, {"gradient_norm_max", "largest"}},
     "Above optimizer.max_norm of the configuration a gradient is scaled down to it."},
    {optimiser, EXACT, "step", "rl", "Learning rate", NULL, 0, NAN,
     {{"lr", "rate"}},
     "As scheduled."},
    {optimiser, PAGE, "step", "rl", "Tokens per second", "sampled and trained", 0, NAN,
     {{"tokens_per_second", "tokens/s"}},
     "Of whole steps: rollout and updates. Time is no part of the run's identity."},

    {warm_start, PICTURE, "evaluation", "sft", "Held-out success", "warm start", 0, 1,
     {{"held_out_success", "success"}},
     "The warm start ends at sft.stop_success, so that something is left to learn by reward."},
    {warm_start, PICTURE, "step", "sft", "Loss", "nats a token", 0, NAN,
     {{"loss", "loss"}},
     "Cross-entropy of the answers' tokens."},
    {warm_start, PICTURE, "step", "sft", "Gradient norm", "before clipping", 0, NAN,
     {{"gradient_norm", "norm"}},
     "Above optimizer.max_norm of the configuration a gradient is scaled down to it."},
    {warm_start, PAGE, "step", "sft", "Tokens per second", "trained", 0, NAN,
     {{"tokens_per_second", "tokens/s"}},
     "Of whole steps."},
};
/* clang-format on */
#define PLAN_COUNT (sizeof plans / sizeof *plans)

int sl_run_chart_at(const sl_run_report *report, size_t i, sl_run_chart *out) {
  if (i >= PLAN_COUNT) return 0;
  const plan *p = &plans[i];
  *out = (sl_run_chart){
      .group = p->group, .reading = p->reading, .in_picture = (p->flags & PICTURE) != 0};
  out->panel =
      (sl_plot_panel){.title = p->title,
                      .unit = p->unit,
                      .x_label = strcmp(p->phase, "rl") == 0 ? "rollout" : "step of the warm start",
                      .low = p->low,
                      .high = p->high};
  for (size_t c = 0; c < SL_CHART_CURVES_MAX && p->curve[c].key; c++) {
    const sl_run_curve *found =
        sl_run_curves_find(&report->curves, p->kind, p->phase, p->curve[c].key);
    if (!found) continue;
    const int dots = strcmp(p->kind, "evaluation") == 0;
    out->curve[out->panel.curves++] =
        (sl_plot_curve){p->curve[c].label, found->x, found->y, found->n, dots};
    if (!dots && !(p->flags & EXACT) && found->n >= 60) out->panel.smooth = found->n / 30 | 1;
  }
  return 1;
}

sl_plot_panel sl_run_chart_panel(const sl_run_chart *chart) {
  sl_plot_panel panel = chart->panel;
  panel.curve = chart->curve;
  return panel;
}
