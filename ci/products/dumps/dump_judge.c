/* Samples of outputs, and A on them (spec E7). */
#include "dump_judge.h"

#include "ci/products/equiv/problem.h"
#include "ci/products/judge/lost_digits.h"
#include "ci/products/judge/op_problem.h"
#include "kernels/core/verify.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK = 256, LONG_BLOCKS = 8, NONFINITE = 4096, FEW_NONFINITE = 64 };

/* Bits of an element's mark. DRAWN is of the rank among the elements that are no edges; TAKEN is
 * what it comes to. */
enum { EDGE = 1, DRAWN = 2, TAKEN = 4 };

/* Elements of one slice across an axis, evenly: of its `slice` elements `most`, or the one in the
 * middle. An axis has `size` slices, `stride` apart. */
static void mark_slice(unsigned char *mark, size_t first, size_t slice, size_t size, size_t stride,
                       size_t most) {
  const size_t n = slice < most ? slice : most;
  for (size_t k = 0; k < n; k++) {
    const size_t at = n == 1 ? slice / 2 : slice / n * k + slice % n * k / n;
    mark[first + at / stride * size * stride + at % stride] |= EDGE;
  }
}

/* The first and the last block, and of each axis the first and the last slice: there a kernel's
 * tiles are cut. At most `elements`. */
static void mark_edges(unsigned char *mark, size_t count, const sl_op_case *c,
                       const sl_op_tensor *tensor, size_t elements) {
  const size_t axes = strlen(tensor->shape), share = elements / (2 * axes + 2),
               ends = share < BLOCK ? share : BLOCK;
  size_t after = count;
  for (size_t i = 0; i < ends; i++) mark[i] |= EDGE, mark[count - 1 - i] |= EDGE;
  for (const char *axis = tensor->shape; *axis; axis++) {
    const size_t size = *axis <= '9' ? (size_t)(*axis - '0') : sl_op_size(c, *axis),
                 stride = after / size, most = c->op->reads_all && share ? 1 : share;
    SL_VERIFY(stride > 0);
    mark_slice(mark, 0, count / size, size, stride, most);
    mark_slice(mark, (size - 1) * stride, count / size, size, stride, most);
    after = stride;
  }
}

/* Draws blocks at random places, one in each of as many equal parts. */
static void draw_blocks(unsigned char *mark, size_t count, size_t elements, size_t block,
                        uint64_t seed) {
  sl_source s = {seed};
  const size_t blocks = elements / block ? elements / block : 1,
               length = elements < block ? elements : block;
  for (size_t b = 0; b < blocks; b++) {
    const size_t low = count / blocks * b + count % blocks * b / blocks,
                 high = count / blocks * (b + 1) + count % blocks * (b + 1) / blocks;
    const size_t at = low + (size_t)(sl_source_u64(&s) % (high - low - length + 1));
    for (size_t i = 0; i < length; i++) mark[at + i] |= DRAWN;
  }
}

/* Edges, for half of the elements at most, and blocks of the others. */
static void mark_part(unsigned char *mark, size_t count, const sl_op_case *c,
                      const sl_op_tensor *tensor, size_t elements, uint64_t seed) {
  const size_t part = elements / LONG_BLOCKS,
               block = c->op->reads_all && part > BLOCK ? part : BLOCK;
  size_t edges = 0;
  mark_edges(mark, count, c, tensor, elements / 2);
  for (size_t i = 0; i < count; i++) edges += mark[i] & EDGE;
  size_t rank = count - edges;
  draw_blocks(mark, rank, elements - edges, block, seed);
  for (size_t i = count; i-- > 0;)
    if (mark[i] & EDGE || mark[--rank] & DRAWN) mark[i] |= TAKEN;
}

/* All elements, or some and what is not finite (spec E7.1). */
static void mark_sample(unsigned char *mark, sl_dump_sample *s, const sl_dump_output *out,
                        const sl_op_case *c, const sl_op_tensor *tensor, size_t elements,
                        uint64_t seed) {
  const size_t most = c->op->reads_all ? FEW_NONFINITE : NONFINITE;
  const int all = out->count <= elements;
  memset(mark, all ? TAKEN : 0, out->count);
  if (!all) mark_part(mark, out->count, c, tensor, elements, seed);
  for (size_t i = 0; i < out->count; i++) {
    if (isfinite(out->got[i])) continue;
    if (s->nonfinite == 0) s->first_nonfinite = i;
    if (s->nonfinite++ < most) mark[i] |= TAKEN;
  }
  for (size_t i = 0; i < out->count; i++) s->n += (mark[i] & TAKEN) != 0;
}

static int sample_room(sl_dump_sample *s) {
  s->at = calloc(s->n + 1, sizeof *s->at);
  s->balls = malloc(s->n * sizeof *s->balls + 1);
  s->got = malloc(s->n * sizeof *s->got + 1);
  s->right = malloc(s->n * sizeof *s->right + 1);
  return s->at && s->balls && s->got && s->right;
}

static sl_status draw_sample(sl_dump_sample *s, const sl_dump_output *out, const sl_op_case *c,
                             const sl_op_tensor *tensor, size_t elements, uint64_t seed) {
  unsigned char *mark = malloc(out->count + 1);
  if (!mark) return SL_ERR_MEMORY;
  mark_sample(mark, s, out, c, tensor, elements, seed);
  const int room = sample_room(s);
  for (size_t i = 0, k = 0; room && i < out->count; i++)
    if (mark[i] & TAKEN) s->at[k] = i, s->got[k++] = out->got[i];
  free(mark);
  return room ? SL_OK : SL_ERR_MEMORY;
}

sl_status sl_dump_balls(const sl_op_case *c, int out, const size_t *at, size_t n, sl_ball *balls) {
  for (size_t k = 0; k < n;) {
    size_t run = 1;
    while (k + run < n && at[k + run] == at[k] + run) run++;
    SL_TRY(sl_op_bounds(c, out, at[k], at[k] + run, balls + k, NULL));
    k += run;
  }
  return SL_OK;
}

/* The judgement of runs, so that places are those of the tensor. */
static void judge_sample(sl_dump_sample *s, const char *name, sl_format type) {
  for (size_t k = 0; k < s->n; k++) {
    sl_judge(&s->judgement, name, s->at[k], type, &s->got[k], &s->balls[k], 1);
    s->right[k] = sl_format_round(type, s->balls[k].mid);
  }
}

/* dentropy is gamma times a coefficient, of which mask and settings alone decide: where it is one
 * number everywhere, which is right, the other outputs have the power. */
static int is_one_coefficient(const sl_dump_verdict *v, const sl_dump_case *d, size_t o) {
  const sl_op *op = d->c.op;
  const sl_dump_sample *s = &v->output[o];
  if (op != &sl_op_gated_loss || strcmp(op->out[o].name, "dentropy") != 0) return 0;
  for (size_t k = 1; k < s->n; k++)
    if (s->right[k] != s->right[0]) return 0;
  return 1;
}

/* The first control that the judged elements of an output would let pass (spec E4.2). */
static void try_controls(sl_dump_verdict *v, const sl_dump_case *d) {
  sl_judged_output out[SL_OP_OUTPUTS];
  sl_values in[SL_OP_INPUTS];
  size_t outs = 0, ins = 0, at;
  for (size_t o = 0; o < sl_op_outputs(d->c.op); o++) {
    const sl_dump_sample *s = &v->output[o];
    if (d->output[o].got && !is_one_coefficient(v, d, o))
      out[outs++] = (sl_judged_output){d->c.op->out[o].name,
                                       d->output[o].type,
                                       s->n,
                                       s->balls,
                                       s->right,
                                       s->at,
                                       sl_op_row(&d->c, &d->c.op->out[o])};
  }
  for (size_t i = 0; i < sl_op_inputs(d->c.op); i++)
    if (d->c.in[i]) in[ins++] = (sl_values){d->c.in[i], sl_op_count_of(&d->c, &d->c.op->in[i])};
  const sl_judged_problem p = {out, outs, in, ins, NULL};
  v->passes = sl_controls_passing(&p, &at);
  v->passes_as = v->passes == SL_CONTROL_NONE ? NULL : out[at].name;
}

static void decide(sl_dump_verdict *v, const sl_dump_case *d) {
  for (size_t o = 0; o < SL_OP_OUTPUTS; o++)
    if (d->output[o].got) sl_judgement_add(&v->all, &v->output[o].judgement);
  try_controls(v, d);
  const int undecided = v->all.unbounded || v->all.judged == 0 || v->passes != SL_CONTROL_NONE;
  v->outcome = v->all.wrong ? SL_OUTCOME_DIFFERENT
               : undecided  ? SL_OUTCOME_INCONCLUSIVE
                            : SL_OUTCOME_EQUAL;
}

static sl_status count_lost(sl_dump_verdict *v, const sl_dump_case *d) {
  if (d->c.op != &sl_op_gated_loss || !d->output[0].got || v->output[0].n < d->output[0].count)
    return SL_OK;
  sl_op_case c = d->c;
  c.contract = sl_dump_contract(d, 0);
  return sl_lost_digits(&v->lost, &c, d->output[0].got);
}

static sl_status judge_all(sl_dump_verdict *v, const sl_dump_case *d, size_t elements,
                           uint64_t seed) {
  for (size_t o = 0; o < sl_op_outputs(d->c.op); o++) {
    if (!d->output[o].got) continue;
    sl_op_case c = d->c;
    c.contract = sl_dump_contract(d, o);
    sl_dump_sample *s = &v->output[o];
    SL_TRY(draw_sample(s, &d->output[o], &c, &c.op->out[o], elements, seed + o));
    SL_TRY(sl_dump_balls(&c, (int)o, s->at, s->n, s->balls));
    judge_sample(s, d->c.op->out[o].name, d->output[o].type);
  }
  SL_TRY(count_lost(v, d));
  decide(v, d);
  return SL_OK;
}

sl_status sl_dump_judge(sl_dump_verdict *v, const sl_dump_case *d, size_t elements, uint64_t seed,
                        sl_error *err) {
  *v = (sl_dump_verdict){0};
  const sl_status status = judge_all(v, d, elements, seed);
  return status ? sl_fail(err, status, "no memory for the bounds of %s", d->c.op->name) : SL_OK;
}

void sl_dump_verdict_end(sl_dump_verdict *v) {
  for (size_t o = 0; o < SL_OP_OUTPUTS; o++) {
    sl_dump_sample *s = &v->output[o];
    free(s->at), free(s->balls), free(s->got), free(s->right);
  }
  *v = (sl_dump_verdict){0};
}
