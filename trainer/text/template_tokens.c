/* The tokens that a template needs (spec F7.9), and those that training counts (spec F7.11). */
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

/* A part of a rendered text; at its beginning, in plain, the begin token. */
static sl_status encode_part(sl_bpe_encoder *encoder, const sl_template *t, const sl_text_pieces *p,
                             size_t begin, size_t end, sl_ids *ids, sl_error *err) {
  if (t->kind == SL_TEMPLATE_PLAIN && begin == 0)
    return sl_bpe_encode_begun(encoder, p->text, end, SL_TEXT_PLAIN, ids, err);
  return sl_bpe_encode_pieces(encoder, p, begin, end, ids, err);
}

sl_status sl_template_encode(sl_bpe_encoder *encoder, const sl_template *t,
                             const sl_rendered *rendered, sl_ids *ids, sl_token_range *ranges,
                             sl_error *err) {
  const sl_text_pieces pieces = sl_rendered_pieces(rendered);
  size_t at = 0;
  for (size_t i = 0; i < rendered->n_answers; i++) {
    const sl_answer_place *a = &rendered->answers[i];
    SL_TRY(encode_part(encoder, t, &pieces, at, a->begin, ids, err));
    ranges[i].first = ids->used;
    SL_TRY(sl_bpe_encode_pieces(encoder, &pieces, a->begin, a->end, ids, err));
    ranges[i].end = ids->used + (a->closed > a->end);
    at = a->end;
  }
  return encode_part(encoder, t, &pieces, at, pieces.size, ids, err);
}
