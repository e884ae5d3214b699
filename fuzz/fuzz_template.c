/* libFuzzer harness of conversations and chat templates (spec F7.8 to F7.11): a byte that chooses
 * the template, seven pieces of the user's own, each behind a section end, then a conversation as
 * JSON. Whatever is said, the special tokens are those of the template's own pieces, answers are
 * ranges of the ids, one behind the other, and a conversation that is written reads back. */
#include "input.h"

#include "trainer/files/bpe_file.h"
#include "trainer/files/conversation.h"

#include <stdlib.h>
#include <string.h>

typedef struct {
  sl_bpe *bpe;
  sl_bpe_encoder *encoder;
} tokenizer;

static tokenizer load(const char *path) {
  tokenizer t;
  sl_error err;
  if (sl_bpe_load(&t.bpe, path, &err) || sl_bpe_encoder_create(&t.encoder, t.bpe, &err)) abort();
  return t;
}

static size_t count_special(const sl_bpe *bpe, const sl_ids *ids) {
  size_t n = 0;
  for (size_t i = 0; i < ids->used; i++)
    n += (sl_bpe_id_kind(bpe, ids->ids[i]) & SL_ID_SPECIAL) != 0;
  return n;
}

/* Special tokens of the template's pieces, each encoded by itself. */
static size_t expected_special(tokenizer t, const sl_text_pieces *p) {
  sl_ids ids = {0};
  sl_error err;
  for (size_t i = 0, begin = 0; i < p->n; begin = p->ends[i++])
    if (i % 2 == 0 &&
        sl_bpe_encode(t.encoder, p->text + begin, p->ends[i] - begin, SL_TEXT_PARSED, &ids, &err))
      abort();
  const size_t n = count_special(t.bpe, &ids);
  sl_ids_free(&ids);
  return n;
}

static void check_pieces(tokenizer t, const sl_rendered *r, int counts) {
  const sl_text_pieces p = sl_rendered_pieces(r);
  sl_ids ids = {0};
  sl_error err;
  for (size_t i = 0, end = 0; i < p.n; end = p.ends[i++])
    if (p.ends[i] < end || p.ends[i] > p.size) abort();
  if (!p.n || p.ends[p.n - 1] != p.size) abort();
  for (size_t i = 0, at = 0; i < r->n_answers; at = r->answers[i++].closed) {
    const sl_answer_place *a = &r->answers[i];
    if (a->begin < at || a->end < a->begin || a->closed < a->end || a->closed > p.size) abort();
  }
  if (sl_bpe_encode_pieces(t.encoder, &p, 0, p.size, &ids, &err)) abort();
  if (counts && count_special(t.bpe, &ids) != expected_special(t, &p)) abort();
  sl_ids_free(&ids);
}

static void check_ranges(tokenizer t, const sl_template *template, const sl_rendered *r) {
  sl_token_range *ranges = calloc(r->n_answers + 1, sizeof *ranges);
  sl_ids ids = {0};
  sl_error err;
  if (!ranges || sl_template_encode(t.encoder, template, r, &ids, ranges, &err)) abort();
  for (size_t i = 0, at = 0; i < r->n_answers; at = ranges[i++].end)
    if (ranges[i].first < at || ranges[i].end < ranges[i].first || ranges[i].end > ids.used)
      abort();
  sl_ids_free(&ids);
  free(ranges);
}

static void check_written(const sl_turn *turns, size_t n) {
  char *text = sl_conversation_write(turns, n);
  json_t *value = text ? json_loads(text, JSON_ALLOW_NUL, NULL) : NULL;
  sl_turn *again;
  size_t count;
  sl_error err;
  if (!value || sl_conversation_read(&again, &count, value, &err) || count != n) abort();
  for (size_t i = 0; i < n; i++)
    if (again[i].role != turns[i].role || again[i].size != turns[i].size ||
        memcmp(again[i].text, turns[i].text, turns[i].size) != 0)
      abort();
  free(again);
  json_decref(value);
  free(text);
}

static void check_turns(const sl_template *t, const json_t *value, int generation, int odd) {
  static tokenizer qwen, other;
  if (!qwen.bpe) {
    qwen = load("spec/vectors/tokenizers/qwen.json");
    other = load("spec/vectors/tokenizers/odd.json");
  }
  sl_turn *turns = NULL;
  size_t n;
  sl_rendered r = {0};
  sl_error err = {SL_OK, ""};
  uint32_t end;
  if (sl_conversation_read(&turns, &n, value, &err)) {
    if (!err.message[0]) abort();
    return;
  }
#ifdef SLUICE_CANARY /* a planted defect that the fuzzer must find */
  if (n == 3 && turns[1].role == SL_ROLE_SYSTEM && turns[1].size == 2) abort();
#endif
  if (!sl_template_render(&r, t, turns, n, generation, &err))
    check_pieces(odd ? other : qwen, &r, !odd);
  const sl_status status = sl_template_check(t, qwen.bpe, &end, &err);
  if (status && !err.message[0]) abort();
  if (!status && r.n_ends) check_ranges(qwen, t, &r);
  check_written(turns, n);
  sl_rendered_free(&r);
  free(turns);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  enum { OWN = 7 };
  char *pieces[OWN];
  sl_error err;
  if (size == 0) return 0;
  const uint8_t choice = *data++;
  size--;
  for (size_t i = 0; i < OWN; i++) {
    const section s = next_section(&data, &size, 0);
    if (!(pieces[i] = calloc(s.size + 1, 1))) abort();
    memcpy(pieces[i], s.data, s.size);
    if (sl_bpe_check_text(pieces[i], s.size, &err)) pieces[i][0] = 0;
  }
  const section last = next_section(&data, &size, 1);
  json_t *value =
      json_loadb((const char *)last.data, last.size, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
  const sl_template t = {.kind = (sl_template_kind)(choice % SL_TEMPLATES),
                         .system = choice & 64 ? pieces[1] : NULL,
                         .date = pieces[2],
                         .thinking = choice & 8,
                         .begin = pieces[0],
                         .open = {pieces[1], pieces[3], pieces[5]},
                         .close = {pieces[2], pieces[4], pieces[6]}};
  if (value) check_turns(&t, value, choice & 16, choice & 32);
  json_decref(value);
  for (size_t i = 0; i < OWN; i++) free(pieces[i]);
  return 0;
}
