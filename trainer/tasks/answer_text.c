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

/* {,} in front of three digits groups them. */
static int is_group_comma(const char *at, const char *end) {
  return end - at >= 6 && memcmp(at, "{,}", 3) == 0 && is_digit(at[3]) && is_digit(at[4]) &&
         is_digit(at[5]);
}

static size_t strip(char *out, size_t n) {
  size_t first = 0;
  if (n && out[n - 1] == '.') n--;
  while (n && out[n - 1] == ' ') n--;
  while (first < n && out[first] == ' ') first++;
  memmove(out, out + first, n - first);
  out[n - first] = 0;
  return n - first;
}

size_t sl_answer_clean(char *out, const char *text, size_t size) {
  const char *const end = text + size;
  size_t n = 0;
  for (const char *at = text; at < end;) {
    size_t taken = 0, i = 0;
    const char *to = "";
    if (is_group_comma(at, end)) taken = 3;
    for (; !taken && i < sizeof spelling / sizeof *spelling; i++)
      if ((taken = match(at, end, spelling[i].from)) > 0) to = spelling[i].to;
    if (taken) {
      at += taken;
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
  return strip(out, n);
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

/* Drops spaces, and wrappers with their braces. */
static void drop_wrappers(char *text) {
  char *to = text;
  const char *until = NULL; /* the brace that ends the present wrapper */
  for (const char *at = text; *at; at++) {
    const size_t n = wrapper_at(at);
    const char *end = wrapper_end(at, n);
    if (end)
      until = end, at += n - 1;
    else if (*at != ' ' && at != until)
      *to++ = *at;
  }
  *to = 0;
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

int sl_answer_box(const char *text, size_t size, const char **begin, size_t *n) {
  static const char box[] = "\\boxed{";
  const char *boxed = find_last(text, size, box), *end = text + size;
  const char *close = boxed ? closing(boxed + strlen(box), end) : NULL;
  if (!close) return 0;
  *begin = boxed + strlen(box);
  trim_piece(begin, close, n);
  return 1;
}

void sl_answer_find(const char *text, size_t size, const char **begin, size_t *n) {
  if (sl_answer_box(text, size, begin, n)) return;
  const char *mark = find_last(text, size, "####");
  *begin = mark ? mark + 4 : text;
  trim_piece(begin, text + size, n);
}
