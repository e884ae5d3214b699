/* The prompts of a plan, in the tokens that a model sees (spec F7.7). */
#include "plan_prompts.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* The tokens of the first prompt that RL can draw, as a model sees it; NULL without memory. The
 * caller frees them. */
static uint32_t *first_prompt(const sl_run_state *run, size_t *n) {
  const sl_problem *first = &run->task.train.items[0];
  uint32_t *ids;
  if (sl_problem_encode_prompt(first, run->tokenizer, NULL, 0, n, NULL) ||
      !(ids = malloc((*n + 1) * sizeof *ids)))
    return NULL;
  if (!sl_problem_encode_prompt(first, run->tokenizer, ids, *n, n, NULL)) return ids;
  free(ids);
  return NULL;
}

static const char *template_text(const sl_config *c) {
  return sl_template_names[sl_config_template(c).kind];
}

void sl_plan_prompts_print(const sl_run_state *run, FILE *out) {
  size_t n;
  uint32_t *ids = first_prompt(run, &n);
  fprintf(out, "prompts:     template %s, at most %zu tokens", template_text(&run->config),
          run->task.prompt_max);
  if (ids) fprintf(out, "; the first one %zu", n);
  fputc('\n', out);
  free(ids);
}

void sl_plan_prompts_json(const sl_run_state *run, FILE *out) {
  size_t n = 0;
  uint32_t *ids = first_prompt(run, &n);
  fprintf(out, ",\"prompts\":{\"template\":\"%s\",\"longest\":%zu,\"first\":[",
          template_text(&run->config), run->task.prompt_max);
  for (size_t i = 0; ids && i < n; i++) fprintf(out, "%s%u", i ? "," : "", ids[i]);
  fputs("]}", out);
  free(ids);
}
