/* The gates of spec/gates, built into the library. */
#include <sluice/gate.h>

#include <string.h>

static const struct {
  const char *name, *text;
} gates[] = {
#include <sluice/builtin_gates.inc>
};

size_t sl_gate_builtin_count(void) { return sizeof gates / sizeof *gates; }
const char *sl_gate_builtin_name(size_t index) { return gates[index].name; }

const char *sl_gate_builtin_text(const char *name) {
  for (size_t i = 0; i < sizeof gates / sizeof *gates; i++)
    if (strcmp(gates[i].name, name) == 0) return gates[i].text;
  return NULL;
}
