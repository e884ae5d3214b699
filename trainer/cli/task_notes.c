/* Notes on a task's problems (spec F3.13, F3.15). */
#include "task_notes.h"

#include <stdio.h>

static void note_contradictions(const sl_task *task, const char *command) {
  const sl_contradictions *c = &task->contradictions;
  if (c->prompts)
    fprintf(stderr,
            "%s: note: %zu %s with answers that contradict each other, first in %s on lines %zu "
            "and %zu: a completion is right for one of them\n",
            command, c->prompts, c->prompts == 1 ? "prompt" : "prompts", c->file, c->line,
            c->other_line);
}

static void note_texts(const sl_task *task, const char *command) {
  const sl_gold_texts *t = &task->texts;
  if (t->n)
    fprintf(stderr,
            "%s: note: %zu of %zu answers have no value and are compared as texts, first in %s on "
            "line %zu (docs/tasks.md)\n",
            command, t->n, t->of, t->file, t->line);
}

static void note_over(const sl_task *task, const sl_config *config, const char *command) {
  if (task->over)
    fprintf(stderr, "%s: note: %zu prompts have more than %lld tokens (task.prompt_limit): %s\n",
            command, task->over, (long long)config->task.prompt_limit,
            config->task.prompt_over == SL_PROMPT_DROP ? "dropped" : "cut");
}

void sl_task_notes_print(const sl_task *task, const sl_config *config, const char *command) {
  note_contradictions(task, command);
  note_texts(task, command);
  note_over(task, config, command);
}
