/* The translation of an expression: groups, alternatives and quantifiers (spec F7.3). */
#include "expression.h"

#include "expression_parts.h"
#include "kernels/support/utf8.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GROUPS_MAX 32
#define REPEAT_MAX 1000

/* A group that is open. An item is what a quantifier would repeat. */
typedef struct {
  int caseless, is_look, is_behind;
  int branch_empty; /* the items of the branch so far may all match nothing */
  int any_empty;    /* a finished branch may */
} group;

typedef struct {
  group stack[GROUPS_MAX + 1];
  size_t depth;
  int has_item, item_empty, item_is_look; /* the last item: is there one to repeat, ... */
  int before; /* branch_empty before that item: a quantifier may make it empty */
} nesting;

static void begin_item(nesting *n, int is_empty, int is_look) {
  group *g = &n->stack[n->depth];
  n->before = g->branch_empty;
  n->has_item = 1, n->item_empty = is_empty, n->item_is_look = is_look;
  g->branch_empty = g->branch_empty && is_empty;
}

static sl_status open_group(sl_translation *t, nesting *n) {
  static const struct {
    const char *text, *out;
    int caseless, is_look, is_behind;
  } kinds[] = {
      {"(?:", "(?:", 0, 0, 0},   {"(?i:", "(?i:", 1, 0, 0}, {"(?>", "(?>", 0, 0, 0},
      {"(?=", "(?=", 0, 1, 0},   {"(?!", "(?!", 0, 1, 0},   {"(?<=", "(?<=", 0, 1, 1},
      {"(?<!", "(?<!", 0, 1, 1}, {"(", "(?:", 0, 0, 0},
  };
  const char *at = t->text + t->at;
  size_t k = 0;
  while (strncmp(at, kinds[k].text, strlen(kinds[k].text)) != 0) k++;
  if (kinds[k].text[1] == 0 && (at[1] == '?' || at[1] == '*'))
    return sl_translation_refuse(t, t->at, "'%.3s' begins no group that is read here", at);
  if (n->depth == GROUPS_MAX)
    return sl_translation_refuse(t, t->at, "groups are nested more than %d deep", GROUPS_MAX);
  const group *outer = &n->stack[n->depth];
  const int behind = kinds[k].is_behind || outer->is_behind;
  if (behind && (kinds[k].caseless || outer->caseless))
    return sl_translation_refuse(t, t->at, "'(?i:' and '(?<' do not go together here");
  n->stack[++n->depth] = (group){.caseless = outer->caseless || kinds[k].caseless,
                                 .is_look = kinds[k].is_look,
                                 .is_behind = behind,
                                 .branch_empty = 1};
  t->caseless = n->stack[n->depth].caseless;
  n->has_item = 0;
  t->at += strlen(kinds[k].text);
  return sl_translation_put(t, kinds[k].out);
}

static sl_status close_group(sl_translation *t, nesting *n) {
  if (n->depth == 0) return sl_translation_refuse(t, t->at, "')' closes nothing");
  const group g = n->stack[n->depth--];
  t->caseless = n->stack[n->depth].caseless;
  begin_item(n, g.is_look || g.any_empty || g.branch_empty, g.is_look);
  t->at++;
  return sl_translation_put(t, ")");
}

static sl_status next_branch(sl_translation *t, nesting *n) {
  group *g = &n->stack[n->depth];
  g->any_empty = g->any_empty || g->branch_empty;
  g->branch_empty = 1;
  n->has_item = 0;
  t->letter = 0;
  t->at++;
  return sl_translation_put(t, "|");
}

static int read_count(const char **at, size_t *count) {
  const char *p = *at;
  for (*count = 0; *p >= '0' && *p <= '9' && *count <= REPEAT_MAX; p++)
    *count = 10 * *count + (size_t)(*p - '0');
  const int any = p > *at;
  *at = p;
  return any;
}

/* {n}, {n,}, {n,m} or {,m}; *high is SIZE_MAX without a bound. */
static sl_status read_interval(sl_translation *t, size_t *low, size_t *high, int *is_exact) {
  const char *at = t->text + t->at + 1;
  const int has_low = read_count(&at, low);
  *high = *low;
  *is_exact = *at != ',';
  if (!*is_exact) {
    at++;
    if (!read_count(&at, high)) *high = SIZE_MAX;
    if (!has_low && *high == SIZE_MAX) *is_exact = 1, at = "";
  }
  if (*at != '}' || (*is_exact && !has_low))
    return sl_translation_refuse(t, t->at, "'{' begins no interval: write '\\{' for the character");
  if (*low > REPEAT_MAX || (*high != SIZE_MAX && *high > REPEAT_MAX) || *low > *high)
    return sl_translation_refuse(t, t->at, "an interval is from 0 to %d, ascending", REPEAT_MAX);
  t->at = (size_t)(at + 1 - t->text);
  return SL_OK;
}

static sl_status put_interval(sl_translation *t, size_t low, size_t high) {
  char text[64];
  if (high == SIZE_MAX)
    snprintf(text, sizeof text, "{%zu,}", low);
  else
    snprintf(text, sizeof text, "{%zu,%zu}", low, high);
  return sl_translation_put(t, text);
}

/* After an interval Oniguruma reads '+' as a quantifier of the quantified, and '?' after {n} too.
 */
static sl_status read_suffix(sl_translation *t, int is_interval, int is_exact) {
  const char c = t->text[t->at];
  if (c != '?' && c != '+') return SL_OK;
  if (is_interval && (c == '+' || is_exact))
    return sl_translation_refuse(t, t->at, "'%c' after an interval has another meaning in PCRE2",
                                 c);
  t->at++;
  return sl_translation_put(t, c == '?' ? "?" : "+");
}

static sl_status quantify(sl_translation *t, nesting *n) {
  const size_t start = t->at;
  const char c = t->text[t->at];
  size_t low = c == '+', high = c == '?' ? 1 : SIZE_MAX;
  int is_exact = 0;
  if (!n->has_item)
    return sl_translation_refuse(t, start,
                                 "'%c' has nothing to repeat (write '\\%c' for the "
                                 "character, a group around what is repeated twice)",
                                 c, c);
  if (c == '{') {
    SL_TRY(read_interval(t, &low, &high, &is_exact));
    SL_TRY(put_interval(t, low, high));
  } else {
    t->at++;
    SL_TRY(sl_translation_put(t, (const char[]){c, 0}));
  }
  if (n->item_is_look) return sl_translation_refuse(t, start, "a look around is not repeated here");
  if (n->item_empty && high > 1)
    return sl_translation_refuse(t, start, "'%c' repeats what may match nothing", c);
  SL_TRY(read_suffix(t, c == '{', is_exact));
  if (low == 0) n->stack[n->depth].branch_empty = n->before;
  n->has_item = 0;
  return SL_OK;
}

/* What stands for characters, and anchors. */
static sl_status translate_item(sl_translation *t, nesting *n) {
  const size_t start = t->at;
  const char c = t->text[t->at];
  int is_anchor = 0;
  if (c == '\\') {
    SL_TRY(sl_translate_escape(t, &is_anchor));
  } else if (c == '[') {
    SL_TRY(sl_translate_class(t));
  } else if (c == '.') {
    t->at++, t->letter = 0;
    SL_TRY(sl_translation_put(t, "[^\\n]"));
  } else if (c == '^' || c == '$') {
    return sl_translation_refuse(t, start,
                                 "'%c' stands for lines in Oniguruma: write '\\A' or "
                                 "'\\z' for the text's ends",
                                 c);
  } else {
    uint32_t point;
    const size_t bytes = sl_utf8_decode(t->text + t->at, t->size - t->at, &point);
    if (bytes == 0) return sl_translation_refuse(t, start, "malformed UTF-8");
    t->at += bytes;
    SL_TRY(sl_translate_literal(t, start, point));
  }
  begin_item(n, is_anchor, is_anchor);
  return SL_OK;
}

static sl_status translate(sl_translation *t) {
  nesting n = {.stack = {{.branch_empty = 1}}};
  while (t->at < t->size) {
    switch (t->text[t->at]) {
      case '(':
        SL_TRY(open_group(t, &n));
        break;
      case ')':
        SL_TRY(close_group(t, &n));
        break;
      case '|':
        SL_TRY(next_branch(t, &n));
        break;
      case '*':
      case '+':
      case '?':
      case '{':
        SL_TRY(quantify(t, &n));
        break;
      default:
        SL_TRY(translate_item(t, &n));
    }
  }
  if (n.depth) return sl_translation_refuse(t, t->size, "')' is missing");
  if (n.stack[0].branch_empty || n.stack[0].any_empty)
    return sl_translation_refuse(t, 0, "it may match nothing, and would split everywhere");
  return SL_OK;
}

static sl_status translated(char **out, const char *text, sl_status (*run)(sl_translation *),
                            sl_error *err) {
  const size_t size = strlen(text);
  if (size > SL_EXPRESSION_BYTES)
    return sl_fail(err, SL_ERR_INPUT, "the expression has %zu bytes, more than %d", size,
                   SL_EXPRESSION_BYTES);
  sl_translation t = {.text = text, .size = size, .err = err};
  const sl_status status = run(&t);
  if (status) {
    free(t.out);
    return status;
  }
  *out = t.out;
  return SL_OK;
}

sl_status sl_expression_translate(char **out, const char *expression, sl_error *err) {
  return translated(out, expression, translate, err);
}

static sl_status quote(sl_translation *t) {
  if (t->size == 0) return sl_fail(t->err, SL_ERR_INPUT, "an empty text would split everywhere");
  while (t->at < t->size) {
    uint32_t point;
    const size_t bytes = sl_utf8_decode(t->text + t->at, t->size - t->at, &point);
    if (bytes == 0) return sl_translation_refuse(t, t->at, "malformed UTF-8");
    t->at += bytes;
    SL_TRY(sl_translation_put_point(t, point));
  }
  return SL_OK;
}

sl_status sl_expression_quote(char **out, const char *text, sl_error *err) {
  return translated(out, text, quote, err);
}
