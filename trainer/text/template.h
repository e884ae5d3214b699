/* Chat templates (spec F7.8, F7.9): a conversation as the text that a model was trained to see. */
#ifndef SLUICE_TEMPLATE_H
#define SLUICE_TEMPLATE_H

#include "bpe.h"
#include "growing.h"

typedef enum { SL_ROLE_SYSTEM, SL_ROLE_USER, SL_ROLE_ASSISTANT, SL_ROLES } sl_role;
extern const char *const sl_role_names[SL_ROLES];

/* What somebody said: valid UTF-8, of the caller's. */
typedef struct {
  sl_role role;
  const char *text;
  size_t size;
} sl_turn;

typedef enum {
  SL_TEMPLATE_PLAIN,
  SL_TEMPLATE_CHATML,
  SL_TEMPLATE_QWEN2_5,
  SL_TEMPLATE_QWEN3,
  SL_TEMPLATE_SMOLLM2,
  SL_TEMPLATE_LLAMA3,
  SL_TEMPLATE_LLAMA3_2,
  SL_TEMPLATE_OWN,
  SL_TEMPLATES
} sl_template_kind;
extern const char *const sl_template_names[SL_TEMPLATES];
#define SL_TEMPLATE_CHOICES "plain, chatml, qwen2.5, qwen3, smollm2, llama3, llama3.2, own"

/* Texts are the caller's; NULL counts as empty. */
typedef struct {
  sl_template_kind kind;
  const char *system; /* of a conversation without a system turn; empty: as the template has it */
  const char *date;   /* llama3.2 */
  int thinking;       /* qwen3; 0: an answer begins with empty thoughts */
  const char *begin, *open[SL_ROLES], *close[SL_ROLES]; /* own */
} sl_template;

/* An answer in a rendered text: text[begin, end), and up to `closed` the token that ends it. */
typedef struct {
  size_t begin, end, closed;
} sl_answer_place;

/* A rendered conversation, of zeros at first, used again as it is. Its pieces are by turns the
 * template's own and somebody's: piece i ends at ends[i]. */
typedef struct {
  sl_growing text;
  size_t *ends, n_ends, ends_room;
  sl_answer_place *answers;
  size_t n_answers, answers_room;
} sl_rendered;
void sl_rendered_free(sl_rendered *rendered);
sl_text_pieces sl_rendered_pieces(const sl_rendered *rendered);

/* With `generation` the text goes on up to where an answer begins. SL_ERR_INPUT for a conversation
 * without turns. */
sl_status sl_template_render(sl_rendered *out, const sl_template *t, const sl_turn *turns, size_t n,
                             int generation, sl_error *err);

/* The ids of an answer and of the token that ends it, where the template has one: ids[first, end).
 */
typedef struct {
  size_t first, end;
} sl_token_range;

/* Appends the ids of a rendered conversation as training has them (spec F7.11): what stands before
 * an answer, the answer, and what stands behind it up to the next, each by itself. ranges
 * (n_answers of it) are the ids that count. */
sl_status sl_template_encode(sl_bpe_encoder *encoder, const sl_template *t,
                             const sl_rendered *rendered, sl_ids *ids, sl_token_range *ranges,
                             sl_error *err);

/* The token that ends an answer, and begins what stands behind it: SL_NO_ID where the template has
 * none. SL_ERR_INPUT if the tokenizer lacks a token that the template writes. */
sl_status sl_template_check(const sl_template *t, const sl_bpe *bpe, uint32_t *turn_end,
                            sl_error *err);

#endif
