/* A row for each function: proof of the scalar function, digest and speed of the vector ones (spec
 * N2.3). */
#include "sweep_table.h"

#include <inttypes.h>

static const struct {
  const char *name;
  sl_isa isa;
} sets[SL_SWEEP_SETS] = {{"avx2", SL_ISA_AVX2}, {"avx512", SL_ISA_AVX512}};

static sl_status measure_set(sl_sweep_set *out, sl_isa isa, const sl_sweep_options *options,
                             const sl_sweep_result *scalar, sl_error *err) {
  const sl_function_map *maps, *peers;
  sl_status status = sl_function_maps_of(&maps, &peers, isa, err);
  if (status) return status == SL_ERR_UNAVAILABLE ? SL_OK : status;
  sl_sweep_options digest = *options;
  digest.map = maps[options->function], digest.digest_only = 1;
  sl_sweep_result r;
  status = sl_sweep_run(&r, &digest, err);
  if (status) return status;
  out->here = 1;
  out->equal = r.digest.low == scalar->digest.low && r.digest.high == scalar->digest.high;
  status = sl_function_speed_measure(&out->speed, options->function, digest.map,
                                     peers[options->function], err);
  out->timed = status == SL_OK;
  return status == SL_ERR_UNAVAILABLE ? SL_OK : status;
}

sl_status sl_sweep_table_measure(sl_sweep_row *out, const sl_sweep_options *options,
                                 const sl_sweep_result *result, sl_error *err) {
  sl_sweep_row row = {.equal = 1};
  for (int i = 0; i < SL_SWEEP_SETS; i++) {
    const sl_status status = measure_set(&row.set[i], sets[i].isa, options, result, err);
    if (status) return status;
    if (row.set[i].here && !row.set[i].equal) row.equal = 0;
  }
  *out = row;
  return SL_OK;
}

void sl_sweep_table_header(FILE *out) {
  fprintf(out, "| function | inputs | misrounded | MPFR fallbacks | seconds |");
  for (int i = 0; i < SL_SWEEP_SETS; i++)
    fprintf(out, " %s digest | %s ns / libmvec ns = ratio |", sets[i].name, sets[i].name);
  fprintf(out, "\n|---|---|---|---|---|");
  for (int i = 0; i < SL_SWEEP_SETS; i++) fprintf(out, "---|---|");
  fprintf(out, "\n");
}

void sl_sweep_table_row(FILE *out, sl_function_id function, const sl_sweep_result *r,
                        const sl_sweep_row *row) {
  fprintf(out, "| %s | %" PRIu64 " | %" PRIu64 " | %" PRIu64 " | %.1f |",
          sl_function_name(function), r->inputs, r->misrounded, r->fallbacks, r->seconds);
  for (int i = 0; i < SL_SWEEP_SETS; i++) {
    const sl_sweep_set *s = &row->set[i];
    fprintf(out, " %s |", !s->here ? "absent" : s->equal ? "equal" : "DIFFERS");
    if (s->timed)
      fprintf(out, " %.3f / %.3f = %.2f |", s->speed.ns, s->speed.peer_ns, s->speed.ratio);
    else
      fprintf(out, " %s |", s->here ? "no libmvec" : "absent");
  }
  fprintf(out, "\n");
  fflush(out);
}
