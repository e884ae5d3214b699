/* sluice export MODEL OUT: a model's folder as other programs want it (spec F1.8). */
#include "kernels/support/cli.h"
#include "kernels/support/cli_options.h"
#include "kernels/support/output.h"
#include "trainer/files/companions.h"
#include "trainer/files/file.h"
#include "trainer/files/model_folder.h"
#include "trainer/run/model_session.h"
#include "trainer/run/state_digest.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
  const char *model, *out;
  sl_tensor_type type;
  size_t shard_bytes;
} options;

static const char *const dtypes[] = {"f32", "bf16"};

static error_t parse(int key, char *arg, struct argp_state *state) {
  options *o = state->input;
  switch (key) {
    case 't':
      o->type = sl_argp_word(state, "dtype", arg, dtypes, 2) ? SL_TENSOR_BF16 : SL_TENSOR_F32;
      return 0;
    case 's':
      o->shard_bytes = (size_t)sl_argp_integer(state, "shard-bytes", arg, 1, 9007199254740992.0);
      return 0;
    case ARGP_KEY_ARG:
      if (o->out) argp_error(state, "one model and one folder are expected: '%s' is too much", arg);
      if (o->model)
        o->out = arg;
      else
        o->model = arg;
      return 0;
    case ARGP_KEY_END:
      if (!o->out) argp_error(state, "a model and the folder to write are needed");
      return 0;
    default:
      return ARGP_ERR_UNKNOWN;
  }
}

static const struct argp_option rows[] = {
    {"dtype", 't', "TYPE", 0, "bf16 (default): each number rounded to nearest; or f32", 0},
    {"shard-bytes", 's', "N", 0, "most bytes of tensors in a file (default 5000000000)", 0},
    {0}};
static const struct argp parser = {
    rows,
    parse,
    "MODEL OUT",
    "Writes MODEL, a model folder or a run's folder, as the model folder OUT, for other programs: "
    "its weights in shards where they are large, its tokenizer, and what stood beside it. The "
    "weights' files record the digest of the F32 numbers that they were made from.",
    NULL,
    NULL,
    NULL};

/* What is read must not be replaced by what is read, nor a file or folder of a run. */
static sl_status check_out(const options *o, const char *folder, sl_error *err) {
  char *source = sl_path_real(folder), *target = sl_path_real(o->out);
  const int same = source && target && strcmp(source, target) == 0;
  free(source);
  free(target);
  if (same)
    return sl_fail(err, SL_ERR_USAGE, "%s: it is the model itself; name another folder", o->out);
  return sl_output_check(o->out, err);
}

static sl_status write_out(const options *o, const sl_session *s, const char *folder,
                           char source[SL_DIGEST_TEXT], sl_error *err) {
  const sl_model_format format = {o->type, o->shard_bytes, source};
  SL_TRY(sl_parameters_digest(source, s->ctx, s->parameters.layout, s->parameters.data, err));
  return sl_model_folder_publish(&s->parameters, s->tokenizer, &format, folder, o->out, err);
}

static sl_status export_model(const options *o, char source[SL_DIGEST_TEXT], sl_error *err) {
  const sl_backend_options backend = {.backend = "cpu", .isa = SL_ISA_BEST, .threads = 0};
  sl_session s;
  char *folder = NULL;
  sl_status status = sl_session_find_model(&folder, o->model, err);
  if (!status) status = check_out(o, folder, err);
  if (!status) status = sl_companions_check(folder, err);
  if (!status) status = sl_session_open(&s, folder, &backend, err);
  if (!status) {
    status = write_out(o, &s, folder, source, err);
    sl_session_close(&s);
  }
  free(folder);
  return status;
}

sl_command sl_cmd_export;
int sl_cmd_export(int argc, char **argv) {
  options o = {.type = SL_TENSOR_BF16, .shard_bytes = SL_SHARD_BYTES};
  char source[SL_DIGEST_TEXT];
  sl_error err;
  sl_argp_parse(&parser, argc, argv, &o);
  if (export_model(&o, source, &err)) return sl_cli_fail(argv[0], &err);
  printf("%s: %s numbers of the model %s\n", o.out, sl_tensor_type_name(o.type), source);
  return SL_EXIT_OK;
}
