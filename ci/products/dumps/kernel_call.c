/* Calls of kernels in shared libraries (spec E10). */
#include "kernel_call.h"

#include "generated.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static int32_t call_type(sl_tensor_type type) {
  switch (type) {
    case SL_TENSOR_F64:
      return SL_CALL_F64;
    case SL_TENSOR_BF16:
      return SL_CALL_BF16;
    case SL_TENSOR_F16:
      return SL_CALL_F16;
    case SL_TENSOR_I64:
      return SL_CALL_I64;
    case SL_TENSOR_BOOL:
      return SL_CALL_BOOL;
    default:
      return SL_CALL_F32;
  }
}

static size_t call_type_bytes(int32_t type) {
  static const size_t bytes[] = {0, 8, 4, 2, 2, 8, 1};
  return bytes[type];
}

/* A NaN of the type, in all of 8 bytes, of a payload that differs from run to run (spec E4.1). The
 * lowest bit is set: no arithmetic makes such a NaN by itself. */
static uint64_t nan_of(int32_t type) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  const uint64_t payload = (uint64_t)now.tv_nsec / 64 * 2 + 1;
  switch (type) {
    case SL_CALL_F32:
      return (0x7fc00000 | (payload & 0x3fffff)) * 0x100000001;
    case SL_CALL_BF16:
      return (0x7fc0 | (payload & 0x3f)) * 0x1000100010001;
    case SL_CALL_F16:
      return (0x7e00 | (payload & 0x1ff)) * 0x1000100010001;
    default:
      return 0x7ff8000000000000 | payload;
  }
}

static int place_tensor(sl_call_tensor *t, sl_guarded *g, uint64_t *shape,
                        const sl_tensor_view *view) {
  for (size_t i = 0; i < view->rank; i++) shape[i] = view->shape[i];
  *t = (sl_call_tensor){view->name, call_type(view->type), (uint32_t)view->rank,
                        shape,      view->count,           NULL};
  if (view->count > SIZE_MAX / 16) return 0;
  if (!sl_guarded_make(g, view->count * call_type_bytes(t->type), nan_of(t->type))) return 0;
  t->data = g->data;
  if (view->data) memcpy(g->data, view->data, g->bytes);
  return 1;
}

static sl_status place_tensors(sl_kernel_call *k, const sl_op_problem *p) {
  const sl_op *op = p->c.op;
  for (size_t i = 0; i < sl_op_drawn(op); i++) {
    sl_tensor_view view;
    SL_TRY(sl_generated_view(&view, p, i));
    const int placed = place_tensor(&k->in[i], &k->in_memory[i], k->in_shape[i], &view);
    free((void *)(uintptr_t)view.data);
    if (!placed || !(k->given[i] = malloc(k->in_memory[i].bytes + 1))) return SL_ERR_MEMORY;
    memcpy(k->given[i], k->in_memory[i].data, k->in_memory[i].bytes);
  }
  for (size_t o = 0; o < sl_op_outputs(op); o++) {
    sl_tensor_view view = sl_generated_shape(&p->c, &op->out[o]);
    view.type = sl_generated_type(&op->out[o], p->c.contract.out);
    if (!place_tensor(&k->out[o], &k->out_memory[o], k->out_shape[o], &view)) return SL_ERR_MEMORY;
    if (!sl_guarded_make(&k->answer[o], k->out_memory[o].bytes, 0)) return SL_ERR_MEMORY;
  }
  return SL_OK;
}

static void take_settings(sl_kernel_call *k, const sl_op_case *c) {
  const sl_op *op = c->op;
  for (const char *s = op->sizes; *s; s++)
    k->size[k->call.sizes++] = (sl_call_size){*s, sl_op_size(c, *s)};
  for (size_t i = 0; i < sl_op_settings(op); i++) {
    k->setting[i] = (sl_call_setting){op->setting[i].name, c->setting[i], NULL};
    if (!op->choices[i]) continue;
    sl_op_setting_text(k->choice[i], SL_CHOICE_TEXT, c, i);
    k->setting[i].choice = k->choice[i];
  }
}

sl_status sl_kernel_call_make(sl_kernel_call *k, const sl_op_problem *p, sl_error *err) {
  const sl_op *op = p->c.op;
  *k = (sl_kernel_call){.call = {.abi = SL_CALL_ABI, .op = op->name}};
  k->call.inputs = sl_op_drawn(op), k->call.outputs = sl_op_outputs(op);
  k->call.settings = sl_op_settings(op);
  k->call.input = k->in, k->call.output = k->out;
  k->call.size = k->size, k->call.setting = k->setting;
  take_settings(k, &p->c);
  const sl_status status = place_tensors(k, p);
  return status ? sl_fail(err, status, "no memory for the tensors of %s", op->name) : SL_OK;
}

void sl_kernel_call_end(sl_kernel_call *k) {
  for (size_t i = 0; i < SL_OP_INPUTS; i++) sl_guarded_end(&k->in_memory[i]), free(k->given[i]);
  for (size_t o = 0; o < SL_OP_OUTPUTS; o++)
    sl_guarded_end(&k->out_memory[o]), sl_guarded_end(&k->answer[o]);
}

void sl_kernel_call_keep(sl_kernel_call *k) {
  for (size_t o = 0; o < k->call.outputs; o++)
    memcpy(k->answer[o].data, k->out_memory[o].data, k->out_memory[o].bytes);
}

size_t sl_kernel_call_bytes(const sl_kernel_call *k) {
  size_t n = 0; /* of mappings that are there, so that the sum is no overflow */
  for (size_t i = 0; i < SL_OP_INPUTS; i++) n += k->in_memory[i].map_bytes;
  for (size_t o = 0; o < SL_OP_OUTPUTS; o++)
    n += k->out_memory[o].map_bytes + k->answer[o].map_bytes;
  return n;
}

/* "byte 64 of y, which has 48". */
static void place_text(sl_happened place, const char *name, const sl_guarded *g, ptrdiff_t at) {
  if (at < 0)
    snprintf(place, SL_HAPPENED, "%td bytes before the beginning of %s", -at, name);
  else if ((size_t)at >= g->bytes)
    snprintf(place, SL_HAPPENED, "byte %td of %s, which has %zu", at, name, g->bytes);
  else
    snprintf(place, SL_HAPPENED, "byte %td of %s", at, name);
}

void sl_kernel_call_place(sl_happened place, const sl_kernel_call *k, uintptr_t address) {
  ptrdiff_t at;
  *place = '\0';
  for (size_t i = 0; i < k->call.inputs; i++)
    if (sl_guarded_holds(&k->in_memory[i], address, &at))
      place_text(place, k->in[i].name, &k->in_memory[i], at);
  for (size_t o = 0; o < k->call.outputs; o++)
    if (sl_guarded_holds(&k->out_memory[o], address, &at))
      place_text(place, k->out[o].name, &k->out_memory[o], at);
}

/* Elements that nobody had written when the kernel returned, and the first of them. */
static size_t unwritten(const sl_kernel_call *k, size_t o, size_t *first) {
  const size_t count = k->out[o].count, bytes = count ? k->answer[o].bytes / count : 1;
  size_t n = 0;
  for (size_t i = 0; i < count; i++)
    if (memcmp(k->answer[o].data + i * bytes, &k->out_memory[o].fill, bytes) == 0 && n++ == 0)
      *first = i;
  return n;
}

/* Elements that are others now, and the first of them. */
static size_t written_late(const sl_kernel_call *k, size_t o, size_t *first) {
  const size_t count = k->out[o].count, bytes = count ? k->answer[o].bytes / count : 1;
  size_t n = 0;
  for (size_t i = 0; i < count; i++)
    if (memcmp(k->answer[o].data + i * bytes, k->out_memory[o].data + i * bytes, bytes) != 0 &&
        n++ == 0)
      *first = i;
  return n;
}

static sl_status take_output(sl_dump_case *d, const sl_kernel_call *k, size_t o, sl_error *err) {
  const sl_call_tensor *t = &k->out[o];
  sl_dump_output *out = &d->output[o];
  const sl_tensor_view view = {.name = t->name,
                               .count = t->count,
                               .data = k->answer[o].data,
                               .type = sl_generated_type(&d->c.op->out[o], d->c.contract.out)};
  *out = (sl_dump_output){malloc(t->count * sizeof(double) + 1), t->count, d->c.contract.out,
                          view.type};
  if (!out->got) return sl_fail(err, SL_ERR_MEMORY, "no memory for %s", t->name);
  return sl_tensor_values(&view, 0, t->count, out->got, "the kernel", err);
}

static sl_status say_elements(sl_happened happened, const char *what, size_t n,
                              const sl_call_tensor *t, size_t first) {
  snprintf(happened, SL_HAPPENED, "%zu of %zu elements of %s %s, the first is %s[%zu]", n,
           (size_t)t->count, t->name, what, t->name, first);
  return SL_OK;
}

static void say_written(sl_happened happened, const char *name, const sl_guarded *g, ptrdiff_t at) {
  sl_happened place;
  place_text(place, name, g, at);
  snprintf(happened, SL_HAPPENED, "the kernel wrote %.200s", place);
}

/* Pages of inputs are read-only, which a kernel can undo. */
static void check_input(sl_happened happened, const sl_kernel_call *k, size_t i) {
  const sl_guarded *g = &k->in_memory[i];
  ptrdiff_t at = 0;
  if (!sl_guarded_spoiled(g, &at)) {
    if (memcmp(g->data, k->given[i], g->bytes) == 0) return;
    while (g->data[at] == k->given[i][at]) at++;
  }
  say_written(happened, k->in[i].name, g, at);
}

static sl_status read_output(sl_dump_case *d, sl_happened happened, const sl_kernel_call *k,
                             size_t o, sl_error *err) {
  const char *name = k->out[o].name;
  ptrdiff_t at;
  size_t first = 0;
  if (sl_guarded_spoiled(&k->out_memory[o], &at)) {
    say_written(happened, name, &k->out_memory[o], at);
    return SL_OK;
  }
  const size_t late = written_late(k, o, &first);
  if (late) return say_elements(happened, "changed after the return", late, &k->out[o], first);
  const size_t n = unwritten(k, o, &first);
  if (n == k->out[o].count && d->c.op->out[o].optional) return SL_OK;
  if (n == 0) return take_output(d, k, o, err);
  return say_elements(happened, "were not written", n, &k->out[o], first);
}

sl_status sl_kernel_call_read(sl_dump_case *d, sl_happened happened, const sl_kernel_call *k,
                              sl_error *err) {
  for (size_t i = 0; i < k->call.inputs && !*happened; i++) check_input(happened, k, i);
  for (size_t o = 0; o < k->call.outputs && !*happened; o++)
    SL_TRY(read_output(d, happened, k, o, err));
  return SL_OK;
}
