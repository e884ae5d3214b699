/* The chat template of a run (spec F7.8 to F7.10). */
#ifndef SLUICE_RUN_TEMPLATE_H
#define SLUICE_RUN_TEMPLATE_H

#include "trainer/config/config.h"
#include "trainer/files/tokenizer.h"
#include "trainer/tasks/tasks.h"

/* Settles which template template.name means: `default` and `folder` become what the folder's own
 * is recognised as (NULL or "": there is no folder), so that a run's configuration names it.
 * has_json: the model has a tokenizer.json. SL_ERR_INPUT for what the folder has; with the
 * key's place for a key that does not fit. */
sl_status sl_template_settle(sl_config *config, const char *folder, int has_json, sl_error *err);

/* The same; the tokenizer's prompts are put into it from now on, behind a system turn of
 * task.system or template.system (spec F7.8). */
sl_status sl_template_apply(sl_config *config, const char *folder, sl_tokenizer *tokenizer,
                            sl_error *err);

/* The same; a task's prompts are what such a template takes, the bare questions, and within
 * task.prompt_limit (spec F3.15). Their lengths are those of the rendered tokens. */
sl_status sl_template_apply_task(sl_config *config, const char *folder, sl_tokenizer *tokenizer,
                                 sl_task *task, sl_error *err);

#endif
