/* Suggests what the user may have meant by an unknown key or word. */
#include "config_schema.h"
#include "kernels/core/nearest.h"

#include <sluice/gate.h>

#include <stdio.h>
#include <string.h>

typedef struct {
  const char *name, *whose, *ours;
} foreign_name;

static const foreign_name foreign_keys[] = {
#define SL_FOREIGN_KEY(name, whose, ours) {#name, whose, ours},
#define SL_FOREIGN_PART(name, whose, ours)
#define SL_FOREIGN_WORD(section, key, word, ours)
#include "foreign.def"
};

static const foreign_name foreign_parts[] = {
#define SL_FOREIGN_KEY(name, whose, ours)
#define SL_FOREIGN_PART(name, whose, ours) {#name, whose, ours},
#define SL_FOREIGN_WORD(section, key, word, ours)
#include "foreign.def"
};

static const struct {
  const char *section, *key, *word, *ours;
} foreign_words[] = {
#define SL_FOREIGN_KEY(name, whose, ours)
#define SL_FOREIGN_PART(name, whose, ours)
#define SL_FOREIGN_WORD(section, key, word, ours) {#section, #key, word, ours},
#include "foreign.def"
};
#define COUNT(array) (sizeof(array) / sizeof *(array))

static int is(const char *name, const char *text, size_t length) {
  return strlen(name) == length && memcmp(name, text, length) == 0;
}

/* What was written, and what of it says most: of verl's actor.optim.lr the last component. section
 * is one of Sluice's, or NULL. */
typedef struct {
  const char *text, *key, *section;
  size_t length, key_length;
} written;

/* The section that was named, or the one that it is nearest to. */
static const char *find_section(const char *name, size_t length) {
  sl_nearest nearest = {.word = name, .length = length};
  for (size_t i = 0; i < sl_config_section_count; i++) {
    if (is(sl_config_sections[i].name, name, length)) return sl_config_sections[i].name;
    sl_nearest_offer(&nearest, sl_config_sections[i].name);
  }
  return nearest.best;
}

static written take_apart(const char *text, size_t length) {
  const char *end = text + length, *key = end, *dot = memchr(text, '.', length);
  while (key > text && key[-1] != '.') key--;
  return (written){text, key, dot ? find_section(text, (size_t)(dot - text)) : NULL, length,
                   (size_t)(end - key)};
}

static int say_foreign(char *out, size_t size, const foreign_name *f) {
  snprintf(out, size, "; here it is %s (%s of %s)", f->ours, f->name, f->whose);
  return 1;
}

/* Does the text end with that name, as whole components? */
static int ends_with(const char *text, size_t length, const char *name) {
  const size_t n = strlen(name);
  return n <= length && memcmp(text + length - n, name, n) == 0 &&
         (n == length || text[length - n - 1] == '.');
}

static int say_foreign_of(char *out, size_t size, const foreign_name *names, size_t n,
                          const char *text, size_t length) {
  for (size_t i = 0; i < n; i++)
    if (ends_with(text, length, names[i].name)) return say_foreign(out, size, &names[i]);
  return 0;
}

/* Tries names at the ends of the text's beginnings: a.b.c, then a.b, then a. */
static int say_foreign_part(char *out, size_t size, const foreign_name *names, size_t n,
                            const written *w) {
  for (size_t length = w->length; length > 0; length--)
    if ((length == w->length || w->text[length] == '.') &&
        say_foreign_of(out, size, names, n, w->text, length))
      return 1;
  return 0;
}

/* Keys of that name: that of the section, else of all, "rl.lr or sft.lr". */
static int say_namesakes(char *out, size_t size, const written *w) {
  char names[200];
  size_t used = 0;
  for (int own = 1; own >= 0 && !used; own--)
    for (size_t i = 0; i < SL_KEY_COUNT && used < sizeof names; i++) {
      const sl_config_row *row = &sl_config_rows[i];
      if (!is(row->key, w->key, w->key_length)) continue;
      if (own && !(w->section && strcmp(row->section, w->section) == 0)) continue;
      used += (size_t)snprintf(names + used, sizeof names - used, "%s%s.%s", used ? " or " : "",
                               row->section, row->key);
    }
  if (used) snprintf(out, size, "; did you mean %s?", names);
  return used > 0;
}

/* The nearest key of the section, else of all. */
static int say_nearest(char *out, size_t size, const written *w) {
  const char *section = NULL;
  sl_nearest nearest = {.word = w->key, .length = w->key_length};
  for (int own = 1; own >= 0 && !nearest.best; own--)
    for (size_t i = 0; i < SL_KEY_COUNT; i++) {
      const char *before = nearest.best;
      if (own && !(w->section && strcmp(sl_config_rows[i].section, w->section) == 0)) continue;
      sl_nearest_offer(&nearest, sl_config_rows[i].key);
      if (nearest.best != before) section = sl_config_rows[i].section;
    }
  if (nearest.best) snprintf(out, size, "; did you mean %s.%s?", section, nearest.best);
  return nearest.best != NULL;
}

void sl_config_suggest(char *out, size_t size, const char *text, size_t length) {
  const written w = take_apart(text, length);
  const sl_config_renaming *renamed = sl_config_renamed(NULL, 0, w.key, w.key_length);
  *out = 0;
  if (renamed) {
    const sl_config_row *row = &sl_config_rows[renamed->key];
    snprintf(out, size, "; it is now %s.%s (%s)", row->section, row->key, renamed->why);
    return;
  }
  if (!say_foreign_part(out, size, foreign_parts, COUNT(foreign_parts), &w) &&
      !say_foreign_of(out, size, foreign_keys, COUNT(foreign_keys), text, length) &&
      !say_namesakes(out, size, &w) && !say_nearest(out, size, &w))
    say_foreign_part(out, size, foreign_keys, COUNT(foreign_keys), &w);
}

void sl_config_suggest_section(char *out, size_t size, const char *section, size_t length) {
  sl_nearest nearest = {.word = section, .length = length};
  for (size_t i = 0; i < sl_config_section_count; i++)
    sl_nearest_offer(&nearest, sl_config_sections[i].name);
  if (nearest.best)
    snprintf(out, size, "; did you mean %s?", nearest.best);
  else
    sl_config_suggest(out, size, section, length);
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
