/* Gate files as the bounds of contracts take them (spec E2.8, G1). */
#ifndef SLUICE_JUDGE_GATE_FILE_H
#define SLUICE_JUDGE_GATE_FILE_H

#include "reference/contract/expression.h"

#include <sluice/gate.h>

/* The form of a gate that sl_gate_load takes: trees of f and w (spec G3.2), with its parameters'
 * values as numbers. A gate with a kernel has its file's expression too. *form is the caller's, to
 * be freed. SL_ERR_MEMORY, and what sl_gate_load returns. */
sl_status sl_gate_form_load(sl_gate_form **form, const char *name_or_path,
                            const sl_gate_parameter *parameter, size_t count, sl_error *err);
sl_status sl_gate_form_of(sl_gate_form **form, const sl_gate_definition *gate, sl_error *err);

#endif
