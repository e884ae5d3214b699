/* What the tasks gsm8k, math and mixture have where a key is not named (spec F3.11). */
#include "config_schema.h"

/* DeepSeek-R1-Zero's instructions (arXiv 2501.12948, table 1) without the roles' names, which a
 * chat template writes. The paper's format is theirs; its own wording is not published. */
#define SYSTEM                                                                                     \
  "A conversation between User and Assistant. The user asks a question, and the Assistant solves " \
  "it. The assistant first thinks about the reasoning process in the mind and then provides the "  \
  "user with the answer. The reasoning process and answer are enclosed within <think> </think> "   \
  "and <answer> </answer> tags, respectively, i.e., <think> reasoning process here </think> "      \
  "<answer> answer here </answer>."

sl_status sl_config_apply_task(sl_config *config, sl_error *err) {
  const int kind = config->task.name;
  const struct {
    sl_config_key key;
    const char *value;
    int applies;
  } defaults[] = {{SL_KEY_task_system, SYSTEM, 1},
                  {SL_KEY_task_reward, "math", 1},
                  {SL_KEY_reward_answer_in, "tags", 1},
                  {SL_KEY_task_prompt_key, "question", kind == SL_TASK_GSM8K},
                  {SL_KEY_task_prompt_key, "problem", kind == SL_TASK_MATH}};
  if (kind < SL_TASK_GSM8K) return SL_OK;
  for (size_t i = 0; i < sizeof defaults / sizeof *defaults; i++) {
    const sl_config_key key = defaults[i].key;
    if (!defaults[i].applies || config->place[key].from != SL_FROM_DEFAULT) continue;
    SL_TRY(sl_config_assign(config, key, NULL, defaults[i].value,
                            sl_config_rows[key].type != SL_CONFIG_TEXT, err));
  }
  return SL_OK;
}
