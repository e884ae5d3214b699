/* From the text of a gate file to what it says (spec G1). */
#ifndef SLUICE_GATE_STATEMENTS_H
#define SLUICE_GATE_STATEMENTS_H

#include "definition.h"

/* Parses the text alone (spec G1): no parameter is bound and no program made. */
sl_status sl_gate_definition_parse(sl_gate_definition *def, const char *text, size_t size,
                                   const char *file, sl_error *err);

/* The same of the built-in gate that `kernel` names. */
sl_status sl_gate_kernel_parse(sl_gate_definition *out, int kernel, sl_error *err);

#endif
