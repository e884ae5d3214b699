/* Expressions of a gate file (spec G1.2). */
#ifndef SLUICE_GATE_PARSER_H
#define SLUICE_GATE_PARSER_H

#include "definition.h"
#include "lexer.h"

#define SL_LET_LIMIT 64
#define SL_DEPTH_LIMIT 100
#define SL_FILE_NODE_LIMIT 2000

typedef struct {
  sl_lexer lex;
  sl_gate_definition *def;
  int depth;
  int properties;               /* f and f' may be named: inside `require` */
  int value_line, value_column; /* where f is named first, since these were last set to 0 */
  struct {
    char name[SL_GATE_NAME_SIZE];
    sl_ref ref;
  } let[SL_LET_LIMIT];
  int let_count;
} sl_parser;

sl_status sl_parse_expression(sl_parser *p, sl_ref *out);
sl_status sl_parse_pieces(sl_parser *p, sl_ref *out); /* expression { if condition | ... } */
sl_status sl_parse_decimal(sl_parser *p, sl_decimal *out);
sl_status sl_parse_sign(sl_parser *p, const char *sign);
sl_status sl_parse_new_name(sl_parser *p, char name[SL_GATE_NAME_SIZE]);
int sl_parse_param_index(const sl_parser *p, const sl_token *token); /* -1: not a parameter */

#endif
