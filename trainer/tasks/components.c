/* Components of a reward: the template and the length (spec F3.7, F3.8, F3.9). */
#include "components.h"

#include <string.h>

const char *const sl_component_names[SL_COMPONENT_COUNT] = {"exact",  "numeric", "math",
                                                            "format", "length",  "command"};

static int is_space(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

/* A piece of a text. */
typedef struct {
  const char *begin, *end;
} piece;

static piece trimmed(piece p) {
  while (p.begin < p.end && is_space(*p.begin)) p.begin++;
  while (p.end > p.begin && is_space(p.end[-1])) p.end--;
  return p;
}

static int begins_with(piece p, const char *tag) {
  const size_t n = strlen(tag);
  return (size_t)(p.end - p.begin) >= n && memcmp(p.begin, tag, n) == 0;
}

static int ends_with(piece p, const char *tag) {
  const size_t n = strlen(tag);
  return (size_t)(p.end - p.begin) >= n && memcmp(p.end - n, tag, n) == 0;
}

/* Where the tag stands first, from `begin` on; NULL if nowhere. */
static const char *find(piece p, const char *tag) {
  const char *at = strstr(p.begin, tag);
  return at && at + strlen(tag) <= p.end ? at : NULL;
}

static int stands_once(piece p, const char *tag) {
  const char *first = find(p, tag);
  return first && !find((piece){first + 1, p.end}, tag);
}

/* think_open TEXT think_close WHITE answer_open TEXT answer_close, each tag once: `p` begins with
 * the first tag and ends with the last. */
static int is_whole(piece p, const sl_tags *t) {
  const char *const all[] = {t->think_open, t->think_close, t->answer_open, t->answer_close};
  for (size_t i = 0; i < 4; i++)
    if (!stands_once(p, all[i])) return 0;
  const char *close = find(p, t->think_close), *open = find(p, t->answer_open),
             *last = find(p, t->answer_close);
  if (close < p.begin + strlen(t->think_open) || open < close + strlen(t->think_close) ||
      last < open + strlen(t->answer_open))
    return 0;
  const piece between = trimmed((piece){close + strlen(t->think_close), open});
  return between.begin == between.end;
}

double sl_template_reward(const sl_tags *tags, const char *text) {
  const piece p = trimmed((piece){text, text + strlen(text)});
  const int begins = begins_with(p, tags->think_open), ends = ends_with(p, tags->answer_close);
  if (begins && ends) return is_whole(p, tags) ? 1.0 : 0.5;
  return begins || ends ? 0.25 : 0.0;
}

int sl_template_answer(const sl_tags *tags, const char *text, const char **begin, size_t *n) {
  const char *open = strstr(text, tags->answer_open);
  if (!open) return 0;
  open += strlen(tags->answer_open);
  const char *close = strstr(open, tags->answer_close);
  if (!close) return 0;
  const piece p = trimmed((piece){open, close});
  *begin = p.begin, *n = (size_t)(p.end - p.begin);
  return 1;
}

/* L - c - n is exact in binary64, and one division follows. */
double sl_length_reward(size_t tokens, size_t limit, size_t buffer) {
  if (tokens <= limit - buffer) return 0.0;
  if (tokens >= limit) return -1.0;
  return -((double)(tokens - (limit - buffer)) / (double)buffer);
}
