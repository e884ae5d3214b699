/* What `train` and `resume` share: the training itself, and what is said at its end. */
#include "train_to_end.h"

#include "trainer/files/end_tokens.h"

#include "kernels/core/processors.h"
#include "kernels/support/cli.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void print_summary(const sl_train_options *o, const sl_run_files *files,
                          const sl_train_result *r) {
  if (o->json) {
    fputs("{\"run\":", stdout), sl_cli_json_text(stdout, files->path);
    printf(",\"interrupted\":%s", r->interrupted ? "true" : "false");
    if (!isnan(r->success_before)) printf(",\"success_before\":%.9g", r->success_before);
    if (!isnan(r->success_after)) printf(",\"success_after\":%.9g", r->success_after);
    if (!isnan(r->best_success))
      printf(",\"best_success\":%.9g,\"best_step\":%llu", r->best_success,
             (unsigned long long)r->best_step);
    printf(",\"state\":\"%s\"}\n", r->state);
    return;
  }
  if (r->interrupted) {
    printf("Interrupted; a checkpoint is written. 'sluice resume %s' goes on with it.\n",
           files->path);
    return;
  }
  if (!isnan(r->success_before))
    printf("held-out success before RL: %.1f %%\n", 100.0 * r->success_before);
  if (!isnan(r->success_after))
    printf("held-out success after RL:  %.1f %%\n", 100.0 * r->success_after);
  if (!isnan(r->best_success))
    printf("best:  %.1f %% after step %llu, in %s/%s; selected on these problems, so it flatters\n",
           100.0 * r->best_success, (unsigned long long)r->best_step, files->path, SL_RUN_BEST);
  printf("run:   %s\nstate: %s\n", files->path, r->state);
}

/* A run that the system stopped is not lost. Any other error would come again at the same step. */
static void advise(const sl_run_files *files, sl_status status) {
  char *newest = NULL;
  if (status != SL_ERR_IO && status != SL_ERR_MEMORY && status != SL_ERR_ENVIRONMENT) return;
  if (sl_run_check_held(files, NULL)) return; /* it may be another run's folder by now */
  if (sl_checkpoint_newest(&newest, files->path, NULL) == SL_OK)
    fprintf(stderr, "The newest checkpoint is %s; 'sluice resume %s' goes on from there.\n", newest,
            files->path);
  free(newest);
}

/* Warns of what the user must ensure because the system cannot, and of what is not applied. */
static void note_system(const sl_run_state *run, const sl_run_files *files, const char *command) {
  const int threads = sl_context_threads(run->ctx), processors = sl_processors();
  char note[400];
  if (files->unlocked)
    fprintf(stderr,
            "%s: note: %s: this file system has no locks (%s): the run goes on without one; see "
            "to it that no second process writes the same run\n",
            command, files->path, strerror(files->unlocked));
  if (threads > processors)
    fprintf(stderr,
            "%s: note: %d threads, but this process may use %d processors: run.threads=0 takes as "
            "many as there are\n",
            command, threads, processors);
  if (*run->config.model.folder &&
      sl_generation_note(note, sizeof note, sl_config_path(&run->config, SL_KEY_model_folder)))
    fprintf(stderr, "%s: note: %s\n", command, note);
}

int sl_train_to_end(const sl_train_options *o, const char *command, sl_run_state *run,
                    sl_run_files *files) {
  sl_error err;
  sl_train_result result;
  note_system(run, files, command);
  const sl_status status = sl_run_train(run, files, o, &result, &err);
  if (status) {
    const int code = sl_cli_fail(command, &err);
    advise(files, status);
    return result.diverged ? SL_EXIT_FAILED : code;
  }
  print_summary(o, files, &result);
  return result.interrupted ? SL_EXIT_INTERRUPTED : SL_EXIT_OK;
}
