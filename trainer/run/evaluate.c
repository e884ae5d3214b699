/* Greedy success on held-out problems. */
#include "run_state.h"

#include <string.h>

/* The reward of sequence q of a rollout. */
static sl_status score(const sl_trainer *t, const sl_rollout *r, size_t q, const char *answer,
                       double *out, sl_error *err) {
  const size_t first = r->seq[q] + r->prompt_length[q], n = r->seq[q + 1] - first;
  for (size_t i = first; i < first + n; i++)
    if (r->ids[i] >= sl_tokenizer_vocab(t->tokenizer)) {
      *out = 0.0; /* a model's vocabulary may be larger than its tokenizer's (spec F3.6) */
      return SL_OK;
    }
  const sl_status status = sl_tokenizer_decode_into(t->tokenizer, r->ids + first, n, t->text, err);
  if (status) return status;
  *out = sl_reward(t->task.reward, t->text, r->ended[q], answer);
  return SL_OK;
}

static void report_categories(const sl_trainer *t, size_t n, sl_category_visitor visit,
                              void *user) {
  for (size_t i = 0; i < n; i++) {
    const char *category = t->task.held_out.items[i].category;
    size_t first = 0, hits = 0, all = 0;
    while (strcmp(t->task.held_out.items[first].category, category) != 0) first++;
    if (first < i) continue;
    for (size_t j = i; j < n; j++)
      if (strcmp(t->task.held_out.items[j].category, category) == 0)
        all++, hits += t->solved[j] > 0;
    visit(user, category, hits, all);
  }
}

/* Held-out problems [first, first + n), at most as many as the generator takes. */
static sl_status evaluate_piece(sl_trainer *t, size_t first, size_t n, sl_error *err) {
  const sl_sampling greedy = {.temperature = 0.0f, .top_p = 1.0};
  for (size_t i = 0; i < n; i++) t->chosen[i] = (uint32_t)(first + i);
  sl_rollout r;
  sl_status status = sl_trainer_encode(t, &t->task.held_out, t->chosen, n, err);
  if (!status)
    status = sl_generate(t->generator, &t->prompts, 1, (size_t)t->config.rl.max_new_tokens, &greedy,
                         &r, err);
  for (size_t i = 0; !status && i < n; i++)
    status = score(t, &r, i, t->task.held_out.items[first + i].answer, &t->solved[first + i], err);
  return status;
}

sl_status sl_evaluate(sl_trainer *t, size_t limit, double *success, sl_category_visitor by_category,
                      void *user, sl_error *err) {
  const size_t n = limit && limit < t->task.held_out.n ? limit : t->task.held_out.n;
  double total = 0.0;
  for (size_t first = 0; first < n; first += t->max_sequences) {
    const sl_status status =
        evaluate_piece(t, first, n - first < t->max_sequences ? n - first : t->max_sequences, err);
    if (status) return status;
  }
  for (size_t i = 0; i < n; i++) total += t->solved[i];
  *success = total / (double)n;
  if (by_category) report_categories(t, n, by_category, user);
  return SL_OK;
}

sl_status sl_rewards(sl_trainer *t, const sl_rollout *r, sl_error *err) {
  const size_t group = (size_t)t->config.rl.group;
  for (size_t q = 0; q < r->n; q++) {
    const sl_status status =
        score(t, r, q, t->task.train.items[t->chosen[q / group]].answer, &t->reward[q], err);
    if (status) return status;
  }
  return SL_OK;
}
