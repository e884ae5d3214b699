/* The text of a completion as it grows. */
#include "sample_text.h"

#include <string.h>

void sl_sample_text_begin(sl_sample_text *t) {
  t->text.used = t->printed = t->tail.n = 0;
  t->found = NULL;
}

static void print(sl_sample_text *t, size_t end) {
  if (end <= t->printed) return;
  if (t->out) {
    fwrite(t->text.bytes + t->printed, 1, end - t->printed, t->out);
    fflush(t->out);
  }
  t->printed = end;
}

/* The first place from `from` on where a stop stands, of several there the first given; the size
 * if there is none. */
static size_t find_stop(sl_sample_text *t, size_t from) {
  for (size_t at = from; at < t->text.used; at++)
    for (size_t i = 0; i < t->stops->n; i++) {
      const char *stop = t->stops->texts[i];
      const size_t n = strlen(stop);
      if (n > t->text.used - at || memcmp(t->text.bytes + at, stop, n) != 0) continue;
      t->found = stop;
      return at;
    }
  return t->text.used;
}

/* Bytes at the end that a stop begins with. */
static size_t held_back(const sl_sample_text *t) {
  size_t most = 0;
  for (size_t i = 0; i < t->stops->n; i++) {
    const char *stop = t->stops->texts[i];
    size_t n = strlen(stop) - 1;
    if (n > t->text.used) n = t->text.used;
    while (n > most && memcmp(t->text.bytes + t->text.used - n, stop, n) != 0) n--;
    if (n > most) most = n;
  }
  return most;
}

/* New text stands behind the first `used` bytes. */
static int look(sl_sample_text *t, size_t used) {
  size_t longest = 1;
  for (size_t i = 0; i < t->stops->n; i++)
    if (strlen(t->stops->texts[i]) > longest) longest = strlen(t->stops->texts[i]);
  t->text.used = find_stop(t, used >= longest ? used - longest + 1 : 0);
  print(t, t->text.used - (t->found ? 0 : held_back(t)));
  return t->found != NULL;
}

int sl_sample_text_put(sl_sample_text *t, uint32_t id, sl_error *err) {
  const size_t used = t->text.used;
  if (t->found) return 1;
  if (sl_tokenizer_stream(t->tokenizer, &t->tail, id, &t->text, err)) return 1;
  return look(t, used);
}

/* A NUL behind the text. */
static sl_status finish(sl_sample_text *t, sl_error *err) {
  SL_TRY(sl_growing_put(&t->text, "", 1, err));
  t->text.used--;
  return SL_OK;
}

sl_status sl_sample_text_end(sl_sample_text *t, sl_error *err) {
  const size_t used = t->text.used;
  if (t->found) return finish(t, err);
  SL_TRY(sl_bpe_decode_end(&t->tail, &t->text, err));
  if (!look(t, used)) print(t, t->text.used);
  return finish(t, err);
}
