/* Problems as token ids: a prompt up to where its answer begins, and with its answer what training
 * counts (spec F7.7, F7.11, L2.2). */
#include "tasks.h"

#include "kernels/core/verify.h"
#include "trainer/files/conversation.h"
#include "trainer/files/json_text.h"
#include "trainer/files/tokenizer.h"

#include <stdlib.h>
#include <string.h>

static sl_status too_many(size_t capacity, sl_error *err) {
  return sl_fail(err, SL_ERR_USAGE, "prompt: more than %zu tokens", capacity);
}

/* The n turns of a problem's prompt, and its answer as one more. */
typedef struct {
  json_t *json; /* holds their texts */
  sl_turn *turns;
  size_t n;
} conversation;

static void end(conversation *c) {
  json_decref(c->json);
  free(c->turns);
}

static sl_status begin(conversation *c, const sl_problem *p, sl_error *err) {
  *c = (conversation){0};
  sl_turn *turns = NULL;
  sl_status status =
      sl_json_load(&c->json, "a conversation", p->prompt, strlen(p->prompt), 0, NULL, err);
  SL_VERIFY(status != SL_ERR_INPUT); /* it was written by sl_conversation_write */
  if (!status) status = sl_conversation_read(&turns, &c->n, c->json, err);
  sl_turn *more = status ? NULL : realloc(turns, (c->n + 1) * sizeof *turns);
  if (!status && !more) status = sl_fail(err, SL_ERR_MEMORY, "no memory for a conversation");
  c->turns = more ? more : turns;
  if (!status) c->turns[c->n] = (sl_turn){SL_ROLE_ASSISTANT, p->answer, strlen(p->answer)};
  if (status) end(c);
  return status;
}

static sl_status encode_turns(const sl_problem *p, const sl_tokenizer *tokenizer, uint32_t *ids,
                              size_t capacity, size_t *count, sl_error *err) {
  const uint32_t *made;
  conversation c;
  SL_TRY(begin(&c, p, err));
  sl_status status = sl_tokenizer_encode_chat(tokenizer, c.turns, c.n, &made, count, err);
  if (!status && ids && *count > capacity) status = too_many(capacity, err);
  if (!status && ids) memcpy(ids, made, *count * sizeof *ids);
  end(&c);
  return status;
}

sl_status sl_problem_encode_prompt(const sl_problem *p, const sl_tokenizer *tokenizer,
                                   uint32_t *ids, size_t capacity, size_t *count, sl_error *err) {
  if (p->has_turns) return encode_turns(p, tokenizer, ids, capacity, count, err);
  return sl_tokenizer_encode_prompt(tokenizer, "prompt", p->prompt, strlen(p->prompt), ids,
                                    capacity, count, err);
}

static sl_status encode_all_turns(const sl_problem *p, const sl_tokenizer *tokenizer, uint32_t *ids,
                                  uint8_t *counted, size_t capacity, size_t *count, sl_error *err) {
  const uint32_t *made;
  const uint8_t *counts;
  conversation c;
  SL_TRY(begin(&c, p, err));
  sl_status status =
      sl_tokenizer_encode_training(tokenizer, c.turns, c.n + 1, &made, &counts, count, err);
  if (!status && ids && *count > capacity) status = too_many(capacity, err);
  if (!status && ids) memcpy(ids, made, *count * sizeof *ids), memcpy(counted, counts, *count);
  end(&c);
  return status;
}

sl_status sl_problem_encode_training(const sl_problem *p, const sl_tokenizer *tokenizer,
                                     uint32_t *ids, uint8_t *counted, size_t capacity,
                                     size_t *count, sl_error *err) {
  size_t prompt, answer;
  if (p->has_turns) return encode_all_turns(p, tokenizer, ids, counted, capacity, count, err);
  SL_TRY(sl_problem_encode_prompt(p, tokenizer, ids, capacity, &prompt, err));
  SL_TRY(sl_tokenizer_encode(tokenizer, "answer", p->answer, strlen(p->answer),
                             ids ? ids + prompt : NULL, ids ? capacity - prompt : 0, &answer, err));
  *count = prompt + answer + 1;
  if (!ids) return SL_OK;
  if (*count > capacity) return too_many(capacity, err);
  ids[prompt + answer] = sl_tokenizer_ends(tokenizer)->ids[0];
  memset(counted, 0, prompt);
  memset(counted + prompt, 1, answer + 1);
  return SL_OK;
}
