/* What templates cut off and take apart, as their Jinja texts do (spec F7.8), and the tokens that
 * they need. */
#include "template_parts.h"

#include "kernels/support/utf8.h"

#include <string.h>

/* str.isspace of Python. */
static int is_space(uint32_t c) {
  return (c >= 9 && c <= 13) || (c >= 0x1C && c <= 0x20) || c == 0x85 || c == 0xA0 || c == 0x1680 ||
         (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 || c == 0x202F || c == 0x205F ||
         c == 0x3000;
}

sl_stretch sl_strip_space(sl_stretch s) {
  uint32_t point;
  size_t n;
  while (s.size && (n = sl_utf8_decode(s.text, s.size, &point)) > 0 && is_space(point))
    s.text += n, s.size -= n;
  while (s.size) {
    size_t last = s.size - 1;
    while (last && ((unsigned char)s.text[last] & 0xC0) == 0x80) last--;
    if (!sl_utf8_decode(s.text + last, s.size - last, &point) || !is_space(point)) break;
    s.size = last;
  }
  return s;
}

sl_stretch sl_strip_first_lines(sl_stretch s) {
  while (s.size && s.text[0] == '\n') s.text++, s.size--;
  return s;
}

static sl_stretch strip_last_lines(sl_stretch s) {
  while (s.size && s.text[s.size - 1] == '\n') s.size--;
  return s;
}

sl_stretch sl_strip_lines(sl_stretch s) { return strip_last_lines(sl_strip_first_lines(s)); }

/* The first place of a mark, or the last one; size if there is none. */
static size_t find(sl_stretch s, const char *mark, int last) {
  const size_t n = strlen(mark);
  size_t found = s.size;
  for (size_t i = 0; i + n <= s.size && (last || found == s.size); i++)
    if (memcmp(s.text + i, mark, n) == 0) found = i;
  return found;
}

void sl_split_thoughts(sl_stretch all, sl_stretch *thoughts, sl_stretch *said) {
  static const char open[] = "<think>", close[] = "</think>";
  const size_t first = find(all, close, 0);
  *thoughts = (sl_stretch){all.text, 0}, *said = all;
  if (first == all.size) return;
  const size_t behind = find(all, close, 1) + sizeof close - 1;
  *said = sl_strip_first_lines((sl_stretch){all.text + behind, all.size - behind});
  sl_stretch before = strip_last_lines((sl_stretch){all.text, first});
  const size_t opened = find(before, open, 1);
  if (opened < before.size) {
    const size_t skipped = opened + sizeof open - 1;
    before = (sl_stretch){before.text + skipped, before.size - skipped};
  }
  *thoughts = sl_strip_first_lines(before);
}

/* The tokens that a template writes; the first is the one that ends an answer. */
static const char *const *needed(sl_template_kind kind) {
  static const char *const none[] = {NULL}, *const chatml[] = {"<|im_end|>", "<|im_start|>", NULL},
                           *const llama[] = {"<|eot_id|>", "<|begin_of_text|>",
                                             "<|start_header_id|>", "<|end_header_id|>", NULL};
  if (kind == SL_TEMPLATE_LLAMA3 || kind == SL_TEMPLATE_LLAMA3_2) return llama;
  return kind == SL_TEMPLATE_PLAIN || kind == SL_TEMPLATE_OWN ? none : chatml;
}

/* The longest added token that a text begins with. */
static uint32_t first_token(const sl_bpe *bpe, const char *text) {
  for (size_t n = strlen(text); n > 0; n--) {
    const uint32_t id = sl_bpe_find_added(bpe, text, n);
    if (id != SL_NO_ID) return id;
  }
  return SL_NO_ID;
}

sl_status sl_template_check(const sl_template *t, const sl_bpe *bpe, uint32_t *turn_end,
                            sl_error *err) {
  const char *const *names = needed(t->kind);
  for (size_t i = 0; names[i]; i++)
    if (sl_bpe_find_added(bpe, names[i], strlen(names[i])) == SL_NO_ID)
      return sl_fail(err, SL_ERR_INPUT,
                     "template %s needs the token %s, which tokenizer.json does not have",
                     sl_template_names[t->kind], names[i]);
  const char *close =
      t->kind == SL_TEMPLATE_OWN && t->close[SL_ROLE_ASSISTANT] ? t->close[SL_ROLE_ASSISTANT] : "";
  const uint32_t id =
      *names ? sl_bpe_find_added(bpe, *names, strlen(*names)) : first_token(bpe, close);
  if (*close && id == SL_NO_ID)
    return sl_fail(err, SL_ERR_INPUT,
                   "template.assistant_close begins with no added token of tokenizer.json: \"%s\"",
                   close);
  *turn_end = id;
  return SL_OK;
}
