/* Compiling trees to straight-line programs and running them over lanes (spec G3.1, G3.3). */
#include "program.h"

#include "kernels/core/verify.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static uint32_t new_register(sl_program *p) {
  if (p->registers >= 4 * SL_TREE_LIMIT) p->failed = 1;
  if (p->failed) return 0;
  if ((p->registers & (p->registers - 1)) == 0) { /* powers of two: grow */
    const size_t n = p->registers ? 2 * (size_t)p->registers : 1;
    double *constant = realloc(p->constant, n * sizeof *constant);
    if (constant) p->constant = constant;
    unsigned char *flag = realloc(p->is_constant, n);
    if (flag) p->is_constant = flag;
    if (!constant || !flag) {
      p->failed = 1;
      return 0;
    }
  }
  p->is_constant[p->registers] = 0;
  return p->registers++;
}

static uint32_t constant(sl_program *p, double value) {
  const uint32_t reg = new_register(p);
  if (p->failed) return 0;
  p->constant[reg] = value;
  p->is_constant[reg] = 1;
  return reg;
}

/* Constants are folded by the operation that a lane would run, so folding cannot affect
 * a result. */
static uint32_t emit(sl_program *p, sl_gate_op op, const uint32_t in[4]) {
  const int arity = sl_op_arity(op);
  const double *operand[4] = {NULL, NULL, NULL, NULL};
  int all = arity > 0;
  for (int i = 0; i < arity; i++) all &= p->is_constant[in[i]];
  if (p->failed) return 0;
  if (all) {
    double y;
    for (int i = 0; i < arity; i++) operand[i] = &p->constant[in[i]];
    sl_operation_run(op, &y, operand, 1);
    return constant(p, y);
  }
  if (p->count == p->capacity) {
    const uint32_t n = p->capacity ? 2 * p->capacity : 32;
    sl_instruction *code = realloc(p->code, n * sizeof *code);
    if (!code) {
      p->failed = 1;
      return 0;
    }
    p->code = code, p->capacity = n;
  }
  sl_instruction ins = {.op = op, .out = new_register(p)};
  if (arity) memcpy(ins.in, in, (size_t)arity * sizeof *in);
  p->code[p->count++] = ins;
  return ins.out;
}

static uint32_t emit1(sl_program *p, sl_gate_op op, uint32_t a) {
  return emit(p, op, (uint32_t[4]){a});
}
static uint32_t emit2(sl_program *p, sl_gate_op op, uint32_t a, uint32_t b) {
  return emit(p, op, (uint32_t[4]){a, b});
}

/* a^n for n >= 1: bits of n from the top, square and multiply. */
static uint32_t integer_power(sl_program *p, uint32_t a, uint32_t n) {
  uint32_t bit = 1, y = a;
  while (bit <= n / 2) bit *= 2;
  while (bit > 1) {
    bit /= 2;
    y = emit2(p, SL_OP_MUL, y, y);
    if (n & bit) y = emit2(p, SL_OP_MUL, y, a);
  }
  return y;
}

static uint32_t emit_power(sl_program *p, uint32_t base, double e) {
  const double twice = 2 * fabs(e);
  if (e == 0) return constant(p, 1);
  uint32_t y;
  if (twice == floor(twice) && twice <= 128) {
    const uint32_t n = (uint32_t)twice;
    const uint32_t root = n & 1 ? emit1(p, SL_OP_SQRT, base) : 0;
    y = n < 2 ? root : integer_power(p, base, n / 2);
    if (n > 1 && (n & 1)) y = emit2(p, SL_OP_MUL, y, root);
    return e < 0 ? emit2(p, SL_OP_DIV, constant(p, 1), y) : y;
  }
  return emit1(p, SL_OP_EXP, emit2(p, SL_OP_MUL, constant(p, e), emit1(p, SL_OP_LOG, base)));
}

static uint32_t emit_node(sl_program *p, const sl_gate_node *n, const uint32_t *map) {
  switch (n->op) {
    case SL_OP_NUM:
      return constant(p, sl_decimal_to_double(n->num));
    case SL_OP_PI:
      return constant(p, 0x1.921fb54442d18p+1);
    case SL_OP_E:
      return constant(p, 0x1.5bf0a8b145769p+1);
    case SL_OP_R:
      return 0;
    case SL_OP_POW:
      return emit_power(
          p, map[n->child[0]],
          p->is_constant[map[n->child[1]]] ? p->constant[map[n->child[1]]] : (double)NAN);
    default: {
      uint32_t in[4] = {0, 0, 0, 0};
      for (int i = 0; i < sl_op_arity(n->op); i++) in[i] = map[n->child[i]];
      return emit(p, n->op, in);
    }
  }
}

/* Gives registers the lowest free slot once their last reader has run, so that the lanes stay in
 * the first-level cache. Register 0 is r. */
static void share_registers(sl_program *p) {
  uint32_t *last = calloc(p->registers, sizeof *last), *slot = calloc(p->registers, sizeof *slot),
           *spare = calloc(p->registers, sizeof *spare);
  double *value = calloc(p->registers, sizeof *value);
  unsigned char *fixed = calloc(p->registers, 1);
  if (!last || !slot || !spare || !value || !fixed) p->failed = 1;
  uint32_t used = 1, free_count = 0;
  for (uint32_t i = 0; i < p->count && !p->failed; i++)
    for (int k = 0; k < sl_op_arity(p->code[i].op); k++) last[p->code[i].in[k]] = i;
  for (uint32_t r = 1; r < p->registers && !p->failed; r++)
    if (p->is_constant[r]) { /* first, and no operation's: a device reads them elsewhere */
      value[used] = p->constant[r];
      fixed[used] = 1;
      slot[r] = used++;
    }
  for (uint32_t i = 0; i < p->count && !p->failed; i++) {
    sl_instruction *ins = &p->code[i];
    const uint32_t out = ins->out;
    slot[out] = free_count ? spare[--free_count] : used++;
    for (int k = 0; k < sl_op_arity(ins->op); k++) {
      const uint32_t r = ins->in[k];
      ins->in[k] = slot[r];
      if (last[r] == i && r != 0 && !p->is_constant[r] && r != p->value && r != p->weight) {
        spare[free_count++] = slot[r];
        last[r] = UINT32_MAX; /* freed once, although this operation reads it twice */
      }
    }
    ins->out = slot[out];
    SL_VERIFY(ins->out < used && free_count <= used);
  }
  if (!p->failed) {
    if (p->value != UINT32_MAX) p->value = slot[p->value];
    p->weight = slot[p->weight];
    free(p->constant), free(p->is_constant);
    p->constant = value, p->is_constant = fixed;
    p->registers = used;
    value = NULL, fixed = NULL;
  }
  free(last), free(slot), free(spare), free(value), free(fixed);
}

static void mark_live(const sl_tree *tree, unsigned char *live, sl_ref ref) {
  live[ref] = 1;
  for (uint32_t i = ref + 1; i-- > 0;)
    if (live[i])
      for (int k = 0; k < sl_op_arity(tree->node[i].op); k++) live[tree->node[i].child[k]] = 1;
}

sl_status sl_program_compile(sl_program *out, const sl_tree *tree, sl_ref f, sl_ref w,
                             sl_error *err) {
  sl_program p = {.value = UINT32_MAX};
  uint32_t *map = calloc(tree->count, sizeof *map);
  unsigned char *live = calloc(tree->count, 1);
  new_register(&p); /* register 0: r */
  if (!map || !live) p.failed = 1;
  if (!p.failed) {
    if (f != SL_NO_REF) mark_live(tree, live, f);
    mark_live(tree, live, w);
    for (uint32_t i = 0; i < tree->count && !p.failed; i++)
      if (live[i]) map[i] = emit_node(&p, &tree->node[i], map);
    if (f != SL_NO_REF) p.value = map[f];
    p.weight = map[w];
  }
  if (!p.failed) share_registers(&p);
  free(map);
  free(live);
  if (p.failed) {
    sl_program_clear(&p);
    return sl_fail(err, SL_ERR_MEMORY, "no memory for the program of a gate");
  }
  *out = p;
  return SL_OK;
}

void sl_program_clear(sl_program *program) {
  free(program->code);
  free(program->constant);
  free(program->is_constant);
  memset(program, 0, sizeof *program);
}

size_t sl_program_scratch(const sl_program *program) {
  return (size_t)program->registers * SL_PROGRAM_LANES;
}

void sl_program_run(const sl_program *program, double *scratch, const double *r, double *f,
                    double *w, size_t n) {
  SL_VERIFY(n <= SL_PROGRAM_LANES && program->weight < program->registers);
  memcpy(scratch, r, n * sizeof *r);
  for (uint32_t c = 1; c < program->registers; c++)
    if (program->is_constant[c])
      for (size_t i = 0; i < n; i++)
        scratch[(size_t)c * SL_PROGRAM_LANES + i] = program->constant[c];
  for (uint32_t i = 0; i < program->count; i++) {
    const sl_instruction *ins = &program->code[i];
    const double *in[4] = {NULL, NULL, NULL, NULL};
    for (int k = 0; k < sl_op_arity(ins->op); k++)
      in[k] = scratch + (size_t)ins->in[k] * SL_PROGRAM_LANES;
    sl_operation_run(ins->op, scratch + (size_t)ins->out * SL_PROGRAM_LANES, in, n);
  }
  if (f)
    for (size_t i = 0; i < n; i++)
      f[i] = program->value == UINT32_MAX ? (double)NAN
                                          : scratch[(size_t)program->value * SL_PROGRAM_LANES + i];
  memcpy(w, scratch + (size_t)program->weight * SL_PROGRAM_LANES, n * sizeof *w);
}
