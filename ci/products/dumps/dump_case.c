/* Dumps as cases (spec E6.1, E6.3, E6.4). */
#include "dump_case.h"

#include "ci/products/judge/gate_file.h"
#include "ci/products/judge/op_named.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PREFIX "sluice."
enum { KEY = 128 };

/* The value of sluice.KIND.NAME, or of sluice.NAME where kind is empty. */
static const char *text_of(const sl_dump *dump, const char *kind, const char *name) {
  char key[KEY];
  snprintf(key, sizeof key, PREFIX "%s%s%s", kind, *kind ? "." : "", name);
  return sl_metadata_find(sl_dump_metadata(dump), key);
}

sl_status sl_dump_op(const sl_op **op, const sl_dump *dump, const sl_dump_request *request,
                     sl_error *err) {
  const char *said = text_of(dump, "", "op"), *name = request->op ? request->op : said;
  if (!name)
    return sl_fail(err, SL_ERR_USAGE, "%s: no sluice.op in the metadata: --op is needed",
                   sl_dump_path(dump));
  if (said && strcmp(said, name) != 0)
    return sl_fail(err, SL_ERR_INPUT, "%s: sluice.op is '%s', not '%s'", sl_dump_path(dump), said,
                   name);
  sl_error inner;
  if (!sl_op_named(op, name, request->op ? err : &inner)) return SL_OK;
  if (request->op) return SL_ERR_USAGE;
  return sl_fail(err, SL_ERR_INPUT, "%s: metadata: sluice.op: %s", sl_dump_path(dump),
                 inner.message);
}

static int is_tensor(const sl_op *op, const char *name) {
  for (size_t i = 0; i < sl_op_inputs(op); i++)
    if (strcmp(op->in[i].name, name) == 0) return 1;
  for (size_t i = 0; i < sl_op_outputs(op); i++)
    if (strcmp(op->out[i].name, name) == 0) return 1;
  return 0;
}

static int is_setting(const sl_op *op, const char *name) {
  for (size_t i = 0; i < sl_op_settings(op); i++)
    if (strcmp(op->setting[i].name, name) == 0) return 1;
  return 0;
}

static int is_known(const sl_op *op, const char *name) {
  static const char *const others[] = {"op",           "contract",     "problem.generator",
                                       "problem.seed", "problem.kind", "problem.shape",
                                       "problem.type"};
  static const char *const kinds[] = {"tensor.", "layout."};
  for (size_t i = 0; i < sizeof others / sizeof *others; i++)
    if (strcmp(others[i], name) == 0) return 1;
  for (size_t i = 0; i < 2; i++)
    if (strncmp(kinds[i], name, strlen(kinds[i])) == 0)
      return is_tensor(op, name + strlen(kinds[i]));
  return is_setting(op, name);
}

/* A message with the file before it, where the reader of the file has not said it. */
static sl_status in_file(const sl_dump *dump, sl_status status, sl_error *err) {
  const sl_error inner = *err;
  const size_t n = strlen(sl_dump_path(dump));
  if (status && strncmp(inner.message, sl_dump_path(dump), n) == 0 && inner.message[n] == ':')
    return status;
  return status ? sl_fail(err, status, "%s: %s", sl_dump_path(dump), inner.message) : SL_OK;
}

static sl_status take_setting(sl_op_case *c, const char *name, const char *value, sl_error *err) {
  char text[2 * KEY];
  snprintf(text, sizeof text, "%s=%s", name, value);
  const sl_status status = sl_op_setting_parse(c, text, err);
  return status == SL_ERR_USAGE ? SL_ERR_INPUT : status;
}

static sl_status take_metadata(sl_dump_case *d, const sl_dump *dump, sl_error *err) {
  const sl_metadata *metadata = sl_dump_metadata(dump);
  for (size_t i = 0; i < metadata->count; i++) {
    const char *key = metadata->entries[i].key, *name = key + strlen(PREFIX);
    if (strncmp(key, PREFIX, strlen(PREFIX)) != 0) continue;
    if (!is_known(d->c.op, name))
      return sl_fail(err, SL_ERR_INPUT, "metadata: %s is no convention of %s", key, d->c.op->name);
    if (is_setting(d->c.op, name))
      SL_TRY(take_setting(&d->c, name, metadata->entries[i].value, err));
  }
  return SL_OK;
}

int sl_dump_says_out(const char *text) {
  return text && (strncmp(text, "out=", 4) == 0 || strstr(text, ",out="));
}

sl_status sl_dump_conventions(sl_dump_case *d, const sl_op *op, const sl_dump *dump,
                              const sl_dump_request *request, sl_error *err) {
  const char *contract = text_of(dump, "", "contract");
  d->c = sl_op_case_of(op);
  SL_TRY(in_file(dump, take_metadata(d, dump, err), err));
  if (contract && sl_contract_parse(&d->c.contract, contract, op->stored, err))
    return in_file(dump, SL_ERR_INPUT, err);
  if (request->contract)
    SL_TRY(sl_contract_parse(&d->c.contract, request->contract, op->stored, err));
  for (size_t i = 0; i < request->settings; i++)
    SL_TRY(sl_op_setting_parse(&d->c, request->setting[i], err));
  d->has_out = sl_dump_says_out(contract) || sl_dump_says_out(request->contract);
  return sl_dump_gate(d, request->gate, err);
}

sl_status sl_dump_gate(sl_dump_case *d, const char *gate, sl_error *err) {
  if (!gate) return SL_OK;
  if (d->c.op != &sl_op_gated_loss)
    return sl_fail(err, SL_ERR_USAGE, "--gate: %s has no gate", d->c.op->name);
  SL_TRY(sl_op_setting_parse(&d->c, "gate=expression", err));
  SL_TRY(sl_gate_form_load(&d->form, gate, NULL, 0, err));
  d->c.form = d->form;
  return SL_OK;
}

static size_t find_tensor(const sl_dump *dump, const sl_op_tensor *tensor, const char **name) {
  const char *renamed = text_of(dump, "tensor", tensor->name);
  *name = renamed ? renamed : tensor->name;
  return sl_dump_find(dump, *name);
}

/* A tensor of the dump with its axes. */
typedef struct {
  const sl_op_tensor *tensor;
  size_t index; /* of the dump; its count where it is not there */
  sl_layout layout;
} found;

static sl_status find(found *f, const sl_dump *dump, const sl_op *op, const sl_op_tensor *tensor,
                      int may_lack, sl_error *err) {
  const char *name, *layout = text_of(dump, "layout", tensor->name);
  *f = (found){.tensor = tensor, .index = find_tensor(dump, tensor, &name)};
  const int here = f->index < sl_dump_count(dump);
  if (!here && (strcmp(name, tensor->name) != 0 || (!tensor->optional && !may_lack)))
    return sl_fail(err, SL_ERR_INPUT, "there is no tensor %s, which %s needs", name, op->name);
  return sl_layout_parse(&f->layout, tensor, layout ? layout : tensor->shape, err);
}

static sl_status take_sizes(sl_op_case *c, sl_size_sources from, const found *f,
                            const sl_dump *dump, sl_error *err) {
  if (f->index == sl_dump_count(dump)) return SL_OK;
  return sl_layout_sizes(c, from, &f->layout, f->tensor, sl_dump_at(dump, f->index), err);
}

/* The group of each reward where a row is one. */
static sl_status group_by_rows(sl_dump_case *d, const sl_tensor_view *reward, sl_error *err) {
  const size_t n = reward->count, size = reward->shape[reward->rank - 1];
  d->input[1] = malloc(n * sizeof(double) + 1);
  if (!d->input[1]) return sl_fail(err, SL_ERR_MEMORY, "no memory for group");
  for (size_t i = 0; i < n; i++) {
    const size_t row = i / size;
    d->input[1][i] = (double)row;
  }
  d->c.in[1] = d->input[1];
  d->given[1] = SL_TENSOR_I64;
  return SL_OK;
}

/* The size that only indices tell, if there is one. */
static sl_status size_by_indices(sl_op_case *c, sl_error *err) {
  for (size_t i = 0; i < sl_op_inputs(c->op); i++) {
    const char below = c->op->in[i].below;
    if (!below || sl_op_size(c, below) || !c->in[i]) continue;
    size_t most = 0;
    const double *x = c->in[i];
    for (size_t e = 1; e < sl_op_count_of(c, &c->op->in[i]); e++)
      if (x[e] > x[most]) most = e;
    if (!(x[most] < 0x1p32))
      return sl_fail(err, SL_ERR_INPUT, "%s[%zu] is %.15g: an index is below 2^32",
                     c->op->in[i].name, most, x[most]);
    c->size[below - 'a'] = x[most] > 0.0 ? (size_t)x[most] + 1 : 1;
  }
  return SL_OK;
}

static sl_status read_inputs(sl_dump_case *d, const found *in, sl_dump *dump, sl_error *err) {
  const sl_op *op = d->c.op;
  for (size_t i = 0; i < sl_op_inputs(op); i++) {
    if (in[i].index == sl_dump_count(dump)) continue;
    d->given[i] = sl_dump_at(dump, in[i].index)->type;
    SL_TRY(
        sl_layout_read(&d->input[i], &d->c, &in[i].layout, in[i].tensor, dump, in[i].index, err));
    d->c.in[i] = d->input[i];
  }
  if (op == &sl_op_advantages && !d->c.in[1]) {
    const sl_tensor_view *reward = sl_dump_at(dump, in[0].index);
    if (reward->rank < 2)
      return sl_fail(err, SL_ERR_INPUT,
                     "there is no tensor group, and rewards of one axis have no rows");
    SL_TRY(group_by_rows(d, reward, err));
  }
  return size_by_indices(&d->c, err);
}

static int format_of(sl_format *f, sl_tensor_type type) {
  switch (type) {
    case SL_TENSOR_F64:
      return *f = SL_FORMAT_F64, 1;
    case SL_TENSOR_F32:
      return *f = SL_FORMAT_F32, 1;
    case SL_TENSOR_BF16:
      return *f = SL_FORMAT_BF16, 1;
    case SL_TENSOR_F16:
      return *f = SL_FORMAT_F16, 1;
    default:
      return 0;
  }
}

static sl_status read_output(sl_dump_case *d, size_t o, const found *f, sl_dump *dump,
                             sl_error *err) {
  if (f->index == sl_dump_count(dump)) return SL_OK;
  const sl_tensor_view *view = sl_dump_at(dump, f->index);
  sl_dump_output *out = &d->output[o];
  out->stored = view->type, out->count = view->count;
  if (!format_of(&out->type, view->type))
    return sl_fail(err, SL_ERR_INPUT, "tensor %s is %s: an output is F64, F32, BF16 or F16",
                   view->name, sl_tensor_type_name(view->type));
  const sl_contract *k = &d->c.contract;
  if (d->has_out)
    out->type = k->out;
  else if (sl_format_digits(out->type) > sl_format_digits(k->acc))
    out->type = k->acc;
  return sl_layout_read(&out->got, &d->c, &f->layout, f->tensor, dump, f->index, err);
}

/* An output that is an input's tensor too would be judged by itself. */
static sl_status check_apart(const sl_dump *dump, const sl_op *op, const sl_op_tensor *output,
                             size_t index, sl_error *err) {
  const char *name;
  for (size_t i = 0; i < sl_op_inputs(op); i++)
    if (index < sl_dump_count(dump) && find_tensor(dump, &op->in[i], &name) == index)
      return sl_fail(err, SL_ERR_INPUT, "tensor %s is the input %s and the output %s of %s", name,
                     op->in[i].name, output->name, op->name);
  return SL_OK;
}

static sl_status read_outputs(sl_dump_case *d, sl_dump *dump, sl_size_sources from, sl_error *err) {
  const sl_op *op = d->c.op;
  found out[SL_OP_OUTPUTS];
  for (size_t o = 0; o < sl_op_outputs(op); o++) {
    SL_TRY(find(&out[o], dump, op, &op->out[o], 0, err));
    SL_TRY(check_apart(dump, op, &op->out[o], out[o].index, err));
    SL_TRY(take_sizes(&d->c, from, &out[o], dump, err));
  }
  for (size_t o = sl_op_outputs(op); o-- > 0;) {
    SL_TRY(read_output(d, o, &out[o], dump, err));
    if (d->output[o].got && !d->has_out) d->c.contract.out = d->output[o].type;
  }
  return SL_OK;
}

/* Types of the outputs that there are, as the contract's `out`. */
static sl_status take_types(sl_dump_case *d, const sl_dump *dump, sl_error *err) {
  found out;
  sl_format type;
  for (size_t o = sl_op_outputs(d->c.op); o-- > 0;) {
    SL_TRY(find(&out, dump, d->c.op, &d->c.op->out[o], 1, err));
    const int here = out.index < sl_dump_count(dump);
    if (here && !d->has_out && format_of(&type, sl_dump_at(dump, out.index)->type))
      d->c.contract.out = type;
  }
  return SL_OK;
}

static sl_status read_all(sl_dump_case *d, sl_dump *dump, int with_outputs, sl_error *err) {
  const sl_op *op = d->c.op;
  sl_size_sources from = {NULL};
  found in[SL_OP_INPUTS] = {{.tensor = NULL}};
  for (size_t i = 0; i < sl_op_inputs(op); i++) {
    SL_TRY(find(&in[i], dump, op, &op->in[i], op == &sl_op_advantages && i == 1, err));
    SL_TRY(take_sizes(&d->c, from, &in[i], dump, err));
  }
  SL_TRY(with_outputs ? read_outputs(d, dump, from, err) : take_types(d, dump, err));
  SL_TRY(read_inputs(d, in, dump, err));
  return sl_op_check(&d->c, err);
}

static sl_status read_case(sl_dump_case *d, sl_dump *dump, const sl_dump_request *request,
                           int with_outputs, sl_error *err) {
  const sl_op *op;
  *d = (sl_dump_case){0};
  SL_TRY(sl_dump_op(&op, dump, request, err));
  SL_TRY(sl_dump_conventions(d, op, dump, request, err));
  return in_file(dump, read_all(d, dump, with_outputs, err), err);
}

sl_status sl_dump_case_read(sl_dump_case *d, sl_dump *dump, const sl_dump_request *request,
                            sl_error *err) {
  return read_case(d, dump, request, 1, err);
}

sl_status sl_dump_inputs_read(sl_dump_case *d, sl_dump *dump, const sl_dump_request *request,
                              sl_error *err) {
  return read_case(d, dump, request, 0, err);
}

sl_status sl_dump_outputs_read(sl_dump_case *d, sl_dump *dump, sl_error *err) {
  sl_size_sources from;
  for (size_t i = 0; i < SL_OP_LETTERS; i++) from[i] = "the inputs";
  return in_file(dump, read_outputs(d, dump, from, err), err);
}

/* Sizes that are there cannot change: other shapes are refused. */
static sl_status fits(int *here, const sl_op_case *c, const sl_dump *dump,
                      const sl_op_tensor *tensor, sl_error *err) {
  sl_op_case sizes = *c;
  sl_size_sources from;
  found f;
  for (size_t i = 0; i < SL_OP_LETTERS; i++) from[i] = "the problem";
  SL_TRY(find(&f, dump, c->op, tensor, 1, err));
  *here = f.index < sl_dump_count(dump);
  return take_sizes(&sizes, from, &f, dump, err);
}

sl_status sl_dump_inputs_fit(const sl_op_case *c, const sl_dump *dump, size_t *absent,
                             sl_error *err) {
  *absent = 0;
  for (size_t i = 0; i < sl_op_drawn(c->op); i++) {
    int here;
    SL_TRY(in_file(dump, fits(&here, c, dump, &c->op->in[i], err), err));
    if (!here && __builtin_add_overflow(*absent, sl_op_count_of(c, &c->op->in[i]), absent))
      *absent = SIZE_MAX;
  }
  return SL_OK;
}

sl_status sl_dump_outputs_fit(const sl_op_case *c, const sl_dump *dump, sl_error *err) {
  for (size_t o = 0; o < sl_op_outputs(c->op); o++) {
    int here;
    SL_TRY(in_file(dump, fits(&here, c, dump, &c->op->out[o], err), err));
  }
  return SL_OK;
}

static int holds_all(sl_format stored, sl_format type) {
  return sl_format_digits(stored) >= sl_format_digits(type) &&
         sl_format_least(stored) <= sl_format_least(type) &&
         sl_format_largest(stored) >= sl_format_largest(type);
}

sl_status sl_dump_outputs_hold(const sl_op_case *c, sl_format type, const sl_dump *dump,
                               sl_error *err) {
  for (size_t o = 0; o < sl_op_outputs(c->op); o++) {
    const char *name;
    sl_format stored;
    const size_t index = find_tensor(dump, &c->op->out[o], &name);
    if (index == sl_dump_count(dump) || !format_of(&stored, sl_dump_at(dump, index)->type) ||
        holds_all(stored, type))
      continue;
    return sl_fail(err, SL_ERR_INPUT,
                   "%s: tensor %s is %s, but results of this problem are %s: a kernel that stores "
                   "them so says it, as --contract out=%s",
                   sl_dump_path(dump), name, sl_tensor_type_name(sl_dump_at(dump, index)->type),
                   sl_format_name(type), sl_format_name(stored));
  }
  return SL_OK;
}

void sl_dump_case_end(sl_dump_case *d) {
  for (size_t i = 0; i < SL_OP_INPUTS; i++) free(d->input[i]);
  for (size_t o = 0; o < SL_OP_OUTPUTS; o++) free(d->output[o].got);
  free(d->form);
  *d = (sl_dump_case){0};
}

sl_contract sl_dump_contract(const sl_dump_case *d, size_t out) {
  sl_contract contract = d->c.contract;
  contract.has_result = 1, contract.result = d->output[out].type;
  return contract;
}
