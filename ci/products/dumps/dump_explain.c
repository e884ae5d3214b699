/* Places of elements, and how their bounds are made. */
#include "dump_explain.h"

#include <string.h>

static const sl_op_tensor *output_of(const sl_op *op, const char *name) {
  for (size_t o = 0; o < sl_op_outputs(op); o++)
    if (strcmp(op->out[o].name, name) == 0) return &op->out[o];
  return NULL;
}

void sl_dump_place(char out[SL_DUMP_PLACE], const sl_op_case *c, const char *tensor, size_t index) {
  const sl_op_tensor *of = output_of(c->op, tensor);
  sl_tensor_view view = {.rank = 0};
  if (of) view = sl_generated_shape(c, of);
  size_t left = 1, n = (size_t)snprintf(out, SL_DUMP_PLACE, "%s[", tensor);
  for (size_t k = 0; k < view.rank; k++) left *= view.shape[k];
  if (view.rank < 2 || left == 0) {
    snprintf(out + n, SL_DUMP_PLACE - n, "%zu]", index);
    return;
  }
  for (size_t k = 0; k < view.rank && n < SL_DUMP_PLACE; k++) {
    left /= view.shape[k];
    n += (size_t)snprintf(out + n, SL_DUMP_PLACE - n, "%zu%s", index / left,
                          k + 1 < view.rank ? "," : "]");
    index %= left;
  }
}

static sl_status explain_output(FILE *out, const sl_dump_report *r, size_t o) {
  const sl_judgement *j = &r->v->output[o].judgement;
  const size_t at = j->wrong ? j->wrong_at.index : j->share_at.index;
  char place[SL_DUMP_PLACE];
  sl_ball ball;
  sl_op_case c = r->d->c;
  c.contract = sl_dump_contract(r->d, o);
  sl_dump_place(place, &c, c.op->out[o].name, at);
  fprintf(out, "bound of %s\n", place);
  return sl_op_bounds(&c, (int)o, at, at + 1, &ball, out);
}

sl_status sl_dump_explain(FILE *out, const sl_dump_report *r, sl_error *err) {
  for (size_t o = 0; !r->happened && o < sl_op_outputs(r->d->c.op); o++)
    if (r->d->output[o].got && explain_output(out, r, o))
      return sl_fail(err, SL_ERR_MEMORY, "no memory for the bounds of %s", r->d->c.op->name);
  return SL_OK;
}
