/* Added tokens in a text (spec F7.2): at each place the longest one, from the left, as Hugging
 * Face's tokenizers finds them. They stand in a trie. */
#include "added_tokens.h"

#include "word_points.h"

#include <stdlib.h>
#include <string.h>

#define NONE UINT32_MAX

/* A node's children are a list from `child` on, linked by `sibling`. */
typedef struct {
  uint32_t child, sibling, token; /* NONE where there is none */
  unsigned char byte;
} node;

struct sl_added_tokens {
  sl_added_token *tokens;
  node *nodes; /* 0 is the root, which has no text */
  uint32_t n_nodes;
  uint32_t first[256]; /* the root's child of a byte, or NONE */
  int only;            /* the one byte that tokens begin with, or -1 */
};

void sl_added_tokens_destroy(sl_added_tokens *s) {
  if (!s) return;
  free(s->tokens);
  free(s->nodes);
  free(s);
}

static uint32_t find_child(const sl_added_tokens *s, uint32_t at, unsigned char byte) {
  uint32_t child = s->nodes[at].child;
  while (child != NONE && s->nodes[child].byte != byte) child = s->nodes[child].sibling;
  return child;
}

static uint32_t add_child(sl_added_tokens *s, uint32_t at, unsigned char byte) {
  const uint32_t made = s->n_nodes++;
  s->nodes[made] = (node){NONE, s->nodes[at].child, NONE, byte};
  s->nodes[at].child = made;
  return made;
}

static sl_status insert(sl_added_tokens *s, uint32_t k, sl_error *err) {
  const sl_added_token *token = &s->tokens[k];
  uint32_t at = 0;
  for (size_t i = 0; i < token->size; i++) {
    const unsigned char byte = (unsigned char)token->text[i];
    const uint32_t child = find_child(s, at, byte);
    at = child == NONE ? add_child(s, at, byte) : child;
  }
  if (s->nodes[at].token != NONE)
    return sl_fail(err, SL_ERR_INPUT, "two added tokens have the text '%.*s'", (int)token->size,
                   token->text);
  s->nodes[at].token = k;
  return SL_OK;
}

static void index_first(sl_added_tokens *s) {
  size_t n = 0;
  for (int byte = 0; byte < 256; byte++) {
    s->first[byte] = find_child(s, 0, (unsigned char)byte);
    if (s->first[byte] != NONE) n++, s->only = byte;
  }
  if (n != 1) s->only = -1;
}

static sl_status fill(sl_added_tokens *s, const sl_added_token *tokens, size_t n, sl_error *err) {
  size_t bytes = 1;
  for (size_t i = 0; i < n; i++) bytes += tokens[i].size;
  s->tokens = malloc((n + 1) * sizeof *s->tokens);
  s->nodes = bytes < NONE ? malloc(bytes * sizeof *s->nodes) : NULL;
  if (!s->tokens || !s->nodes) return sl_fail(err, SL_ERR_MEMORY, "no memory for added tokens");
  if (n) memcpy(s->tokens, tokens, n * sizeof *tokens);
  s->nodes[0] = (node){NONE, NONE, NONE, 0};
  s->n_nodes = 1;
  for (uint32_t k = 0; k < n; k++) SL_TRY(insert(s, k, err));
  index_first(s);
  return SL_OK;
}

sl_status sl_added_tokens_create(sl_added_tokens **out, const sl_added_token *tokens, size_t n,
                                 sl_error *err) {
  sl_added_tokens *s = calloc(1, sizeof *s);
  if (!s) return sl_fail(err, SL_ERR_MEMORY, "no memory for added tokens");
  const sl_status status = fill(s, tokens, n, err);
  if (status)
    sl_added_tokens_destroy(s);
  else
    *out = s;
  return status;
}

/* The next byte from `at` on that a token begins with; size if there is none. */
static size_t find_first(const sl_added_tokens *s, const char *text, size_t size, size_t at) {
  if (s->n_nodes == 1 || at >= size) return size;
  if (s->only >= 0) {
    const char *found = memchr(text + at, s->only, size - at);
    return found ? (size_t)(found - text) : size;
  }
  while (at < size && s->first[(unsigned char)text[at]] == NONE) at++;
  return at;
}

/* The longest token at text[at], or NULL. */
static const sl_added_token *longest(const sl_added_tokens *s, const char *text, size_t size,
                                     size_t at) {
  uint32_t found = NONE, node_at = s->first[(unsigned char)text[at]];
  while (node_at != NONE) {
    if (s->nodes[node_at].token != NONE) found = s->nodes[node_at].token;
    if (++at == size) break;
    node_at = find_child(s, node_at, (unsigned char)text[at]);
  }
  return found == NONE ? NULL : &s->tokens[found];
}

void sl_added_walk_skip(sl_added_walk *w, size_t at) {
  for (; w->n_ends && *w->ends <= at + w->base; w->ends++, w->n_ends--) w->is_turn = !w->is_turn;
}

/* Where the piece ends in which `at` lies; at does not go back. */
static size_t piece_end(sl_added_walk *w, size_t at) {
  sl_added_walk_skip(w, at);
  return w->n_ends && *w->ends - w->base < w->size ? *w->ends - w->base : w->size;
}

/* May the token stand there? A match that may not is passed over whole, as theirs is. */
static int is_wanted(const sl_added_walk *w, const sl_added_token *token, size_t at) {
  if ((w->skip_special || w->is_turn) && token->special) return 0;
  if (!token->single_word) return 1;
  const size_t end = at + token->size;
  return !sl_ends_with_word(w->text, at) && !sl_starts_with_word(w->text + end, w->size - end);
}

sl_added_kind sl_added_tokens_next(const sl_added_tokens *set, sl_added_walk *w, size_t *begin,
                                   size_t *end, uint32_t *id) {
  if (w->has_found) {
    w->has_found = 0;
    *id = w->found;
    return SL_ADDED_TOKEN;
  }
  for (;;) {
    const size_t at = find_first(set, w->text, w->size, w->search);
    if (at == w->size) break;
    const sl_added_token *token = longest(set, w->text, piece_end(w, at), at);
    w->search = at + (token ? token->size : 1);
    if (!token || !is_wanted(w, token, at)) continue;
    size_t start = at, stop = at + token->size;
    if (token->lstrip) start = sl_space_before(w->text, at);
    if (token->lstrip && start < w->done) start = w->done;
    if (token->rstrip) stop += sl_space_after(w->text + stop, w->size - stop);
    if (start >= stop) continue; /* the token before has taken it all as the space behind it */
    const size_t done = w->done;
    w->done = stop;
    *id = w->found = token->id;
    if (done >= start) return SL_ADDED_TOKEN;
    w->has_found = 1;
    *begin = done, *end = start;
    return SL_ADDED_PIECE;
  }
  w->search = w->size;
  if (w->done >= w->size) return SL_ADDED_END;
  *begin = w->done, *end = w->size;
  w->done = w->size;
  return SL_ADDED_PIECE;
}
