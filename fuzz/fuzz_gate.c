/* libFuzzer harness of the gate language: parse, differentiate, print, evaluate. The input is a
 * gate file; what is accepted must print and read back. */
#include <sluice/gate.h>

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_back(const sl_gate_definition *def) {
  static char body[20000], file[24000], again[20000];
  sl_gate gate;
  sl_gate_definition *second = NULL;
  sl_error err;
  if (!sl_gate_definition_has_value(def, 1) ||
      !sl_gate_definition_expression(def, 1, 0, body, sizeof body) || strstr(body, "pick("))
    return;
  size_t n = (size_t)snprintf(file, sizeof file, "gate t\n");
  for (size_t i = 0; i < sl_gate_definition_parameters(def); i++)
    n += (size_t)snprintf(file + n, sizeof file - n, "param %s in [0, 1] default 1\n",
                          sl_gate_definition_parameter(def, i).name);
  n += (size_t)snprintf(file + n, sizeof file - n, "f = %s\n", body);
  if (n >= sizeof file || sl_gate_parse(&gate, &second, file, n, "again", NULL, 0, &err) != SL_OK)
    return; /* a limit: the printed text nests deeper */
  if (sl_gate_definition_expression(second, 1, 0, again, sizeof again) && strcmp(body, again) != 0)
    abort();
  sl_gate_definition_free(second);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  sl_gate gate;
  sl_gate_definition *def = NULL;
  sl_error err = {SL_OK, ""};
  const float r[] = {0, 0.5f, 1, 2, 1e30f, INFINITY};
  float f[6], w[6];
  if (sl_gate_parse(&gate, &def, (const char *)data, size, "fuzz", NULL, 0, &err) != SL_OK) {
    if (def || !err.message[0]) abort();
    return 0;
  }
  for (int s = 0; s < 2; s++) sl_gate_evaluate(def, s, r, f, w, 6);
#ifdef SLUICE_CANARY /* a planted defect that the fuzzer must find; the corpus has none such */
  for (const char *c = sl_gate_definition_name(def); *c; c++)
    if (*c >= 'A' && *c <= 'Z') abort();
#endif
  read_back(def);
  sl_gate_definition_free(def);
  return 0;
}
