/* Recursive descent over the expressions of a gate file (spec G1.2), with a limit on depth and size
 * (spec G1.6). */
#include "parser.h"

#include "hint.h"
#include "kernels/core/nearest.h"

#include <stdio.h>
#include <string.h>

static const char *const reserved[] = {
    "gate",   "cite", "kernel", "param",   "in",     "default", "let", "f",    "w",
    "weight", "pos",  "neg",    "require", "expect", "old",     "for", "if",   "otherwise",
    "r",      "pi",   "e",      "sup",     "inf",    "clip",    "gd",  "pick", "sign"};

sl_status sl_parse_sign(sl_parser *p, const char *sign) {
  char what[16];
  if (sl_token_is(&p->lex.token, sign)) return sl_lexer_next(&p->lex);
  snprintf(what, sizeof what, "'%.*s'", (int)sizeof what - 3, sign);
  return sl_lexer_expected(&p->lex, what);
}

static int known_function(const sl_token *t) {
  for (int op = 0; op < SL_OP_COUNT; op++)
    if (sl_op_syntax((sl_gate_op)op) == SL_SYNTAX_CALL &&
        sl_token_is(t, sl_op_text((sl_gate_op)op)))
      return op;
  return -1;
}

int sl_parse_param_index(const sl_parser *p, const sl_token *token) {
  for (int i = 0; i < p->def->param_count; i++)
    if (sl_token_is(token, p->def->param[i].name)) return i;
  return -1;
}

static int let_index(const sl_parser *p, const sl_token *token) {
  for (int i = 0; i < p->let_count; i++)
    if (sl_token_is(token, p->let[i].name)) return i;
  return -1;
}

sl_status sl_parse_new_name(sl_parser *p, char name[SL_GATE_NAME_SIZE]) {
  const sl_token t = p->lex.token;
  if (t.kind != SL_TOKEN_NAME) return sl_lexer_expected(&p->lex, "a new name");
  if (t.size >= SL_GATE_NAME_SIZE)
    return sl_lexer_reject(&p->lex, &t, "expected a name of at most 31 characters");
  for (size_t i = 0; i < sizeof reserved / sizeof *reserved; i++)
    if (sl_token_is(&t, reserved[i]))
      return sl_lexer_expected(&p->lex, "a new name (this word is the language's own)");
  if (known_function(&t) >= 0)
    return sl_lexer_expected(&p->lex, "a new name (this one is a function)");
  if (sl_parse_param_index(p, &t) >= 0 || let_index(p, &t) >= 0)
    return sl_lexer_expected(&p->lex, "a new name (this one is taken)");
  memcpy(name, t.start, t.size);
  name[t.size] = '\0';
  return sl_lexer_next(&p->lex);
}

sl_status sl_parse_decimal(sl_parser *p, sl_decimal *out) {
  char text[64] = "";
  size_t n = 0;
  if (sl_token_is(&p->lex.token, "-")) {
    text[n++] = '-';
    SL_TRY(sl_lexer_next(&p->lex));
  }
  const sl_token t = p->lex.token;
  if (sl_token_is(&t, "inf"))
    return sl_lexer_reject(&p->lex, &t,
                           "expected a number, found 'inf'; without a range of r a requirement is "
                           "for all r >= 0");
  if (t.kind != SL_TOKEN_NUMBER) return sl_lexer_expected(&p->lex, "a number");
  if (t.size >= sizeof text - 1)
    return sl_lexer_reject(&p->lex, &t, "expected a number of at most 18 digits");
  memcpy(text + n, t.start, t.size);
  text[n + t.size] = '\0';
  if (!sl_decimal_parse(text, out))
    return sl_lexer_reject(&p->lex, &t,
                           "expected a number of at most 18 digits with an exponent within 400");
  return sl_lexer_next(&p->lex);
}

static sl_status arguments(sl_parser *p, int count, sl_ref *arg) {
  SL_TRY(sl_parse_sign(p, "("));
  for (int i = 0; i < count; i++) {
    SL_TRY(sl_parse_expression(p, &arg[i]));
    SL_TRY(sl_parse_sign(p, i + 1 < count ? "," : ")"));
  }
  return SL_OK;
}

/* clip(x, a, b) and gd(x) are spelled out in the tree. */
static sl_status shorthand(sl_parser *p, int is_clip, sl_ref *out) {
  sl_tree *t = &p->def->tree;
  sl_ref a[3] = {0, 0, 0};
  SL_TRY(arguments(p, is_clip ? 3 : 1, a));
  if (is_clip) {
    *out = sl_tree_binary(t, SL_OP_MIN, sl_tree_binary(t, SL_OP_MAX, a[0], a[1]), a[2]);
  } else {
    const sl_ref half = sl_tree_binary(t, SL_OP_DIV, a[0], sl_tree_int(t, 2));
    *out = sl_tree_binary(t, SL_OP_MUL, sl_tree_int(t, 2),
                          sl_tree_unary(t, SL_OP_ATAN, sl_tree_unary(t, SL_OP_TANH, half)));
  }
  return SL_OK;
}

static sl_status property(sl_parser *p, const sl_token *t, sl_ref *out) {
  if (!p->properties)
    return sl_lexer_reject(&p->lex, t,
                           "expected an expression in r (f and f' may be named in 'require' only)");
  int prime = !sl_token_is(t, "f");
  if (!prime && sl_token_is(&p->lex.token, "'")) {
    prime = 1;
    SL_TRY(sl_lexer_next(&p->lex));
  }
  if (sl_token_is(&p->lex.token, "'"))
    return sl_lexer_reject(&p->lex, &p->lex.token, "expected f or f', found a second derivative");
  if (sl_token_is(&p->lex.token, "("))
    return sl_lexer_reject(&p->lex, t,
                           "expected f or f' without an argument, found one; the value at one "
                           "place is written with a range: require f >= 0 for r in [1, 1]");
  if (!prime && !p->value_line) p->value_line = t->line, p->value_column = t->column;
  *out = sl_tree_node(&p->def->tree, prime ? SL_OP_WEIGHT : SL_OP_VALUE, SL_NO_REF, SL_NO_REF,
                      SL_NO_REF, SL_NO_REF);
  return SL_OK;
}

/* A name that means nothing here: what it is elsewhere, or the nearest one that is known. */
static sl_status fail_name(const sl_parser *p, const sl_token *t) {
  static const char expected[] = "expected r, a parameter, a 'let' name, a constant or a function";
  char word[SL_GATE_NAME_SIZE] = "", meant[SL_MEANT];
  const char *spelled = sl_gate_hint_name(t);
  if (spelled)
    return sl_fail(p->lex.err, SL_ERR_INPUT, "%s:%d:%d: %s, found '%.*s'; write %s", p->lex.file,
                   t->line, t->column, expected, (int)t->size, t->start, spelled);
  snprintf(word, sizeof word, "%.*s", (int)t->size, t->start);
  sl_nearest nearest = {.word = word, .length = strlen(word)};
  for (int i = 0; i < p->def->param_count; i++) sl_nearest_offer(&nearest, p->def->param[i].name);
  for (int i = 0; i < p->let_count; i++) sl_nearest_offer(&nearest, p->let[i].name);
  for (int op = 0; op < SL_OP_COUNT; op++)
    if (sl_op_syntax((sl_gate_op)op) == SL_SYNTAX_CALL)
      sl_nearest_offer(&nearest, sl_op_text((sl_gate_op)op));
  sl_nearest_meant(meant, &nearest);
  if (!*meant && t->size < SL_GATE_NAME_SIZE && !sl_token_is(&p->lex.token, "("))
    return sl_fail(p->lex.err, SL_ERR_INPUT,
                   "%s:%d:%d: %s, found '%s'; a parameter is declared before its use: param %s in "
                   "[LOW, HIGH] default VALUE",
                   p->lex.file, t->line, t->column, expected, word, word);
  return sl_fail(p->lex.err, SL_ERR_INPUT, "%s:%d:%d: %s, found '%.*s'%s", p->lex.file, t->line,
                 t->column, expected, (int)(t->size < 40 ? t->size : 40), t->start, meant);
}

static sl_status named(sl_parser *p, sl_ref *out) {
  const sl_token t = p->lex.token;
  sl_tree *tree = &p->def->tree;
  const int op = known_function(&t), param = sl_parse_param_index(p, &t), let = let_index(p, &t);
  SL_TRY(sl_lexer_next(&p->lex));
  if (sl_token_is(&t, "clip") || sl_token_is(&t, "gd"))
    return shorthand(p, sl_token_is(&t, "clip"), out);
  if (op >= 0) {
    sl_ref a[2] = {0, SL_NO_REF};
    SL_TRY(arguments(p, sl_op_arity((sl_gate_op)op), a));
    *out = sl_tree_binary(tree, (sl_gate_op)op, a[0], a[1]);
    return SL_OK;
  }
  if (param >= 0)
    *out = sl_tree_param(tree, param);
  else if (let >= 0)
    *out = p->let[let].ref;
  else if (sl_token_is(&t, "r"))
    *out = sl_tree_unary(tree, SL_OP_R, SL_NO_REF);
  else if (sl_token_is(&t, "pi"))
    *out = sl_tree_unary(tree, SL_OP_PI, SL_NO_REF);
  else if (sl_token_is(&t, "e"))
    *out = sl_tree_unary(tree, SL_OP_E, SL_NO_REF);
  else if (sl_token_is(&t, "f") || sl_token_is(&t, "w") || sl_token_is(&t, "weight"))
    return property(p, &t, out);
  else
    return fail_name(p, &t);
  return SL_OK;
}

static sl_status primary(sl_parser *p, sl_ref *out) {
  if (p->lex.token.kind == SL_TOKEN_NUMBER) {
    sl_decimal value = {0, 0};
    SL_TRY(sl_parse_decimal(p, &value));
    *out = sl_tree_decimal(&p->def->tree, value);
    return SL_OK;
  }
  if (p->lex.token.kind == SL_TOKEN_NAME) return named(p, out);
  if (sl_token_is(&p->lex.token, "*") && p->lex.token.start > p->lex.text &&
      p->lex.token.start[-1] == '*')
    return sl_lexer_reject(&p->lex, &p->lex.token,
                           "expected an expression, found '*'; a power is written with '^': r^2");
  if (!sl_token_is(&p->lex.token, "(")) return sl_lexer_expected(&p->lex, "an expression");
  SL_TRY(sl_lexer_next(&p->lex));
  SL_TRY(sl_parse_expression(p, out));
  return sl_parse_sign(p, ")");
}

/* An exponent: numbers and parameters under + - * / (spec G1.2), so that its value is an
 * exact rational. */
static int is_exponent(const sl_tree *tree, sl_ref ref) {
  unsigned char good[SL_FILE_NODE_LIMIT + 1] = {0};
  if (ref > SL_FILE_NODE_LIMIT) return 0;
  for (uint32_t i = 0; i <= ref; i++) {
    const sl_gate_node *n = &tree->node[i];
    good[i] = n->op == SL_OP_NUM || n->op == SL_OP_PARAM || n->op == SL_OP_NEG ||
              n->op == SL_OP_ADD || n->op == SL_OP_SUB || n->op == SL_OP_MUL || n->op == SL_OP_DIV;
    for (int k = 0; k < sl_op_arity(n->op); k++) good[i] &= good[n->child[k]];
  }
  return good[ref];
}

static sl_status unary(sl_parser *p, sl_ref *out);

static sl_status power(sl_parser *p, sl_ref *out) {
  SL_TRY(primary(p, out));
  if (!sl_token_is(&p->lex.token, "^")) return SL_OK;
  sl_ref exponent = 0;
  SL_TRY(sl_lexer_next(&p->lex));
  const sl_token at = p->lex.token;
  SL_TRY(unary(p, &exponent));
  if (p->def->tree.failed) return SL_OK; /* reported by the caller of the whole */
  if (!is_exponent(&p->def->tree, exponent))
    return sl_lexer_reject(
        &p->lex, &at,
        "expected a rational constant as exponent (numbers and parameters under + - * /); "
        "e^x is written exp(x), and a^x is exp(x*log(a))");
  *out = sl_tree_binary(&p->def->tree, SL_OP_POW, *out, exponent);
  return SL_OK;
}

static sl_status unary(sl_parser *p, sl_ref *out) {
  if (++p->depth > SL_DEPTH_LIMIT)
    return sl_lexer_reject(&p->lex, &p->lex.token,
                           "expected an expression nested at most 100 deep");
  if (sl_token_is(&p->lex.token, "-")) {
    SL_TRY(sl_lexer_next(&p->lex));
    SL_TRY(unary(p, out));
    *out = sl_tree_unary(&p->def->tree, SL_OP_NEG, *out);
  } else {
    SL_TRY(power(p, out));
  }
  p->depth--;
  return SL_OK;
}

static sl_status chain(sl_parser *p, sl_ref *out, const char *first, const char *second,
                       sl_gate_op a, sl_gate_op b, sl_status (*next)(sl_parser *, sl_ref *)) {
  SL_TRY(next(p, out));
  while (sl_token_is(&p->lex.token, first) || sl_token_is(&p->lex.token, second)) {
    const sl_gate_op op = sl_token_is(&p->lex.token, first) ? a : b;
    sl_ref right = 0;
    SL_TRY(sl_lexer_next(&p->lex));
    SL_TRY(next(p, &right));
    *out = sl_tree_binary(&p->def->tree, op, *out, right);
  }
  return SL_OK;
}

/* f or f' of a requirement, rather than the statement 'f = ...' after it. */
static int names_property(const sl_parser *p) {
  const sl_token *t = &p->lex.token;
  sl_error unused;
  sl_lexer ahead = p->lex;
  ahead.err = &unused;
  if (!p->properties || !(sl_token_is(t, "f") || sl_token_is(t, "w") || sl_token_is(t, "weight")))
    return 0;
  if (sl_lexer_next(&ahead)) return 0;
  if (sl_token_is(&ahead.token, "'") && sl_lexer_next(&ahead)) return 0;
  return !sl_token_is(&ahead.token, "=");
}

/* An operand after an operand: 2r, tau(r - 1), r f'. No token that starts an operand may follow one
 * (spec G1.2). */
static sl_status check_after_operand(const sl_parser *p) {
  const sl_token *t = &p->lex.token;
  const int starts = t->kind == SL_TOKEN_NUMBER || sl_token_is(t, "(") || sl_token_is(t, "r") ||
                     sl_token_is(t, "pi") || sl_token_is(t, "e") || known_function(t) >= 0 ||
                     sl_parse_param_index(p, t) >= 0 || let_index(p, t) >= 0 || names_property(p);
  if (!starts) return SL_OK;
  return sl_fail(p->lex.err, SL_ERR_INPUT,
                 "%s:%d:%d: expected an operator, found '%.*s'; a product is written with '*'",
                 p->lex.file, t->line, t->column, (int)(t->size < 40 ? t->size : 40), t->start);
}

static sl_status operand(sl_parser *p, sl_ref *out) {
  SL_TRY(unary(p, out));
  return check_after_operand(p);
}

static sl_status product(sl_parser *p, sl_ref *out) {
  return chain(p, out, "*", "/", SL_OP_MUL, SL_OP_DIV, operand);
}

/* Once nodes could not be added: too many of them, or no memory. */
static sl_status check_nodes(const sl_parser *p) {
  const sl_tree *tree = &p->def->tree;
  if (tree->failed && tree->count <= SL_FILE_NODE_LIMIT)
    return sl_fail(p->lex.err, SL_ERR_MEMORY, "%s: no memory for a gate", p->lex.file);
  if (tree->failed || tree->count > SL_FILE_NODE_LIMIT)
    return sl_lexer_reject(&p->lex, &p->lex.token,
                           "expected a file of at most 2000 expression nodes");
  return SL_OK;
}

sl_status sl_parse_expression(sl_parser *p, sl_ref *out) {
  if (++p->depth > SL_DEPTH_LIMIT)
    return sl_lexer_reject(&p->lex, &p->lex.token,
                           "expected an expression nested at most 100 deep");
  SL_TRY(chain(p, out, "+", "-", SL_OP_ADD, SL_OP_SUB, product));
  p->depth--;
  return check_nodes(p);
}

static int depends_on_r(const sl_tree *tree, sl_ref ref) {
  unsigned char seen[SL_FILE_NODE_LIMIT + 1] = {0};
  if (ref > SL_FILE_NODE_LIMIT) return 1;
  for (uint32_t i = 0; i <= ref; i++) {
    const sl_gate_node *n = &tree->node[i];
    seen[i] = n->op == SL_OP_R;
    for (int k = 0; k < sl_op_arity(n->op); k++) seen[i] |= seen[n->child[k]];
  }
  return seen[ref];
}

/* r <= c, r < c, r >= c, r > c, with c constant in r. strict: the sides of the PICK are swapped
 * (spec G1.2). */
static sl_status condition(sl_parser *p, sl_ref *bound, int *below, int *strict) {
  if (sl_token_is(&p->lex.token, "A"))
    return sl_lexer_expected(&p->lex,
                             "a condition on r ('pos f = ...' and 'neg f = ...' are for "
                             "the signs of A)");
  if (!sl_token_is(&p->lex.token, "r"))
    return sl_lexer_expected(&p->lex,
                             "a condition on r, such as 'r <= 2' (r comes first, and a piece has "
                             "one bound: X if r < 1/2 | Y if r < 1 | Z otherwise)");
  SL_TRY(sl_lexer_next(&p->lex));
  const sl_token t = p->lex.token;
  *below = sl_token_is(&t, "<") || sl_token_is(&t, "<=");
  *strict = sl_token_is(&t, "<") || sl_token_is(&t, ">");
  if (!*below && !sl_token_is(&t, ">") && !sl_token_is(&t, ">="))
    return sl_lexer_expected(&p->lex, "'<', '<=', '>' or '>='");
  SL_TRY(sl_lexer_next(&p->lex));
  const sl_token at = p->lex.token;
  SL_TRY(sl_parse_expression(p, bound));
  return depends_on_r(&p->def->tree, *bound)
             ? sl_lexer_reject(&p->lex, &at, "expected a bound that does not depend on r")
             : SL_OK;
}

static sl_ref make_pick(sl_tree *t, sl_ref bound, int below, int strict, sl_ref then,
                        sl_ref otherwise) {
  const sl_ref r = sl_tree_unary(t, SL_OP_R, SL_NO_REF);
  /* r <= c and r > c test r <= c; r < c and r >= c test c <= r */
  const sl_ref a = below != strict ? r : bound, b = below != strict ? bound : r;
  return strict ? sl_tree_node(t, SL_OP_PICK, a, b, otherwise, then)
                : sl_tree_node(t, SL_OP_PICK, a, b, then, otherwise);
}

sl_status sl_parse_pieces(sl_parser *p, sl_ref *out) {
  sl_ref then = 0, bound = 0, rest = 0;
  int below = 0, strict = 0;
  SL_TRY(sl_parse_expression(p, &then));
  *out = then;
  if (sl_token_is(&p->lex.token, "otherwise")) return sl_lexer_next(&p->lex);
  if (!sl_token_is(&p->lex.token, "if")) return SL_OK;
  if (++p->depth > SL_DEPTH_LIMIT)
    return sl_lexer_reject(&p->lex, &p->lex.token, "expected at most 100 pieces");
  SL_TRY(sl_lexer_next(&p->lex));
  SL_TRY(condition(p, &bound, &below, &strict));
  if (sl_token_is(&p->lex.token, "else"))
    return sl_lexer_expected(&p->lex, "'|' and the next piece (X if r < 1 | Y otherwise)");
  if (!sl_token_is(&p->lex.token, "|"))
    return sl_lexer_expected(&p->lex, "'|' and the next piece (the last one ends in 'otherwise')");
  SL_TRY(sl_lexer_next(&p->lex));
  SL_TRY(sl_parse_pieces(p, &rest));
  *out = make_pick(&p->def->tree, bound, below, strict, then, rest);
  p->depth--;
  return check_nodes(p);
}
