/* The tokens that a template needs (spec F7.9). */
#include "template.h"

#include <string.h>

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
