/* Text to ids (spec F7.2): added tokens, NFC, added tokens again, the steps that split into words,
 * merges. Words that were seen before come from a cache, which cannot affect the result. */
#include "bpe.h"

#include "bpe_inside.h"
#include "growing.h"
#include "kernels/support/utf8.h"
#include "normal_form.h"
#include "splitter.h"
#include "word_points.h"

#include <stdlib.h>
#include <string.h>

/* Words of a cache, each in the one place that its hash gives: 64 bytes. */
#define CACHE_BITS 15
#define KEY_BYTES 22
#define KEY_IDS 10
typedef struct {
  uint8_t size, n; /* size 0: free */
  char word[KEY_BYTES];
  uint32_t ids[KEY_IDS];
} cached;

struct sl_bpe_encoder {
  const sl_bpe *bpe;
  sl_splitter *splitters[SL_BPE_STEPS]; /* NULL for a step without an expression */
  sl_forming forming, beginning;
  sl_growing ends;   /* of pieces of a text in NFC */
  sl_growing spaced; /* a piece with a space before it */
  sl_merging merging;
  cached *cache;
  size_t dropped;
  sl_ids *out; /* of the text that is being encoded */
  sl_error *err;
};

void sl_ids_free(sl_ids *ids) {
  free(ids->ids);
  *ids = (sl_ids){0};
}

static uint32_t *reserve_ids(sl_ids *ids, size_t n) {
  if (n > ids->room - ids->used) {
    const size_t room = 2 * (ids->used + n) + 64;
    if (n > SIZE_MAX / 16 || ids->used > SIZE_MAX / 16) return NULL;
    uint32_t *grown = realloc(ids->ids, room * sizeof *grown);
    if (!grown) return NULL;
    ids->ids = grown, ids->room = room;
  }
  return ids->ids + ids->used;
}

sl_status sl_ids_put(sl_ids *ids, uint32_t id, sl_error *err) {
  uint32_t *at = reserve_ids(ids, 1);
  if (!at) return sl_fail(err, SL_ERR_MEMORY, "no memory for ids");
  *at = id;
  ids->used++;
  return SL_OK;
}

void sl_bpe_encoder_destroy(sl_bpe_encoder *e) {
  if (!e) return;
  for (size_t i = 0; i < SL_BPE_STEPS; i++) sl_splitter_destroy(e->splitters[i]);
  sl_forming_free(&e->forming);
  sl_forming_free(&e->beginning);
  free(e->ends.bytes);
  free(e->spaced.bytes);
  sl_merging_free(&e->merging);
  free(e->cache);
  free(e);
}

sl_status sl_bpe_encoder_create(sl_bpe_encoder **out, const sl_bpe *bpe, sl_error *err) {
  sl_bpe_encoder *e = calloc(1, sizeof *e);
  if (e) e->cache = calloc((size_t)1 << CACHE_BITS, sizeof *e->cache);
  sl_status status =
      e && e->cache ? SL_OK : sl_fail(err, SL_ERR_MEMORY, "no memory for an encoder");
  for (size_t i = 0; !status && i < bpe->parts.n_steps; i++)
    if (bpe->parts.steps[i].expression)
      status = sl_splitter_create(&e->splitters[i], bpe->parts.steps[i].expression, err);
  if (status) {
    sl_bpe_encoder_destroy(e);
    return status;
  }
  e->bpe = bpe;
  *out = e;
  return SL_OK;
}

size_t sl_bpe_dropped(const sl_bpe_encoder *e) { return e->dropped; }

/* The word's ids from the merges, at the end of out; *n of them. */
static sl_status merge_word(sl_bpe_encoder *e, const char *word, size_t size, uint32_t *ids,
                            size_t *n) {
  size_t count = 0;
  for (size_t i = 0; i < size; i++) {
    const uint32_t id = e->bpe->parts.byte_id[(unsigned char)word[i]];
    if (id == SL_NO_ID)
      e->dropped++;
    else
      ids[count++] = id;
  }
  *n = count;
  return sl_merges_apply(e->bpe->merges, &e->merging, ids, n, e->err);
}

static void remember(cached *place, const char *word, size_t size, const uint32_t *ids, size_t n) {
  if (size > KEY_BYTES || n > KEY_IDS) return;
  place->size = (uint8_t)size, place->n = (uint8_t)n;
  memcpy(place->word, word, size);
  memcpy(place->ids, ids, n * sizeof *ids);
}

static sl_status encode_word(sl_bpe_encoder *e, const char *word, size_t size) {
  cached *place = &e->cache[sl_word_hash(word, size) >> (64 - CACHE_BITS)];
  uint32_t *ids = reserve_ids(e->out, size < KEY_IDS ? KEY_IDS : size);
  if (!ids) return sl_fail(e->err, SL_ERR_MEMORY, "no memory for ids");
  if (place->size == size && memcmp(place->word, word, size) == 0) {
    memcpy(ids, place->ids, sizeof place->ids);
    e->out->used += place->n;
    return SL_OK;
  }
  if (e->bpe->parts.words_first) {
    const uint32_t id = *sl_word_place(e->bpe, word, size);
    if (id != SL_NO_ID) return sl_ids_put(e->out, id, e->err);
  }
  size_t n;
  const size_t dropped = e->dropped;
  SL_TRY(merge_word(e, word, size, ids, &n));
  e->out->used += n;
  if (e->dropped == dropped) remember(place, word, size, ids, n);
  return SL_OK;
}

static sl_status split(sl_bpe_encoder *e, size_t step, const char *text, size_t size);

static sl_status split_by_expression(sl_bpe_encoder *e, size_t step, const char *text,
                                     size_t size) {
  const sl_split_step *s = &e->bpe->parts.steps[step];
  for (size_t at = 0, begin, end; at < size; at = end) {
    SL_TRY(sl_splitter_next(e->splitters[step], text, size, at, &begin, &end, e->err));
    if (!s->drops_gaps) SL_TRY(split(e, step + 1, text + at, begin - at));
    if (!s->drops_matches) SL_TRY(split(e, step + 1, text + begin, end - begin));
  }
  return SL_OK;
}

static size_t point_at(const char *text, size_t size, uint32_t *point) {
  const size_t bytes = sl_utf8_decode(text, size, point);
  if (bytes) return bytes;
  *point = 0; /* NUL: the text is valid */
  return 1;
}

/* Numbers, each by itself or in runs, and what lies between them. */
static sl_status split_by_digits(sl_bpe_encoder *e, size_t step, const char *text, size_t size) {
  const int runs = e->bpe->parts.steps[step].kind == SL_SPLIT_DIGITS;
  size_t begin = 0, at = 0;
  int was_number = 0;
  while (at < size) {
    uint32_t point;
    const size_t bytes = point_at(text + at, size - at, &point);
    const int number = sl_point_is_number(point);
    if (at > begin && (number != was_number || (number && !runs))) {
      SL_TRY(split(e, step + 1, text + begin, at - begin));
      begin = at;
    }
    was_number = number;
    at += bytes;
  }
  return split(e, step + 1, text + begin, size - begin);
}

static sl_status with_space(sl_bpe_encoder *e, size_t step, const char *text, size_t size) {
  if (text[0] == ' ') return split(e, step + 1, text, size);
  e->spaced.used = 0;
  SL_TRY(sl_growing_put(&e->spaced, " ", 1, e->err));
  SL_TRY(sl_growing_put(&e->spaced, text, size, e->err));
  return split(e, step + 1, e->spaced.bytes, e->spaced.used);
}

/* The steps from `step` on; at most SL_BPE_STEPS deep. */
static sl_status split(sl_bpe_encoder *e, size_t step, const char *text, size_t size) {
  if (size == 0) return SL_OK;
  if (step == e->bpe->parts.n_steps) return encode_word(e, text, size);
  switch (e->bpe->parts.steps[step].kind) {
    case SL_SPLIT_EXPRESSION:
      return split_by_expression(e, step, text, size);
    case SL_SPLIT_DIGIT:
    case SL_SPLIT_DIGITS:
      return split_by_digits(e, step, text, size);
    case SL_SPLIT_SPACE:
      return with_space(e, step, text, size);
  }
  return SL_OK;
}

/* How much of a text in NFC is that of its first bytes: all but a character that both sides of the
 * place make up, which is then the right side's. */
static sl_status composed_place(sl_bpe_encoder *e, size_t *out, const char *text, size_t first,
                                const char *composed, size_t size) {
  const char *begin;
  size_t n, same = 0;
  SL_TRY(sl_normal_form_apply(text, first, &e->beginning, &begin, &n, e->err));
  while (same < n && same < size && begin[same] == composed[same]) same++;
  while (same && same < size && ((unsigned char)composed[same] & 0xC0) == 0x80) same--;
  *out = same;
  return SL_OK;
}

/* The same walk over the text in NFC. */
static sl_status compose_walk(sl_bpe_encoder *e, sl_added_walk *w) {
  const char *composed;
  size_t size;
  SL_TRY(sl_normal_form_apply(w->text, w->size, &e->forming, &composed, &size, e->err));
  e->ends.used = 0;
  const size_t *ends = w->ends;
  for (; ends && e->bpe->parts.n_normal && w->n_ends; ends++, w->n_ends--) {
    size_t place;
    const size_t first = *ends > w->base ? *ends - w->base : 0;
    if (first >= w->size) break;
    SL_TRY(composed_place(e, &place, w->text, first, composed, size));
    SL_TRY(sl_growing_put(&e->ends, &place, sizeof place, e->err));
  }
  w->text = composed, w->size = size;
  w->n_ends = e->ends.used / sizeof *ends, w->base = 0;
  w->ends = w->n_ends ? (const size_t *)(const void *)e->ends.bytes : NULL;
  return SL_OK;
}

/* A text between tokens that are found before NFC. */
static sl_status encode_normal(sl_bpe_encoder *e, sl_added_walk walk) {
  if (e->bpe->parts.composes) SL_TRY(compose_walk(e, &walk));
  for (size_t begin, end;;) {
    uint32_t id;
    switch (sl_added_tokens_next(e->bpe->normal, &walk, &begin, &end, &id)) {
      case SL_ADDED_END:
        return SL_OK;
      case SL_ADDED_TOKEN:
        SL_TRY(sl_ids_put(e->out, id, e->err));
        break;
      case SL_ADDED_PIECE:
        SL_TRY(split(e, 0, walk.text + begin, end - begin));
    }
  }
}

static sl_status encode_raw(sl_bpe_encoder *e, const sl_added_walk *begun) {
  sl_added_walk walk = *begun, rest = *begun, piece;
  for (size_t begin, end;;) {
    uint32_t id;
    switch (sl_added_tokens_next(e->bpe->raw, &walk, &begin, &end, &id)) {
      case SL_ADDED_END:
        return SL_OK;
      case SL_ADDED_TOKEN:
        SL_TRY(sl_ids_put(e->out, id, e->err));
        break;
      case SL_ADDED_PIECE:
        sl_added_walk_skip(&rest, begin);
        piece = rest;
        piece.text += begin, piece.size = end - begin, piece.base += begin;
        SL_TRY(encode_normal(e, piece));
    }
  }
}

/* UTF-8 with NUL; the place of what is not, in lines and characters. */
sl_status sl_bpe_check_text(const char *text, size_t size, sl_error *err) {
  size_t line = 1, line_start = 0;
  for (size_t at = 0; at < size;) {
    uint32_t point;
    uint64_t eight;
    if (size - at >= 8 && (memcpy(&eight, text + at, 8), !(eight & 0x8080808080808080u))) {
      at += 8;
      continue;
    }
    const size_t bytes = text[at] ? sl_utf8_decode(text + at, size - at, &point) : 1;
    if (bytes) {
      at += bytes;
      continue;
    }
    size_t column = 1;
    for (size_t i = 0; i < at; i++)
      if (text[i] == '\n') line++, line_start = i + 1;
    for (size_t i = line_start; i < at; i++) column += ((unsigned char)text[i] & 0xC0) != 0x80;
    return sl_fail(err, SL_ERR_INPUT, "%zu:%zu: malformed UTF-8", line, column);
  }
  return SL_OK;
}

static sl_status encode_walk(sl_bpe_encoder *e, const sl_added_walk *walk, sl_ids *out,
                             sl_error *err) {
  SL_TRY(sl_bpe_check_text(walk->text, walk->size, err));
  const size_t used = out->used;
  e->out = out, e->err = err;
  const sl_status status = encode_raw(e, walk);
  if (status) out->used = used;
  return status;
}

sl_status sl_bpe_encode(sl_bpe_encoder *e, const char *text, size_t size, sl_text_mode mode,
                        sl_ids *out, sl_error *err) {
  const sl_added_walk walk = {.text = text, .size = size, .skip_special = mode == SL_TEXT_PLAIN};
  return encode_walk(e, &walk, out, err);
}

sl_status sl_bpe_encode_pieces(sl_bpe_encoder *e, const sl_text_pieces *p, size_t begin, size_t end,
                               sl_ids *out, sl_error *err) {
  const sl_added_walk walk = {
      .text = p->text + begin, .size = end - begin, .ends = p->ends, .n_ends = p->n, .base = begin};
  return encode_walk(e, &walk, out, err);
}

sl_status sl_bpe_encode_begun(sl_bpe_encoder *e, const char *text, size_t size, sl_text_mode mode,
                              sl_ids *out, sl_error *err) {
  const sl_bpe_parts *p = &e->bpe->parts;
  const size_t used = out->used;
  sl_status status = SL_OK;
  for (size_t i = 0; !status && i < p->n_before; i++) status = sl_ids_put(out, p->before[i], err);
  const size_t own = out->used;
  if (!status) status = sl_bpe_encode(e, text, size, mode, out, err);
  const int is_there = p->n_before == 1 && out->used > own && out->ids[own] == p->before[0];
  if (!status && is_there) {
    out->used--;
    memmove(out->ids + used, out->ids + own, (out->used - used) * sizeof *out->ids);
  }
  if (status) out->used = used;
  return status;
}

sl_status sl_bpe_encode_framed(sl_bpe_encoder *e, const char *text, size_t size, sl_text_mode mode,
                               sl_ids *out, sl_error *err) {
  const sl_bpe_parts *p = &e->bpe->parts;
  const size_t used = out->used;
  sl_status status = sl_bpe_encode_begun(e, text, size, mode, out, err);
  for (size_t i = 0; !status && i < p->n_after; i++) status = sl_ids_put(out, p->after[i], err);
  if (status) out->used = used;
  return status;
}
