/* A byte-level BPE tokenizer and its tokens (spec F7.1, F7.2). */
#include "bpe.h"

#include "bpe_inside.h"

#include <stdlib.h>
#include <string.h>

void sl_bpe_parts_free(sl_bpe_parts *p) {
  free(p->bytes);
  free(p->start);
  free(p->kind);
  free(p->merges);
  for (size_t i = 0; i < p->n_steps; i++) free(p->steps[i].expression);
  free(p->raw);
  free(p->normal);
  free(p->added_text);
  free(p->note);
  *p = (sl_bpe_parts){0};
}

void sl_bpe_destroy(sl_bpe *b) {
  if (!b) return;
  sl_bpe_parts_free(&b->parts);
  sl_merges_destroy(b->merges);
  sl_added_tokens_destroy(b->raw);
  sl_added_tokens_destroy(b->normal);
  free(b->words);
  free(b);
}

static sl_status index_words(sl_bpe *b, sl_error *err) {
  const sl_bpe_parts *p = &b->parts;
  size_t size = 16;
  while (size < 2 * p->n_ids) size *= 2;
  b->words = malloc(size * sizeof *b->words);
  if (!b->words) return sl_fail(err, SL_ERR_MEMORY, "no memory for a table of %zu words", size);
  memset(b->words, 0xFF, size * sizeof *b->words);
  b->words_mask = size - 1;
  for (uint32_t id = 0; id < p->n_ids; id++)
    if (p->kind[id] & SL_ID_WORD && !(p->kind[id] & SL_ID_SPECIAL))
      *sl_word_place(b, p->bytes + p->start[id], p->start[id + 1] - p->start[id]) = id;
  return SL_OK;
}

static sl_status build(sl_bpe *b, sl_error *err) {
  const sl_bpe_parts *p = &b->parts;
  SL_TRY(sl_merges_create(&b->merges, p->merges, p->n_merges, err));
  SL_TRY(sl_added_tokens_create(&b->raw, p->raw, p->n_raw, err));
  SL_TRY(sl_added_tokens_create(&b->normal, p->normal, p->n_normal, err));
  if (p->words_first) SL_TRY(index_words(b, err));
  free(b->parts.merges);
  b->parts.merges = NULL;
  sl_bpe_encoder *trial; /* are the expressions such that PCRE2 takes them? */
  SL_TRY(sl_bpe_encoder_create(&trial, b, err));
  sl_bpe_encoder_destroy(trial);
  return SL_OK;
}

sl_status sl_bpe_create(sl_bpe **out, sl_bpe_parts *parts, sl_error *err) {
  sl_bpe *b = calloc(1, sizeof *b);
  if (!b) {
    sl_bpe_parts_free(parts);
    return sl_fail(err, SL_ERR_MEMORY, "no memory for a tokenizer");
  }
  b->parts = *parts;
  *parts = (sl_bpe_parts){0};
  const sl_status status = build(b, err);
  if (status)
    sl_bpe_destroy(b);
  else
    *out = b;
  return status;
}

size_t sl_bpe_vocab(const sl_bpe *b) { return b->parts.n_ids; }

const char *sl_bpe_note(const sl_bpe *b) { return b->parts.note; }

int sl_bpe_id_kind(const sl_bpe *b, uint32_t id) {
  return id < b->parts.n_ids ? b->parts.kind[id] : 0;
}

const char *sl_bpe_id_bytes(const sl_bpe *b, uint32_t id, size_t *size) {
  const sl_bpe_parts *p = &b->parts;
  *size = id < p->n_ids ? p->start[id + 1] - p->start[id] : 0;
  return id < p->n_ids ? p->bytes + p->start[id] : "";
}

static uint32_t find_text(const sl_added_token *tokens, size_t n, const char *text, size_t size) {
  for (size_t i = 0; i < n; i++)
    if (tokens[i].size == size && memcmp(tokens[i].text, text, size) == 0) return tokens[i].id;
  return SL_NO_ID;
}

uint32_t sl_bpe_find_added(const sl_bpe *b, const char *text, size_t size) {
  const uint32_t id = find_text(b->parts.raw, b->parts.n_raw, text, size);
  return id == SL_NO_ID ? find_text(b->parts.normal, b->parts.n_normal, text, size) : id;
}
