/* rl.preset: a published method as values of keys that are not named (spec F2.3, O6.1). */
#include "config_schema.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define COMPLETION "rl.max_new_tokens"

typedef struct {
  const char *preset;
  sl_config_key key;
  const char *value;
} setting;

static const setting settings[] = {
#define SL_PRESET(preset, section, key, value) {#preset, SL_KEY_##section##_##key, value},
#define SL_PRESET_GATE(preset, gate, pos, pos_value, neg, neg_value)
#include "presets.def"
};

static const struct {
  const char *preset, *gate, *name[2], *value[2]; /* of A <= 0, of A > 0 */
} gates[] = {
#define SL_PRESET(preset, section, key, value)
#define SL_PRESET_GATE(preset, gate, pos, pos_value, neg, neg_value) \
  {#preset, gate, {neg, pos}, {neg_value, pos_value}},
#include "presets.def"
};

static int is_named(const sl_config *config, sl_config_key key) {
  return config->place[key].from != SL_FROM_DEFAULT;
}

static int names(const sl_config_values *values, const char *name) {
  for (size_t i = 0; i < values->n; i++)
    if (strcmp(values->items[i].name, name) == 0) return 1;
  return 0;
}

static sl_status set(sl_config *config, sl_config_key key, const char *name, const char *value,
                     sl_error *err) {
  const int plain = sl_config_rows[key].type != SL_CONFIG_TEXT;
  char completion[32];
  if (strcmp(value, COMPLETION) == 0) {
    snprintf(completion, sizeof completion, "%" PRId64, config->rl.max_new_tokens);
    value = completion;
  }
  const sl_status status = sl_config_assign(config, key, name, value, plain, err);
  if (status != SL_ERR_INPUT) return status;
  return sl_config_fail(config, key, err, "the preset's %s cannot be set", value);
}

/* A gate that is named keeps the preset's out, parameters and all. */
static sl_status set_gate(sl_config *config, size_t i, sl_error *err) {
  static const sl_config_key keys[2] = {SL_KEY_gate_neg, SL_KEY_gate_pos};
  const sl_config_values *given[2] = {&config->gate.neg, &config->gate.pos};
  if (is_named(config, SL_KEY_gate_name)) return SL_OK;
  sl_status status = set(config, SL_KEY_gate_name, NULL, gates[i].gate, err);
  for (int side = 0; side < 2 && !status; side++)
    if (gates[i].name[side] && !names(given[side], gates[i].name[side]))
      status = set(config, keys[side], gates[i].name[side], gates[i].value[side], err);
  return status;
}

/* The word of rl.preset. */
static const char *preset_of(const sl_config *config, char *out, size_t size) {
  const char *word = sl_config_rows[SL_KEY_rl_preset].words;
  for (int i = 0; i < config->rl.preset; i++) word += strcspn(word, "|") + 1;
  snprintf(out, size, "%.*s", (int)strcspn(word, "|"), word);
  return out;
}

sl_status sl_config_apply_preset(sl_config *config, sl_error *err) {
  char name[32];
  sl_status status = SL_OK;
  preset_of(config, name, sizeof name);
  for (size_t i = 0; i < sizeof settings / sizeof *settings && !status; i++)
    if (strcmp(settings[i].preset, name) == 0 && !is_named(config, settings[i].key))
      status = set(config, settings[i].key, NULL, settings[i].value, err);
  for (size_t i = 0; i < sizeof gates / sizeof *gates && !status; i++)
    if (strcmp(gates[i].preset, name) == 0) status = set_gate(config, i, err);
  return status;
}

int sl_config_preset_key(const sl_config *config, size_t number, sl_config_key *key) {
  char name[32];
  preset_of(config, name, sizeof name);
  if (strcmp(name, "none") == 0) return 0;
  static const sl_config_key gate_keys[] = {SL_KEY_gate_name, SL_KEY_gate_pos, SL_KEY_gate_neg};
  if (number < 3) {
    *key = gate_keys[number];
    return 1;
  }
  number -= 3;
  for (size_t i = 0; i < sizeof settings / sizeof *settings; i++)
    if (strcmp(settings[i].preset, name) == 0 && number-- == 0) {
      *key = settings[i].key;
      return 1;
    }
  return 0;
}
