/* Answers in one spelling (spec F3.13, steps 1 and 9). */
#include "answer_value.h"

#include "answer.h"

#include <ctype.h>
#include <string.h>

static int is_space(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }
static int is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
static int is_digit(char c) { return c >= '0' && c <= '9'; }

/* What is written in several ways. No replacement is longer than three times what it replaces. A
 * word ends where no letter follows; of two that fit the first holds. */
static const struct {
  const char *from, *to;
} spelling[] = {{"\\left", ""},
                {"\\right", ""},
                {"\\big", ""},
                {"\\Big", ""},
                {"\\bigl", ""},
                {"\\bigr", ""},
                {"\\displaystyle", ""},
                {"\\boxed", ""}, /* in another one */
                {"\\!", ""},
                {"\\,", ""},
                {"\\;", ""},
                {"\\:", ""},
                {"\\ ", " "},
                {"\\quad", " "},
                {"~", " "},
                {"\xc2\xa0", " "}, /* a space that does not break */
                {"\\$", ""},
                {"$", ""},
                {"\xe2\x82\xac", ""}, /* euro */
                {"\xc2\xa3", ""},     /* pound */
                {"\xc2\xa5", ""},     /* yen */
                {"\\(", ""},
                {"\\)", ""},
                {"\\[", ""},
                {"\\]", ""},
                {"**", ""},
                {"\\dfrac", "\\frac"},
                {"\\tfrac", "\\frac"},
                {"\\cfrac", "\\frac"},
                {"\\cdot", "*"},
                {"\\times", "*"},
                {"\xc3\x97", "*"},     /* U+00D7 */
                {"\xc2\xb7", "*"},     /* U+00B7 */
                {"\xe2\x8b\x85", "*"}, /* U+22C5 */
                {"\\div", "/"},
                {"\xc3\xb7", "/"},     /* U+00F7 */
                {"\xe2\x88\x92", "-"}, /* U+2212 */
                {"\xe2\x80\x93", "-"}, /* U+2013 */
                {"\\%", "%"},
                {"^{\\circ}", "\\circ"},
                {"^\\circ", "\\circ"},
                {"\\degree", "\\circ"},
                {"\xc2\xb0", "\\circ"}, /* the degree sign */
                {"\xcf\x80", "\\pi "},
                {"\xe2\x88\x9e", "\\infty"},
                {"\xe2\x88\x9a", "\\sqrt"},
                {"\xe2\x88\xaa", "\\cup"},
                {"\\text{ and }", " and "},
                {"\\text{and}", " and "},
                {"\\text{ or }", " or "},
                {"\\text{or}", " or "},
                {"\\lbrace", "\\{"},
                {"\\rbrace", "\\}"}};

static size_t match(const char *at, const char *end, const char *word) {
  if (*at != *word) return 0;
  const size_t n = strlen(word);
  if ((size_t)(end - at) < n || memcmp(at, word, n) != 0) return 0;
  if (word[0] == '\\' && is_letter(word[n - 1]) && at + n < end && is_letter(at[n])) return 0;
  return n;
}

/* Exactly three digits. */
static int is_group(const char *at, const char *end) {
  return end - at >= 3 && is_digit(at[0]) && is_digit(at[1]) && is_digit(at[2]) &&
         (end - at == 3 || !is_digit(at[3]));
}

/* {,} or a thin space between a digit and three digits groups them. */
static size_t group_mark(const char *at, const char *end) {
  static const char *const marks[] = {"{,}", "\\,", "\\;", "\\:", "\\!"};
  for (size_t i = 0; i < sizeof marks / sizeof *marks; i++) {
    const size_t n = match(at, end, marks[i]);
    if (n && is_group(at + n, end)) return n;
  }
  return 0;
}

/* Behind one to three digits, groups of a space and three digits; where they end, or `at`. */
static const char *groups_end(const char *at) {
  const char *end = at;
  while (is_digit(*end)) end++;
  if (end - at > 3) return at;
  const char *first = end;
  while (*end == ' ' && is_group(end + 1, end + 1 + strnlen(end + 1, 4))) end += 4;
  const char *behind = end;
  while (*behind == ' ') behind++;
  /* one more number, or a mixed one: 1 234/5 */
  return end == first || *behind == '/' || (behind > end && is_digit(*behind)) ? at : end;
}

/* 1 234 567 becomes 1234567. Other digits stay apart: 2 3 is not 23. */
static size_t join_groups(char *text) {
  char *to = text, before = 0; /* the last character but spaces */
  for (const char *at = text; *at;) {
    const int starts = is_digit(*at) && !is_digit(before) && !is_letter(before) && before != '.';
    const char *end = starts ? groups_end(at) : at;
    before = *at == ' ' ? before : *at;
    if (end == at) *to++ = *at++;
    for (; at < end; at++)
      if (*at != ' ') *to++ = *at;
  }
  *to = 0;
  return (size_t)(to - text);
}

static void strip(char *out, size_t n) {
  size_t first = 0;
  if (n && out[n - 1] == '.') n--;
  while (n && out[n - 1] == ' ') n--;
  while (first < n && out[first] == ' ') first++;
  memmove(out, out + first, n - first);
  out[n - first] = 0;
}

size_t sl_answer_clean(char *out, const char *text, size_t size) {
  const char *const end = text + size;
  size_t n = 0;
  for (const char *at = text; at < end;) {
    size_t taken = 0, i = 0;
    const char *to = "";
    const int behind_digit = n && is_digit(out[n - 1]);
    if (behind_digit) taken = group_mark(at, end);
    const int is_mark = taken != 0;
    for (; !taken && i < sizeof spelling / sizeof *spelling; i++)
      if ((taken = match(at, end, spelling[i].from)) > 0) to = spelling[i].to;
    if (taken) {
      at += taken;
      if (!*to && !is_mark && behind_digit && at < end && is_digit(*at)) to = " ";
    } else if (is_space(*at)) {
      to = " ", at++;
    } else {
      out[n++] = *at++;
      continue;
    }
    if (*to == ' ' && (n == 0 || out[n - 1] == ' ')) to++;
    for (; *to; to++) out[n++] = *to;
  }
  while (n && out[n - 1] == ' ') n--;
  strip(out, n);
  return join_groups(out);
}

/* Wrappers of words. */
static const char *const wrappers[] = {"\\text{",   "\\mathrm{", "\\mathbf{",      "\\textbf{",
                                       "\\textit{", "\\mbox{",   "\\operatorname{"};

static size_t wrapper_at(const char *at) {
  for (size_t i = 0; i < sizeof wrappers / sizeof *wrappers; i++)
    if (strncmp(at, wrappers[i], strlen(wrappers[i])) == 0) return strlen(wrappers[i]);
  return 0;
}

/* The brace that closes a wrapper at `at`, what it holds having none; NULL where there is none. */
static const char *wrapper_end(const char *at, size_t n) {
  const char *close = n ? strpbrk(at + n, "{}") : NULL;
  return close && *close == '}' ? close : NULL;
}

static int is_of_number(char c) { return is_digit(c) || c == '.'; }

/* A text that loses characters, in place. */
typedef struct {
  char *begin, *end;
  int has_dropped; /* something, behind its end */
} shortened;

/* What was dropped between two digits leaves a space: 2 3 is not 23. */
static void put(shortened *s, char c) {
  if (s->has_dropped && s->end > s->begin && is_of_number(s->end[-1]) && is_of_number(c))
    *s->end++ = ' ';
  *s->end++ = c;
  s->has_dropped = 0;
}

static void put_but_spaces(shortened *s, const char *at, const char *end) {
  for (; at < end; at++)
    if (*at == ' ')
      s->has_dropped = 1;
    else
      put(s, *at);
}

/* Drops spaces, and wrappers with their braces. */
static void drop_wrappers(char *text) {
  shortened s = {text, text, 0};
  for (const char *at = text; *at;) {
    const size_t n = wrapper_at(at);
    const char *end = wrapper_end(at, n);
    if (end) {
      s.has_dropped = 1;
      put_but_spaces(&s, at + n, end);
      s.has_dropped = 1;
      at = end + 1;
    } else {
      put_but_spaces(&s, at, at + 1);
      at++;
    }
  }
  *s.end = 0;
}

static void drop_single_braces(char *text) {
  char *to = text;
  for (const char *at = text; *at; at++) {
    const int single = at[0] == '{' && at[1] && !strchr("{}\\", at[1]) && at[2] == '}';
    if (single) at++;
    *to++ = *at;
    if (single) at++;
  }
  *to = 0;
}

void sl_answer_text(char *clean) {
  drop_wrappers(clean);
  drop_single_braces(clean);
  for (const char *c = clean; *c; c++)
    if (!is_letter(*c)) return;
  for (char *c = clean; *c; c++) *c = (char)tolower((unsigned char)*c);
}

static const char *find_last(const char *text, size_t size, const char *word) {
  const size_t n = strlen(word);
  const char *found = NULL;
  for (const char *at = text; (at = memchr(at, word[0], (size_t)(text + size - at))); at++)
    if ((size_t)(text + size - at) >= n && memcmp(at, word, n) == 0) found = at;
  return found;
}

static void trim_piece(const char **begin, const char *end, size_t *n) {
  while (*begin < end && is_space(**begin)) (*begin)++;
  while (end > *begin && is_space(end[-1])) end--;
  *n = (size_t)(end - *begin);
}

/* The brace that closes the one before `at`; NULL if there is none. \{ and \} count for nothing. */
static const char *closing(const char *at, const char *end) {
  for (int depth = 1; at < end; at++) {
    if (*at == '\\' && at + 1 < end) {
      at++;
      continue;
    }
    depth += *at == '{';
    depth -= *at == '}';
    if (depth == 0) return at;
  }
  return NULL;
}

/* Is the brace that of \boxed{? */
static int opens_box(const char *text, const char *brace) {
  static const char word[] = "\\boxed";
  const size_t n = sizeof word - 1;
  return (size_t)(brace - text) >= n && memcmp(brace - n, word, n) == 0;
}

static int is_escaped(const char *text, const char *at) {
  size_t n = 0;
  while (at - n > text && at[-1 - (ptrdiff_t)n] == '\\') n++;
  return n & 1;
}

/* The outermost box around the one whose text begins at `at` and ends at *close, which is closed
 * itself: where its text begins, and *close is where it ends. */
static const char *outermost(const char *text, const char *at, const char *end,
                             const char **close) {
  size_t closed = 0, level = 0, found = 0, depth = 0;
  const char *outer = at;
  for (const char *next = *close; (next = closing(next + 1, end));) closed++;
  for (const char *c = at - 1; level < closed && c-- > text;) {
    if ((*c != '{' && *c != '}') || is_escaped(text, c)) continue;
    if (*c == '}')
      depth++;
    else if (depth)
      depth--;
    else if (level++, opens_box(text, c))
      outer = c + 1, found = level;
  }
  for (; found; found--) *close = closing(*close + 1, end);
  return outer;
}

int sl_answer_box(const char *text, size_t size, const char **begin, size_t *n) {
  static const char box[] = "\\boxed{";
  const char *boxed = find_last(text, size, box), *end = text + size;
  const char *close = boxed ? closing(boxed + strlen(box), end) : NULL;
  if (!close) return 0;
  *begin = outermost(text, boxed + strlen(box), end, &close);
  trim_piece(begin, close, n);
  return 1;
}

void sl_answer_find(const char *text, size_t size, const char **begin, size_t *n) {
  if (sl_answer_box(text, size, begin, n)) return;
  const char *mark = find_last(text, size, "####");
  *begin = mark ? mark + 4 : text;
  trim_piece(begin, text + size, n);
}
