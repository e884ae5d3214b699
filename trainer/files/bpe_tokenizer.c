/* A model folder's own tokenizer (spec F7.5 to F7.7). */
#include "bpe_tokenizer.h"

#include "bpe_file.h"
#include "end_tokens.h"
#include "file.h"
#include "json.h"
#include "trainer/text/bpe_decode.h"

#include <stdlib.h>
#include <string.h>

#define CLASS_FILE "tokenizer_config.json"
#define CLASS_KEY "tokenizer_class"
#define CLASS "PreTrainedTokenizerFast" /* transformers' for a tokenizer.json as it stands */
#define CLASS_FILE_BYTES ((size_t)64 << 20)
#define NUL_MARK '\x1a' /* SUBSTITUTE: what shows of a NUL */

struct sl_bpe_tokenizer {
  char *json;                /* the file, as it was read */
  size_t json_size, longest; /* longest: bytes of a token */
  sl_bpe *bpe;
  sl_bpe_encoder *encoder;
  sl_ids ids; /* of the text that is being encoded */
  sl_end_tokens ends;
  sl_template template; /* plain at first; its texts are copies */
  sl_rendered rendered; /* of the prompt that is being encoded */
  uint8_t *counted;     /* of the conversation that is being encoded */
  size_t counted_room;
};

static void free_template(sl_template *t) {
  const char *const texts[] = {t->system,  t->date,     t->begin,    t->open[0], t->open[1],
                               t->open[2], t->close[0], t->close[1], t->close[2]};
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) free((void *)(uintptr_t)texts[i]);
}

void sl_bpe_tokenizer_destroy(sl_bpe_tokenizer *t) {
  if (!t) return;
  free(t->json);
  sl_bpe_encoder_destroy(t->encoder);
  sl_bpe_destroy(t->bpe);
  sl_ids_free(&t->ids);
  free_template(&t->template);
  sl_rendered_free(&t->rendered);
  free(t->counted);
  free(t);
}

static size_t longest_token(const sl_bpe *bpe) {
  size_t longest = 0, size;
  for (uint32_t id = 0; id < sl_bpe_vocab(bpe); id++) {
    sl_bpe_id_bytes(bpe, id, &size);
    if (size > longest) longest = size;
  }
  return longest;
}

static sl_status load(sl_bpe_tokenizer *t, const char *folder, const char *path, sl_error *err) {
  SL_TRY(sl_file_read(&t->json, &t->json_size, path, SL_BPE_FILE_BYTES, err));
  SL_TRY(sl_bpe_read(&t->bpe, path, t->json, t->json_size, err));
  SL_TRY(sl_end_tokens_read(&t->ends, folder, t->bpe, err));
  t->longest = longest_token(t->bpe);
  return sl_bpe_encoder_create(&t->encoder, t->bpe, err);
}

sl_status sl_bpe_tokenizer_load(sl_bpe_tokenizer **out, const char *folder, sl_error *err) {
  sl_bpe_tokenizer *t = calloc(1, sizeof *t);
  char *path = sl_path_join(folder, SL_BPE_FILE);
  const sl_status status =
      t && path ? load(t, folder, path, err) : sl_fail(err, SL_ERR_MEMORY, "%s: no memory", folder);
  free(path);
  if (status)
    sl_bpe_tokenizer_destroy(t);
  else
    *out = t;
  return status;
}

const char *sl_bpe_tokenizer_json(const sl_bpe_tokenizer *t, size_t *size) {
  *size = t->json_size;
  return t->json;
}

size_t sl_bpe_tokenizer_vocab(const sl_bpe_tokenizer *t) { return sl_bpe_vocab(t->bpe); }

const sl_end_tokens *sl_bpe_tokenizer_ends(const sl_bpe_tokenizer *t) { return &t->ends; }

/* A copy whose texts are all there. */
static sl_status copy_template(sl_template *out, const sl_template *from, sl_error *err) {
  sl_template copy = *from;
  const char **const texts[] = {&copy.system,   &copy.date,     &copy.begin,
                                &copy.open[0],  &copy.open[1],  &copy.open[2],
                                &copy.close[0], &copy.close[1], &copy.close[2]};
  int failed = 0;
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
    failed |= !(*texts[i] = strdup(*texts[i] ? *texts[i] : ""));
  if (failed) {
    free_template(&copy);
    return sl_fail(err, SL_ERR_MEMORY, "no memory for a chat template");
  }
  *out = copy;
  return SL_OK;
}

/* The token that ends an answer comes first, once. */
static sl_status put_first(sl_end_tokens *ends, uint32_t id, sl_error *err) {
  size_t at = 0;
  while (at < ends->n && ends->ids[at] != id) at++;
  if (at == SL_ENDS_MAX)
    return sl_fail(err, SL_ERR_INPUT, "more than %d end tokens with that of the chat template",
                   SL_ENDS_MAX);
  if (at == ends->n) ends->n++;
  memmove(ends->ids + 1, ends->ids, at * sizeof id);
  ends->ids[0] = id;
  return SL_OK;
}

sl_status sl_bpe_tokenizer_set_template(sl_bpe_tokenizer *t, const sl_template *template,
                                        sl_error *err) {
  uint32_t turn_end;
  sl_template copy;
  sl_end_tokens ends = t->ends;
  SL_TRY(sl_template_check(template, t->bpe, &turn_end, err));
  if (turn_end != SL_NO_ID) SL_TRY(put_first(&ends, turn_end, err));
  SL_TRY(copy_template(&copy, template, err));
  free_template(&t->template);
  t->template = copy, t->ends = ends;
  return SL_OK;
}

/* Into t->ids. */
static sl_status encode_turns(sl_bpe_tokenizer *t, const sl_turn *turns, size_t n, sl_error *err) {
  for (size_t i = 0; i < n; i++) SL_TRY(sl_bpe_check_text(turns[i].text, turns[i].size, err));
  SL_TRY(sl_template_render(&t->rendered, &t->template, turns, n, 1, err));
  const sl_text_pieces pieces = sl_rendered_pieces(&t->rendered);
  t->ids.used = 0;
  return t->template.kind == SL_TEMPLATE_PLAIN
             ? sl_bpe_encode_begun(t->encoder, pieces.text, pieces.size, SL_TEXT_PLAIN, &t->ids,
                                   err)
             : sl_bpe_encode_pieces(t->encoder, &pieces, 0, pieces.size, &t->ids, err);
}

sl_status sl_bpe_tokenizer_encode_chat(sl_bpe_tokenizer *t, const sl_turn *turns, size_t n,
                                       const uint32_t **ids, size_t *count, sl_error *err) {
  SL_TRY(encode_turns(t, turns, n, err));
  *ids = t->ids.ids, *count = t->ids.used;
  return SL_OK;
}

/* Room for n ids and for what counts of them. */
static sl_status reserve(sl_bpe_tokenizer *t, size_t n, sl_error *err) {
  uint8_t *counted = n > t->counted_room ? realloc(t->counted, n) : t->counted;
  if (!counted && n) return sl_fail(err, SL_ERR_MEMORY, "no memory for %zu tokens", n);
  t->counted = counted;
  if (n > t->counted_room) t->counted_room = n;
  return SL_OK;
}

/* Into t->ids and t->counted, up to the end of the last answer and the token that ends it. */
static sl_status encode_counted(sl_bpe_tokenizer *t, sl_token_range *ranges, sl_error *err) {
  const size_t n = t->rendered.n_answers;
  t->ids.used = 0;
  SL_TRY(sl_template_encode(t->encoder, &t->template, &t->rendered, &t->ids, ranges, err));
  const sl_answer_place *last = &t->rendered.answers[n - 1];
  t->ids.used = ranges[n - 1].end - (last->closed > last->end);
  SL_TRY(sl_ids_put(&t->ids, t->ends.ids[0], err));
  ranges[n - 1].end = t->ids.used;
  SL_TRY(reserve(t, t->ids.used, err));
  memset(t->counted, 0, t->ids.used);
  for (size_t i = 0; i < n; i++)
    memset(t->counted + ranges[i].first, 1, ranges[i].end - ranges[i].first);
  return SL_OK;
}

sl_status sl_bpe_tokenizer_encode_training(sl_bpe_tokenizer *t, const sl_turn *turns, size_t n,
                                           const uint32_t **ids, const uint8_t **counted,
                                           size_t *count, sl_error *err) {
  for (size_t i = 0; i < n; i++) SL_TRY(sl_bpe_check_text(turns[i].text, turns[i].size, err));
  SL_TRY(sl_template_render(&t->rendered, &t->template, turns, n, 0, err));
  if (n == 0 || turns[n - 1].role != SL_ROLE_ASSISTANT)
    return sl_fail(err, SL_ERR_INPUT, "the last turn is not an assistant's");
  sl_token_range *ranges = calloc(t->rendered.n_answers, sizeof *ranges);
  const sl_status status = ranges ? encode_counted(t, ranges, err)
                                  : sl_fail(err, SL_ERR_MEMORY, "no memory for a conversation");
  free(ranges);
  if (status) return status;
  *ids = t->ids.ids, *counted = t->counted, *count = t->ids.used;
  return SL_OK;
}

sl_status sl_bpe_tokenizer_encode(sl_bpe_tokenizer *t, int is_prompt, const char *where,
                                  const char *text, size_t size, uint32_t *ids, size_t capacity,
                                  size_t *count, sl_error *err) {
  sl_error inner;
  const sl_turn turn = {SL_ROLE_USER, text, size};
  t->ids.used = 0;
  const sl_status status =
      is_prompt ? encode_turns(t, &turn, 1, &inner)
                : sl_bpe_encode(t->encoder, text, size, SL_TEXT_PLAIN, &t->ids, &inner);
  if (status) return sl_fail(err, status, "%s:%s", where, inner.message);
  if (ids && t->ids.used > capacity)
    return sl_fail(err, SL_ERR_USAGE, "%s: more than %zu tokens", where, capacity);
  if (ids && t->ids.used) memcpy(ids, t->ids.ids, t->ids.used * sizeof *ids);
  *count = t->ids.used;
  return SL_OK;
}

static size_t before_end(const sl_bpe_tokenizer *t, const uint32_t *ids, size_t n) {
  for (size_t i = 0; i < n; i++)
    for (size_t k = 0; k < t->ends.n; k++)
      if (ids[i] == t->ends.ids[k]) return i;
  return n;
}

int sl_bpe_tokenizer_is_text(const sl_bpe_tokenizer *t, const uint32_t *ids, size_t n) {
  return sl_bpe_is_text(t->bpe, ids, before_end(t, ids, n));
}

/* A byte becomes at most the three of U+FFFD; "<4294967295>" has twelve. */
size_t sl_bpe_tokenizer_text_bytes(const sl_bpe_tokenizer *t, size_t n) {
  return n * (3 * t->longest > 12 ? 3 * t->longest : 12) + 1;
}

void sl_bpe_tokenizer_decode_into(const sl_bpe_tokenizer *t, const uint32_t *ids, size_t n,
                                  char *out) {
  sl_growing text = {out, 0, sl_bpe_tokenizer_text_bytes(t, n)}; /* so that it never grows */
  sl_bpe_decode(t->bpe, ids, before_end(t, ids, n), &text, NULL);
  for (size_t i = 0; i < text.used; i++)
    if (out[i] == 0) out[i] = NUL_MARK;
  out[text.used] = 0;
}

sl_status sl_bpe_tokenizer_stream(const sl_bpe_tokenizer *t, sl_bpe_tail *tail, uint32_t id,
                                  sl_growing *out, sl_error *err) {
  const size_t used = out->used;
  SL_TRY(sl_bpe_decode_id(t->bpe, tail, id, out, err));
  for (size_t i = used; i < out->used; i++)
    if (out->bytes[i] == 0) out->bytes[i] = NUL_MARK;
  return SL_OK;
}

sl_status sl_bpe_tokenizer_save(const sl_bpe_tokenizer *t, const char *folder, sl_error *err) {
  char *path = sl_path_join(folder, SL_BPE_FILE);
  const sl_bytes piece = {t->json, t->json_size};
  const sl_status status = path ? sl_file_write(path, &piece, 1, err)
                                : sl_fail(err, SL_ERR_MEMORY, "%s: no memory", folder);
  free(path);
  return status ? status : sl_end_tokens_write(&t->ends, folder, err);
}

/* The file's object, an empty one if there is no file or it is no object. */
static sl_status read_class_file(json_t **out, const char *folder, const char *path,
                                 sl_error *err) {
  char *text = NULL;
  size_t size;
  if (sl_path_holds(folder, CLASS_FILE))
    SL_TRY(sl_file_read(&text, &size, path, CLASS_FILE_BYTES, err));
  *out = NULL;
  const sl_status status = text ? sl_json_load(out, path, text, size, 0, NULL, err) : SL_OK;
  free(text);
  if (status == SL_ERR_MEMORY) return status; /* or what stands there would be replaced */
  if (!json_is_object(*out)) json_decref(*out), *out = json_object();
  return *out ? SL_OK : sl_fail(err, SL_ERR_MEMORY, "%s: no memory", folder);
}

static sl_status settle(const char *folder, const char *path, sl_error *err) {
  json_t *root;
  SL_TRY(read_class_file(&root, folder, path, err));
  const int is_set = json_object_set_new(root, CLASS_KEY, json_string(CLASS)) == 0;
  char *text = is_set ? sl_json_dump(root, JSON_INDENT(2)) : NULL;
  json_decref(root);
  const sl_bytes pieces[] = {{text, text ? strlen(text) : 0}, {"\n", 1}};
  const sl_status status = text ? sl_file_write(path, pieces, 2, err)
                                : sl_fail(err, SL_ERR_MEMORY, "%s: no memory", folder);
  free(text);
  return status;
}

sl_status sl_bpe_tokenizer_settle(const char *folder, sl_error *err) {
  char *path = sl_path_join(folder, CLASS_FILE);
  const sl_status status =
      path ? settle(folder, path, err) : sl_fail(err, SL_ERR_MEMORY, "%s: no memory", folder);
  free(path);
  return status;
}
