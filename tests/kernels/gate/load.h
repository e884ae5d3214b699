/* A gate from its text. */
#ifndef SLUICE_TEST_GATE_LOAD_H
#define SLUICE_TEST_GATE_LOAD_H

#include "kernels/gate/definition.h"

#include <string.h>

static inline sl_status load(const char *text, sl_gate_definition **def, sl_error *err) {
  sl_gate gate;
  return sl_gate_parse(&gate, def, text, strlen(text), "t.gate", NULL, 0, err);
}

#endif
