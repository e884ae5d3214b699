/* What makes a run the run that was started (spec F4.8): the values of all keys that affect the
 * result, and the content of the files that they name. */
#ifndef SLUICE_RUN_IDENTITY_H
#define SLUICE_RUN_IDENTITY_H

#include "state_digest.h"

#include "trainer/config/config.h"
#include "trainer/files/json.h"
#include "trainer/files/tokenizer.h"
#include "trainer/tasks/tasks.h"

#include <sluice/gate.h>

#include <stdio.h>

/* value[key] is NULL if the key cannot affect the result of this run. A key that names a file has a
 * digest of its content: task.train that of all problems and their split, gate.name that of a
 * gate's file, model.folder that of the first model's parameters; rl.reference has a place of its
 * own in a checkpoint. tokenizer is "" where none is recorded. */
typedef struct {
  char *value[SL_KEY_COUNT];
  char tokenizer[SL_DIGEST_TEXT];
} sl_run_identity;

void sl_identity_free(sl_run_identity *identity);

/* Fills in what the configuration alone says: all keys except those with a digest of their content.
 */
sl_status sl_identity_keys(sl_run_identity *out, const sl_config *config, sl_error *err);

/* Adds content. gate is the loaded one and definition NULL for a built-in family; certificate is
 * the digest of gate.certificate, "" where there is none; first_model is the digest of
 * model.folder's parameters, NULL if the run has none. */
sl_status sl_identity_content(sl_run_identity *identity, const sl_config *config,
                              const sl_task *task, const sl_tokenizer *tokenizer,
                              const sl_gate *gate, const sl_gate_definition *definition,
                              const char *certificate, const char *first_model, sl_error *err);

/* The digest that stands for task.train: all problems, their order and their split. */
sl_status sl_task_digest(char out[SL_DIGEST_TEXT], const sl_task *task, sl_error *err);

/* Replaces one value; text is copied. */
sl_status sl_identity_set(sl_run_identity *identity, sl_config_key key, const char *text,
                          sl_error *err);

/* ,"identity":{...},"tokenizer":"..." of a checkpoint's state. */
void sl_identity_print(FILE *out, const sl_run_identity *identity);
/* SL_ERR_INPUT with the place of what is malformed. */
sl_status sl_identity_parse(sl_run_identity *out, const sl_json *doc, sl_error *err);

/* SL_ERR_INPUT, naming a key that every run has and this one lacks. */
sl_status sl_identity_check_complete(const sl_run_identity *identity, const sl_json *doc,
                                     sl_error *err);

/* 1 if a key that both have differs in a way that can affect the rest of the run: a key of kind
 * WARM only while warm_start, one of kind DECAY not under a constant rate. */
int sl_identity_differs(const sl_run_identity *recorded, const sl_run_identity *now,
                        sl_config_key key, int warm_start);

#endif
