/* sluice tokenize MODEL: texts as token ids, ids as texts (spec F7.1 to F7.4). */
#include "kernels/support/cli.h"
#include "kernels/support/cli_options.h"
#include "trainer/files/bpe_file.h"
#include "trainer/files/file.h"
#include "trainer/files/json.h"
#include "trainer/text/bpe_decode.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

typedef struct {
  const char *model;
  int parsed, decode, json;
} options;

static error_t parse(int key, char *arg, struct argp_state *state) {
  options *o = state->input;
  switch (key) {
    case 'p':
      o->parsed = 1;
      return 0;
    case 'd':
      o->decode = 1;
      return 0;
    case 'j':
      o->json = 1;
      return 0;
    case ARGP_KEY_ARG:
      if (o->model) argp_error(state, "one model is enough: '%s' is too much", arg);
      o->model = arg;
      return 0;
    case ARGP_KEY_END:
      if (!o->model) argp_error(state, "a model folder or a tokenizer.json is missing");
      if (o->decode && (o->parsed || o->json))
        argp_error(state, "--decode reads ids: it goes with neither --parsed nor --json");
      return 0;
    default:
      return ARGP_ERR_UNKNOWN;
  }
}

static const struct argp_option rows[] = {
    {"parsed", 'p', NULL, 0,
     "the text of a special token is that token (default: it is text as any other)", 0},
    {"decode", 'd', NULL, 0, "lines are ids, as [1,2,3]: prints them with their text", 0},
    {"json", 'j', NULL, 0, "lines are JSON strings, so that a text may have line ends", 0},
    {0}};
static const struct argp parser = {
    rows,
    parse,
    "MODEL",
    "Reads texts from standard input, one a line, and prints their ids, a JSON list a line. MODEL "
    "is a model folder or its tokenizer.json.",
    NULL,
    NULL,
    NULL};

typedef struct {
  const options *o;
  const sl_bpe *bpe;
  sl_bpe_encoder *encoder;
  size_t line;
  sl_ids ids;
  sl_growing text;
} job;

static sl_status fail_line(const job *j, sl_status status, const char *message, sl_error *err) {
  return sl_fail(err, status, "standard input:%zu: %s", j->line, message);
}

/* The ids as a JSON list, in room; decimals by hand, as printf takes longer than the tokens. */
static sl_status print_ids(const sl_ids *ids, sl_growing *room, sl_error *err) {
  room->used = 0;
  SL_TRY(sl_growing_put(room, "[", 1, err));
  for (size_t i = 0; i < ids->used; i++) {
    char digits[12];
    size_t at = sizeof digits;
    uint32_t left = ids->ids[i];
    do digits[--at] = (char)('0' + left % 10);
    while (left /= 10);
    if (i) digits[--at] = ',';
    SL_TRY(sl_growing_put(room, digits + at, sizeof digits - at, err));
  }
  SL_TRY(sl_growing_put(room, "]", 1, err));
  fwrite(room->bytes, 1, room->used, stdout);
  return SL_OK;
}

static sl_status encode_text(job *j, const char *text, size_t size, sl_error *err) {
  sl_error inner;
  j->ids.used = 0;
  const sl_status status = sl_bpe_encode_framed(
      j->encoder, text, size, j->o->parsed ? SL_TEXT_PARSED : SL_TEXT_PLAIN, &j->ids, &inner);
  if (status) return fail_line(j, status, inner.message, err);
  SL_TRY(print_ids(&j->ids, &j->text, err));
  putchar('\n');
  return SL_OK;
}

static sl_status encode_line(job *j, const char *line, size_t size, sl_error *err) {
  if (!j->o->json) return encode_text(j, line, size, err);
  json_error_t bad;
  json_t *value = json_loadb(line, size, JSON_DECODE_ANY | JSON_ALLOW_NUL, &bad);
  if (!value) return fail_line(j, SL_ERR_INPUT, bad.text, err);
  const sl_status status =
      json_is_string(value)
          ? encode_text(j, json_string_value(value), json_string_length(value), err)
          : fail_line(j, SL_ERR_INPUT, "expected a JSON string", err);
  json_decref(value);
  return status;
}

static sl_status read_ids(job *j, const json_t *list, sl_error *err) {
  j->ids.used = 0;
  if (!json_is_array(list)) return fail_line(j, SL_ERR_INPUT, "expected a list of ids", err);
  for (size_t i = 0; i < json_array_size(list); i++) {
    const json_t *id = json_array_get(list, i);
    const json_int_t value = json_is_integer(id) ? json_integer_value(id) : -1;
    if (value < 0 || value > UINT32_MAX)
      return fail_line(j, SL_ERR_INPUT, "expected a list of ids", err);
    SL_TRY(sl_ids_put(&j->ids, (uint32_t)value, err));
  }
  return SL_OK;
}

/* A text has no NUL where it is printed as JSON; U+FFFD stands for one. */
static sl_status decode_line(job *j, const char *line, size_t size, sl_error *err) {
  json_error_t bad;
  json_t *list = json_loadb(line, size, 0, &bad);
  if (!list) return fail_line(j, SL_ERR_INPUT, bad.text, err);
  sl_status status = read_ids(j, list, err);
  json_decref(list);
  j->text.used = 0;
  if (!status) status = sl_bpe_decode(j->bpe, j->ids.ids, j->ids.used, &j->text, err);
  if (status) return status;
  json_t *text = json_stringn(j->text.bytes ? j->text.bytes : "", j->text.used);
  char *printed = text ? json_dumps(text, JSON_ENCODE_ANY) : NULL;
  json_decref(text);
  if (!printed) return sl_fail(err, SL_ERR_MEMORY, "no memory for a text");
  fputs("{\"ids\":", stdout);
  status = print_ids(&j->ids, &j->text, err);
  if (!status) printf(",\"text\":%s}\n", printed);
  free(printed);
  return status;
}

static sl_status each_line(job *j, sl_error *err) {
  char *line = NULL;
  size_t room = 0;
  sl_status status = SL_OK;
  for (ssize_t n; !status && (n = getline(&line, &room, stdin)) >= 0;) {
    size_t size = (size_t)n;
    j->line++;
    if (size && line[size - 1] == '\n') size--;
    status = (j->o->decode ? decode_line : encode_line)(j, line, size, err);
  }
  free(line);
  if (!status && ferror(stdin)) status = sl_fail(err, SL_ERR_IO, "standard input: cannot be read");
  return status;
}

/* What a person should know of the file or the texts, once. */
static void print_notes(const job *j) {
  const size_t dropped = sl_bpe_dropped(j->encoder);
  if (sl_bpe_note(j->bpe)) fprintf(stderr, "sluice tokenize: note: %s\n", sl_bpe_note(j->bpe));
  if (dropped)
    fprintf(stderr,
            "sluice tokenize: note: %zu bytes were left out: the vocabulary has no token for "
            "them\n",
            dropped);
}

static sl_status load(sl_bpe **out, const char *model, sl_error *err) {
  struct stat what;
  if (stat(model, &what) == 0 && !S_ISDIR(what.st_mode)) return sl_bpe_load(out, model, err);
  char *path = sl_path_join(model, SL_BPE_FILE);
  if (!path) return sl_fail(err, SL_ERR_MEMORY, "no memory for a path");
  const sl_status status = sl_bpe_load(out, path, err);
  free(path);
  return status;
}

static sl_status tokenize(const options *o, sl_error *err) {
  sl_bpe *bpe;
  SL_TRY(load(&bpe, o->model, err));
  job j = {.o = o, .bpe = bpe};
  sl_status status = sl_bpe_encoder_create(&j.encoder, bpe, err);
  if (!status) status = each_line(&j, err);
  if (!status) print_notes(&j);
  sl_bpe_encoder_destroy(j.encoder);
  sl_ids_free(&j.ids);
  free(j.text.bytes);
  sl_bpe_destroy(bpe);
  return status;
}

sl_command sl_cmd_tokenize;
int sl_cmd_tokenize(int argc, char **argv) {
  options o = {0};
  sl_error err;
  sl_argp_parse(&parser, argc, argv, &o);
  return tokenize(&o, &err) ? sl_cli_fail(argv[0], &err) : SL_EXIT_OK;
}
