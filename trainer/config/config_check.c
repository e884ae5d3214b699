/* The checks between keys, and the objective that a configuration asks for (spec F2.3,
 * L1.6). */
#include "config_schema.h"
#include "kernels/core/nearest.h"

#include <sluice/gate.h>
#include <sluice/objective.h>

#include <string.h>

static const struct {
  const char *name;
  sl_gate_family family;
} families[] = {{"sigmoid", SL_GATE_SIGMOID}, {"erf", SL_GATE_ERF},
                {"arctan", SL_GATE_ARCTAN},   {"softsign", SL_GATE_SOFTSIGN},
                {"clip", SL_GATE_CLIP},       {"identity", SL_GATE_IDENTITY}};
#define FAMILY_COUNT (sizeof families / sizeof *families)

static size_t find_family(const char *name) {
  size_t i = 0;
  while (i < FAMILY_COUNT && strcmp(families[i].name, name) != 0) i++;
  return i;
}

int sl_config_gate_is_builtin(const sl_config *config) {
  return find_family(config->gate.name) < FAMILY_COUNT;
}

/* The value of the only parameter that a family takes for one sign of the advantage; the defaults
 * in *real and *real32 stay if it is not named. */
static sl_status read_only(const sl_config *config, sl_config_key key,
                           const sl_config_values *values, const char *allowed, double *real,
                           float *real32, sl_error *err) {
  for (size_t i = 0; i < values->n; i++) {
    if (!allowed)
      return sl_config_fail(config, key, err, "gate %s takes no parameters here, found %s",
                            config->gate.name, values->items[i].name);
    if (strcmp(values->items[i].name, allowed) != 0) {
      char meant[SL_MEANT];
      return sl_config_fail(config, key, err, "gate %s takes %s here, found %s%s",
                            config->gate.name, allowed, values->items[i].name,
                            sl_meant_of(meant, values->items[i].name, &allowed, 1));
    }
    *real = values->items[i].real;
    *real32 = values->items[i].real32;
  }
  return SL_OK;
}

static sl_status read_gate(const sl_config *config, sl_gate *gate, sl_error *err) {
  const sl_gate_family family = families[find_family(config->gate.name)].family;
  const int clip = family == SL_GATE_CLIP, none = family == SL_GATE_IDENTITY;
  const char *names[2] = {none ? NULL : clip ? "low" : "tau", none ? NULL : clip ? "high" : "tau"};
  double real[2] = {0.2, 0.2};
  float real32[2] = {1.05f, 1.0f}; /* SAPO's temperatures */
  const sl_config_key keys[2] = {SL_KEY_gate_neg, SL_KEY_gate_pos};
  const sl_config_values *values[2] = {&config->gate.neg, &config->gate.pos};
  for (int sign = 0; sign < 2; sign++) {
    const sl_status status =
        read_only(config, keys[sign], values[sign], names[sign], &real[sign], &real32[sign], err);
    if (status != SL_OK) return status;
    if (!clip && !(real32[sign] >= 0x1p-20f && real32[sign] <= 0x1p10f)) /* spec O1.3 */
      return sl_config_fail(config, keys[sign], err,
                            "tau: expected a number from 2^-20 to 2^10, found %g",
                            (double)real32[sign]);
    if (clip && !(real[sign] >= 0 && real[sign] <= (sign ? 0x1p20 : 1)))
      return sl_config_fail(config, keys[sign], err, "%s: expected a number from 0 to %s, found %g",
                            names[sign], sign ? "2^20" : "1", real[sign]);
  }
  *gate = (sl_gate){.family = {family, family}};
  if (clip)
    gate->clip_low = real[0], gate->clip_high = real[1];
  else if (!none)
    gate->tau[0] = real32[0], gate->tau[1] = real32[1];
  return SL_OK;
}

sl_status sl_config_objective(const sl_config *config, sl_objective *out, sl_error *err) {
  sl_objective made = {.level = (sl_level)config->rl.level,
                       .aggregation = (sl_aggregation)config->rl.aggregation,
                       .constant_length = config->rl.constant_length,
                       .kl = (sl_kl_kind)config->rl.kl,
                       .beta = config->rl.beta,
                       .gamma = config->rl.entropy_mean == SL_CONFIG_ENTROPY_MEAN_LOSS
                                    ? config->rl.entropy_bonus
                                    : 0.0,
                       .gate = {.family = {SL_GATE_EXPRESSION, SL_GATE_EXPRESSION}}};
  if (sl_config_gate_is_builtin(config)) {
    const sl_status status = read_gate(config, &made.gate, err);
    if (status != SL_OK) return status;
  }
  *out = made;
  return SL_OK;
}

static sl_status check_model(const sl_config *c, sl_error *err) {
  if (c->model.heads % c->model.kv_heads)
    return sl_config_fail(c, SL_KEY_model_kv_heads, err,
                          "expected a divisor of model.heads (%jd), found %jd",
                          (intmax_t)c->model.heads, (intmax_t)c->model.kv_heads);
  if (c->model.head_dim % 2)
    return sl_config_fail(c, SL_KEY_model_head_dim, err, "expected an even size, found %jd",
                          (intmax_t)c->model.head_dim);
  return SL_OK;
}

/* spec F3.14 */
static sl_status check_mixture(const sl_config *c, sl_error *err) {
  static const sl_config_key keys[] = {SL_KEY_task_test, SL_KEY_task_prompt_key,
                                       SL_KEY_task_answer_key, SL_KEY_task_solution_key};
  const char *const given[] = {c->task.test, c->task.prompt_key, c->task.answer_key,
                               c->task.solution_key};
  for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
    if (strcmp(given[i], sl_config_rows[keys[i]].standard) != 0)
      return sl_config_fail(
          c, keys[i], err, "it has no effect: each part of a mixture names its own, in task.train");
  return SL_OK;
}

static sl_status check_task(const sl_config *c, sl_error *err) {
  if (c->task.held_out % 2)
    return sl_config_fail(c, SL_KEY_task_held_out, err, "expected an even number, found %jd",
                          (intmax_t)c->task.held_out);
  const int kind = c->task.name;
  const int test_alone = (kind == SL_TASK_GSM8K || kind == SL_TASK_MATH) && *c->task.test;
  if (kind != SL_TASK_ARITHMETIC && !*c->task.train && !test_alone)
    return sl_config_fail(c, SL_KEY_task_train, err, "the task needs a file%s",
                          kind == SL_TASK_GSM8K || kind == SL_TASK_MATH
                              ? "; an evaluation alone takes task.test in its place"
                              : "");
  if (kind == SL_TASK_GSM8K_CALC && !*c->task.test)
    return sl_config_fail(c, SL_KEY_task_test, err, "the task gsm8k-calc needs a file");
  if (kind == SL_TASK_MIXTURE) SL_TRY(check_mixture(c, err));
  if (*c->task.system && kind < SL_TASK_JSONL)
    return sl_config_fail(c, SL_KEY_task_system, err, "the task has prompts of its own");
  if (*c->task.system && *c->template.system) /* spec F7.8 */
    return sl_config_fail(c, SL_KEY_template_system, err,
                          "the task has a system text, and a prompt has one system turn: put the "
                          "text into task.system, or set task.system: \"\" for none of the task");
  return SL_OK;
}

static int is_component(const char *name) {
  for (int k = 0; k < SL_COMPONENT_COUNT; k++)
    if (strcmp(name, sl_component_names[k]) == 0) return 1;
  return 0;
}

static sl_status check_weights(const sl_config *c, sl_error *err) {
  for (size_t i = 0; i < c->reward.weights.n; i++) {
    const char *name = c->reward.weights.items[i].name;
    char meant[SL_MEANT];
    if (!is_component(name))
      return sl_config_fail(c, SL_KEY_reward_weights, err,
                            "expected exact, numeric, math, format, length or command, found %s%s",
                            name, sl_meant_of(meant, name, sl_component_names, SL_COMPONENT_COUNT));
  }
  return SL_OK;
}

/* Tags that are looked for are not empty. */
static sl_status check_tags(const sl_config *c, int format, sl_error *err) {
  static const sl_config_key keys[] = {SL_KEY_reward_answer_open, SL_KEY_reward_answer_close,
                                       SL_KEY_reward_think_open, SL_KEY_reward_think_close};
  const sl_tags t = sl_config_tags(c);
  const char *const tags[] = {t.answer_open, t.answer_close, t.think_open, t.think_close};
  const size_t n = format ? 4 : c->reward.answer_in == SL_CONFIG_ANSWER_IN_TAGS ? 2 : 0;
  for (size_t i = 0; i < n; i++)
    if (!*tags[i]) return sl_config_fail(c, keys[i], err, "the tag is looked for, but empty");
  return SL_OK;
}

/* spec F3.7 to F3.10 */
static sl_status check_reward(const sl_config *c, sl_error *err) {
  const sl_reward_weights w = sl_config_reward_weights(c);
  const int command = *c->reward.command || *c->reward.replay;
  sl_status status = check_weights(c, err);
  if (!status) status = check_tags(c, w.listed[SL_COMPONENT_FORMAT], err);
  if (status) return status;
  if (w.listed[SL_COMPONENT_LENGTH] && (size_t)c->reward.length_buffer > sl_config_length_limit(c))
    return sl_config_fail(c, SL_KEY_reward_length_buffer, err,
                          "expected at most the limit (%zu), found %jd", sl_config_length_limit(c),
                          (intmax_t)c->reward.length_buffer);
  if (w.listed[SL_COMPONENT_COMMAND] && !command)
    return sl_config_fail(c, SL_KEY_reward_command, err,
                          "reward.weights has command, but there is none");
  if (!w.listed[SL_COMPONENT_COMMAND] && command)
    return sl_config_fail(c, *c->reward.command ? SL_KEY_reward_command : SL_KEY_reward_replay, err,
                          "it would not be asked: reward.weights has no command");
  return SL_OK;
}

/* spec L3.12 */
static sl_status check_sampling(const sl_config *c, sl_error *err) {
  const int64_t rounds = c->rl.dynamic_sampling, a_round = c->rl.prompts * c->rl.group;
  if (rounds && c->rl.group < 2)
    return sl_config_fail(c, SL_KEY_rl_dynamic_sampling, err,
                          "a group of one has no variance, and every group would be dropped: "
                          "expected 0, or rl.group at least 2");
  if (rounds && rounds > UINT32_MAX / a_round)
    return sl_config_fail(c, SL_KEY_rl_dynamic_sampling, err,
                          "expected less than 2^32 sequences a rollout, found %jd rounds of %jd",
                          (intmax_t)rounds, (intmax_t)a_round);
  return SL_OK;
}

static sl_status check_rl(const sl_config *c, sl_error *err) {
  const int64_t shards = c->rl.reduce_shards;
  if (c->rl.prompts % c->rl.updates)
    return sl_config_fail(c, SL_KEY_rl_updates, err,
                          "expected a divisor of rl.prompts (%jd), found %jd",
                          (intmax_t)c->rl.prompts, (intmax_t)c->rl.updates);
  if (c->rl.prompts / c->rl.updates % c->rl.loss_parts)
    return sl_config_fail(c, SL_KEY_rl_loss_parts, err,
                          "expected a divisor of the groups of an update (%jd), found %jd",
                          (intmax_t)(c->rl.prompts / c->rl.updates), (intmax_t)c->rl.loss_parts);
  if (shards & (shards - 1))
    return sl_config_fail(c, SL_KEY_rl_reduce_shards, err, "expected a power of two, found %jd",
                          (intmax_t)shards);
  if (c->rl.advantage == SL_ADV_LEAVE_ONE_OUT && c->rl.group < 2)
    return sl_config_fail(c, SL_KEY_rl_group, err,
                          "expected at least 2 for advantage leave-one-out, found %jd",
                          (intmax_t)c->rl.group);
  return check_sampling(c, err);
}

/* 1 - lr * decay is a factor of the weights, lr the highest rate, rounded as it is used (spec N6.3,
 * N6.5): of 0.1, which is rounded up, and 10 it is negative. */
static sl_status check_decay(const sl_config *c, const char *key, double lr, sl_error *err) {
  const double rate = (double)(float)lr, product = rate * c->optimizer.weight_decay;
  if (sl_adamw_decay((float)lr, c->optimizer.weight_decay) >= 0.0f) return SL_OK;
  return sl_config_fail(
      c, SL_KEY_optimizer_weight_decay, err,
      "%g times %s (%g, as binary32 %.9g) is %.9g: a step would turn weights around; expected at "
      "most 1",
      c->optimizer.weight_decay, key, lr, rate, product);
}

/* A gate that `sluice gate list` names, or a file. */
static int can_be_gate(const char *name) {
  const size_t n = strlen(name);
  return sl_gate_builtin_text(name) || (n >= 6 && strcmp(name + n - 5, ".gate") == 0);
}

static sl_status check_gate(const sl_config *c, sl_error *err) {
  char meant[SL_SUGGESTION];
  sl_config_suggest_value(meant, sizeof meant, SL_KEY_gate_name, c->gate.name);
  if (!can_be_gate(c->gate.name))
    return sl_config_fail(c, SL_KEY_gate_name, err,
                          "expected a gate of 'sluice gate list' or a file that ends in .gate, "
                          "found %s%s",
                          c->gate.name, meant);
  if (c->gate.schedule == SL_CONFIG_SCHEDULE_EUR && c->rl.updates * c->rl.epochs == 1)
    return sl_config_fail(c, SL_KEY_gate_schedule, err,
                          "eur measures the updates of a rollout but the first, of which there is "
                          "none: rl.updates times rl.epochs is 1");
  sl_objective objective;
  return sl_config_objective(c, &objective, err);
}

static sl_status check_memory(const sl_config *c, sl_error *err) {
  size_t bytes;
  if (sl_config_bytes(&bytes, c->run.memory)) return SL_OK;
  return sl_config_fail(c, SL_KEY_run_memory, err,
                        "expected a number with GB, GiB, MB, MiB or another unit of bytes, found "
                        "%.40s",
                        c->run.memory);
}

sl_status sl_config_check(const sl_config *config, sl_error *err) {
  sl_status status = check_model(config, err);
  if (status == SL_OK) status = check_task(config, err);
  if (status == SL_OK) status = check_reward(config, err);
  if (status == SL_OK) status = check_rl(config, err);
  if (status == SL_OK) status = check_memory(config, err);
  if (status == SL_OK) status = check_decay(config, "sft.lr", config->sft.lr, err);
  if (status == SL_OK) status = check_decay(config, "rl.lr", config->rl.lr, err);
  return status == SL_OK ? check_gate(config, err) : status;
}
