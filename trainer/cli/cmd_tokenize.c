/* sluice tokenize MODEL: texts as token ids, ids as texts (spec F7.1 to F7.4), conversations in a
 * chat template (spec F7.8 to F7.11). */
#include "input_lines.h"
#include "kernels/support/cli.h"
#include "kernels/support/cli_options.h"
#include "trainer/files/bpe_file.h"
#include "trainer/files/conversation.h"
#include "trainer/files/file.h"
#include "trainer/files/json.h"
#include "trainer/run/model_session.h"
#include "trainer/run/run_template.h"
#include "trainer/text/bpe_decode.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

typedef struct {
  const char *model, *template;
  int parsed, decode, json, closed, mask;
  sl_set_options sets;
} options;

static error_t parse(int key, char *arg, struct argp_state *state) {
  options *o = state->input;
  switch (key) {
    case ARGP_KEY_INIT:
      state->child_inputs[0] = &o->sets;
      return 0;
    case 'p':
      o->parsed = 1;
      return 0;
    case 't':
      o->template = arg;
      return 0;
    case 'c':
      o->closed = 1;
      return 0;
    case 'm':
      o->mask = 1;
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
      if (!o->model) argp_error(state, "a model folder, a run or a tokenizer.json is missing");
      if (o->decode && (o->parsed || o->json || o->template))
        argp_error(state, "--decode reads ids: it goes with no other option");
      if (!o->template && (o->closed || o->mask || o->sets.n))
        argp_error(state, "--closed, --mask and --set go with --template");
      if (o->mask && o->parsed) argp_error(state, "--mask does not go with --parsed");
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
    {"template", 't', "NAME", 0,
     "put each text as a user's into this chat template (folder: MODEL's own; plain, chatml, "
     "qwen2.5, qwen3, smollm2, llama3, llama3.2, own); with --json a line may be a conversation, "
     "[{\"role\": \"user\", \"content\": \"...\"}, ...]",
     0},
    {"closed", 'c', NULL, 0, "with --template: end where the conversation ends", 0},
    {"mask", 'm', NULL, 0,
     "with --template: beside the ids the ranges of them that training counts", 0},
    {0}};
static const struct argp_child children[] = {{&sl_set_argp, 0, NULL, 0}, {0}};
static const struct argp parser = {
    rows,
    parse,
    "MODEL",
    "Reads texts from standard input, one a line, and prints their ids, a JSON list a line. MODEL "
    "is a model folder, a run's folder or a tokenizer.json. --set names keys of template.",
    children,
    NULL,
    NULL};

typedef struct {
  const options *o;
  const sl_bpe *bpe;
  sl_bpe_encoder *encoder;
  size_t line;
  sl_ids ids;
  sl_growing text;
  sl_template template;
  sl_rendered rendered;
} job;

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
  if (status) return sl_fail_input(j->line, &inner, err);
  SL_TRY(print_ids(&j->ids, &j->text, err));
  putchar('\n');
  return SL_OK;
}

static sl_status encode_part(job *j, const sl_text_pieces *p, size_t begin, size_t end,
                             sl_error *err) {
  if (j->template.kind == SL_TEMPLATE_PLAIN && begin == 0) /* as a prompt: behind the begin token */
    return sl_bpe_encode_begun(j->encoder, p->text, end, SL_TEXT_PLAIN, &j->ids, err);
  return sl_bpe_encode_pieces(j->encoder, p, begin, end, &j->ids, err);
}

/* The ids, and the ranges of them that training counts. */
static sl_status print_masked(job *j, sl_error *err) {
  const size_t n = j->rendered.n_answers;
  sl_token_range *ranges = calloc(n ? n : 1, sizeof *ranges);
  sl_status status =
      ranges ? sl_template_encode(j->encoder, &j->template, &j->rendered, &j->ids, ranges, err)
             : sl_fail(err, SL_ERR_MEMORY, "no memory for a conversation");
  if (!status) {
    fputs("{\"ids\":", stdout);
    status = print_ids(&j->ids, &j->text, err);
    fputs(",\"trained\":[", stdout);
    for (size_t i = 0; i < n; i++)
      printf("%s[%zu,%zu]", i ? "," : "", ranges[i].first, ranges[i].end);
    puts("]}");
  }
  free(ranges);
  return status;
}

static sl_status encode_rendered(job *j, sl_error *err) {
  const sl_text_pieces pieces = sl_rendered_pieces(&j->rendered);
  j->ids.used = 0;
  if (j->o->mask) return print_masked(j, err);
  SL_TRY(j->o->parsed
             ? sl_bpe_encode(j->encoder, pieces.text, pieces.size, SL_TEXT_PARSED, &j->ids, err)
             : encode_part(j, &pieces, 0, pieces.size, err));
  SL_TRY(print_ids(&j->ids, &j->text, err));
  putchar('\n');
  return SL_OK;
}

static sl_status encode_turns(job *j, const sl_turn *turns, size_t n, sl_error *err) {
  sl_error inner;
  sl_status status = SL_OK;
  for (size_t i = 0; !status && i < n; i++)
    status = sl_bpe_check_text(turns[i].text, turns[i].size, &inner);
  if (!status)
    status = sl_template_render(&j->rendered, &j->template, turns, n, !j->o->closed, &inner);
  if (!status) status = encode_rendered(j, &inner);
  return status ? sl_fail_input(j->line, &inner, err) : SL_OK;
}

static sl_status encode_conversation(job *j, const json_t *value, sl_error *err) {
  sl_turn *turns = NULL;
  size_t n;
  sl_error inner;
  if (sl_conversation_read(&turns, &n, value, &inner)) return sl_fail_input(j->line, &inner, err);
  const sl_status status = encode_turns(j, turns, n, err);
  free(turns);
  return status;
}

static sl_status encode_value(job *j, const json_t *value, sl_error *err) {
  if (j->o->template) return encode_conversation(j, value, err);
  if (!json_is_string(value))
    return sl_fail(err, SL_ERR_INPUT, "standard input:%zu: expected a JSON string", j->line);
  return encode_text(j, json_string_value(value), json_string_length(value), err);
}

static sl_status encode_line(job *j, const char *line, size_t size, sl_error *err) {
  const sl_turn turn = {SL_ROLE_USER, line, size};
  if (!j->o->json)
    return j->o->template ? encode_turns(j, &turn, 1, err) : encode_text(j, line, size, err);
  json_t *value;
  sl_error inner;
  if (sl_input_json(&value, line, size, &inner)) return sl_fail_input(j->line, &inner, err);
  const sl_status status = encode_value(j, value, err);
  json_decref(value);
  return status;
}

static sl_status read_ids(job *j, const json_t *list, sl_error *err) {
  j->ids.used = 0;
  if (!json_is_array(list))
    return sl_fail(err, SL_ERR_INPUT, "standard input:%zu: expected a list of ids", j->line);
  for (size_t i = 0; i < json_array_size(list); i++) {
    const json_t *id = json_array_get(list, i);
    const json_int_t value = json_is_integer(id) ? json_integer_value(id) : -1;
    if (value < 0 || value > UINT32_MAX)
      return sl_fail(err, SL_ERR_INPUT,
                     "standard input:%zu: id[%zu]: expected an integer from 0 to %" PRIu32, j->line,
                     i, UINT32_MAX);
    SL_TRY(sl_ids_put(&j->ids, (uint32_t)value, err));
  }
  return SL_OK;
}

/* A text has no NUL where it is printed as JSON; U+FFFD stands for one. */
static sl_status decode_line(job *j, const char *line, size_t size, sl_error *err) {
  json_t *list;
  sl_error inner;
  if (sl_input_json(&list, line, size, &inner)) return sl_fail_input(j->line, &inner, err);
  sl_status status = read_ids(j, list, err);
  json_decref(list);
  j->text.used = 0;
  if (!status) status = sl_bpe_decode(j->bpe, j->ids.ids, j->ids.used, &j->text, err);
  if (status) return status;
  json_t *text = json_stringn(j->text.bytes ? j->text.bytes : "", j->text.used);
  char *printed = text ? sl_json_dump(text, JSON_ENCODE_ANY) : NULL;
  json_decref(text);
  if (!printed) return sl_fail(err, SL_ERR_MEMORY, "no memory for a text");
  fputs("{\"ids\":", stdout);
  status = print_ids(&j->ids, &j->text, err);
  if (!status) printf(",\"text\":%s}\n", printed);
  free(printed);
  return status;
}

static sl_status take_line(void *user, size_t number, const char *line, size_t size,
                           sl_error *err) {
  job *j = user;
  j->line = number;
  return (j->o->decode ? decode_line : encode_line)(j, line, size, err);
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

static int is_folder(const char *path) {
  struct stat what;
  return stat(path, &what) != 0 || S_ISDIR(what.st_mode);
}

/* *folder: of the model, the caller's to free; NULL where the model is a tokenizer.json. */
static sl_status load(sl_bpe **out, char **folder, const char *model, sl_error *err) {
  *folder = NULL;
  if (!is_folder(model)) return sl_bpe_load(out, model, err);
  SL_TRY(sl_session_find_model(folder, model, err));
  char *path = sl_path_join(*folder, SL_BPE_FILE);
  const sl_status status =
      path ? sl_bpe_load(out, path, err) : sl_fail(err, SL_ERR_MEMORY, "no memory for a path");
  free(path);
  if (status) free(*folder);
  return status;
}

/* --template is template.name; texts of the template stay the configuration's. */
static sl_status choose_template(job *j, sl_config *config, const char *folder, sl_error *err) {
  char name[64];
  uint32_t turn_end;
  sl_set_options sets = j->o->sets;
  if (sets.n == SL_SETS_MAX) return sl_fail(err, SL_ERR_USAGE, "too many --set");
  snprintf(name, sizeof name, "template.name=%.40s", j->o->template);
  sets.items[sets.n++] = name;
  SL_TRY(sl_config_load(config, NULL, sets.items, sets.n, err));
  SL_TRY(sl_template_settle(config, folder, 1, err));
  j->template = sl_config_template(config);
  return sl_template_check(&j->template, j->bpe, &turn_end, err);
}

static sl_status tokenize(const options *o, sl_error *err) {
  sl_bpe *bpe;
  sl_config config = {0};
  char *folder;
  SL_TRY(load(&bpe, &folder, o->model, err));
  job j = {.o = o, .bpe = bpe};
  sl_status status = sl_bpe_encoder_create(&j.encoder, bpe, err);
  if (!status && o->template) status = choose_template(&j, &config, folder, err);
  if (!status) status = sl_each_input_line(take_line, &j, err);
  if (!status) print_notes(&j);
  sl_bpe_encoder_destroy(j.encoder);
  sl_ids_free(&j.ids);
  sl_rendered_free(&j.rendered);
  free(j.text.bytes);
  sl_config_free(&config);
  sl_bpe_destroy(bpe);
  free(folder);
  return status;
}

sl_command sl_cmd_tokenize;
int sl_cmd_tokenize(int argc, char **argv) {
  options o = {0};
  sl_error err;
  sl_argp_parse(&parser, argc, argv, &o);
  return tokenize(&o, &err) ? sl_cli_fail(argv[0], &err) : SL_EXIT_OK;
}
