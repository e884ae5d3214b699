/* The built-in gate that a file's `kernel` names (spec G1.3). */
#ifndef SLUICE_GATE_KERNEL_TEXT_H
#define SLUICE_GATE_KERNEL_TEXT_H

#include "definition.h"

/* One side's f and weight, of which it has none, become those of `from`, its kernel's built-in
 * gate, with the parameters that the file does not declare itself. */
sl_status sl_gate_kernel_complete(sl_gate_definition *def, const sl_gate_definition *from, int side,
                                  sl_error *err);

/* The side's f, or weight, has the normal form of the built-in's; else the error gives the
 * built-in's text to paste. */
sl_status sl_gate_kernel_compare(const sl_gate_definition *def, const sl_gate_definition *from,
                                 int side, sl_error *err);

#endif
