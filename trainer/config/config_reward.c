/* What a configuration says of rewards (spec F3.7 to F3.9). */
#include "config.h"

#include <string.h>

sl_reward_weights sl_config_reward_weights(const sl_config *config) {
  sl_reward_weights w = {{0.0}, {0}};
  const sl_config_values *given = &config->reward.weights;
  for (size_t i = 0; i < given->n; i++)
    for (int k = 0; k < SL_COMPONENT_COUNT; k++)
      if (strcmp(given->items[i].name, sl_component_names[k]) == 0)
        w.weight[k] = given->items[i].real, w.listed[k] = 1;
  const int answer = config->task.name >= SL_TASK_JSONL ? config->task.reward : SL_REWARD_EXACT;
  if (given->n == 0) w.weight[answer] = 1.0, w.listed[answer] = 1;
  if (given->n == 0 && config->task.name >= SL_TASK_GSM8K)
    w.weight[SL_COMPONENT_FORMAT] = 1.0, w.listed[SL_COMPONENT_FORMAT] = 1;
  return w;
}

sl_tags sl_config_tags(const sl_config *config) {
  return (sl_tags){config->reward.think_open, config->reward.think_close,
                   config->reward.answer_open, config->reward.answer_close};
}

size_t sl_config_length_limit(const sl_config *config) {
  return (size_t)(config->reward.length_limit ? config->reward.length_limit
                                              : config->rl.max_new_tokens);
}
