/* Resumes a run from a checkpoint, or refuses if it would no longer be the run that was started
 * (spec F4.8). */
#include "run_resume.h"

#include "checkpoint_choice.h"
#include "run_branch.h"
#include "run_samples.h"
#include "kernels/core/nearest.h"
#include "trainer/config/config_schema.h"
#include "trainer/files/file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A key whose value changes when the run resumes. */
typedef struct {
  char key[64];
  char *before, *after;
} change;

typedef struct {
  const char *path;
  const sl_resume_options *options;
  char *checkpoint;
  sl_checkpoint_state state;
  sl_run_state *run;
  change changes[SL_KEY_COUNT + 4];
  size_t n_changes;
  int refused; /* the checkpoint is intact, but of another run */
} attempt;

static void close_attempt(attempt *a) {
  for (size_t i = 0; i < a->n_changes; i++) {
    free(a->changes[i].before);
    free(a->changes[i].after);
  }
  sl_checkpoint_state_free(&a->state);
  free(a->checkpoint);
}

static int accepts(const attempt *a, const char *key) {
  for (size_t i = 0; i < a->options->n_accepted; i++)
    if (strcmp(a->options->accepted[i], key) == 0) return 1;
  return 0;
}

static sl_status add_change(attempt *a, const char *key, const char *before, const char *after,
                            sl_error *err) {
  change *c = &a->changes[a->n_changes];
  snprintf(c->key, sizeof c->key, "%s", key);
  c->before = strdup(before), c->after = strdup(after);
  a->n_changes++;
  return c->before && c->after ? SL_OK : sl_fail(err, SL_ERR_MEMORY, "no memory for a change");
}

static sl_status fail_accepted(const char *name, sl_error *err) {
  static const char *const logs[] = {SL_RUN_METRICS, SL_RUN_LEDGER};
  char meant[SL_SUGGESTION], log[SL_MEANT];
  sl_config_suggest(meant, sizeof meant, name, strlen(name));
  sl_meant_of(log, name, logs, sizeof logs / sizeof *logs);
  return sl_fail(err, SL_ERR_USAGE,
                 "--accept-change: expected a key of the configuration, " SL_RUN_METRICS
                 " or " SL_RUN_LEDGER ", found '%s'%s",
                 name, *log ? log : meant);
}

/* A key that no change can be accepted for is a mistake of the command line. */
static sl_status check_accepted(const sl_resume_options *o, sl_error *err) {
  for (size_t i = 0; i < o->n_accepted; i++) {
    const char *name = o->accepted[i];
    const sl_config_key key = sl_config_key_of(name);
    if (strcmp(name, SL_RUN_METRICS) == 0 || strcmp(name, SL_RUN_LEDGER) == 0) continue;
    if (key == SL_KEY_COUNT) return fail_accepted(name, err);
    if (sl_config_key_bits(key) == SL_BITS_NO)
      return sl_fail(err, SL_ERR_USAGE,
                     "--accept-change: %s changes no bit of a run: it can be set as it is", name);
  }
  return SL_OK;
}

/* What a difference is called: a value, or for a digest the content that it stands for. */
static const char *content_name(sl_config_key key, const char *value) {
  if (key == SL_KEY_task_train) return "other problems or another split of them";
  if (key == SL_KEY_model_folder) return "another first model";
  if (key == SL_KEY_gate_certificate) return *value ? "another certificate" : "no certificate";
  if (key == SL_KEY_gate_name && strlen(value) == SL_DIGEST_TEXT - 1) return "another gate";
  return NULL;
}

static void describe(char *out, size_t size, sl_config_key key, const char *before,
                     const char *after) {
  char name[64];
  const char *content = content_name(key, after);
  sl_config_name(key, name, sizeof name);
  if (content)
    snprintf(out, size, "%s: %s", name, content);
  else
    snprintf(out, size, "%s: '%.60s', was '%.60s'", name, after, before);
}

/* Compares what both identities know; what differs is a change that is accepted, or refused. */
static sl_status compare(attempt *a, const sl_run_identity *now, sl_error *err) {
  const int warm_start = a->state.counters.phase == SL_PHASE_SFT;
  char list[600] = "";
  size_t refused = 0;
  for (unsigned i = 0; i < SL_KEY_COUNT; i++) {
    const sl_config_key key = (sl_config_key)i;
    char name[64];
    if (!sl_identity_differs(&a->state.identity, now, key, warm_start)) continue;
    const char *before = a->state.identity.value[key], *after = now->value[key];
    sl_config_name(key, name, sizeof name);
    if (key == SL_KEY_rl_steps || accepts(a, name)) { /* a run may always be made longer */
      const sl_status status = add_change(a, name, before, after, err);
      if (status) return status;
      continue;
    }
    const size_t used = strlen(list);
    char one[256];
    describe(one, sizeof one, key, before, after);
    if (used + strlen(one) + 3 < sizeof list)
      snprintf(list + used, sizeof list - used, "%s%s", used ? "; " : "", one);
    refused++;
  }
  if (refused == 0) return SL_OK;
  a->refused = 1;
  return sl_fail(err, SL_ERR_MISMATCH,
                 "%s is not the run that was started: %s. '--set KEY=VALUE' gives back what was; "
                 "'--accept-change KEY' goes on with the other value and records it in the ledger",
                 a->path, list);
}

/* Changes of keys, before anything is read that the configuration names. */
static sl_status compare_keys(attempt *a, const sl_config *config, sl_error *err) {
  sl_run_identity now = {.tokenizer = ""};
  sl_status status = sl_identity_keys(&now, config, err);
  if (!status) status = compare(a, &now, err);
  for (unsigned i = 0; !status && i < SL_KEY_COUNT; i++) { /* each is compared once */
    if (now.value[i]) {
      free(a->state.identity.value[i]);
      a->state.identity.value[i] = NULL;
    }
  }
  sl_identity_free(&now);
  return status;
}

static sl_status check_steps(const attempt *a, const sl_config *config, sl_error *err) {
  if ((uint64_t)config->rl.steps >= a->state.counters.rl_step) return SL_OK;
  return sl_config_fail(config, SL_KEY_rl_steps, err,
                        "the checkpoint has %llu finished rollouts; expected at least as many",
                        (unsigned long long)a->state.counters.rl_step);
}

/* The files that the run reads, but for the first model. */
static sl_status check_files(attempt *a, const sl_config *config, sl_error *err) {
  for (unsigned i = 0; i < SL_KEY_COUNT; i++) {
    const sl_config_key key = (sl_config_key)i;
    char name[64];
    const int task = key == SL_KEY_task_train || key == SL_KEY_task_test;
    if (!sl_config_names_path(config, key) || key == SL_KEY_model_folder) continue;
    if (key == SL_KEY_rl_reference && !(config->rl.beta > 0)) continue;
    if (task && config->task.name == SL_TASK_ARITHMETIC) continue;
    if (access(sl_config_path(config, key), F_OK) == 0) continue;
    sl_config_name(key, name, sizeof name);
    a->refused = 1;
    return sl_fail(err, SL_ERR_INPUT,
                   "%s: %s: %s. 'sluice resume %s --set %s=PATH' takes it from another place", name,
                   sl_config_path(config, key), strerror(errno), a->path, name);
  }
  return SL_OK;
}

/* The digest of a folder that --set names as the first model. */
static sl_status digest_first_model(char out[SL_DIGEST_TEXT], const sl_run_state *run,
                                    sl_error *err) {
  sl_parameters read;
  sl_status status =
      sl_model_folder_read(&read, NULL, sl_config_path(&run->config, SL_KEY_model_folder), err);
  if (status) return status;
  status = sl_parameters_move(&read, run->ctx, err);
  if (!status) status = sl_parameters_digest(out, run->ctx, read.layout, read.data, err);
  sl_parameters_free(&read);
  return status;
}

/* The first model is not read any more: the checkpoint says which one it was. */
static sl_status carry_first_model(attempt *a, sl_error *err) {
  sl_run_state *run = a->run;
  const char *recorded = a->state.identity.value[SL_KEY_model_folder];
  char digest[SL_DIGEST_TEXT] = "unknown";
  if (!*run->config.model.folder) return SL_OK;
  if (run->config.place[SL_KEY_model_folder].from == SL_FROM_ARGUMENT) {
    const sl_status status = digest_first_model(digest, run, err);
    if (status) return status;
  } else if (recorded && *recorded) {
    snprintf(digest, sizeof digest, "%s", recorded);
  }
  return sl_identity_set(&run->identity, SL_KEY_model_folder, digest, err);
}

static sl_status check_tokenizer(const attempt *a, sl_error *err) {
  const char *recorded = a->state.identity.tokenizer;
  if (!*recorded || strcmp(recorded, a->run->identity.tokenizer) == 0) return SL_OK;
  return sl_fail(err, SL_ERR_MISMATCH,
                 "%s: the tokenizer's digest is %s, but %s was recorded: the checkpoint is damaged",
                 a->checkpoint, a->run->identity.tokenizer, recorded);
}

static sl_status restore_reference(attempt *a, const char *recorded, sl_error *err) {
  char found[SL_DIGEST_TEXT];
  const int may_differ = accepts(a, "rl.reference");
  const sl_status status = sl_reference_restore(a->run, a->path, recorded, may_differ, found, err);
  if (status || strcmp(found, recorded) == 0) return status;
  return add_change(a, "rl.reference", recorded, found, err);
}

/* Takes over config. */
static sl_status restore(attempt *a, sl_config *config, sl_error *err) {
  sl_status status = sl_run_state_restore(&a->run, config, a->checkpoint, err);
  if (status) return status;
  status = carry_first_model(a, err);
  if (!status) status = compare(a, &a->run->identity, err);
  if (!status) status = check_tokenizer(a, err);
  if (!status) status = sl_task_check(&a->run->task, a->run->tokenizer, 0, err);
  if (status) return status;
  sl_checkpoint_state read;
  status = sl_checkpoint_read(a->run, a->checkpoint, &read, err);
  if (status) return status;
  status = restore_reference(a, read.reference, err);
  sl_checkpoint_state_free(&read);
  return status;
}

static sl_status try_checkpoint(attempt *a, sl_config *config, sl_error *err) {
  sl_status status = sl_checkpoint_choose(&a->checkpoint, a->path, a->options->from, err);
  if (!status) status = sl_checkpoint_state_read(&a->state, a->checkpoint, err);
  if (!status) status = sl_checkpoint_check_place(a->checkpoint, &a->state, err);
  if (!status) status = compare_keys(a, config, err);
  if (!status) status = check_steps(a, config, err);
  if (!status) status = check_files(a, config, err);
  if (!status) return restore(a, config, err);
  sl_config_free(config);
  return status;
}

static void warn_of_age(const attempt *a) {
  if (a->state.version >= SL_CHECKPOINT_IDENTITY) return;
  fprintf(stderr,
          "warning: %s has format %d, which does not say which run it belongs to: that keys, data, "
          "gate and tokenizer are still the same is not checked\n",
          a->checkpoint, a->state.version);
}

/* A log that lost lines is a change too. */
static sl_status note_lost(attempt *a, const sl_log *log, const char *name, uint64_t recorded,
                           sl_error *err) {
  char before[40], after[40];
  if (log->size >= recorded) return SL_OK;
  snprintf(before, sizeof before, "%llu bytes", (unsigned long long)recorded);
  snprintf(after, sizeof after, "%llu bytes", (unsigned long long)log->size);
  return add_change(a, name, before, after, err);
}

/* From here on the folder changes: the logs, the configuration, then a checkpoint that records the
 * accepted changes, so that they are accepted once. */
static sl_status take_up(attempt *a, sl_run_files *files, sl_error *err) {
  sl_run_state *run = a->run;
  const sl_checkpoint_state *s = &a->state;
  const sl_lost_logs lost = {accepts(a, SL_RUN_METRICS), accepts(a, SL_RUN_LEDGER)};
  sl_status status = sl_run_check_held(files, err);
  if (!status && a->options->from) status = sl_run_make_checkpoints(a->path, err);
  if (!status) status = sl_branch_check_logs(a->path, s, lost, err);
  if (!status)
    status = sl_branch_leave(a->path, run->phase,
                             run->phase == SL_PHASE_SFT ? run->sft_step : run->rl_step, err);
  if (!status) status = sl_branch_drop_logs(a->path, s, err);
  if (!status) status = sl_branch_check_best(run, a->path, err);
  if (!status) status = sl_run_reopen(files, s->metrics.size, s->ledger.size, err);
  if (!status) status = sl_samples_cut(files->samples, run->rl_step, err);
  if (!status) status = note_lost(a, files->metrics, SL_RUN_METRICS, s->metrics.size, err);
  if (!status) status = note_lost(a, files->ledger, SL_RUN_LEDGER, s->ledger.size, err);
  if (!status && a->options->n_sets) {
    status = sl_config_anchor(&run->config, err);
    if (!status) status = sl_run_write_config(a->path, &run->config, err);
  }
  if (!status) status = sl_ledger_begin(files, run, err);
  for (size_t i = 0; !status && i < a->n_changes; i++)
    status = sl_ledger_change(files, run, a->changes[i].key, a->changes[i].before,
                              a->changes[i].after, err);
  if (!status && (a->n_changes || a->options->from)) status = sl_checkpoint_write(files, run, err);
  return status;
}

static sl_status load_config(sl_config *out, const char *run, const sl_resume_options *o,
                             sl_error *err) {
  char *path = sl_path_join(run, SL_RUN_CONFIG);
  const sl_status status = path ? sl_config_load_recorded(out, path, o->sets, o->n_sets, err)
                                : sl_fail(err, SL_ERR_MEMORY, "no memory for a path");
  if (status) sl_run_explain(run, err);
  free(path);
  return status;
}

sl_status sl_run_resume(sl_run_state **out, sl_run_files *files, const char *path,
                        const sl_resume_options *options, sl_error *err) {
  attempt a = {.path = path, .options = options};
  sl_config config;
  sl_status status = check_accepted(options, err);
  if (!status) status = load_config(&config, path, options, err);
  if (status) return status;
  status = sl_run_open(files, path, err);
  if (status) {
    sl_config_free(&config);
    return status;
  }
  status = try_checkpoint(&a, &config, err);
  if (status && !a.refused && !options->from && a.checkpoint) sl_checkpoint_name_intact(path, err);
  if (!status) warn_of_age(&a);
  if (!status) status = take_up(&a, files, err);
  if (status) {
    sl_run_state_destroy(a.run);
    sl_run_close(files);
  } else {
    *out = a.run;
  }
  close_attempt(&a);
  return status;
}
