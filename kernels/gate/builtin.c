/* The gates of spec/gates, built into the library. */
#include <sluice/gate.h>

static const struct {
  const char *name, *text;
} gates[] = {
#include <sluice/builtin_gates.inc>
};

size_t sl_gate_builtin_count(void) { return sizeof gates / sizeof *gates; }
const char *sl_gate_builtin_name(size_t index) { return gates[index].name; }
const char *sl_gate_builtin_text(size_t index) { return gates[index].text; }
