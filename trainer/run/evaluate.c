/* Greedy success on held-out problems (spec L4.1). */
#include "run_state.h"

#include <string.h>

static void report_categories(const sl_run_state *run, size_t n, sl_category_visitor visit,
                              void *user) {
  for (size_t i = 0; i < n; i++) {
    const char *category = run->task.held_out.items[i].category;
    size_t first = 0, hits = 0, all = 0;
    while (strcmp(run->task.held_out.items[first].category, category) != 0) first++;
    if (first < i) continue;
    for (size_t j = i; j < n; j++)
      if (strcmp(run->task.held_out.items[j].category, category) == 0)
        all++, hits += run->solved[j] > 0;
    visit(user, category, hits, all);
  }
}

/* Held-out problems [first, first + n), at most as many as the generator takes. */
static sl_status evaluate_piece(sl_run_state *run, size_t first, size_t n, sl_error *err) {
  const sl_sampling greedy = {.temperature = 0.0f, .top_p = 1.0};
  for (size_t i = 0; i < n; i++) run->chosen[i] = (uint32_t)(first + i);
  sl_rollout r;
  sl_status status = sl_run_state_encode(run, &run->task.held_out, run->chosen, n, err);
  if (!status)
    status = sl_generate(run->generator, &run->prompts, 1, (size_t)run->config.rl.max_new_tokens, 0,
                         &greedy, &r, err);
  sl_grade_by by;
  for (size_t i = 0; !status && i < n; i++)
    run->solved[first + i] = sl_answer_reward(run, &r, i, run->task.reward,
                                              run->task.held_out.items[first + i].gold, &by);
  return status;
}

sl_status sl_evaluate(sl_run_state *run, size_t limit, double *success,
                      sl_category_visitor by_category, void *user, sl_error *err) {
  const size_t n = limit && limit < run->task.held_out.n ? limit : run->task.held_out.n;
  double total = 0.0;
  for (size_t first = 0; first < n; first += run->max_sequences) {
    const sl_status status = evaluate_piece(
        run, first, n - first < run->max_sequences ? n - first : run->max_sequences, err);
    if (status) return status;
  }
  for (size_t i = 0; i < n; i++) total += run->solved[i];
  *success = total / (double)n;
  if (by_category) report_categories(run, n, by_category, user);
  return SL_OK;
}
