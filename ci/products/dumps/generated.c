/* Problems as files (spec E9). */
#include "generated.h"

#include "ci/products/judge/op_named.h"
#include "trainer/files/safetensors.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { TEXT = 160, ENTRIES = 8 + SL_OP_SETTINGS };

static sl_status kind_of(sl_problem_kind *kind, const char *name, const sl_op *op, sl_error *err) {
  for (int k = 0; k < SL_KINDS; k++)
    if (strcmp(name, sl_kind_name((sl_problem_kind)k)) == 0) {
      *kind = (sl_problem_kind)k;
      if (sl_kind_suits(*kind, op)) return SL_OK;
      return sl_fail(err, SL_ERR_USAGE, "kind %s: %s has nothing to mask", name, op->name);
    }
  return sl_fail(err, SL_ERR_USAGE,
                 "kind '%s': may be usual, cancelling, wide, subnormal, ties, masked or exact",
                 name);
}

static sl_status type_of(sl_format *type, const char *name, sl_error *err) {
  if (sl_format_find(type, name, strlen(name)) && *type != SL_FORMAT_TF32) return SL_OK;
  return sl_fail(err, SL_ERR_USAGE, "type '%s': may be f64, f32, bf16 or f16", name);
}

/* Sizes that are large enough for a kernel and small enough to be judged integer; four groups of
 * rewards, because each has rules of its own. */
static void default_shape(char *out, size_t size, const sl_op *op) {
  static const struct {
    char letter;
    int n;
  } usual[] = {{'b', 2},   {'c', 16}, {'d', 64}, {'g', 2}, {'h', 4},  {'i', 16}, {'j', 24},
               {'k', 256}, {'n', 64}, {'p', 64}, {'s', 8}, {'t', 16}, {'v', 100}};
  size_t n = 0;
  for (const char *s = op->sizes; *s; s++)
    for (size_t i = 0; i < sizeof usual / sizeof *usual; i++)
      if (usual[i].letter == *s)
        n += (size_t)snprintf(out + n, size - n, "%s%c=%d", n ? "," : "", *s,
                              *s == 'g' && op == &sl_op_advantages ? 4 : usual[i].n);
}

sl_tensor_type sl_generated_type(const sl_op_tensor *tensor, sl_format given) {
  static const sl_tensor_type types[SL_FORMATS] = {SL_TENSOR_F64, SL_TENSOR_F32, SL_TENSOR_F32,
                                                   SL_TENSOR_BF16, SL_TENSOR_F16};
  if (tensor->kind == SL_TENSOR_FLAG) return SL_TENSOR_BOOL;
  return tensor->below ? SL_TENSOR_I64 : types[given];
}

static void write_value(void *words, size_t i, sl_tensor_type type, sl_format given, double x) {
  const int64_t integer = type == SL_TENSOR_I64 ? (int64_t)x : 0;
  const unsigned char flag = x != 0.0;
  if (type == SL_TENSOR_I64)
    memcpy((char *)words + i * sizeof integer, &integer, sizeof integer);
  else if (type == SL_TENSOR_BOOL)
    memcpy((char *)words + i, &flag, 1);
  else
    sl_format_write(given, words, i, x);
}

sl_tensor_view sl_generated_shape(const sl_op_case *c, const sl_op_tensor *tensor) {
  sl_tensor_view view = {.name = tensor->name, .count = sl_op_count_of(c, tensor)};
  for (const char *s = tensor->shape; *s; s++) {
    if (*s >= '0' && *s <= '9') continue;
    const size_t factor = s > tensor->shape && s[-1] <= '9' ? (size_t)(s[-1] - '0') : 1;
    view.shape[view.rank++] = factor * sl_op_size(c, *s);
  }
  return view;
}

sl_status sl_generated_view(sl_tensor_view *view, const sl_op_problem *p, size_t input) {
  const sl_op_tensor *tensor = &p->c.op->in[input];
  *view = sl_generated_shape(&p->c, tensor);
  view->type = sl_generated_type(tensor, p->given);
  void *words = malloc(view->count * sl_tensor_type_bytes(view->type) + 1);
  if (!words) return SL_ERR_MEMORY;
  for (size_t i = 0; i < view->count; i++)
    write_value(words, i, view->type, p->given, p->input[input][i]);
  view->data = words;
  return SL_OK;
}

/* Texts by name, in room of their own. */
typedef struct {
  sl_metadata_entry entry[ENTRIES];
  char key[ENTRIES][TEXT], value[ENTRIES][SL_CONTRACT_TEXT];
  size_t n;
} written_texts;

static void say(written_texts *t, const char *key, size_t length, const char *value) {
  snprintf(t->key[t->n], TEXT, "sluice.%.*s", (int)length, key);
  snprintf(t->value[t->n], SL_CONTRACT_TEXT, "%s", value);
  t->entry[t->n] = (sl_metadata_entry){t->key[t->n], t->value[t->n]};
  t->n++;
}

/* Every setting, so that a kernel has no default of its own to know: as it was given, the last one
 * where it was given twice, or as the problem has it. */
static void say_settings(written_texts *t, const sl_op_problem *p,
                         const sl_generated_request *request) {
  for (size_t i = 0; i < sl_op_settings(p->c.op); i++) {
    const char *name = p->c.op->setting[i].name, *given = NULL;
    const size_t n = strlen(name);
    char text[64];
    for (size_t k = 0; k < request->settings; k++)
      if (strncmp(request->setting[k], name, n) == 0 && request->setting[k][n] == '=')
        given = request->setting[k] + n + 1;
    sl_op_setting_text(text, sizeof text, &p->c, i);
    say(t, name, n, given && !(request->gate && strcmp(name, "gate") == 0) ? given : text);
  }
}

static void say_all(written_texts *t, const sl_op_problem *p, const sl_generated_request *request,
                    const char *shape) {
  char number[32];
  snprintf(number, sizeof number, "%d", SL_DUMP_GENERATOR);
  say(t, "problem.generator", 17, number);
  snprintf(number, sizeof number, "%" PRIu64, request->seed);
  say(t, "problem.seed", 12, number);
  say(t, "op", 2, p->c.op->name);
  say(t, "problem.shape", 13, shape);
  say(t, "problem.type", 12, request->type);
  say(t, "problem.kind", 12, request->kind);
  if (request->contract) say(t, "contract", 8, request->contract);
  say_settings(t, p, request);
}

static sl_status make(sl_op_problem *p, const sl_generated_request *request, const char *shape,
                      const sl_op_case *like, sl_error *err) {
  sl_op_case c = *like;
  sl_problem_kind kind = SL_KIND_USUAL;
  sl_format type = SL_FORMAT_F32;
  *p = (sl_op_problem){0};
  SL_TRY(sl_op_shape_parse(&c, shape, err));
  SL_TRY(kind_of(&kind, request->kind, c.op, err));
  SL_TRY(type_of(&type, request->type, err));
  return sl_op_problem_make(p, &c, kind, type, request->seed, err);
}

static sl_status write_problem(const char *path, const sl_op_problem *p, const written_texts *t,
                               sl_error *err) {
  const size_t n = sl_op_drawn(p->c.op);
  sl_tensor_view view[SL_OP_INPUTS] = {{0}};
  sl_status status = SL_OK;
  for (size_t i = 0; !status && i < n; i++)
    if ((status = sl_generated_view(&view[i], p, i)))
      sl_fail(err, status, "no memory for %s", path);
  if (!status) status = sl_safetensors_write_dump(path, t->entry, t->n, view, n, err);
  for (size_t i = 0; i < n; i++) free((void *)(uintptr_t)view[i].data);
  return status;
}

static sl_status conventions_of(sl_dump_case *d, const sl_generated_request *request,
                                sl_error *err) {
  const sl_op *op;
  SL_TRY(sl_op_named(&op, request->op, err));
  d->c = sl_op_case_of(op);
  for (size_t i = 0; i < request->settings; i++)
    SL_TRY(sl_op_setting_parse(&d->c, request->setting[i], err));
  if (request->contract)
    SL_TRY(sl_contract_parse(&d->c.contract, request->contract, op->stored, err));
  d->has_out = sl_dump_says_out(request->contract);
  return sl_dump_gate(d, request->gate, err);
}

/* The problem, and its shape as a text. */
static sl_status make_with_shape(sl_dump_case *d, sl_op_problem *p, char *shape, size_t size,
                                 const sl_generated_request *request, sl_error *err) {
  *d = (sl_dump_case){0};
  SL_TRY(conventions_of(d, request, err));
  if (request->shape)
    snprintf(shape, size, "%s", request->shape);
  else
    default_shape(shape, size, d->c.op);
  return make(p, request, request->shape ? request->shape : shape, &d->c, err);
}

sl_status sl_generated_make(sl_dump_case *d, sl_op_problem *p, const sl_generated_request *request,
                            sl_error *err) {
  char shape[SL_OP_SHAPE_TEXT];
  return make_with_shape(d, p, shape, sizeof shape, request, err);
}

sl_status sl_generated_write(const char *path, const sl_generated_request *request, sl_error *err) {
  sl_dump_case d;
  sl_op_problem p = {0};
  written_texts t = {.n = 0};
  struct stat found;
  if (lstat(path, &found) == 0 && !S_ISREG(found.st_mode)) /* the file takes the path's place */
    return sl_fail(err, SL_ERR_USAGE, "-o %s: there is something that is no regular file", path);
  char shape[SL_OP_SHAPE_TEXT];
  sl_status status = make_with_shape(&d, &p, shape, sizeof shape, request, err);
  if (!status) {
    say_all(&t, &p, request, request->shape ? request->shape : shape);
    status = write_problem(path, &p, &t, err);
  }
  sl_op_problem_end(&p);
  sl_dump_case_end(&d);
  return status;
}

static sl_status text_of(const char **out, const sl_dump *dump, const char *key, sl_error *err) {
  *out = sl_metadata_find(sl_dump_metadata(dump), key);
  if (*out) return SL_OK;
  return sl_fail(err, SL_ERR_INPUT,
                 "%s: metadata: there is no %s: copy the texts of the inputs, or name their file "
                 "with --inputs",
                 sl_dump_path(dump), key);
}

static sl_status request_of(sl_generated_request *g, const sl_dump *texts, sl_error *err) {
  const char *generator, *seed;
  char *end;
  SL_TRY(text_of(&generator, texts, "sluice.problem.generator", err));
  if (strtol(generator, &end, 10) != SL_DUMP_GENERATOR || *end || end == generator)
    return sl_fail(err, SL_ERR_INPUT, "%s: inputs of generator %s, this is generator %d",
                   sl_dump_path(texts), generator, SL_DUMP_GENERATOR);
  SL_TRY(text_of(&seed, texts, "sluice.problem.seed", err));
  errno = 0;
  g->seed = strtoull(seed, &end, 10);
  if (*end || end == seed || *seed == '-' || errno)
    return sl_fail(err, SL_ERR_INPUT, "%s: metadata: sluice.problem.seed is '%s'",
                   sl_dump_path(texts), seed);
  SL_TRY(text_of(&g->shape, texts, "sluice.problem.shape", err));
  SL_TRY(text_of(&g->type, texts, "sluice.problem.type", err));
  return text_of(&g->kind, texts, "sluice.problem.kind", err);
}

void sl_generated_take(sl_dump_case *d, sl_op_problem *p) {
  d->c = p->c;
  for (size_t i = 0; i < sl_op_drawn(p->c.op); i++) {
    d->input[i] = p->input[i], d->c.in[i] = p->input[i];
    d->given[i] = sl_generated_type(&p->c.op->in[i], p->given);
    p->input[i] = NULL;
  }
}

/* Outputs that say which inputs they answer must say what the file of the inputs says. */
static sl_status check_answers(const sl_dump *outputs, const sl_dump *texts, sl_error *err) {
  static const char *const keys[] = {"sluice.op",           "sluice.problem.generator",
                                     "sluice.problem.seed", "sluice.problem.kind",
                                     "sluice.problem.type", "sluice.problem.shape"};
  for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
    const char *said = sl_metadata_find(sl_dump_metadata(outputs), keys[i]),
               *made = sl_metadata_find(sl_dump_metadata(texts), keys[i]);
    if (said && made && strcmp(said, made) != 0)
      return sl_fail(err, SL_ERR_INPUT, "%s: %s is '%s', but '%s' in %s: it answers other inputs",
                     sl_dump_path(outputs), keys[i], said, made, sl_dump_path(texts));
  }
  return SL_OK;
}

/* Settings and contract are those of the inputs' file, unless the command line says others: what
 * the outputs say of them otherwise would go unheard. */
static sl_status check_key(const sl_dump *outputs, const sl_dump *texts, const char *key,
                           sl_error *err) {
  const char *said = sl_metadata_find(sl_dump_metadata(outputs), key),
             *made = sl_metadata_find(sl_dump_metadata(texts), key);
  if (!said || (made && strcmp(said, made) == 0)) return SL_OK;
  return sl_fail(err, SL_ERR_INPUT, "%s: %s is '%s', but %s%s%s in %s", sl_dump_path(outputs), key,
                 said, made ? "'" : "not there", made ? made : "", made ? "'" : "",
                 sl_dump_path(texts));
}

/* 1 if both files say one value of a setting, in other digits perhaps. */
static int same_setting(const sl_op *op, size_t setting, const sl_dump *outputs,
                        const sl_dump *texts) {
  const sl_dump *files[] = {outputs, texts};
  const char *name = op->setting[setting].name;
  sl_op_case c = sl_op_case_of(op);
  double value[2];
  for (size_t i = 0; i < 2; i++) {
    char key[TEXT], text[SL_CONTRACT_TEXT];
    snprintf(key, sizeof key, "sluice.%s", name);
    const char *said = sl_metadata_find(sl_dump_metadata(files[i]), key);
    if (!said) return 0;
    snprintf(text, sizeof text, "%s=%s", name, said);
    if (sl_op_setting_parse(&c, text, NULL)) return 0;
    value[i] = c.setting[setting];
  }
  return value[0] == value[1];
}

static int is_given(const sl_dump_request *request, const char *name) {
  const size_t n = strlen(name);
  for (size_t k = 0; k < request->settings; k++)
    if (strncmp(request->setting[k], name, n) == 0 && request->setting[k][n] == '=') return 1;
  return 0;
}

static sl_status check_conventions(const sl_op *op, const sl_dump *outputs, const sl_dump *texts,
                                   const sl_dump_request *request, sl_error *err) {
  if (!request->contract) SL_TRY(check_key(outputs, texts, "sluice.contract", err));
  for (size_t i = 0; i < sl_op_settings(op); i++) {
    char key[TEXT];
    snprintf(key, sizeof key, "sluice.%s", op->setting[i].name);
    if (!is_given(request, op->setting[i].name) && !same_setting(op, i, outputs, texts))
      SL_TRY(check_key(outputs, texts, key, err));
  }
  return SL_OK;
}

sl_format sl_generated_out(const sl_op_case *c, sl_format given) {
  const sl_format acc = c->contract.acc;
  return sl_format_digits(given) > sl_format_digits(acc) ? acc : given;
}

static sl_status in_texts(sl_status status, const sl_dump *texts, sl_error *err) {
  const sl_error inner = *err;
  if (!status) return SL_OK;
  return sl_fail(err, status == SL_ERR_USAGE ? SL_ERR_INPUT : status, "%s: metadata: %s",
                 sl_dump_path(texts), inner.message);
}

/* Numbers of the inputs that no file shows; SIZE_MAX: more. */
static sl_status count_unseen(size_t *n, const sl_op_case *c, const sl_dump *outputs,
                              const sl_dump *texts, sl_error *err) {
  if (texts != outputs) return sl_dump_inputs_fit(c, texts, n, err);
  *n = 0;
  for (size_t i = 0; i < sl_op_drawn(c->op); i++)
    if (__builtin_add_overflow(*n, sl_op_count_of(c, &c->op->in[i]), n)) *n = SIZE_MAX;
  return SL_OK;
}

/* Texts can say any size and type: what the files hold is compared before anything is made. */
static sl_status check_files(const sl_dump_case *d, const sl_generated_request *g,
                             const sl_dump *outputs, const sl_dump *texts, sl_error *err) {
  sl_op_case c = d->c;
  sl_format type;
  size_t unseen;
  SL_TRY(in_texts(sl_op_shape_parse(&c, g->shape, err), texts, err));
  SL_TRY(in_texts(type_of(&type, g->type, err), texts, err));
  SL_TRY(sl_dump_outputs_fit(&c, outputs, err));
  if (!d->has_out) SL_TRY(sl_dump_outputs_hold(&c, sl_generated_out(&c, type), outputs, err));
  SL_TRY(count_unseen(&unseen, &c, outputs, texts, err));
  if (unseen <= SL_GENERATED_UNSEEN) return SL_OK;
  return sl_fail(err, SL_ERR_INPUT,
                 "%s: metadata: sluice.problem.shape is '%.100s': more than 2^24 numbers are made "
                 "again only beside the file of the inputs: name it with --inputs",
                 sl_dump_path(texts), g->shape);
}

/* Inputs depend on settings and contract: those of the file. The gate makes none, and one that is
 * an expression has its file from the request. */
static sl_status make_again(sl_op_problem *p, const sl_generated_request *g,
                            const sl_op_case *judged, const sl_dump *texts, sl_error *err) {
  const sl_dump_request nothing = {0};
  sl_dump_case made = {.c = *judged};
  char key[TEXT];
  for (size_t i = 0; i < sl_op_settings(judged->op); i++) {
    const char *value;
    snprintf(key, sizeof key, "sluice.%s", judged->op->setting[i].name);
    SL_TRY(text_of(&value, texts, key, err));
  }
  if (judged->op != &sl_op_gated_loss)
    SL_TRY(sl_dump_conventions(&made, judged->op, texts, &nothing, err));
  return in_texts(make(p, g, g->shape, &made.c, err), texts, err);
}

/* The problem's inputs and sizes, with the conventions of d. */
static sl_status take_inputs(sl_dump_case *d, sl_op_problem *p, const sl_dump *texts,
                             sl_error *err) {
  const sl_op_case judged = d->c;
  sl_generated_take(d, p);
  d->c.contract = judged.contract, d->c.form = judged.form;
  memcpy(d->c.setting, judged.setting, sizeof judged.setting);
  return in_texts(sl_op_check(&d->c, err), texts, err);
}

sl_status sl_generated_read(sl_dump_case *d, sl_dump *outputs, const sl_dump *texts,
                            const sl_dump_request *request, sl_error *err) {
  const sl_op *op;
  sl_generated_request g = {0};
  sl_op_problem p = {0};
  *d = (sl_dump_case){0};
  SL_TRY(check_answers(outputs, texts, err));
  SL_TRY(request_of(&g, texts, err));
  SL_TRY(sl_dump_op(&op, texts, request, err));
  SL_TRY(check_conventions(op, outputs, texts, request, err));
  SL_TRY(sl_dump_conventions(d, op, texts, request, err));
  SL_TRY(check_files(d, &g, outputs, texts, err));
  sl_status status = make_again(&p, &g, &d->c, texts, err);
  if (!status) status = take_inputs(d, &p, texts, err);
  sl_op_problem_end(&p);
  return status ? status : sl_dump_outputs_read(d, outputs, err);
}
