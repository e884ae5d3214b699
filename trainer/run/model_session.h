/* A model that is loaded and ready to run, for the commands that change none: eval and sample. */
#ifndef SLUICE_MODEL_SESSION_H
#define SLUICE_MODEL_SESSION_H

#include "kernels/support/cli_options.h"
#include "trainer/model/generate.h"
#include "trainer/files/model_folder.h"
#include "trainer/tasks/tasks.h"

typedef struct {
  sl_parameters parameters;
  sl_tokenizer *tokenizer;
  sl_context *ctx;
} sl_session;

/* The model folder that a path means: a run's finished model, that of its newest checkpoint if the
 * run goes on; any other folder is taken as it is. Freed by the caller. */
sl_status sl_session_find_model(char **out, const char *path, sl_error *err);

/* SL_ERR_MISMATCH if the problems are not those of the run in that folder, as its newest checkpoint
 * knows them: its training problems could be among the held-out ones. */
sl_status sl_session_check_task(const char *run, const sl_task *task, sl_error *err);

/* Reads MODEL, a model folder or a run's folder (whose newest model is taken); tokenizer is NULL if
 * it has none that can be read (spec F1.5, F7.1). */
sl_status sl_session_open(sl_session *out, const char *path, const sl_backend_options *options,
                          sl_error *err);
void sl_session_close(sl_session *session);

#endif
