/* What other languages write in formulas, and how a gate file says it (spec G1.2). */
#ifndef SLUICE_GATE_HINT_H
#define SLUICE_GATE_HINT_H

#include "lexer.h"

/* The gate file's spelling of what has another name elsewhere; NULL: none is known. */
const char *sl_gate_hint_name(const sl_token *name);

#endif
