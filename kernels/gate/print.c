/* Expressions as text: what parses back to the same tree (spec G1.2). A PICK, which a file spells
 * as pieces, prints as pick(a, b, c, d). */
#include "tree.h"

#include <stdio.h>
#include <string.h>

typedef struct {
  char *at, *end;
  const sl_tree *tree;
  char (*names)[32];
  int full;
} printer;

static void put(printer *p, const char *text) {
  const size_t n = strlen(text);
  if (p->full || n >= (size_t)(p->end - p->at)) {
    p->full = 1;
    return;
  }
  memcpy(p->at, text, n + 1);
  p->at += n;
}

/* A negative number binds as its sign does. */
static int strength(const sl_gate_node *n) {
  return n->op == SL_OP_NUM && n->num.m < 0 ? SL_SYNTAX_PREFIX : (int)sl_op_syntax(n->op);
}

static void print_node(printer *p, sl_ref ref, int least);

static void print_call(printer *p, const sl_gate_node *n) {
  put(p, sl_op_text(n->op));
  for (int i = 0; i < sl_op_arity(n->op); i++) {
    put(p, i ? ", " : "(");
    print_node(p, n->child[i], 0);
  }
  put(p, ")");
}

/* Sums and products associate to the left; a power's base and exponent are atoms. */
static void print_infix(printer *p, const sl_gate_node *n) {
  const int least = (int)sl_op_syntax(n->op);
  print_node(p, n->child[0], n->op == SL_OP_POW ? SL_SYNTAX_LEAF : least);
  put(p, sl_op_text(n->op));
  print_node(p, n->child[1], least + 1);
}

static void print_leaf(printer *p, const sl_gate_node *n) {
  char number[48];
  if (n->op == SL_OP_NUM) sl_decimal_print(number, sizeof number, n->num);
  put(p, n->op == SL_OP_NUM     ? number
         : n->op == SL_OP_PARAM ? p->names[n->param]
                                : sl_op_text(n->op));
}

static void print_bare(printer *p, const sl_gate_node *n) {
  switch (sl_op_syntax(n->op)) {
    case SL_SYNTAX_LEAF:
      print_leaf(p, n);
      break;
    case SL_SYNTAX_PREFIX:
      put(p, sl_op_text(n->op));
      print_node(p, n->child[0], SL_SYNTAX_PREFIX);
      break;
    case SL_SYNTAX_SUM:
    case SL_SYNTAX_PRODUCT:
    case SL_SYNTAX_POWER:
      print_infix(p, n);
      break;
    case SL_SYNTAX_CALL:
    case SL_SYNTAX_INTERNAL:
      print_call(p, n);
      break;
  }
}

static void print_node(printer *p, sl_ref ref, int least) {
  if (p->full) return;
  const sl_gate_node *n = &p->tree->node[ref];
  const int wrap = strength(n) < least;
  if (wrap) put(p, "(");
  print_bare(p, n);
  if (wrap) put(p, ")");
}

int sl_tree_print(char *buffer, size_t size, const sl_tree *tree, sl_ref ref, char names[][32]) {
  printer p = {.at = buffer, .end = buffer + size, .tree = tree, .names = names};
  if (size == 0) return 0;
  *buffer = '\0';
  print_node(&p, ref, 0);
  return !p.full;
}
