/* The rows of config.def as data, and how a value's text becomes a value (spec F2.2). Internal to
 * the configuration. */
#ifndef SLUICE_CONFIG_SCHEMA_H
#define SLUICE_CONFIG_SCHEMA_H

#include "config.h"

typedef enum {
  SL_CONFIG_INT,
  SL_CONFIG_REAL,
  SL_CONFIG_REAL32,
  SL_CONFIG_BOOL,
  SL_CONFIG_CHOICE,
  SL_CONFIG_TEXT,
  SL_CONFIG_VALUES
} sl_config_type;

/* min and max are those of a number, words those of a choice; else NULL. offset is where the value
 * stands in sl_config. */
typedef struct {
  sl_config_type type;
  sl_config_bits bits;
  const char *section, *key, *standard, *min, *max, *words, *help;
  size_t offset;
} sl_config_row;

typedef struct {
  const char *name, *help;
} sl_config_section;

extern const sl_config_row sl_config_rows[SL_KEY_COUNT];
extern const sl_config_section sl_config_sections[];
extern const size_t sl_config_section_count;

/* Row of a key, SL_KEY_COUNT if there is none; lengths exclude any terminator. */
sl_config_key sl_config_find(const char *section, size_t section_length, const char *key,
                             size_t key_length);
/* 1 if a section of that name exists. */
int sl_config_has_section(const char *section, size_t length);

/* "one of a, b": the sections; the keys of one. */
void sl_config_list_sections(char *out, size_t size);
void sl_config_list_keys(const char *section, size_t section_length, char *out, size_t size);

/* What a row expects, for a message: "an integer from 1 to 8". text is what was
 * found. */
void sl_config_expected(const sl_config_row *row, const char *text, char *out, size_t size);
/* The same of a number in a mapping: `otherwise`, or why this number is none. */
void sl_config_expected_parameter(sl_config_key key, const char *text, const char *otherwise,
                                  char *out, size_t size);

/* What may have been meant, as the end of a message: "; did you mean rl.lr?", or "". text is a key
 * with what was written before it, if anything: "rl.lrr", "data.train_batch_size". Names of TRL,
 * verl and transformers are known (foreign.def). */
enum { SL_SUGGESTION = 256 };
void sl_config_suggest(char *out, size_t size, const char *text, size_t length);
void sl_config_suggest_section(char *out, size_t size, const char *section, size_t length);
void sl_config_suggest_value(char *out, size_t size, sl_config_key key, const char *text);

/* What became of section.key (section NULL: of any); NULL if it never was a key. */
typedef struct {
  const char *section, *old;
  sl_config_key key;
  const char *why;
} sl_config_renaming;
const sl_config_renaming *sl_config_renamed(const char *section, size_t section_length,
                                            const char *key, size_t length);

/* Sets a value from its text; plain: an unquoted scalar. For SL_CONFIG_VALUES, name is the
 * parameter. SL_ERR_INPUT, without a message: the text is not what the row expects, or there are
 * too many parameters; SL_ERR_MEMORY. On error the configuration is as it was. */
sl_status sl_config_assign(sl_config *config, sl_config_key key, const char *name, const char *text,
                           int plain, sl_error *err);

/* 1 for a text that YAML can hold. */
int sl_config_is_utf8(const char *text);

/* Address of a row's value. */
void *sl_config_value(sl_config *config, sl_config_key key);

/* Finds the paths that run.base precedes. SL_ERR_MEMORY. */
sl_status sl_config_resolve(sl_config *config, sl_error *err);

/* Reads a YAML file into config (spec F2.1). recorded: a run wrote it, so keys may have the names
 * that they had then. */
sl_status sl_config_read_yaml(sl_config *config, const char *file, int recorded, sl_error *err);

/* Gives keys that are not named the values of rl.preset (spec F2.3, O6.1). */
sl_status sl_config_apply_preset(sl_config *config, sl_error *err);

/* Gives keys that are not named what the tasks gsm8k, math and mixture have by default (spec
 * F3.11).
 */
sl_status sl_config_apply_task(sl_config *config, sl_error *err);

/* The checks between keys (spec F2.3). */
sl_status sl_config_check(const sl_config *config, sl_error *err);

#endif
