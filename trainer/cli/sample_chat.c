/* sluice sample --chat. Each turn the whole conversation is encoded, as a fresh start would, and
 * what its ids share with those of the turn before is in the cache (spec F7.12). */
#include "input_lines.h"
#include "kernels/support/cli.h"
#include "sample.h"

#include <stdlib.h>
#include <string.h>

#define CHAT_NEW ((size_t)512) /* the longest answer where none is given */
#define CHAT_ROOM ((size_t)1024)

typedef struct {
  const sl_sample_options *o;
  const sl_session *s;
  sl_turn *turns; /* n of them, with texts of their own */
  size_t n, capacity, line;
  sl_generator *g;
  size_t room; /* tokens that it takes */
  sl_sample_text text;
  sl_error why; /* of the text, while it grows */
} chat;

static sl_status add_turn(chat *c, sl_role role, const char *text, size_t size, sl_error *err) {
  if (c->n == c->capacity) {
    const size_t capacity = 2 * c->capacity + 16;
    sl_turn *turns = realloc(c->turns, capacity * sizeof *turns);
    if (!turns) return sl_fail(err, SL_ERR_MEMORY, "no memory for a conversation");
    c->turns = turns, c->capacity = capacity;
  }
  char *copy = malloc(size + 1);
  if (!copy) return sl_fail(err, SL_ERR_MEMORY, "no memory for a conversation");
  memcpy(copy, text, size);
  copy[size] = 0;
  c->turns[c->n++] = (sl_turn){role, copy, size};
  return SL_OK;
}

/* The text so far decides whether the answer stops. */
static int watch(void *user, size_t sequence, uint32_t id) {
  chat *c = user;
  (void)sequence;
  const sl_end_tokens *ends = sl_tokenizer_ends(c->s->tokenizer);
  for (size_t i = 0; i < ends->n; i++)
    if (ends->ids[i] == id) return 0;
  return sl_sample_text_put(&c->text, id, &c->why);
}

/* A generator that takes so many tokens: twice the room of the one before, or more. */
static sl_status make_room(chat *c, size_t tokens, sl_error *err) {
  const size_t positions = sl_model_positions(&c->s->parameters.layout->shape);
  if (tokens <= c->room) return SL_OK;
  size_t room = c->room ? 2 * c->room : CHAT_ROOM;
  if (room < tokens) room = tokens;
  if (room > positions) room = positions;
  sl_generator_destroy(c->g);
  c->g = NULL, c->room = 0;
  SL_TRY(sl_generator_create(&c->g, c->s->ctx, c->s->parameters.layout, c->s->parameters.data, 1,
                             room, 1, err));
  const sl_end_tokens *ends = sl_tokenizer_ends(c->s->tokenizer);
  sl_generator_set_ends(c->g, ends->ids, ends->n);
  sl_generator_set_watch(c->g, watch, c);
  c->room = room;
  return SL_OK;
}

/* Answers the conversation, whose last turn is a user's. */
static sl_status answer(chat *c, sl_error *err) {
  const size_t positions = sl_model_positions(&c->s->parameters.layout->shape);
  const uint32_t *ids;
  size_t n;
  sl_rollout r;
  SL_TRY(sl_tokenizer_encode_chat(c->s->tokenizer, c->turns, c->n, &ids, &n, err));
  const size_t wanted = c->o->max_new ? c->o->max_new : 1;
  if (wanted > positions || n > positions - wanted)
    return sl_fail(err, SL_ERR_USAGE,
                   "%zu tokens and %zu new ones exceed the model's %zu positions", n, wanted,
                   positions);
  const size_t left = positions - n, max_new = c->o->max_new     ? c->o->max_new
                                               : left < CHAT_NEW ? left
                                                                 : CHAT_NEW;
  SL_TRY(make_room(c, n + max_new, err));
  sl_sample_text_begin(&c->text);
  c->why.status = SL_OK;
  SL_TRY(sl_generate_further(c->g, ids, n, max_new, &c->o->sampling, &r, err));
  if (c->why.status) return *err = c->why, err->status;
  SL_TRY(sl_sample_text_end(&c->text, err));
  const sl_completion done = sl_completion_of(&r, 0, &c->text);
  if (c->o->json)
    printf("{\"turn\":%zu,", c->line), sl_completion_print(&done);
  else
    printf("%s\n", done.ended || done.stop ? "" : " ...");
  fflush(stdout);
  return add_turn(c, SL_ROLE_ASSISTANT, done.text, c->text.text.used, err);
}

static sl_status say(chat *c, const char *line, size_t size, sl_error *err) {
  json_t *value;
  if (!c->o->json) return add_turn(c, SL_ROLE_USER, line, size, err);
  SL_TRY(sl_input_json(&value, line, size, err));
  const sl_status status =
      json_is_string(value)
          ? add_turn(c, SL_ROLE_USER, json_string_value(value), json_string_length(value), err)
          : sl_fail(err, SL_ERR_INPUT, "expected a JSON string");
  json_decref(value);
  return status;
}

static sl_status take_turn(void *user, size_t number, const char *line, size_t size,
                           sl_error *err) {
  chat *c = user;
  sl_error inner;
  c->line = number;
  sl_status status = say(c, line, size, &inner);
  if (!status) status = answer(c, &inner);
  return status ? sl_fail_input(number, &inner, err) : SL_OK;
}

sl_status sl_sample_chat(const sl_sample_options *o, const sl_session *s, sl_error *err) {
  chat c = {
      .o = o,
      .s = s,
      .text = {.tokenizer = s->tokenizer, .stops = &o->stops, .out = o->json ? NULL : stdout}};
  const sl_status status = sl_each_input_line(take_turn, &c, err);
  for (size_t i = 0; i < c.n; i++) free((void *)(uintptr_t)c.turns[i].text);
  free(c.turns);
  free(c.text.text.bytes);
  sl_generator_destroy(c.g);
  return status;
}
