/* The gate of a run's configuration: its file with the configuration's values, its schedule, and
 * the proof that the run is bound to. */
#include "run_gate.h"

#include "gate_schedule.h"

#include "kernels/core/nearest.h"

#include <math.h>
#include <string.h>
#include <sys/stat.h>

/* Values of the configuration for the parameters of a gate file (spec L1.7); a side that is not
 * named keeps the file's default. */
static size_t gate_parameters(const sl_config *c, const sl_gate_definition *file,
                              sl_gate_parameter out[SL_GATE_PARAMETER_LIMIT]) {
  const sl_config_values *const sides[2] = {&c->gate.neg, &c->gate.pos};
  size_t n = 0;
  for (size_t p = 0; p < sl_gate_definition_parameters(file); p++) {
    const sl_gate_parameter_info info = sl_gate_definition_parameter(file, p);
    out[n] = (sl_gate_parameter){info.name, {info.value[0], info.value[1]}};
    for (int side = 0; side < 2; side++)
      for (size_t i = 0; i < sides[side]->n; i++)
        if (strcmp(sides[side]->items[i].name, info.name) == 0)
          out[n].value[side] = sides[side]->items[i].real;
    n++;
  }
  return n;
}

static sl_status check_names(const sl_config *c, const sl_gate_definition *file, sl_error *err) {
  const sl_config_values *const sides[2] = {&c->gate.neg, &c->gate.pos};
  for (int side = 0; side < 2; side++)
    for (size_t i = 0; i < sides[side]->n; i++) {
      const char *name = sides[side]->items[i].name;
      sl_nearest nearest = {.word = name, .length = strlen(name)};
      char meant[SL_MEANT];
      int known = 0;
      for (size_t p = 0; p < sl_gate_definition_parameters(file); p++) {
        const char *offer = sl_gate_definition_parameter(file, p).name;
        known |= strcmp(offer, name) == 0;
        sl_nearest_offer(&nearest, offer);
      }
      if (!known)
        return sl_config_fail(c, side ? SL_KEY_gate_pos : SL_KEY_gate_neg, err,
                              "gate '%s' has no parameter '%s'%s", c->gate.name, name,
                              sl_nearest_meant(meant, &nearest));
    }
  return SL_OK;
}

/* On policy every ratio is 1: a gate without a weight there could never make an update. */
static sl_status check_gate(const sl_run_state *run, sl_error *err) {
  const float one = 1.0f;
  for (int positive = 0; run->gate && positive < 2; positive++) {
    float weight;
    sl_gate_evaluate(run->gate, positive, &one, NULL, &weight, 1);
    if (!isfinite(weight))
      return sl_config_fail(&run->config, SL_KEY_gate_name, err,
                            "the gate's weight at a ratio of 1 is %g", (double)weight);
  }
  return SL_OK;
}

/* A run reads its gate's file several times, and again when it resumes: no pipe. */
static sl_status check_gate_file(const sl_config *c, sl_error *err) {
  const char *path = sl_config_path(c, SL_KEY_gate_name);
  struct stat st;
  if (!sl_config_names_path(c, SL_KEY_gate_name) || stat(path, &st) != 0 || S_ISREG(st.st_mode))
    return SL_OK;
  return sl_fail(err, SL_ERR_INPUT, "%s: not a regular file", path);
}

static sl_status read_gate(sl_run_state *run, sl_error *err) {
  sl_status status = sl_config_objective(&run->config, &run->objective, err);
  if (status || run->objective.gate.family[0] != SL_GATE_EXPRESSION) return status;
  sl_gate_definition *defaults;
  status = check_gate_file(&run->config, err);
  if (status) return status;
  status = sl_gate_load(&run->objective.gate, &defaults,
                        sl_config_path(&run->config, SL_KEY_gate_name), NULL, 0, err);
  if (status) return status;
  sl_gate_parameter parameters[SL_GATE_PARAMETER_LIMIT];
  const size_t n = gate_parameters(&run->config, defaults, parameters);
  status = check_names(&run->config, defaults, err);
  if (!status)
    status = sl_gate_load(&run->objective.gate, &run->gate,
                          sl_config_path(&run->config, SL_KEY_gate_name), parameters, n, err);
  sl_gate_definition_free(defaults);
  return status ? status : check_gate(run, err);
}

sl_status sl_run_gate_load(sl_run_state *run, sl_extent extent, sl_error *err) {
  sl_status status = read_gate(run, err);
  if (!status) status = sl_gate_schedule_begin(run, err);
  if (status || extent == SL_EXTENT_EVALUATION) return status;
  const sl_bound_gate bound = sl_gate_schedule_bounds(run);
  return sl_gate_certificate_check(run->certificate, &run->config, &bound, err);
}
