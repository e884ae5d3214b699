/* The tables of a run: what a rollout is described by, one block. */
#include "run_plan.h"
#include "run_rollout.h"

size_t sl_run_rollout_sequences(const sl_run_state *run) {
  return (size_t)(run->config.rl.prompts * run->config.rl.group);
}

static void cut_kept(sl_cutter *c, sl_run_state *run) {
  const size_t n = sl_run_rollout_sequences(run), t = n * run->max_length;
  sl_kept_groups *kept = &run->kept;
  if (!run->config.rl.dynamic_sampling) return;
  kept->reward = sl_cut(c, n, 1, sizeof(double));
  kept->chosen = sl_cut(c, (size_t)run->config.rl.prompts, 1, sizeof(uint32_t));
  kept->rollout.seq = sl_cut(c, n + 1, 1, sizeof(uint32_t));
  kept->rollout.prompt_length = sl_cut(c, n, 1, sizeof(uint32_t));
  kept->rollout.ids = sl_cut(c, t, 1, sizeof(uint32_t));
  kept->rollout.logp = sl_cut(c, t, 1, sizeof(float));
  kept->rollout.ended = sl_cut(c, n, 1, 1);
}

void sl_run_cut_tables(sl_cutter *c, sl_run_state *run) {
  const size_t n = run->max_sequences, r = sl_run_rollout_sequences(run),
               prompts = (size_t)run->config.rl.prompts;
  run->prompts.offset = sl_cut(c, n + 1, 1, sizeof(uint32_t));
  run->prompts.ids = sl_cut(c, n, run->max_length, sizeof(uint32_t));
  run->counted = sl_cut(c, run->max_length, 1, sizeof *run->counted);
  run->reward = sl_cut(c, r, 1, sizeof(double));
  run->reward_in_order = sl_cut(c, r, 1, sizeof(double));
  run->sampled_reward = sl_cut(c, sl_run_sampled_sequences(&run->config), 1, sizeof(double));
  run->component = sl_cut(c, r, SL_COMPONENT_COUNT, sizeof(double));
  run->advantage = sl_cut(c, r, 1, sizeof(float));
  run->chosen = sl_cut(c, n, 1, sizeof(uint32_t));
  run->group = sl_cut(c, prompts + 1, 1, sizeof(uint32_t));
  run->update_order = sl_cut(c, prompts, 1, sizeof(uint32_t));
  run->reward_order = sl_cut(c, r, 1, sizeof(uint32_t));
  run->ratios =
      sl_cut(c, (size_t)run->config.rl.updates, (size_t)run->config.rl.epochs, sizeof *run->ratios);
  run->solved = sl_cut(c, run->task.held_out.n, 1, sizeof(double));
  run->text = sl_cut(c, sl_tokenizer_text_bytes(run->tokenizer, run->max_length), 1, 1);
  cut_kept(c, run);
}

size_t sl_run_table_bytes(sl_run_state *run) {
  sl_cutter c = {0};
  sl_run_cut_tables(&c, run);
  return sl_cutter_bytes(&c);
}
