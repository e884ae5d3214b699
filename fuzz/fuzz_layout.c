/* libFuzzer harness of a dump's conventions (spec E6): metadata, settings, contract, names, shapes
 * and orders of axes. An input is lines: `Kkey=value`, a text sluice.KEY of the metadata; `Tname
 * type sizes:fill`, a tensor whose values a number makes; `Rkey=value`, an option of the command,
 * op, contract, gate or a setting. A dump of them is written and read as a case; what is accepted
 * has each element where an independent walk over the axes finds it, has the same outputs where
 * inputs and outputs are read apart, and is judged without harm. */
#include "input.h"

#include "ci/products/dumps/dump_causes.h"
#include "ci/products/dumps/dump_judge.h"
#include "trainer/files/safetensors.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TEXTS = 24, TENSORS = 12, COUNT_MAX = 512, FEW = 4 };

typedef struct {
  sl_metadata_entry texts[TEXTS];
  sl_tensor_view tensors[TENSORS];
  size_t n_texts, n_tensors;
  sl_dump_request request;
} written;

static int type_of(sl_tensor_type *type, char letter) {
  static const struct {
    char letter;
    sl_tensor_type type;
  } types[] = {{'f', SL_TENSOR_F32}, {'d', SL_TENSOR_F64}, {'b', SL_TENSOR_BF16},
               {'h', SL_TENSOR_F16}, {'i', SL_TENSOR_I64}, {'c', SL_TENSOR_BOOL}};
  for (size_t i = 0; i < sizeof types / sizeof *types; i++)
    if (types[i].letter == letter) return *type = types[i].type, 1;
  return 0;
}

/* Small real numbers; indices; whole numbers; now and then none at all. */
static double value_of(unsigned long fill, size_t i) {
  const unsigned x = (unsigned)(i * 2654435761u + fill * 40503u) >> 7;
  switch (fill % 4) {
    case 0:
      return (double)(x % 4096) / 1024.0 - 2.0;
    case 1:
      return (double)(x % 3);
    case 2:
      return (double)(x % 9) - 4.0;
    default:
      return x % 13 ? (double)(x % 512) / 64.0 - 4.0 : x % 2 ? (double)NAN : -(double)INFINITY;
  }
}

static void write_value(void *data, size_t i, sl_tensor_type type, double x) {
  const int64_t integer = isfinite(x) ? (int64_t)fabs(x) : 0;
  if (type == SL_TENSOR_I64) {
    memcpy((char *)data + 8 * i, &integer, sizeof integer);
  } else if (type == SL_TENSOR_BOOL) {
    ((char *)data)[i] = (char)(x > 0.0);
  } else {
    const sl_format f = type == SL_TENSOR_F64    ? SL_FORMAT_F64
                        : type == SL_TENSOR_F32  ? SL_FORMAT_F32
                        : type == SL_TENSOR_BF16 ? SL_FORMAT_BF16
                                                 : SL_FORMAT_F16;
    sl_format_write(f, data, i, sl_format_round(f, x));
  }
}

/* `x f 2,3:7`; the line is changed. */
static void take_tensor(written *w, char *line) {
  char *type = strchr(line, ' '), *sizes = type ? strchr(type + 1, ' ') : NULL;
  sl_tensor_view view = {.name = line, .count = 1};
  if (!sizes || w->n_tensors == TENSORS || !type_of(&view.type, type[1])) return;
  *type = '\0';
  char *at = sizes + 1;
  while (*at >= '0' && *at <= '9' && view.rank < SL_TENSOR_RANK_MAX) {
    const size_t n = strtoul(at, &at, 10);
    if (n > COUNT_MAX || view.count * n > COUNT_MAX) return;
    view.shape[view.rank++] = n, view.count *= n;
    if (*at == ',') at++;
  }
  const unsigned long fill = *at == ':' ? strtoul(at + 1, NULL, 10) : 0;
  char *data = calloc(view.count + 1, 8);
  if (!data) abort();
  for (size_t i = 0; i < view.count; i++) write_value(data, i, view.type, value_of(fill, i));
  view.data = data;
  w->tensors[w->n_tensors++] = view;
}

/* `key=value`; the key gets its prefix. */
static void take_text(written *w, char *line) {
  char *value = strchr(line, '=');
  if (!value || w->n_texts == TEXTS) return;
  *value = '\0';
  char *key = malloc(strlen(line) + 8);
  if (!key) abort();
  sprintf(key, "sluice.%s", line);
  w->texts[w->n_texts++] = (sl_metadata_entry){key, value + 1};
}

/* A gate's name alone: files are read by the harness `gate`. */
static void take_option(sl_dump_request *r, char *line) {
  char *value = strchr(line, '=');
  if (!value) return;
  const size_t key = (size_t)(value++ - line);
  if (key == 2 && memcmp(line, "op", key) == 0)
    r->op = value;
  else if (key == 8 && memcmp(line, "contract", key) == 0)
    r->contract = value;
  else if (key == 4 && memcmp(line, "gate", key) == 0)
    r->gate = strpbrk(value, "/.") ? NULL : value;
  else if (r->settings < SL_OP_SETTINGS)
    r->setting[r->settings++] = line;
}

static void take_lines(written *w, char *text) {
  for (char *line = text, *next; line; line = next) {
    next = strchr(line, '\n');
    if (next) *next++ = '\0';
    if (*line == 'K') take_text(w, line + 1);
    if (*line == 'T') take_tensor(w, line + 1);
    if (*line == 'R') take_option(&w->request, line + 1);
  }
}

static size_t size_of(const sl_op_case *c, char factor) {
  return factor >= '0' && factor <= '9' ? (size_t)(factor - '0') : sl_op_size(c, factor);
}

/* Where element e of the op's order is in the file: its coordinates, by division, put together in
 * the order of the layout. */
static size_t place(const sl_op_case *c, const char *shape, const char *layout, size_t e) {
  size_t coordinate[128] = {0}, at = 0;
  for (size_t i = strlen(shape); i-- > 0;) {
    coordinate[(int)shape[i]] = e % size_of(c, shape[i]);
    e /= size_of(c, shape[i]);
  }
  for (; *layout; layout++) at = at * size_of(c, *layout) + coordinate[(int)*layout];
  return at;
}

static const char *said(const sl_dump *dump, const char *kind, const char *name) {
  char key[80];
  snprintf(key, sizeof key, "sluice.%s.%s", kind, name);
  return sl_metadata_find(sl_dump_metadata(dump), key);
}

static void check_tensor(const sl_op_case *c, sl_dump *dump, const sl_op_tensor *tensor,
                         const double *values, size_t count) {
  const char *name = said(dump, "tensor", tensor->name),
             *layout = said(dump, "layout", tensor->name);
  const size_t index = sl_dump_find(dump, name ? name : tensor->name);
  double all[COUNT_MAX];
  sl_error err;
  if (index == sl_dump_count(dump)) return; /* groups are made of rows */
  if (sl_dump_at(dump, index)->count != count || count != sl_op_count_of(c, tensor)) abort();
  if (sl_dump_values(dump, index, 0, count, all, &err) != SL_OK) abort();
  for (size_t e = 0; e < count; e++) {
    const double x = all[place(c, tensor->shape, layout ? layout : tensor->shape, e)];
    if (memcmp(&x, &values[e], sizeof x) != 0 && !(isnan(x) && isnan(values[e]))) abort();
  }
#ifdef SLUICE_CANARY /* a planted defect that the fuzzer must find: a number near the largest */
  if (count && values[0] > 1.75 && values[0] < 2.0) abort();
#endif
}

static void check_judged(const sl_dump_case *d) {
  sl_dump_verdict v;
  sl_dump_causes causes;
  sl_error err;
  size_t most = 0;
  if (sl_dump_judge(&v, d, 64, 1, &err) != SL_OK) abort();
  for (size_t o = 0; o < sl_op_outputs(d->c.op); o++)
    if (d->output[o].got && d->output[o].count > most) most = d->output[o].count;
  if (most <= FEW && sl_dump_causes_find(&causes, d, &v, &err) != SL_OK) abort();
  sl_dump_verdict_end(&v);
}

/* 1 if outputs alone have a size, and so lacks without them. */
static int sizes_are_of_outputs(const sl_op_case *c) {
  for (const char *s = c->op->sizes; *s; s++) {
    int is_of_input = 0;
    for (size_t i = 0; i < sl_op_inputs(c->op); i++)
      is_of_input |= c->in[i] && (strchr(c->op->in[i].shape, *s) || c->op->in[i].below == *s);
    if (!is_of_input) return 1;
  }
  return 0;
}

/* No for a table whose rows the outputs alone count. */
static int same_sizes(const sl_op_case *a, const sl_op_case *b) {
  for (const char *s = a->op->sizes; *s; s++)
    if (sl_op_size(a, *s) != sl_op_size(b, *s)) return 0;
  return 1;
}

/* The outputs for a case that has its inputs are those that were read with them, and fit it. */
static void check_outputs_alone(sl_dump_case *inputs, const sl_dump_case *together, sl_dump *dump) {
  size_t absent;
  sl_error err = {SL_OK, ""};
  if (sl_dump_inputs_fit(&inputs->c, dump, &absent, &err) != SL_OK) abort();
  if (sl_dump_outputs_fit(&inputs->c, dump, &err) != SL_OK) abort();
  for (sl_format type = 0; type <= SL_FORMAT_F16; type++)
    if (sl_dump_outputs_hold(&inputs->c, type, dump, &err) != SL_OK && !err.message[0]) abort();
  if (sl_dump_outputs_read(inputs, dump, &err) != SL_OK) abort();
  for (size_t o = 0; o < sl_op_outputs(together->c.op); o++) {
    const sl_dump_output *a = &inputs->output[o], *b = &together->output[o];
    if (!a->got != !b->got || a->count != b->count || a->stored != b->stored) abort();
    if (a->got && memcmp(a->got, b->got, a->count * sizeof *a->got) != 0) abort();
  }
}

static void check_case(const char *path, sl_dump_request request) {
  sl_error err = {SL_OK, ""};
  sl_dump *dump;
  sl_dump_case d = {0}, inputs;
  if (sl_dump_open(&dump, path, &err) != SL_OK) abort();
  const sl_status without_outputs = sl_dump_inputs_read(&inputs, dump, &request, &err);
  if (sl_dump_case_read(&d, dump, &request, &err) != SL_OK) {
    if (!err.message[0] || err.status == SL_ERR_MEMORY) abort();
  } else {
    if (without_outputs != SL_OK && !sizes_are_of_outputs(&d.c)) abort();
    for (size_t i = 0; i < sl_op_inputs(d.c.op); i++)
      if (d.c.in[i])
        check_tensor(&d.c, dump, &d.c.op->in[i], d.c.in[i], sl_op_count_of(&d.c, &d.c.op->in[i]));
    for (size_t o = 0; o < sl_op_outputs(d.c.op); o++)
      if (d.output[o].got)
        check_tensor(&d.c, dump, &d.c.op->out[o], d.output[o].got, d.output[o].count);
    if (without_outputs == SL_OK && same_sizes(&inputs.c, &d.c))
      check_outputs_alone(&inputs, &d, dump);
    check_judged(&d);
  }
  sl_dump_case_end(&inputs);
  sl_dump_case_end(&d);
  sl_dump_close(dump);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  char *text = malloc(size + 1), path[128];
  written w = {.n_texts = 0, .request = {0}};
  sl_error err;
  if (!text) abort();
  memcpy(text, data, size);
  text[size] = '\0';
  take_lines(&w, text);
  snprintf(path, sizeof path, "%s/case", scratch_folder());
  if (sl_safetensors_write_dump(path, w.texts, w.n_texts, w.tensors, w.n_tensors, &err) == SL_OK)
    check_case(path, w.request); /* else a name is there twice or empty, or a text no UTF-8 */
  for (size_t i = 0; i < w.n_texts; i++) free((void *)(uintptr_t)w.texts[i].key);
  for (size_t i = 0; i < w.n_tensors; i++) free((void *)(uintptr_t)w.tensors[i].data);
  free(text);
  return 0;
}
