/* The chat template of a run (spec F7.8 to F7.10). */
#ifndef SLUICE_RUN_TEMPLATE_H
#define SLUICE_RUN_TEMPLATE_H

#include "trainer/config/config.h"
#include "trainer/files/tokenizer.h"

/* Settles which template template.name means: `default` and `folder` become what the folder's own
 * is recognised as (NULL or "": there is no folder), so that a run's configuration names it.
 * has_json: the model has a tokenizer.json. SL_ERR_INPUT for what the folder has; with the
 * key's place for a key that does not fit. */
sl_status sl_template_settle(sl_config *config, const char *folder, int has_json, sl_error *err);

/* The same; the tokenizer's prompts are put into it from now on. */
sl_status sl_template_apply(sl_config *config, const char *folder, sl_tokenizer *tokenizer,
                            sl_error *err);

#endif
