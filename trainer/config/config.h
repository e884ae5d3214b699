/* The configuration of a run (spec F2): config.def as a struct, read from YAML, checked against its
 * schema. */
#ifndef SLUICE_CONFIG_H
#define SLUICE_CONFIG_H

#include "trainer/model/model_layout.h"
#include "trainer/tasks/components.h"
#include "trainer/tasks/tasks.h"
#include "trainer/text/template.h"

#include <sluice/status.h>
#include <sluice/types.h>

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define SL_CONFIG_VALUES_MAX 8

/* A mapping of names to numbers; real is the text read by strtod, real32 by strtof, which may be
 * infinite or 0 where only real is used (reward.weights). */
typedef struct {
  size_t n;
  struct {
    char name[32], text[48];
    double real;
    float real32;
  } items[SL_CONFIG_VALUES_MAX];
} sl_config_values;

typedef enum {
#define SL_SECTION(section, help)
#define SL_END(section)
#define SL_INT(section, key, bits, def, min, max, help) SL_KEY_##section##_##key,
#define SL_REAL(section, key, bits, def, min, max, help) SL_KEY_##section##_##key,
#define SL_REAL32(section, key, bits, def, min, max, help) SL_KEY_##section##_##key,
#define SL_BOOL(section, key, bits, def, help) SL_KEY_##section##_##key,
#define SL_CHOICE(section, key, bits, def, words, help) SL_KEY_##section##_##key,
#define SL_TEXT(section, key, bits, def, help) SL_KEY_##section##_##key,
#define SL_VALUES(section, key, bits, help) SL_KEY_##section##_##key,
#include "config.def"
  SL_KEY_COUNT
} sl_config_key;

/* Whether another value of a key can change a bit of a run: the column of config.def. */
typedef enum {
  SL_BITS_YES,
  SL_BITS_NO,
  SL_BITS_CONTENT,
  SL_BITS_WARM,
  SL_BITS_DECAY,
  SL_BITS_VENDOR,
  SL_BITS_PROOF,
  SL_BITS_PRESET
} sl_config_bits;
sl_config_bits sl_config_key_bits(sl_config_key key);

/* Where a value was set: its default, line and column of the file, or the --set argument of that
 * number (from 1). */
typedef struct {
  enum { SL_FROM_DEFAULT, SL_FROM_FILE, SL_FROM_ARGUMENT } from;
  size_t line, column;
} sl_config_place;

typedef struct {
#define SL_SECTION(section, help) struct {
#define SL_END(section) \
  }                     \
  section;
#define SL_INT(section, key, bits, def, min, max, help) int64_t key;
#define SL_REAL(section, key, bits, def, min, max, help) double key;
#define SL_REAL32(section, key, bits, def, min, max, help) float key;
#define SL_BOOL(section, key, bits, def, help) int key;
#define SL_CHOICE(section, key, bits, def, words, help) int key;
#define SL_TEXT(section, key, bits, def, help) char *key;
#define SL_VALUES(section, key, bits, help) sl_config_values key;
#include "config.def"
  char *file;               /* as given; NULL: defaults */
  char *path[SL_KEY_COUNT]; /* of a relative path that run.base precedes; else NULL */
  sl_config_place place[SL_KEY_COUNT];
} sl_config;

/* Choices, in the order of their words. */
enum { SL_CONFIG_MODEL_DTYPE_F32, SL_CONFIG_MODEL_DTYPE_BF16 };
enum { SL_CONFIG_ROPE_TABLES_FOLDER, SL_CONFIG_ROPE_TABLES_EXACT, SL_CONFIG_ROPE_TABLES_STEPWISE };
enum { SL_CONFIG_ISA_BEST, SL_CONFIG_ISA_AVX2, SL_CONFIG_ISA_AVX512 };
enum {
  SL_CONFIG_SCHEDULE_CONSTANT,
  SL_CONFIG_SCHEDULE_LINEAR,
  SL_CONFIG_SCHEDULE_COSINE,
  SL_CONFIG_SCHEDULE_EUR
};
enum { SL_CONFIG_ENTROPY_MEAN_LOSS, SL_CONFIG_ENTROPY_MEAN_TOKENS };
enum { SL_CONFIG_TEMPLATE_DEFAULT, SL_CONFIG_TEMPLATE_FOLDER, SL_CONFIG_TEMPLATE_FIRST };
enum { SL_CONFIG_ANSWER_IN_COMPLETION, SL_CONFIG_ANSWER_IN_TAGS };

/* Defaults, then the file (NULL: none; spec F2.1, F2.2 and F2.3), then each "section.key=value" of
 * sets in order, then the checks between keys. SL_ERR_IO if the file cannot be read; SL_ERR_INPUT
 * with "file:line:column: section.key: what was expected, what was found"; for a bad
 * --set SL_ERR_USAGE with "--set N: ...". */
sl_status sl_config_load(sl_config *out, const char *file, const char *const *sets, size_t n_sets,
                         sl_error *err);
/* The same for a file that a run wrote: a key may have the name that it had then. */
sl_status sl_config_load_recorded(sl_config *out, const char *file, const char *const *sets,
                                  size_t n_sets, sl_error *err);
void sl_config_free(sl_config *config);

/* The file or folder that a key names, to be opened: a relative path of the configuration's file
 * starts from run.base, any other is as it was written (spec F2.4). */
const char *sl_config_path(const sl_config *config, sl_config_key key);
/* 1 for a key whose value, as it is, names a file or a folder that the run reads. */
int sl_config_names_path(const sl_config *config, sl_config_key key);
/* Sets a key of type text, as --set would. SL_ERR_MEMORY. */
sl_status sl_config_set_text(sl_config *config, sl_config_key key, const char *text, sl_error *err);
/* Makes the configuration mean the same wherever it is read: the current folder becomes run.base,
 * if that is empty and a relative path or reward.command needs it; if it is not, a relative path of
 * --set becomes absolute. */
sl_status sl_config_anchor(sl_config *config, sl_error *err);

/* The value of a key as text, a number as its shortest decimals; 0 if it does not fit. */
int sl_config_text(const sl_config *config, sl_config_key key, char *out, size_t size);
/* "section.key" of a key, and the key of that name, an old one too; SL_KEY_COUNT if there is none.
 */
void sl_config_name(sl_config_key key, char *out, size_t size);
sl_config_key sl_config_key_of(const char *name);

/* SL_ERR_INPUT (SL_ERR_USAGE, if the value came from --set) with the place of a key; for checks
 * that need more than the configuration. */
sl_status sl_config_fail(const sl_config *config, sl_config_key key, sl_error *err,
                         const char *format, ...) __attribute__((format(printf, 4, 5)));

/* All values as YAML that reads back to the same bits; with_help adds ranges and explanations as
 * comments. */
sl_status sl_config_print(const sl_config *config, FILE *out, int with_help, sl_error *err);
/* The default configuration, documented (sluice train --help-config). */
sl_status sl_config_print_help(FILE *out, sl_error *err);
/* All keys as the table of spec/training.md (sluice train --help-config --markdown). */
sl_status sl_config_print_markdown(FILE *out, sl_error *err);

/* The keys that rl.preset has set or would have set, one after the other: 0 past the last. */
int sl_config_preset_key(const sl_config *config, size_t number, sl_config_key *key);

/* The weights of a reward's components: those listed, or 1 of task.reward. */
typedef struct {
  double weight[SL_COMPONENT_COUNT];
  int listed[SL_COMPONENT_COUNT];
} sl_reward_weights;
sl_reward_weights sl_config_reward_weights(const sl_config *config);
sl_tags sl_config_tags(const sl_config *config);
size_t sl_config_length_limit(const sl_config *config); /* of the component length */

/* The bytes of "24GiB", "141 GB" or "1000000"; 0 for "". Returns 0 for another text. */
int sl_config_bytes(size_t *out, const char *text);

/* What other parts take from a configuration. Texts stay the configuration's. */
sl_model_shape sl_config_model_shape(const sl_config *config, size_t vocab);
sl_task_options sl_config_task_options(const sl_config *config);
/* Which template is meant is settled before (spec F7.10): `default` and `folder` count as plain. A
 * task's system text is its system turn (spec F7.8). */
sl_template sl_config_template(const sl_config *config);

/* True if gate.name is a family that has a kernel; else it is another gate of the library, or a
 * file, and sl_gate_load's. */
int sl_config_gate_is_builtin(const sl_config *config);
/* The objective with its gate; an expression gate is left with family SL_GATE_EXPRESSION and
 * function and expression NULL, for the caller to set. SL_ERR_INPUT with the place of a parameter
 * that the family does not have or that is out of range. */
sl_status sl_config_objective(const sl_config *config, sl_objective *out, sl_error *err);

#endif
