/* From a gate's trees to lists of the nodes that its sides need. */
#include "gate_file.h"

#include "kernels/core/verify.h"
#include "kernels/gate/definition.h"

#include <stdlib.h>

static sl_expression_op op_of(sl_gate_op op) {
  static const sl_expression_op ops[SL_OP_COUNT] = {
      [SL_OP_NUM] = SL_EXPRESSION_NUMBER,      [SL_OP_PI] = SL_EXPRESSION_NUMBER,
      [SL_OP_E] = SL_EXPRESSION_NUMBER,        [SL_OP_R] = SL_EXPRESSION_R,
      [SL_OP_NEG] = SL_EXPRESSION_NEG,         [SL_OP_ADD] = SL_EXPRESSION_ADD,
      [SL_OP_SUB] = SL_EXPRESSION_SUB,         [SL_OP_MUL] = SL_EXPRESSION_MUL,
      [SL_OP_DIV] = SL_EXPRESSION_DIV,         [SL_OP_POW] = SL_EXPRESSION_POWER,
      [SL_OP_PICK] = SL_EXPRESSION_PICK,       [SL_OP_SIGN] = SL_EXPRESSION_SIGN,
      [SL_OP_ABS] = SL_EXPRESSION_ABS,         [SL_OP_MIN] = SL_EXPRESSION_MIN,
      [SL_OP_MAX] = SL_EXPRESSION_MAX,         [SL_OP_EXP] = SL_EXPRESSION_EXP,
      [SL_OP_EXPM1] = SL_EXPRESSION_EXPM1,     [SL_OP_LOG] = SL_EXPRESSION_LOG,
      [SL_OP_LOG1P] = SL_EXPRESSION_LOG1P,     [SL_OP_SQRT] = SL_EXPRESSION_SQRT,
      [SL_OP_SIGMOID] = SL_EXPRESSION_SIGMOID, [SL_OP_SIN] = SL_EXPRESSION_SIN,
      [SL_OP_COS] = SL_EXPRESSION_COS,         [SL_OP_SINH] = SL_EXPRESSION_SINH,
      [SL_OP_COSH] = SL_EXPRESSION_COSH,       [SL_OP_TANH] = SL_EXPRESSION_TANH,
      [SL_OP_ERF] = SL_EXPRESSION_ERF,         [SL_OP_ATAN] = SL_EXPRESSION_ATAN,
      [SL_OP_ASINH] = SL_EXPRESSION_ASINH,     [SL_OP_SOFTSIGN] = SL_EXPRESSION_SOFTSIGN};
  return ops[op];
}

/* The binary64 value of a constant node (spec G3.1, G3.3): it is a program of its own. */
static sl_status constant_of(double *x, const sl_tree *tree, sl_ref ref) {
  sl_program p;
  sl_error err;
  SL_TRY(sl_program_compile(&p, tree, SL_NO_REF, ref, &err));
  SL_VERIFY(p.is_constant[p.weight]);
  *x = p.constant[p.weight];
  sl_program_clear(&p);
  return SL_OK;
}

static sl_status number_of(double *x, const sl_tree *tree, const sl_gate_node *n) {
  if (n->op == SL_OP_POW) return constant_of(x, tree, n->child[1]);
  *x = n->op == SL_OP_PI    ? 0x1.921fb54442d18p+1
       : n->op == SL_OP_E   ? 0x1.5bf0a8b145769p+1
       : n->op == SL_OP_NUM ? sl_decimal_to_double(n->num)
                            : 0.0;
  return SL_OK;
}

/* Marks what f and w need; an exponent is a number of its node, so its tree is not. */
static void mark(const sl_tree *tree, sl_ref top, unsigned char *live) {
  for (uint32_t i = top + 1; i-- > 0;) {
    const sl_gate_node *n = &tree->node[i];
    const int children = n->op == SL_OP_POW ? 1 : sl_op_arity(n->op);
    for (int k = 0; live[i] && k < children; k++) live[n->child[k]] = 1;
  }
}

/* place: where a node of the tree stands in the list. */
static sl_status take_nodes(sl_expression_node *to, uint32_t *place, const sl_tree *tree,
                            const unsigned char *live) {
  uint32_t count = 0;
  for (uint32_t i = 0; i < tree->count; i++) {
    if (!live[i]) continue;
    const sl_gate_node *n = &tree->node[i];
    const int children = n->op == SL_OP_POW ? 1 : sl_op_arity(n->op);
    to[count] = (sl_expression_node){.op = op_of(n->op)};
    SL_TRY(number_of(&to[count].number, tree, n));
    for (int k = 0; k < children; k++) to[count].child[k] = place[n->child[k]];
    place[i] = count++;
  }
  return SL_OK;
}

static sl_status take_side(sl_expression *to, sl_expression_node *node, const sl_tree *tree,
                           sl_ref f, sl_ref w) {
  unsigned char *live = calloc(tree->count, 1);
  uint32_t *place = calloc(tree->count, sizeof *place);
  sl_status status = live && place ? SL_OK : SL_ERR_MEMORY;
  if (!status) {
    live[w] = 1;
    if (f != SL_NO_REF) live[f] = 1;
    mark(tree, tree->count - 1, live);
    status = take_nodes(node, place, tree, live);
  }
  if (!status) {
    *to = (sl_expression){
        .node = node, .value = f == SL_NO_REF ? SL_EXPRESSION_NONE : place[f], .weight = place[w]};
    for (uint32_t i = 0; i < tree->count; i++) to->count += live[i];
  }
  free(live);
  free(place);
  return status;
}

static sl_status roots_of(const sl_gate_definition *gate, int positive, sl_tree *tree, sl_ref *f,
                          sl_ref *w) {
  sl_decimal value[SL_GATE_PARAMETER_LIMIT];
  sl_tree_init(tree);
  for (int i = 0; i < gate->param_count; i++) value[i] = gate->param[i].value[positive];
  sl_gate_definition_roots(gate, positive, value, tree, f, w);
  return tree->failed ? SL_ERR_MEMORY : SL_OK;
}

sl_status sl_gate_form_of(sl_gate_form **form, const sl_gate_definition *gate, sl_error *err) {
  sl_tree tree[2];
  sl_ref f[2], w[2];
  sl_status status = roots_of(gate, 0, &tree[0], &f[0], &w[0]);
  const sl_status other = roots_of(gate, 1, &tree[1], &f[1], &w[1]);
  if (!status) status = other;
  *form = status ? NULL
                 : malloc(sizeof **form +
                          ((size_t)tree[0].count + tree[1].count) * sizeof(sl_expression_node));
  if (!*form) status = SL_ERR_MEMORY;
  if (!status) { /* the nodes stand behind the form */
    sl_expression_node *node = (sl_expression_node *)(*form + 1);
    status = take_side(&(*form)->side[0], node, &tree[0], f[0], w[0]);
    if (!status) status = take_side(&(*form)->side[1], node + tree[0].count, &tree[1], f[1], w[1]);
  }
  for (int s = 0; s < 2; s++) sl_tree_clear(&tree[s]);
  if (!status) return SL_OK;
  free(*form);
  *form = NULL;
  return sl_fail(err, status, "no memory for the expression of a gate");
}

sl_status sl_gate_form_load(sl_gate_form **form, const char *name_or_path,
                            const sl_gate_parameter *parameter, size_t count, sl_error *err) {
  sl_gate gate;
  sl_gate_definition *definition;
  SL_TRY(sl_gate_load(&gate, &definition, name_or_path, parameter, count, err));
  const sl_status status = sl_gate_form_of(form, definition, err);
  sl_gate_definition_free(definition);
  return status;
}
