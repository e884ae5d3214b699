/* Balls of the gated loss, of the optimiser and of digests (spec O4, N6, F5.3). */
#include "balls_make.h"

#include "kernels/core/verify.h"
#include "reference/bounds.h"
#include "reference/contract/expression.h"
#include "reference/kernels.h"

/* A caller's gate of basic operations in binary64 or binary32, rounded to binary32. */
typedef struct {
  sl_contract contract;
  const sl_gate_form *form;
} own_gate;

enum { OWN_GATE_NODES = 16 };

static void expression_at(void *arg, int positive, sl_ball ratio, sl_ball *f, sl_ball *w) {
  const own_gate *g = arg;
  const sl_arith r = sl_arith_of(&g->contract);
  sl_span scratch[OWN_GATE_NODES];
  sl_walk_expression(&r, &g->form->side[positive], ratio, scratch, f, w);
  *f = sl_ball_round(f->mid, f->rad, SL_ETA);
  *w = sl_ball_round(w->mid, w->rad, SL_ETA);
}

sl_status sl_balls_loss(sl_kernel_balls *b, sl_kernel_id kernel, const sl_problem *p,
                        const void *token) {
  const sl_array *a = p->array;
  const sl_objective *o = &p->objective;
  const size_t n = p->size[SL_LOSS_N_SEQ];
  (void)kernel, (void)token;
  const sl_gated_loss_batch batch = {.logp_new = a[3].data,
                                     .logp_old = a[2].data,
                                     .logp_ref = o->beta > 0.0 ? a[4].data : NULL,
                                     .entropy = a[5].data,
                                     .mask = a[1].data,
                                     .seq = a[0].data,
                                     .advantage = a[6].data,
                                     .coefficient = a[7].data,
                                     .n_seq = n,
                                     .token_advantage = a[11].data};
  sl_ball *d = sl_balls_of(b, p, 8), *e = sl_balls_of(b, p, 9),
          *sums = sl_balls_add(b, p, 10, SL_FORMAT_F64, n * SL_LOSS_FIELDS);
  if (!d || !e || !sums) return SL_ERR_MEMORY;
  b->out[2].row = SL_LOSS_FIELDS;
  own_gate g = {sl_contract_default(), p->form};
  g.contract.acc = SL_FORMAT_F64;
  SL_VERIFY(p->form->side[0].count <= OWN_GATE_NODES);
  return sl_bound_gated_loss_by(d, e, sums, o, &batch, expression_at, &g);
}

static uint64_t mix(uint64_t z) {
  z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
  z = (z ^ z >> 27) * 0x94d049bb133111eb;
  return z ^ z >> 31;
}

/* The sum modulo 2^128 of mixed words, in pieces of 16 bits, which binary64 holds (spec F5.3). */
static sl_status digest(sl_kernel_balls *b, const sl_problem *p) {
  const uint32_t *bits = p->array[1].data;
  uint64_t low = 0, high = 0;
  for (size_t i = 0; i < p->size[SL_FLAT_N]; i++) {
    const uint64_t z = mix(((uint64_t)i << 32 | bits[i]) + 0x9e3779b97f4a7c15);
    low += z;
    high += low < z;
  }
  sl_ball *balls = sl_balls_add(b, p, 0, SL_FORMAT_F64, 8);
  if (!balls) return SL_ERR_MEMORY;
  for (size_t i = 0; i < 8; i++)
    balls[i] = sl_exactly((double)((i < 4 ? low : high) >> (16 * (i % 4)) & 0xffff));
  return SL_OK;
}

sl_status sl_balls_flat(sl_kernel_balls *b, sl_kernel_id kernel, const sl_problem *p,
                        const void *token) {
  const sl_array *a = p->array;
  const size_t n = p->size[SL_FLAT_N];
  (void)token;
  if (kernel == SL_KERNEL_tensor_digest) return digest(b, p);
  if (kernel == SL_KERNEL_grad_square_sum) {
    sl_ball *sum = sl_balls_add(b, p, 0, SL_FORMAT_F64, 1);
    return sum ? sl_bound_grad_square_sum(sum, a[1].data, n) : SL_ERR_MEMORY;
  }
  sl_ball *out[3];
  for (size_t i = 0; i < 3; i++)
    if (!(out[i] = sl_balls_of(b, p, i))) return SL_ERR_MEMORY;
  return sl_bound_adamw_step(out[0], out[1], out[2], a[0].data, a[1].data, a[2].data, a[3].data,
                             &p->adamw, n);
}
