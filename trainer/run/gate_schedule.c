/* The schedule of a gate's tau (spec L3.11). */
#include "gate_schedule.h"

#include <math.h>

static int schedule_of(const sl_run_state *run) { return run->config.gate.schedule; }

static double clamped(double x, double low, double high) { return fmin(fmax(x, low), high); }

/* The least and the most that the multiplier can be. */
static void scale_bounds(const sl_config *c, double out[2]) {
  const double final = c->gate.scale_final;
  out[0] = out[1] = 1.0;
  if (c->gate.schedule == SL_CONFIG_SCHEDULE_EUR)
    out[0] = c->gate.scale_low, out[1] = c->gate.scale_high;
  else if (c->gate.schedule != SL_CONFIG_SCHEDULE_CONSTANT)
    out[0] = fmin(1.0, final), out[1] = fmax(1.0, final);
}

static float scaled(float tau, double scale) { return (float)(scale * (double)tau); }

sl_status sl_gate_schedule_begin(sl_run_state *run, sl_error *err) {
  const sl_config *c = &run->config;
  const sl_gate *gate = &run->objective.gate;
  run->tau_scale = NAN;
  if (schedule_of(run) == SL_CONFIG_SCHEDULE_CONSTANT) return SL_OK;
  if (schedule_of(run) == SL_CONFIG_SCHEDULE_EUR) run->tau_scale = 1.0;
  double bounds[2];
  scale_bounds(c, bounds);
  for (int s = 0; s < 2; s++) {
    if (gate->family[s] >= SL_GATE_CLIP)
      return sl_config_fail(c, SL_KEY_gate_schedule, err,
                            "expected a gate with a kernel and its tau for both signs (sigmoid, "
                            "erf, arctan, softsign, or a file that names one), found %s",
                            c->gate.name);
    run->first_tau[s] = gate->tau[s];
    for (int k = 0; k < 2; k++) {
      const float tau = scaled(gate->tau[s], bounds[k]);
      if (!(tau >= 0x1p-20f && tau <= 0x1p10f)) /* spec O1.3 */
        return sl_config_fail(c, SL_KEY_gate_schedule, err,
                              "tau (%s) could become %g: expected a number from 2^-20 to 2^10",
                              s ? "pos" : "neg", (double)tau);
    }
  }
  return SL_OK;
}

sl_bound_gate sl_gate_schedule_bounds(const sl_run_state *run) {
  const sl_gate *gate = &run->objective.gate;
  sl_bound_gate out = {.gate = gate, .definition = run->gate};
  double bounds[2];
  scale_bounds(&run->config, bounds);
  for (int s = 0; s < 2; s++)
    out.least_tau[s] = scaled(gate->tau[s], bounds[0]),
    out.most_tau[s] = scaled(gate->tau[s], bounds[1]);
  return out;
}

void sl_gate_schedule_resume(sl_run_state *run) {
  const sl_config *c = &run->config;
  if (schedule_of(run) != SL_CONFIG_SCHEDULE_EUR)
    run->tau_scale = NAN;
  else
    run->tau_scale = clamped(isnan(run->tau_scale) ? 1.0 : run->tau_scale, c->gate.scale_low,
                             c->gate.scale_high);
}

/* RN32(m tau0), m the factor of N6.5; clamped as m is, for rounding is monotone. */
static float over_run(const sl_run_state *run, float tau) {
  const sl_config *c = &run->config;
  const sl_decay_kind decay =
      schedule_of(run) == SL_CONFIG_SCHEDULE_LINEAR ? SL_DECAY_LINEAR : SL_DECAY_COSINE;
  double bounds[2];
  scale_bounds(c, bounds);
  const float at = sl_learning_rate((double)tau, decay, c->gate.scale_final, 0, run->rl_step + 1,
                                    (uint64_t)c->rl.steps);
  return fminf(fmaxf(at, scaled(tau, bounds[0])), scaled(tau, bounds[1]));
}

void sl_gate_schedule_set(sl_run_state *run, sl_step_report *report) {
  if (schedule_of(run) == SL_CONFIG_SCHEDULE_CONSTANT) return;
  report->tau_scale = run->tau_scale;
  for (int s = 0; s < 2; s++) {
    const float first = run->first_tau[s];
    report->tau[s] = schedule_of(run) == SL_CONFIG_SCHEDULE_EUR ? scaled(first, run->tau_scale)
                                                                : over_run(run, first);
    run->objective.gate.tau[s] = report->tau[s];
  }
}

void sl_gate_schedule_move(sl_run_state *run, sl_step_report *report) {
  const sl_config *c = &run->config;
  if (schedule_of(run) != SL_CONFIG_SCHEDULE_EUR || isnan(report->eur_later)) return;
  const double wanted =
      run->tau_scale * (1.0 + c->gate.eur_gain * (report->eur_later - c->gate.eur_target));
  run->tau_scale = clamped(wanted, c->gate.scale_low, c->gate.scale_high);
  report->tau_saturated = run->tau_scale != wanted;
}
