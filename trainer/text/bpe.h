/* A byte-level BPE tokenizer: text to ids and ids to text (spec F7.1 to F7.4), of parts that a
 * reader of its file gives (trainer/files/bpe_file.h). */
#ifndef SLUICE_BPE_H
#define SLUICE_BPE_H

#include "added_tokens.h"
#include "merges.h"

#include <sluice/status.h>

#include <stddef.h>
#include <stdint.h>

#define SL_BPE_STEPS 8        /* steps that split a text into words */
#define SL_BPE_FRAME 8        /* ids before or after every text */
#define SL_NO_ID UINT32_MAX   /* where there is none */
#define SL_BPE_IDS (1u << 22) /* ids are less */

typedef enum {
  SL_SPLIT_EXPRESSION, /* matches are pieces, and so is what lies between them */
  SL_SPLIT_DIGIT,      /* every number (category N) is a piece */
  SL_SPLIT_DIGITS,     /* every run of numbers is one */
  SL_SPLIT_SPACE       /* a piece that does not begin with a space gets one */
} sl_split_kind;

typedef struct {
  sl_split_kind kind;
  char *expression;              /* translated; NULL for the other kinds */
  int drops_matches, drops_gaps; /* what is left out of the text */
} sl_split_step;

/* What a tokenizer is. Arrays are taken over by sl_bpe_create. */
typedef struct {
  size_t n_ids;          /* 1 + the largest id */
  char *bytes;           /* what ids stand for, one after the other */
  size_t *start;         /* n_ids + 1 of them: id i is bytes[start[i], start[i + 1]) */
  uint8_t *kind;         /* n_ids of them, SL_ID_... */
  uint32_t byte_id[256]; /* of a byte alone, or SL_NO_ID: it is dropped */
  sl_merge *merges;
  size_t n_merges;
  int words_first; /* a word that is a token is that token, whatever the merges give */
  int composes;    /* texts are put into NFC */
  sl_split_step steps[SL_BPE_STEPS];
  size_t n_steps;
  sl_added_token *raw, *normal; /* looked for before NFC, and after it; texts are in added_text */
  size_t n_raw, n_normal;
  char *added_text;
  uint32_t before[SL_BPE_FRAME], after[SL_BPE_FRAME]; /* ids around every text */
  size_t n_before, n_after;
  char *note; /* what of the file is not applied, or NULL */
} sl_bpe_parts;
/* Bits of a kind; 0: there is no such id. A word is a token that merges may give. */
enum { SL_ID_PRESENT = 1, SL_ID_WORD = 2, SL_ID_ADDED = 4, SL_ID_SPECIAL = 8 };

void sl_bpe_parts_free(sl_bpe_parts *parts);

typedef struct sl_bpe sl_bpe;

/* Takes over parts, on error too. SL_ERR_INPUT where an expression or an added token is refused. */
sl_status sl_bpe_create(sl_bpe **out, sl_bpe_parts *parts, sl_error *err);
void sl_bpe_destroy(sl_bpe *bpe);

/* 1 + the largest id. */
size_t sl_bpe_vocab(const sl_bpe *bpe);
/* What of its file is not applied, or NULL. */
const char *sl_bpe_note(const sl_bpe *bpe);
/* Bits of SL_ID_...; 0 for an id beyond the vocabulary. */
int sl_bpe_id_kind(const sl_bpe *bpe, uint32_t id);
/* The bytes of a token; *size 0 for an absent one. */
const char *sl_bpe_id_bytes(const sl_bpe *bpe, uint32_t id, size_t *size);
/* The token with that text among the added ones, or SL_NO_ID. */
uint32_t sl_bpe_find_added(const sl_bpe *bpe, const char *text, size_t size);

typedef enum {
  SL_TEXT_PLAIN, /* the text of a special token is text as any other */
  SL_TEXT_PARSED /* it is that token, as in Hugging Face's tokenizers */
} sl_text_mode;

/* Ids that grow; freed by sl_ids_free, reused where used is set to 0. */
typedef struct {
  uint32_t *ids;
  size_t used, room;
} sl_ids;
void sl_ids_free(sl_ids *ids);
sl_status sl_ids_put(sl_ids *ids, uint32_t id, sl_error *err);

/* What a tokenizer needs to encode, and words that it keeps: one for each thread. */
typedef struct sl_bpe_encoder sl_bpe_encoder;
sl_status sl_bpe_encoder_create(sl_bpe_encoder **out, const sl_bpe *bpe, sl_error *err);
void sl_bpe_encoder_destroy(sl_bpe_encoder *encoder);

/* Appends the ids of a text. SL_ERR_INPUT: "line:column: malformed UTF-8", or an expression that
 * gives up; out->used is then as it was. */
sl_status sl_bpe_encode(sl_bpe_encoder *encoder, const char *text, size_t size, sl_text_mode mode,
                        sl_ids *out, sl_error *err);
/* The same with the ids before every text; a single one is not put if the text's own first id is
 * the same. */
sl_status sl_bpe_encode_begun(sl_bpe_encoder *encoder, const char *text, size_t size,
                              sl_text_mode mode, sl_ids *out, sl_error *err);
/* The same with the ids after every text too. */
sl_status sl_bpe_encode_framed(sl_bpe_encoder *encoder, const char *text, size_t size,
                               sl_text_mode mode, sl_ids *out, sl_error *err);
/* A text of pieces that are by turns a template's own (0, 2, ...) and somebody's (1, 3, ...); piece
 * i ends at ends[i], the last one at size. */
typedef struct {
  const char *text;
  size_t size;
  const size_t *ends;
  size_t n;
} sl_text_pieces;
/* Appends the ids of text[begin, end), in which a token stands within one piece, and a special one
 * in a template's (spec F7.9). */
sl_status sl_bpe_encode_pieces(sl_bpe_encoder *encoder, const sl_text_pieces *pieces, size_t begin,
                               size_t end, sl_ids *out, sl_error *err);

/* SL_ERR_INPUT: "line:column: malformed UTF-8". */
sl_status sl_bpe_check_text(const char *text, size_t size, sl_error *err);
/* Bytes so far for which the vocabulary has no token. */
size_t sl_bpe_dropped(const sl_bpe_encoder *encoder);

#endif
