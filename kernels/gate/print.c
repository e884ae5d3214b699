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

/* Binding strength: 1 sum, 2 product, 3 unary minus, 4 power, 5 atom. */
static int strength(const sl_gate_node *n) {
  switch (n->op) {
    case SL_OP_ADD:
    case SL_OP_SUB:
      return 1;
    case SL_OP_MUL:
    case SL_OP_DIV:
      return 2;
    case SL_OP_NEG:
      return 3;
    case SL_OP_NUM:
      return n->num.m < 0 ? 3 : 5;
    case SL_OP_POW:
      return 4;
    default:
      return 5;
  }
}

static void print_node(printer *p, sl_ref ref, int least);

static void print_call(printer *p, const char *name, const sl_gate_node *n) {
  put(p, name);
  for (int i = 0; i < sl_op_arity(n->op); i++) {
    put(p, i ? ", " : "(");
    print_node(p, n->child[i], 0);
  }
  put(p, ")");
}

static void print_infix(printer *p, const sl_gate_node *n, const char *sign, int left, int right) {
  print_node(p, n->child[0], left);
  put(p, sign);
  print_node(p, n->child[1], right);
}

static void print_bare(printer *p, const sl_gate_node *n) {
  char number[48];
  switch (n->op) {
    case SL_OP_NUM:
      sl_decimal_print(number, sizeof number, n->num);
      put(p, number);
      break;
    case SL_OP_PI:
      put(p, "pi");
      break;
    case SL_OP_E:
      put(p, "e");
      break;
    case SL_OP_R:
      put(p, "r");
      break;
    case SL_OP_PARAM:
      put(p, p->names[n->param]);
      break;
    case SL_OP_VALUE:
      put(p, "f");
      break;
    case SL_OP_WEIGHT:
      put(p, "f'");
      break;
    case SL_OP_NEG:
      put(p, "-");
      print_node(p, n->child[0], 3);
      break;
    case SL_OP_ADD:
      print_infix(p, n, " + ", 1, 2);
      break;
    case SL_OP_SUB:
      print_infix(p, n, " - ", 1, 2);
      break;
    case SL_OP_MUL:
      print_infix(p, n, "*", 2, 3);
      break;
    case SL_OP_DIV:
      print_infix(p, n, "/", 2, 3);
      break;
    case SL_OP_POW:
      print_infix(p, n, "^", 5, 5);
      break;
    case SL_OP_PICK:
      print_call(p, "pick", n);
      break;
    case SL_OP_SIGN:
      print_call(p, "sign", n);
      break;
    default:
      print_call(p, sl_op_text(n->op), n);
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
