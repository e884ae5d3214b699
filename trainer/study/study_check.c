/* What can be known of a study's runs before one starts: do their data, gates and memory fit, how
 * far are those that exist, and are they still the runs that the file asks for? */
#include "study_table.h"

#include "trainer/files/file.h"
#include "trainer/files/model_folder.h"
#include "trainer/run/run_files.h"
#include "trainer/run/run_lock.h"
#include "trainer/run/run_plan.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* A key of a warm start that no step of it reads: RL's own. */
static int is_beyond_warm_start(sl_config_key key) {
  char name[64];
  sl_config_name(key, name, sizeof name);
  return strncmp(name, "rl.", 3) == 0 || strncmp(name, "gate.", 5) == 0 ||
         key == SL_KEY_reward_weights;
}

/* The digest of the model that a run starts from; "" if it does not exist. */
static sl_status digest_first(char out[SL_DIGEST_TEXT], const sl_study_table *t,
                              const sl_study_run *run, const sl_run_state *plan, sl_error *err) {
  char *path = sl_study_first_model(t, run);
  sl_parameters read;
  *out = 0;
  if (!path || access(path, F_OK) != 0) {
    free(path);
    return SL_OK;
  }
  sl_status status = sl_model_folder_read(&read, NULL, path, err);
  free(path);
  if (status) return status;
  status = sl_parameters_move(&read, plan->ctx, err);
  if (!status) status = sl_parameters_digest(out, plan->ctx, read.layout, read.data, err);
  sl_parameters_free(&read);
  return status;
}

static sl_status fail_changed(const sl_study_table *t, const sl_study_run *run, sl_config_key key,
                              const char *before, const char *after, sl_error *err) {
  char name[64];
  sl_config_name(key, name, sizeof name);
  return sl_fail(err, SL_ERR_MISMATCH,
                 "%s: %s is not the run that %s asks for: %s: '%.60s', was '%.60s'. Give back what "
                 "was, or remove the folder, or give the study another 'out'",
                 t->study->file, run->path, t->study->file, name, after, before);
}

/* Every key that can change what the run measures. */
static sl_status compare(const sl_study_table *t, const sl_study_run *run,
                         const sl_run_identity *recorded, const sl_run_state *plan, sl_error *err) {
  char first[SL_DIGEST_TEXT];
  const int warm = run->arm == SL_STUDY_NONE;
  for (unsigned i = 0; i < SL_KEY_COUNT; i++) {
    const sl_config_key key = (sl_config_key)i;
    const char *before = recorded->value[key], *after = plan->identity.value[key];
    if (key == SL_KEY_model_folder || (warm && is_beyond_warm_start(key))) continue;
    const int steps = key == SL_KEY_rl_steps && before && after && strcmp(before, after) != 0;
    if (steps || sl_identity_differs(recorded, &plan->identity, key, 1))
      return fail_changed(t, run, key, before, after, err);
  }
  const sl_status status = digest_first(first, t, run, plan, err);
  const char *before = recorded->value[SL_KEY_model_folder];
  if (status || !*first || !before || strcmp(first, before) == 0) return status;
  return fail_changed(t, run, SL_KEY_model_folder, before, first, err);
}

/* A plan takes a model without weights, a run does not. */
static sl_status check_weights(const sl_run_state *run, sl_error *err) {
  if (!run->bare && !run->bare_reference) return SL_OK;
  return sl_fail(
      err, SL_ERR_INPUT, "%s: no weights (" SL_MODEL_WEIGHTS_FILE " or its index)",
      sl_config_path(&run->config, run->bare ? SL_KEY_model_folder : SL_KEY_rl_reference));
}

/* The plan of a run; its first model is left out where it does not exist yet. */
static sl_status make_plan(sl_run_state **out, const sl_study_table *t, const sl_study_run *run,
                           int has_checkpoint, sl_error *err) {
  sl_config config;
  sl_error why;
  char *first = sl_study_first_model(t, run);
  const int is_present = first && access(first, F_OK) == 0;
  free(first);
  sl_status status = sl_study_run_config(&config, t, run, is_present, err);
  if (status) return status;
  if (!is_present && run->arm != SL_STUDY_NONE && has_checkpoint) config.sft.steps = 0;
  status = sl_run_state_create(out, &config, SL_EXTENT_PLAN, &why);
  if (status) return sl_study_place_error(t, run, &why, err);
  status = check_weights(*out, &why);
  if (!status) status = sl_run_check_memory(*out, &why);
  if (!status) return SL_OK;
  sl_run_state_destroy(*out);
  return sl_study_place_error(t, run, &why, err);
}

/* What a finished run measured must be as it was at its end: a study counts nothing else. */
static sl_status check_log(const sl_study_table *t, const sl_study_run *run, const char *name,
                           const sl_log_record *record, sl_error *err) {
  sl_log_finding found;
  uint64_t size;
  char *path = sl_path_join(run->path, name);
  if (!path) return sl_fail(err, SL_ERR_MEMORY, "no memory for a path");
  sl_status status = sl_log_record_compare(&found, &size, path, record, err);
  if (!status && (found != SL_LOG_AS_RECORDED || size != record->size))
    status = sl_fail(err, SL_ERR_MISMATCH,
                     "%s: %s is not what its run wrote: %llu bytes, %s the %llu that its last "
                     "checkpoint recorded. Put the file back, or remove %s to train it again",
                     t->study->file, path, (unsigned long long)size,
                     size == record->size ? "but others than" : "instead of",
                     (unsigned long long)record->size, run->path);
  free(path);
  return status;
}

static sl_status check_logs(const sl_study_table *t, const sl_study_run *run,
                            const sl_checkpoint_state *done, sl_error *err) {
  const sl_status status = check_log(t, run, SL_RUN_METRICS, &done->metrics, err);
  return status ? status : check_log(t, run, SL_RUN_LEDGER, &done->ledger, err);
}

static sl_status check_run(const sl_study_table *t, sl_study_run *run, int plan_it, sl_error *err) {
  char *newest = NULL;
  sl_checkpoint_state state;
  sl_run_state *plan;
  const int is_present = sl_checkpoint_newest(&newest, run->path, NULL) == SL_OK;
  sl_status status = is_present ? sl_checkpoint_state_read(&state, newest, err) : SL_OK;
  free(newest);
  if (status) return status;
  run->state = SL_STUDY_FRESH;
  if (is_present) {
    const int done = state.counters.phase == SL_PHASE_DONE;
    run->state = done ? SL_STUDY_FINISHED : SL_STUDY_BEGUN;
  }
  if (is_present || plan_it) {
    status = make_plan(&plan, t, run, is_present, err);
    if (!status) {
      if (is_present) status = compare(t, run, &state.identity, plan, err);
      sl_run_state_destroy(plan);
    }
  }
  if (!status && run->state == SL_STUDY_FINISHED) status = check_logs(t, run, &state, err);
  if (is_present) sl_checkpoint_state_free(&state);
  return status;
}

/* Runs of a study that was killed finish their step and leave; only then is known how far they
 * are. */
static sl_status wait_for_lock(const sl_study_run *run, sl_error *err) {
  enum { TRIES = 100 };
  if (!sl_path_holds(run->path, SL_RUN_LOCK)) return SL_OK;
  for (int i = 0;; i++) {
    int fd, unlocked;
    const sl_status status = sl_run_lock(&fd, &unlocked, run->path, err);
    if (!status) close(fd);
    if (status != SL_ERR_USAGE || i == TRIES) return status;
    nanosleep(&(struct timespec){0, 100000000}, NULL);
  }
}

/* A folder that is there, or can be made. */
static sl_status check_out(const sl_study *study, sl_error *err) {
  struct stat st;
  const int found = stat(study->out, &st) == 0;
  if (!found && errno != ENOENT)
    return sl_study_fail(study, study->out_line, study->out_column, err, "out: %s: %s", study->out,
                         strerror(errno));
  if (found && !S_ISDIR(st.st_mode))
    return sl_study_fail(study, study->out_line, study->out_column, err,
                         "out: %s is there already and no folder", study->out);
  if (sl_path_holds(study->out, SL_RUN_CONFIG))
    return sl_fail(err, SL_ERR_USAGE, "%s: out: a run's folder: expected one of the study's own",
                   study->out);
  return SL_OK;
}

sl_status sl_study_check(sl_study_table *t, sl_error *err) {
  sl_status status = check_out(t->study, err);
  for (size_t i = 0; !status && i < t->n; i++) status = wait_for_lock(&t->run[i], err);
  for (size_t i = 0; !status && i < t->n; i++)
    status = check_run(t, &t->run[i], t->run[i].seed == 0, err);
  return status;
}
