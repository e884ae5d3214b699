/* What `train --dry-run` prints. */
#include "plan_print.h"

#include "kernels/support/cli.h"
#include "plan_prompts.h"
#include "trainer/run/gate_schedule.h"
#include "trainer/run/run_plan.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

typedef struct {
  const char *what;
  size_t bytes;
} use;

enum { USES = 6, PART_USES = 4 };

static void list_uses(use out[USES], const sl_memory_plan *p) {
  const use all[USES] = {{"parameters", p->parameters}, {"moments", p->moments},
                         {"reference", p->reference},   {"buffers", p->buffers},
                         {"shared", p->shared},         {"workspace", p->workspace}};
  for (size_t i = 0; i < USES; i++) out[i] = all[i];
}

static void list_part(use out[PART_USES], const sl_part_memory *p) {
  const use all[PART_USES] = {{"packs", p->packs},
                              {"activations", p->activations},
                              {"cache", p->cache},
                              {"gradients", p->gradients}};
  for (size_t i = 0; i < PART_USES; i++) out[i] = all[i];
}

static const char *const part_names[SL_PART_COUNT] = {"rollout", "reference", "update"};

static double mib(size_t bytes) { return (double)bytes / 1048576.0; }

static void print_uses(const use *uses, size_t n, FILE *out) {
  const char *comma = "";
  for (size_t i = 0; i < n; i++)
    if (uses[i].bytes)
      fprintf(out, "%s%s %.1f", comma, uses[i].what, mib(uses[i].bytes)), comma = ", ";
}

static void print_parts(const sl_run_state *run, FILE *out) {
  use uses[PART_USES];
  const char *between = "the most of";
  fputs("shared:      ", out);
  for (int i = 0; i < SL_PART_COUNT; i++) {
    const sl_part_memory *part = &run->plan.part[i];
    if (sl_part_bytes(part) == 0) continue;
    list_part(uses, part);
    fprintf(out, "%s %s %.1f (", between, part_names[i], mib(sl_part_bytes(part)));
    print_uses(uses, PART_USES, out);
    fputc(')', out);
    between = ";";
  }
  fputc('\n', out);
}

/* The shards whose plans are shown: powers of two up to this. */
#define MOST_SHARDS 16

/* What each number of shards would take, where that is asked or matters. */
static void print_shards(const sl_run_state *run, size_t limit, FILE *out) {
  const char *comma = "";
  if (!*run->config.run.memory && sl_run_memory(run) <= limit) return;
  fputs("shards:      rl.reduce_shards", out);
  for (size_t s = 1; s <= MOST_SHARDS; s *= 2) {
    const size_t bytes = sl_run_memory_with(run, s);
    fprintf(out, "%s %zu takes %.4g GB, which %s", comma, s, (double)bytes / 1e9,
            bytes <= limit ? "fits" : "does not fit");
    comma = ";";
  }
  fputc('\n', out);
}

static void print_memory(const sl_run_state *run, FILE *out) {
  const sl_memory_limit limit = sl_run_limit(run);
  use uses[USES];
  list_uses(uses, &run->plan);
  fprintf(out, "memory:      %.1f MiB%s: ", mib(sl_run_memory(run)),
          sl_context_on_device(run->ctx) ? " and the device's workspace" : "");
  print_uses(uses, USES, out);
  fputc('\n', out);
  print_parts(run, out);
  fprintf(out, "micro-batch: %zu sequences%s", run->micro_batch,
          run->micro_batch ? "" : " (all at once)");
  if (sl_run_lanes(run)) fprintf(out, ", on %zu threads, each with its own", sl_run_lanes(run));
  fputc('\n', out);
  print_shards(run, limit.bytes, out);
  if (limit.bytes == SIZE_MAX) return;
  fprintf(out, "limit:       %.1f MiB (%s)", mib(limit.bytes), limit.by);
  if (limit.free != SIZE_MAX) fprintf(out, ", %.1f MiB free now", mib(limit.free));
  fputc('\n', out);
}

static void print_warm_start(const sl_config *c, FILE *out) {
  if (c->sft.steps)
    fprintf(out,
            "warm start:  at most %lld steps of %lld problems, rate %g, until held-out success "
            "%.2f\n",
            (long long)c->sft.steps, (long long)c->sft.batch, c->sft.lr, c->sft.stop_success);
  else
    fprintf(out, "warm start:  none%s\n",
            *c->model.folder ? ": model.folder is trained already; sft.steps asks for one" : "");
}

/* What a rollout can cost: sampling is most of a step's time. */
static void print_sampling(const sl_config *c, FILE *out) {
  const long long a_round = (long long)c->rl.prompts * c->rl.group,
                  rounds = (long long)c->rl.dynamic_sampling;
  if (!rounds) return;
  fprintf(out,
          "sampling:    groups without variance are dropped, %lld to %lld completions a step (1 to "
          "%lld rounds)\n",
          a_round, rounds * a_round, rounds);
}

static const char *text_of(const sl_config *c, sl_config_key key, char *out, size_t size) {
  return sl_config_text(c, key, out, size) ? out : "";
}

/* The keys of rl.preset with the values that hold, whoever named them. */
static void print_preset(const sl_run_state *run, FILE *out) {
  const sl_config *c = &run->config;
  char text[2500], name[64]; /* a mapping of eight parameters fits */
  sl_config_key key;
  if (!sl_config_preset_key(c, 0, &key)) return;
  fprintf(out, "preset:      %s (its formula: spec/objective.md, O6.1)\n",
          text_of(c, SL_KEY_rl_preset, text, sizeof text));
  const int is_bnpo = strcmp(text, "bnpo") == 0;
  for (size_t i = 0; sl_config_preset_key(c, i, &key); i++) {
    sl_config_name(key, name, sizeof name);
    fprintf(out, "             %s: %s%s\n", name, text_of(c, key, text, sizeof text),
            c->place[key].from == SL_FROM_DEFAULT ? "" : " (as given)");
  }
  if (is_bnpo && c->rl.loss_parts == 1)
    fputs(
        "             rl.loss_parts: 1: a mean over all tokens of an update; bnpo's are parts, "
        "which only you can name\n",
        out);
}

static const char *reward_text(const sl_run_state *run) {
  return run->identity.value[SL_KEY_reward_weights];
}

static void print_reward(const sl_run_state *run, FILE *out) {
  const sl_config *c = &run->config;
  const sl_reward_weights w = sl_config_reward_weights(c);
  const sl_tags t = sl_config_tags(c);
  fprintf(out, "reward:      %s", reward_text(run));
  if (w.listed[SL_COMPONENT_FORMAT])
    fprintf(out, "; format %s %s %s %s", t.think_open, t.think_close, t.answer_open,
            t.answer_close);
  else if (c->reward.answer_in == SL_CONFIG_ANSWER_IN_TAGS)
    fprintf(out, "; answer in %s %s", t.answer_open, t.answer_close);
  if (w.listed[SL_COMPONENT_LENGTH])
    fprintf(out, "; length from %zu to %zu tokens",
            sl_config_length_limit(c) - (size_t)c->reward.length_buffer, sl_config_length_limit(c));
  if (*c->reward.replay)
    fprintf(out, "; command's answers from %s", c->reward.replay);
  else if (*c->reward.command)
    fprintf(out, "; command '%s', %lld processes, %g s an answer", c->reward.command,
            (long long)c->reward.command_processes, c->reward.command_seconds);
  fputc('\n', out);
}

/* What tau can be (spec L3.11). */
static void print_schedule(const sl_run_state *run, FILE *out) {
  const sl_config *c = &run->config;
  const sl_bound_gate b = sl_gate_schedule_bounds(run);
  char word[32];
  if (c->gate.schedule == SL_CONFIG_SCHEDULE_CONSTANT) return;
  fprintf(out, "tau:         %s, A > 0 from %.9g to %.9g, else from %.9g to %.9g",
          text_of(c, SL_KEY_gate_schedule, word, sizeof word), (double)b.least_tau[1],
          (double)b.most_tau[1], (double)b.least_tau[0], (double)b.most_tau[0]);
  if (c->gate.schedule == SL_CONFIG_SCHEDULE_EUR)
    fprintf(out, ", towards EUR %g, gain %g", c->gate.eur_target, c->gate.eur_gain);
  fputc('\n', out);
}

static void print_objective(const sl_run_state *run, FILE *out) {
  const sl_config *c = &run->config;
  const char *const *value = (const char *const *)run->identity.value;
  fprintf(out, "gate:        %s", c->gate.name);
  if (*value[SL_KEY_gate_pos])
    fprintf(out, " (A > 0: %s; else: %s)", value[SL_KEY_gate_pos], value[SL_KEY_gate_neg]);
  if (c->rl.beta > 0)
    fprintf(out, "; KL to %s, beta %g", *c->rl.reference ? c->rl.reference : "the warm start's end",
            c->rl.beta);
  else
    fputs("; no KL (beta 0)", out);
  if (c->rl.entropy_bonus > 0) fprintf(out, "; entropy bonus %g", c->rl.entropy_bonus);
  fputc('\n', out);
  print_schedule(run, out);
  if (*run->certificate)
    fprintf(out, "certificate: %s: P1 to P4 and every requirement proved, both signs; digest %s\n",
            c->gate.certificate, run->certificate);
}

static void print_backend(const sl_run_state *run, FILE *out) {
  const char *name = sl_context_backend(run->ctx);
  const bool simulated = strcmp(name, "simt") == 0 || strcmp(name, "ptx") == 0;
  fprintf(out, "backend:     %s, %d threads%s", name, sl_context_threads(run->ctx),
          simulated ? "; a device simulated on the CPU, far slower than backend cpu" : "");
  if (run->tried_with)
    fprintf(out, "; this plan tried the model with backend %s, which has the same bits",
            run->tried_with);
  fputc('\n', out);
}

void sl_plan_print(const sl_run_state *run, FILE *out) {
  const sl_config *c = &run->config;
  char decay[32];
  print_backend(run, out);
  fprintf(out, "parameters:  %zu (vocabulary %zu)\n", run->policy.layout->n_parameters,
          run->policy.layout->shape.vocab);
  print_memory(run, out);
  fprintf(out, "problems:    %zu warm start, %zu RL, %zu held out\n", run->task.warm.n,
          run->task.train.n, run->task.held_out.n);
  sl_plan_prompts_print(run, out);
  print_warm_start(c, out);
  fprintf(out,
          "RL:          %lld steps of %lld prompts x %lld completions, %lld updates an epoch, %lld "
          "epochs, rate %g, decay %s\n",
          (long long)c->rl.steps, (long long)c->rl.prompts, (long long)c->rl.group,
          (long long)c->rl.updates, (long long)c->rl.epochs, c->rl.lr,
          text_of(c, SL_KEY_rl_decay, decay, sizeof decay));
  print_sampling(c, out);
  print_preset(run, out);
  print_reward(run, out);
  print_objective(run, out);
  fprintf(out, "longest:     %zu tokens\n", run->max_length);
  fprintf(out, "out:         %s\n", c->run.out);
}

static void json_parts(const sl_memory_plan *plan, FILE *out) {
  use uses[PART_USES];
  fputs(",\"shared\":{", out);
  for (int i = 0; i < SL_PART_COUNT; i++) {
    list_part(uses, &plan->part[i]);
    fprintf(out, "%s\"%s\":{", i ? "," : "", part_names[i]);
    for (size_t k = 0; k < PART_USES; k++)
      fprintf(out, "%s\"%s\":%zu", k ? "," : "", uses[k].what, uses[k].bytes);
    fputc('}', out);
  }
  fputc('}', out);
}

static void json_shards(const sl_run_state *run, size_t limit, FILE *out) {
  fputs(",\"reduce_shards\":[", out);
  for (size_t s = 1; s <= MOST_SHARDS; s *= 2) {
    const size_t bytes = sl_run_memory_with(run, s);
    fprintf(out, "%s{\"shards\":%zu,\"bytes\":%zu,\"fits\":%s}", s > 1 ? "," : "", s, bytes,
            bytes <= limit ? "true" : "false");
  }
  fputc(']', out);
}

static void json_memory(const sl_run_state *run, FILE *out) {
  const sl_memory_limit limit = sl_run_limit(run);
  use uses[USES];
  list_uses(uses, &run->plan);
  fputs(",\"memory\":{", out);
  for (size_t i = 0; i < USES; i++) fprintf(out, "\"%s\":%zu,", uses[i].what, uses[i].bytes);
  fprintf(out, "\"total\":%zu}", sl_run_memory(run));
  json_parts(&run->plan, out);
  fprintf(out, ",\"micro_batch\":%zu", run->micro_batch);
  json_shards(run, limit.bytes, out);
  if (limit.bytes == SIZE_MAX) return;
  fprintf(out, ",\"limit\":{\"bytes\":%zu,\"by\":\"%s\"", limit.bytes, limit.by);
  if (limit.free != SIZE_MAX) fprintf(out, ",\"free\":%zu", limit.free);
  fputc('}', out);
}

static void json_phases(const sl_config *c, FILE *out) {
  char decay[32];
  fprintf(out, ",\"sft\":{\"steps\":%lld,\"batch\":%lld,\"lr\":%.17g,\"stop_success\":%.17g}",
          (long long)c->sft.steps, (long long)c->sft.batch, c->sft.lr, c->sft.stop_success);
  fprintf(out,
          ",\"rl\":{\"steps\":%lld,\"prompts\":%lld,\"group\":%lld,\"updates\":%lld,\"epochs\":"
          "%lld,\"dynamic_sampling\":%lld,\"lr\":%.17g,\"decay\":\"%s\",\"beta\":%.17g,"
          "\"reference\":",
          (long long)c->rl.steps, (long long)c->rl.prompts, (long long)c->rl.group,
          (long long)c->rl.updates, (long long)c->rl.epochs, (long long)c->rl.dynamic_sampling,
          c->rl.lr, text_of(c, SL_KEY_rl_decay, decay, sizeof decay), c->rl.beta);
  sl_cli_json_text(out, c->rl.reference);
  fputc('}', out);
}

void sl_plan_print_json(const sl_run_state *run, FILE *out) {
  const sl_config *c = &run->config;
  fprintf(out, "{\"backend\":\"%s\",\"threads\":%d,\"parameters\":%zu,\"vocabulary\":%zu",
          sl_context_backend(run->ctx), sl_context_threads(run->ctx),
          run->policy.layout->n_parameters, run->policy.layout->shape.vocab);
  json_memory(run, out);
  fprintf(out, ",\"problems\":{\"warm_start\":%zu,\"rl\":%zu,\"held_out\":%zu}", run->task.warm.n,
          run->task.train.n, run->task.held_out.n);
  sl_plan_prompts_json(run, out);
  json_phases(c, out);
  fputs(",\"reward\":", out);
  sl_cli_json_text(out, reward_text(run));
  fputs(",\"gate\":{\"name\":", out);
  sl_cli_json_text(out, c->gate.name);
  fputs(",\"pos\":", out);
  sl_cli_json_text(out, run->identity.value[SL_KEY_gate_pos]);
  fputs(",\"neg\":", out);
  sl_cli_json_text(out, run->identity.value[SL_KEY_gate_neg]);
  if (*run->certificate) fprintf(out, ",\"certificate\":\"%s\"", run->certificate);
  fprintf(out, "},\"longest\":%zu,\"model\":", run->max_length);
  sl_cli_json_text(out, c->model.folder);
  fputs(",\"out\":", out);
  sl_cli_json_text(out, c->run.out);
  fputs("}\n", out);
}
