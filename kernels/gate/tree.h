/* Expression trees of gates (spec G1.4): an array of nodes, each after its children, equal nodes
 * stored once. Every evaluator (binary64, balls, exact) is a loop over the array; nothing here
 * recurses over user input. Constants stay exact: m * 10^e. */
#ifndef SLUICE_GATE_TREE_H
#define SLUICE_GATE_TREE_H

#include <sluice/status.h>

#include <stdint.h>
#include <stddef.h>

typedef enum {
#define SL_OP(name, arity, text, syntax, branches, value) SL_OP_##name,
#include "ops.def"
#undef SL_OP
  SL_OP_COUNT
} sl_gate_op;

/* How a gate file spells an operator (ops.def), by how tightly it binds. */
typedef enum {
  SL_SYNTAX_SUM = 1,
  SL_SYNTAX_PRODUCT,
  SL_SYNTAX_PREFIX,
  SL_SYNTAX_POWER,
  SL_SYNTAX_LEAF, /* atoms, from here on */
  SL_SYNTAX_CALL,
  SL_SYNTAX_INTERNAL
} sl_gate_syntax;

typedef uint32_t sl_ref; /* index of a node */
#define SL_NO_REF UINT32_MAX
#define SL_TREE_LIMIT \
  20000u /* nodes; reached only by derivatives of the largest files (spec G1.6) */

/* An exact decimal m * 10^e, m without trailing zeros (0 * 10^0 is zero). */
typedef struct {
  int64_t m;
  int32_t e;
} sl_decimal;

typedef struct {
  sl_gate_op op;
  sl_ref child[4];
  sl_decimal num; /* of NUM */
  int32_t param;  /* of PARAM */
} sl_gate_node;

typedef struct {
  sl_gate_node *node;
  uint32_t count, capacity;
  uint32_t *bucket; /* hash table of node index + 1 */
  uint32_t bucket_count;
  int failed; /* out of memory or over SL_TREE_LIMIT: sticky, checked once at the end */
} sl_tree;

int sl_op_arity(sl_gate_op op);
const char *sl_op_text(sl_gate_op op);
sl_gate_syntax sl_op_syntax(sl_gate_op op);
/* 1 if a decision chooses among smooth parts: PICK, MIN, MAX, ABS, SIGN, SOFTSIGN. */
int sl_op_is_switch(sl_gate_op op);

void sl_tree_init(sl_tree *tree);
void sl_tree_clear(sl_tree *tree);

/* Each returns the node, stored once; after a failure (tree->failed) they return 0. */
sl_ref sl_tree_node(sl_tree *tree, sl_gate_op op, sl_ref a, sl_ref b, sl_ref c, sl_ref d);
sl_ref sl_tree_decimal(sl_tree *tree, sl_decimal value);
sl_ref sl_tree_int(sl_tree *tree, int64_t value);
sl_ref sl_tree_param(sl_tree *tree, int32_t index);
static inline sl_ref sl_tree_unary(sl_tree *t, sl_gate_op op, sl_ref a) {
  return sl_tree_node(t, op, a, SL_NO_REF, SL_NO_REF, SL_NO_REF);
}
static inline sl_ref sl_tree_binary(sl_tree *t, sl_gate_op op, sl_ref a, sl_ref b) {
  return sl_tree_node(t, op, a, b, SL_NO_REF, SL_NO_REF);
}

int sl_tree_is_int(const sl_tree *tree, sl_ref ref, int64_t value);

/* m * 10^e with trailing zeros moved into e; sl_decimal_parse reads "-12.5e3" exactly: at most 18
 * digits and |e| <= 400, else 0. */
sl_decimal sl_decimal_normal(int64_t m, int32_t e);
int sl_decimal_parse(const char *text, sl_decimal *out);
sl_decimal sl_decimal_from_double(double value); /* 17 digits: rounds back to value */
double sl_decimal_to_double(sl_decimal value);   /* correctly rounded */
void sl_decimal_print(char *buffer, size_t size, sl_decimal value);
/* -1, 0 or 1 as a < b, a = b or a > b: exactly, for two decimals may read as one binary64. */
int sl_decimal_cmp(sl_decimal a, sl_decimal b);

/* What is called where memory is short, before a tree fails; NULL: nothing. A prover ends there,
 * for in a tree that failed one expression may stand for another. */
void sl_tree_when_short(void (*ends)(void));

/* Exact value of a constant without pi, e, functions or unbound parameters, as p/q in lowest terms;
 * 0 if it is not one or does not fit 31 bits; 0 and q = -1 without memory. */
int sl_tree_rational(const sl_tree *tree, sl_ref ref, int64_t *p, int64_t *q);

/* The derivative with respect to r, by the rules of spec G3.2. */
sl_ref sl_tree_derivative(sl_tree *tree, sl_ref ref);

/* Sets live[i] for the nodes that ref needs; live holds ref + 1 bytes. */
void sl_tree_mark(const sl_tree *tree, sl_ref ref, unsigned char *live);

/* Copies the expression at `ref` of `from` into `to`. PARAM i becomes NUM value[i] where value is
 * not NULL; VALUE and WEIGHT become the given nodes of `to` (SL_NO_REF: kept). */
sl_ref sl_tree_copy(sl_tree *to, const sl_tree *from, sl_ref ref, const sl_decimal *value, sl_ref f,
                    sl_ref w);

/* The expression as a gate file spells it, fully parenthesised where precedence needs it,
 * parameters by name; for certificates and `gate show`. 0 if it does not fit. The text is a fixed
 * point: parsing and printing it again gives the same text. */
int sl_tree_print(char *buffer, size_t size, const sl_tree *tree, sl_ref ref, char names[][32]);

#endif
