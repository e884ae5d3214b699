/* The checker's own expressions, parsed from a certificate's text. Nodes are shared and come after
 * their children. */
#ifndef SLUICE_CHECK_EXPR_H
#define SLUICE_CHECK_EXPR_H

#include <gmp.h>

enum { MAX_NODES = 4000, MAX_PARAMS = 8, NAME_SIZE = 32 };

typedef enum {
  E_NUM,
  E_PI,
  E_E,
  E_R,
  E_PARAM,
  E_NEG,
  E_ADD,
  E_SUB,
  E_MUL,
  E_DIV,
  E_POW,
  E_PICK,
  E_SIGN,
  E_ABS,
  E_MIN,
  E_MAX,
#define FUNCTION(kind, name) E_##kind,
#include "functions.def"
#undef FUNCTION
  E_SOFTSIGN,
  E_COUNT
} op_t;

typedef struct {
  op_t op;
  int a, b, c, d; /* children, -1 */
  mpq_t q;        /* of NUM; of POW the exponent */
  int param;
} node_t;

typedef struct {
  node_t *node;
  int count;
  char names[MAX_PARAMS][NAME_SIZE];
  int params;
  int f, w; /* what the names f and f' stand for; -1: nothing */
} expr_t;

void slc_expr_init(expr_t *e);
void slc_expr_clear(expr_t *e);
int slc_expr_arity(op_t op);
int slc_expr_is_function(op_t op); /* of functions.def */
int slc_expr_is_switch(op_t op);   /* made of branches by a decision */
char *slc_expr_live(const expr_t *e,
                    int ref); /* 1 for the nodes that ref needs, ref + 1 of them; to be freed */
int slc_expr_add(expr_t *e, op_t op, int a, int b, int c, int d);
int slc_expr_num(expr_t *e, const mpq_t q);
/* The rational value of a node of numbers under + - * /, as exponents are; 0 if it is none. */
int slc_expr_rational(const expr_t *e, int ref, mpq_t out);
int slc_expr_power(expr_t *e, int a, const mpq_t q);
int slc_expr_si(expr_t *e, long v);
/* A node of another expression, with children by map[]; -1 where there is no room. */
int slc_expr_copy(expr_t *e, const node_t *n, const int *map);
/* Copies the nodes of a root, which it returns, or -1; equal expressions end in the same node. */
int slc_expr_copy_root(expr_t *to, const expr_t *from, int ref);

/* Parses the text; parameters are e->names, and value[i] (NULL: kept as PARAM) replaces parameter
 * i. -1 on error, with the byte in *at. */
int slc_expr_parse(expr_t *e, const char *text, mpq_t *value, const int *fixed, int *at);
/* Letters, digits and _, not a digit first, of at most 31 characters. */
int slc_is_name(const char *text);
/* A word of the gate language, a function or a constant: a parameter of this name would hide it. */
int slc_is_reserved(const char *name);
int slc_parse_decimal(mpq_t q, const char *text, const char **end);

#endif
