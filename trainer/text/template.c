/* Chat templates (spec F7.8): what the Jinja texts of the models say of conversations without
 * tools. ci/templates compares each with its Jinja text. */
#include "template.h"

#include "template_parts.h"

#include <string.h>

const char *const sl_role_names[SL_ROLES] = {"system", "user", "assistant"};
const char *const sl_template_names[SL_TEMPLATES] = {"plain",   "chatml", "qwen2.5",  "qwen3",
                                                     "smollm2", "llama3", "llama3.2", "own"};

void sl_rendered_free(sl_rendered *r) {
  free(r->text.bytes);
  free(r->ends);
  free(r->answers);
  *r = (sl_rendered){0};
}

sl_text_pieces sl_rendered_pieces(const sl_rendered *r) {
  return (sl_text_pieces){r->text.bytes ? r->text.bytes : "", r->text.used, r->ends, r->n_ends};
}

/* Room for one more of n items. */
static void *room_for(void *items, size_t n, size_t *room, size_t each) {
  if (n < *room) return items;
  const size_t more = 2 * *room + 16;
  void *grown = more < SIZE_MAX / 4 / each ? realloc(items, more * each) : NULL;
  if (grown) *room = more;
  return grown;
}

static sl_status end_piece(sl_rendered *r, sl_error *err) {
  size_t *ends = room_for(r->ends, r->n_ends, &r->ends_room, sizeof *ends);
  if (!ends) return sl_fail(err, SL_ERR_MEMORY, "no memory for a conversation");
  r->ends = ends;
  ends[r->n_ends++] = r->text.used;
  return SL_OK;
}

/* Pieces are by turns the template's (0, 2, ...) and a turn's (1, 3, ...). */
static sl_status put(sl_rendered *r, size_t is_turn, const char *text, size_t size, sl_error *err) {
  if (size == 0) return SL_OK;
  if (r->n_ends % 2 != is_turn) SL_TRY(end_piece(r, err));
  return sl_growing_put(&r->text, text, size, err);
}

sl_status sl_rendered_put(sl_rendered *r, const char *text, sl_error *err) {
  return text ? put(r, 0, text, strlen(text), err) : SL_OK;
}

sl_status sl_rendered_put_turn(sl_rendered *r, sl_stretch said, sl_error *err) {
  return put(r, 1, said.text, said.size, err);
}

sl_status sl_rendered_put_answer(sl_rendered *r, size_t begin, const char *token, sl_error *err) {
  sl_answer_place *answers = room_for(r->answers, r->n_answers, &r->answers_room, sizeof *answers);
  if (!answers) return sl_fail(err, SL_ERR_MEMORY, "no memory for a conversation");
  r->answers = answers;
  const size_t end = r->text.used;
  answers[r->n_answers++] = (sl_answer_place){begin, end, end + strlen(token)};
  return sl_rendered_put(r, token, err);
}

/* A turn between <|im_start|> and <|im_end|>. */
static sl_status put_chatml(sl_rendered *r, const sl_turn *turn, sl_error *err) {
  SL_TRY(sl_rendered_put(r, "<|im_start|>", err));
  SL_TRY(sl_rendered_put(r, sl_role_names[turn->role], err));
  SL_TRY(sl_rendered_put(r, "\n", err));
  const size_t begin = r->text.used;
  SL_TRY(sl_rendered_put_turn(r, (sl_stretch){turn->text, turn->size}, err));
  if (turn->role == SL_ROLE_ASSISTANT)
    SL_TRY(sl_rendered_put_answer(r, begin, "<|im_end|>", err));
  else
    SL_TRY(sl_rendered_put(r, "<|im_end|>", err));
  return sl_rendered_put(r, "\n", err);
}

/* ChatML with a system turn of the template's own where the conversation begins otherwise. */
static sl_status render_chatml(sl_rendered *r, const sl_template *t, const sl_turn *turns, size_t n,
                               int generation, sl_error *err) {
  const char *own = t->kind == SL_TEMPLATE_QWEN2_5 ? "You are Qwen, created by Alibaba Cloud. "
                                                     "You are a helpful assistant."
                    : t->kind == SL_TEMPLATE_SMOLLM2
                        ? "You are a helpful AI assistant named SmolLM, trained by Hugging Face"
                        : NULL;
  if (own && turns[0].role != SL_ROLE_SYSTEM) {
    SL_TRY(sl_rendered_put(r, "<|im_start|>system\n", err));
    SL_TRY(sl_rendered_put(r, own, err));
    SL_TRY(sl_rendered_put(r, "<|im_end|>\n", err));
  }
  for (size_t i = 0; i < n; i++) SL_TRY(put_chatml(r, &turns[i], err));
  return generation ? sl_rendered_put(r, "<|im_start|>assistant\n", err) : SL_OK;
}

/* Is the turn one that somebody asks, and not a tool's answer? */
static int asks(const sl_turn *turn) {
  static const char open[] = "<tool_response>", close[] = "</tool_response>";
  const size_t before = sizeof open - 1, behind = sizeof close - 1;
  if (turn->role != SL_ROLE_USER) return 0;
  return !(turn->size >= behind && memcmp(turn->text, open, before) == 0 &&
           memcmp(turn->text + turn->size - behind, close, behind) == 0);
}

/* An answer's thoughts are kept where nobody has asked since, and dropped otherwise. */
static sl_status put_thinking(sl_rendered *r, const sl_template *t, const sl_turn *turn,
                              int is_last, int is_earlier, sl_error *err) {
  sl_stretch thoughts, said;
  sl_split_thoughts((sl_stretch){turn->text, turn->size}, &thoughts, &said);
  SL_TRY(sl_rendered_put(r, "<|im_start|>assistant\n", err));
  size_t begin = r->text.used;
  if (!is_earlier && (is_last || thoughts.size)) {
    const sl_stretch bare = sl_strip_lines(thoughts);
    SL_TRY(sl_rendered_put(r, "<think>\n", err));
    SL_TRY(sl_rendered_put_turn(r, bare, err));
    SL_TRY(sl_rendered_put(r, "\n</think>\n\n", err));
    if (!t->thinking && !bare.size) begin = r->text.used;
    said = sl_strip_first_lines(said);
  }
  SL_TRY(sl_rendered_put_turn(r, said, err));
  SL_TRY(sl_rendered_put_answer(r, begin, "<|im_end|>", err));
  return sl_rendered_put(r, "\n", err);
}

static sl_status render_qwen3(sl_rendered *r, const sl_template *t, const sl_turn *turns, size_t n,
                              int generation, sl_error *err) {
  size_t asked = n;
  while (asked > 0 && !asks(&turns[asked - 1])) asked--;
  asked = asked ? asked - 1 : n - 1;
  for (size_t i = 0; i < n; i++)
    SL_TRY(turns[i].role == SL_ROLE_ASSISTANT
               ? put_thinking(r, t, &turns[i], i == n - 1, i <= asked, err)
               : put_chatml(r, &turns[i], err));
  if (!generation) return SL_OK;
  SL_TRY(sl_rendered_put(r, "<|im_start|>assistant\n", err));
  return t->thinking ? SL_OK : sl_rendered_put(r, "<think>\n\n</think>\n\n", err);
}

static sl_status put_llama_header(sl_rendered *r, sl_role role, sl_error *err) {
  SL_TRY(sl_rendered_put(r, "<|start_header_id|>", err));
  SL_TRY(sl_rendered_put(r, sl_role_names[role], err));
  return sl_rendered_put(r, "<|end_header_id|>\n\n", err);
}

static sl_status put_llama(sl_rendered *r, const sl_turn *turn, sl_error *err) {
  SL_TRY(put_llama_header(r, turn->role, err));
  const size_t begin = r->text.used;
  SL_TRY(sl_rendered_put_turn(r, sl_strip_space((sl_stretch){turn->text, turn->size}), err));
  return turn->role == SL_ROLE_ASSISTANT ? sl_rendered_put_answer(r, begin, "<|eot_id|>", err)
                                         : sl_rendered_put(r, "<|eot_id|>", err);
}

/* Llama 3.1's and 3.2's begin with a system turn in any case. */
static sl_status put_llama_dates(sl_rendered *r, const sl_template *t, const sl_turn *system,
                                 sl_error *err) {
  SL_TRY(put_llama_header(r, SL_ROLE_SYSTEM, err));
  SL_TRY(sl_rendered_put(r, "Cutting Knowledge Date: December 2023\nToday Date: ", err));
  SL_TRY(sl_rendered_put(r, t->date, err));
  SL_TRY(sl_rendered_put(r, "\n\n", err));
  if (system)
    SL_TRY(sl_rendered_put_turn(r, sl_strip_space((sl_stretch){system->text, system->size}), err));
  return sl_rendered_put(r, "<|eot_id|>", err);
}

static sl_status render_llama(sl_rendered *r, const sl_template *t, const sl_turn *turns, size_t n,
                              int generation, sl_error *err) {
  size_t first = 0;
  SL_TRY(sl_rendered_put(r, "<|begin_of_text|>", err));
  if (t->kind == SL_TEMPLATE_LLAMA3_2) {
    first = turns[0].role == SL_ROLE_SYSTEM;
    SL_TRY(put_llama_dates(r, t, first ? turns : NULL, err));
  }
  for (size_t i = first; i < n; i++) SL_TRY(put_llama(r, &turns[i], err));
  return generation ? put_llama_header(r, SL_ROLE_ASSISTANT, err) : SL_OK;
}

/* plain is the one whose pieces are all empty. */
static sl_status render_own(sl_rendered *r, const sl_template *t, const sl_turn *turns, size_t n,
                            int generation, sl_error *err) {
  SL_TRY(sl_rendered_put(r, t->begin, err));
  for (size_t i = 0; i < n; i++) {
    const sl_role role = turns[i].role;
    SL_TRY(sl_rendered_put(r, t->open[role], err));
    const size_t begin = r->text.used;
    SL_TRY(sl_rendered_put_turn(r, (sl_stretch){turns[i].text, turns[i].size}, err));
    const char *close = t->close[role] ? t->close[role] : "";
    SL_TRY(role == SL_ROLE_ASSISTANT ? sl_rendered_put_answer(r, begin, close, err)
                                     : sl_rendered_put(r, close, err));
  }
  return generation ? sl_rendered_put(r, t->open[SL_ROLE_ASSISTANT], err) : SL_OK;
}

static sl_status render(sl_rendered *r, const sl_template *t, const sl_turn *turns, size_t n,
                        int generation, sl_error *err) {
  static const sl_template nothing = {.kind = SL_TEMPLATE_PLAIN};
  switch (t->kind) {
    case SL_TEMPLATE_QWEN3:
      return render_qwen3(r, t, turns, n, generation, err);
    case SL_TEMPLATE_LLAMA3:
    case SL_TEMPLATE_LLAMA3_2:
      return render_llama(r, t, turns, n, generation, err);
    case SL_TEMPLATE_OWN:
      return render_own(r, t, turns, n, generation, err);
    case SL_TEMPLATE_PLAIN:
      return render_own(r, &nothing, turns, n, generation, err);
    default:
      return render_chatml(r, t, turns, n, generation, err);
  }
}

sl_status sl_template_render(sl_rendered *r, const sl_template *t, const sl_turn *turns, size_t n,
                             int generation, sl_error *err) {
  r->text.used = r->n_ends = r->n_answers = 0;
  if (n == 0) return sl_fail(err, SL_ERR_INPUT, "a conversation without turns");
  if (turns[0].role == SL_ROLE_SYSTEM || !t->system || !*t->system)
    SL_TRY(render(r, t, turns, n, generation, err));
  else {
    sl_turn *with = n < SIZE_MAX / sizeof *with - 1 ? malloc((n + 1) * sizeof *with) : NULL;
    if (!with) return sl_fail(err, SL_ERR_MEMORY, "no memory for a conversation");
    with[0] = (sl_turn){SL_ROLE_SYSTEM, t->system, strlen(t->system)};
    memcpy(with + 1, turns, n * sizeof *with);
    const sl_status status = render(r, t, with, n + 1, generation, err);
    free(with);
    SL_TRY(status);
  }
  return end_piece(r, err);
}
