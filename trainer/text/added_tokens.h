/* Tokens that a tokenizer finds in a text before all else (spec F7.2). */
#ifndef SLUICE_ADDED_TOKENS_H
#define SLUICE_ADDED_TOKENS_H

#include <sluice/status.h>

#include <stddef.h>
#include <stdint.h>

#define SL_ADDED_BYTES 1024 /* the longest such token */

typedef struct {
  const char *text; /* what is looked for, valid UTF-8, 1 to SL_ADDED_BYTES bytes */
  size_t size;
  uint32_t id;
  int single_word, lstrip, rstrip, special;
} sl_added_token;

typedef struct sl_added_tokens sl_added_tokens;

/* Two of the n tokens may not have the same text: SL_ERR_INPUT. */
sl_status sl_added_tokens_create(sl_added_tokens **out, const sl_added_token *tokens, size_t n,
                                 sl_error *err);
void sl_added_tokens_destroy(sl_added_tokens *set);

/* A walk over a text, of zeros but for text, size and what is asked of tokens: skip_special, or
 * pieces. */
typedef struct {
  const char *text;
  size_t size;
  int skip_special; /* a special token's text is read as any other */
  /* Where pieces end, n_ends of them, in bytes from `base` bytes before the text; behind the last
   * the text is one piece. A token lies within one; special ones do not count in the first piece,
   * the third, ... if is_turn, in the second, the fourth, ... if not. */
  const size_t *ends;
  size_t n_ends, base;
  int is_turn;
  size_t search, done;
  uint32_t found; /* a token that stands after the piece that was given */
  int has_found;
} sl_added_walk;

/* Leaves the pieces behind that end at or before text[at]. */
void sl_added_walk_skip(sl_added_walk *walk, size_t at);

typedef enum { SL_ADDED_END, SL_ADDED_PIECE, SL_ADDED_TOKEN } sl_added_kind;

/* The next of the pieces and tokens of which the text consists: a piece is text[*begin, *end), a
 * token *id. */
sl_added_kind sl_added_tokens_next(const sl_added_tokens *set, sl_added_walk *walk, size_t *begin,
                                   size_t *end, uint32_t *id);

#endif
