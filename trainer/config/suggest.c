/* Suggests what the user may have meant by an unknown key or word. */
#include "config_schema.h"
#include "kernels/core/nearest.h"

#include <sluice/gate.h>

#include <stdio.h>
#include <string.h>

static const struct {
  const char *name, *whose, *ours;
} foreign_keys[] = {
#define SL_FOREIGN_KEY(name, whose, ours) {#name, whose, ours},
#define SL_FOREIGN_WORD(section, key, word, ours)
#include "foreign.def"
};

static const struct {
  const char *section, *key, *word, *ours;
} foreign_words[] = {
#define SL_FOREIGN_KEY(name, whose, ours)
#define SL_FOREIGN_WORD(section, key, word, ours) {#section, #key, word, ours},
#include "foreign.def"
};
#define COUNT(array) (sizeof(array) / sizeof *(array))

static int is(const char *name, const char *text, size_t length) {
  return strlen(name) == length && memcmp(name, text, length) == 0;
}

/* Keys of that name in other sections: "rl.lr or sft.lr". */
static int list_namesakes(char *out, size_t size, const char *key, size_t length) {
  size_t used = 0;
  for (size_t i = 0; i < SL_KEY_COUNT && used < size; i++)
    if (is(sl_config_rows[i].key, key, length))
      used += (size_t)snprintf(out + used, size - used, "%s%s.%s", used ? " or " : "",
                               sl_config_rows[i].section, sl_config_rows[i].key);
  return used > 0;
}

static const char *nearest_key(const char *section, size_t section_length, const char *key,
                               size_t length, const char **its_section) {
  sl_nearest own = {.word = key, .length = length}, any = own;
  for (size_t i = 0; i < SL_KEY_COUNT; i++) {
    const char *before = any.best;
    sl_nearest_offer(&any, sl_config_rows[i].key);
    if (any.best != before) *its_section = sl_config_rows[i].section;
    if (is(sl_config_rows[i].section, section, section_length))
      sl_nearest_offer(&own, sl_config_rows[i].key);
  }
  if (own.best) *its_section = NULL; /* the one that was named */
  return own.best ? own.best : any.best;
}

void sl_config_suggest_key(char *out, size_t size, const char *section, size_t section_length,
                           const char *key, size_t length) {
  char names[200];
  const char *other = NULL, *near;
  *out = 0;
  const sl_config_renaming *renamed = sl_config_renamed(NULL, 0, key, length);
  if (renamed) {
    const sl_config_row *row = &sl_config_rows[renamed->key];
    snprintf(out, size, "; it is now %s.%s (%s)", row->section, row->key, renamed->why);
    return;
  }
  for (size_t i = 0; i < COUNT(foreign_keys); i++)
    if (is(foreign_keys[i].name, key, length)) {
      snprintf(out, size, "; here it is %s (%s of %s)", foreign_keys[i].ours, foreign_keys[i].name,
               foreign_keys[i].whose);
      return;
    }
  if (list_namesakes(names, sizeof names, key, length)) {
    snprintf(out, size, "; did you mean %s?", names);
  } else if ((near = nearest_key(section, section_length, key, length, &other)) != NULL) {
    if (other)
      snprintf(out, size, "; did you mean %s.%s?", other, near);
    else
      snprintf(out, size, "; did you mean %.*s.%s?", (int)section_length, section, near);
  }
}

void sl_config_suggest_section(char *out, size_t size, const char *section, size_t length) {
  sl_nearest nearest = {.word = section, .length = length};
  sl_config_suggest_key(out, size, "", 0, section, length);
  for (size_t i = 0; i < sl_config_section_count; i++)
    sl_nearest_offer(&nearest, sl_config_sections[i].name);
  if (nearest.best) snprintf(out, size, "; did you mean %s?", nearest.best);
}

enum { WORDS = 16, WORD = 32 };

/* Cuts "a|b|c" into words; returns how many. */
static size_t cut_words(char out[WORDS][WORD], const char *words) {
  size_t n = 0;
  while (words && *words && n < WORDS) {
    const size_t length = strcspn(words, "|");
    snprintf(out[n++], WORD, "%.*s", (int)length, words);
    words += length + (words[length] == '|');
  }
  return n;
}

static const char *foreign_word(const sl_config_row *row, const char *text) {
  static const char *const booleans[][2] = {{"yes", "true"}, {"on", "true"},   {"1", "true"},
                                            {"no", "false"}, {"off", "false"}, {"0", "false"}};
  for (size_t i = 0; i < COUNT(foreign_words); i++)
    if (strcmp(foreign_words[i].section, row->section) == 0 &&
        strcmp(foreign_words[i].key, row->key) == 0 && strcmp(foreign_words[i].word, text) == 0)
      return foreign_words[i].ours;
  for (size_t i = 0; row->type == SL_CONFIG_BOOL && i < COUNT(booleans); i++)
    if (strcmp(booleans[i][0], text) == 0) return booleans[i][1];
  return NULL;
}

void sl_config_suggest_value(char *out, size_t size, sl_config_key key, const char *text) {
  const sl_config_row *row = &sl_config_rows[key];
  const char *known = foreign_word(row, text);
  char words[WORDS][WORD];
  sl_nearest nearest = {.word = text, .length = strlen(text)};
  const size_t n = cut_words(words, row->type == SL_CONFIG_BOOL ? "true|false" : row->words);
  for (size_t i = 0; i < n; i++) sl_nearest_offer(&nearest, words[i]);
  for (size_t i = 0; key == SL_KEY_gate_name && i < sl_gate_builtin_count(); i++)
    sl_nearest_offer(&nearest, sl_gate_builtin_name(i));
  if (!known) known = nearest.best;
  *out = 0;
  if (known) snprintf(out, size, "; did you mean %s?", known);
}
