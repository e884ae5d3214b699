/* The ledger (spec F4.4): every update's gradient and the parameters, by tensor; planted: one
 * changed bit shows in its tensor's digest alone. */
#include "tests/trainer/scratch.h"
#include "tests/trainer/tiny.h"

#include "trainer/files/json.h"
#include "trainer/run/run_files.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define UPDATES 4 /* of a tiny step: 2 an epoch, 2 epochs */

static sl_run_state *in_rl(void) {
  sl_run_state *run = tiny_trainer(NULL);
  tiny_sft(run, 8);
  tiny_begin_rl(run);
  return run;
}

static char *after_newline(char *text) {
  char *newline = strchr(text, '\n');
  cr_assert_not_null(newline);
  return newline + 1;
}

/* Line number `which` of the run's ledger; the caller frees it. */
static json_t *line(const char *file, size_t which) {
  static char text[1 << 20];
  text[scratch_read(file, text, sizeof text - 1)] = 0;
  char *at = text;
  for (; which; which--) at = after_newline(at);
  json_t *root = json_loadb(at, (size_t)(after_newline(at) - 1 - at), JSON_REJECT_DUPLICATES, NULL);
  cr_assert_not_null(root);
  return root;
}

static const char *text_at(const json_t *array, size_t i) {
  const char *text = json_string_value(json_array_get(array, i));
  cr_assert(text && strlen(text) == SL_DIGEST_TEXT - 1);
  return text;
}

/* spec F5.3 and F5.1 with two words and a carry. */
static void digest_by_hand(uint64_t out[2], const float *x, size_t n) {
  out[0] = out[1] = 0;
  for (size_t i = 0; i < n; i++) {
    uint32_t bits;
    memcpy(&bits, &x[i], sizeof bits);
    uint64_t z = ((uint64_t)i << 32) + bits + 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    z ^= z >> 31;
    out[0] += z;
    out[1] += out[0] < z;
  }
}

static void text_of(char out[SL_DIGEST_TEXT], const uint64_t digest[2]) {
  snprintf(out, SL_DIGEST_TEXT, "%016llx%016llx", (unsigned long long)digest[1],
           (unsigned long long)digest[0]);
}

/* Appends 16 bytes for each tensor, high half first, big-endian; returns the end. */
static unsigned char *add_arena(unsigned char *at, const sl_model_layout *layout,
                                const float *arena) {
  for (size_t i = 0; i < layout->n_tensors; i++) {
    uint64_t digest[2];
    digest_by_hand(digest, arena + layout->tensors[i].offset, layout->tensors[i].count);
    for (int half = 1; half >= 0; half--)
      for (int byte = 7; byte >= 0; byte--) *at++ = (unsigned char)(digest[half] >> (8 * byte));
  }
  return at;
}

/* spec F4.2 from the run's numbers. */
static void state_by_hand(char out[SL_DIGEST_TEXT], const sl_run_state *run) {
  static unsigned char bytes[1 << 16];
  const sl_optimizer *o = &run->optimizer;
  const sl_counters counters = sl_run_state_counters(run);
  unsigned char *at = add_arena(
      add_arena(add_arena(bytes, o->layout, run->policy.data), o->layout, o->m), o->layout, o->v);
  memcpy(at, &o->state.b1_power, 8), memcpy(at + 8, &o->state.b2_power, 8),
      memcpy(at + 16, &counters, 7 * 8);
  sl_digest_bytes(out, bytes, (size_t)(at + 72 - bytes));
}

/* Tensors whose digest is not that of the arena; the last of them in *where. */
static size_t differ(const json_t *digests, const sl_model_layout *layout, const float *arena,
                     size_t *where) {
  size_t wrong = 0;
  cr_assert_eq(json_array_size(digests), layout->n_tensors);
  for (size_t i = 0; i < layout->n_tensors; i++) {
    char text[SL_DIGEST_TEXT];
    uint64_t digest[2];
    digest_by_hand(digest, arena + layout->tensors[i].offset, layout->tensors[i].count);
    text_of(text, digest);
    if (strcmp(text_at(digests, i), text) != 0) wrong++, *where = i;
  }
  return wrong;
}

/* The EUR of each update of a rollout, in the ledger exactly, in the metrics by 9 digits (spec
 * F4.3, F4.4, O5.3): 1 for the first, less for one whose ratios moved. */
Test(ledger, holds_the_effective_ratio_by_update, .init = scratch_make, .fini = scratch_remove) {
  sl_run_state *run = in_rl();
  sl_step_digests digests;
  sl_step_report report = {.updates = 1};
  sl_run_files files;
  sl_error err;
  cr_assert_eq(sl_run_create(&files, scratch_path("run"), &run->config, &err), SL_OK, "%s",
               err.message);
  run->phase = SL_PHASE_SFT;
  cr_assert_eq(sl_ledger_measures(&files, run, &report, &err), SL_OK); /* writes nothing */
  run->phase = SL_PHASE_RL;
  cr_assert_eq(sl_policy_step(run, &report, &digests, &err), SL_OK, "%s", err.message);
  cr_assert_eq(sl_ledger_measures(&files, run, &report, &err), SL_OK, "%s", err.message);
  cr_assert_eq(sl_metrics_step(&files, run, &report, "", 1.0, &err), SL_OK, "%s", err.message);
  json_t *measures = line(scratch_path("run/ledger.jsonl"), 0),
         *metrics = line(scratch_path("run/metrics.jsonl"), 0);
  const json_t *exact = json_object_get(measures, "eur"), *eur = json_object_get(metrics, "eur");
  double later = 0.0;
  cr_expect_str_eq(json_string_value(json_object_get(measures, "kind")), "measures");
  cr_assert_eq(json_array_size(exact), UPDATES);
  cr_assert_eq(json_array_size(eur), UPDATES);
  cr_expect_str_eq(json_string_value(json_array_get(exact, 0)), "1");
  for (size_t u = 0; u < UPDATES; u++) {
    const double x = strtod(json_string_value(json_array_get(exact, u)), NULL);
    char nine[32];
    snprintf(nine, sizeof nine, "%.9g", x);
    cr_expect_eq(x, run->ratios[u].effective);
    cr_expect(u == 0 ? x == 1.0 : x > 0.0 && x < 1.0, "update %zu: %.17g", u, x);
    cr_expect_eq(json_number_value(json_array_get(eur, u)), strtod(nine, NULL));
    later += u ? x / (UPDATES - 1) : 0.0;
  }
  cr_expect(fabs(report.eur_later - later) <= 2 * UPDATES * 0x1p-53);
  cr_expect(json_is_null(json_object_get(metrics, "clip_ratio")), "the gate is sigmoid");
  json_decref(measures), json_decref(metrics);
  sl_run_close(&files);
  sl_run_state_destroy(run);
}

Test(ledger, holds_every_update_by_tensor, .init = scratch_make, .fini = scratch_remove) {
  sl_run_state *run = in_rl();
  const sl_model_layout *layout = run->policy.layout;
  sl_step_digests digests;
  sl_step_report report;
  char state[SL_DIGEST_TEXT], by_hand[SL_DIGEST_TEXT];
  sl_run_files files;
  sl_error err;
  size_t where = 0;
  cr_assert_eq(sl_run_create(&files, scratch_path("run"), &run->config, &err), SL_OK, "%s",
               err.message);
  cr_assert_eq(sl_policy_step(run, &report, &digests, &err), SL_OK, "%s", err.message);
  for (int i = 0; i < 2; i++)
    cr_assert_eq(sl_ledger_begin(&files, run, &err), SL_OK, "%s",
                 err.message); /* the second adds nothing */
  cr_assert_eq(sl_run_state_hash(run, digests.updates, state, &err), SL_OK, "%s", err.message);
  cr_assert_eq(sl_ledger_step(&files, run, &digests, state, &err), SL_OK, "%s", err.message);
  json_t *head = line(scratch_path("run/ledger.jsonl"), 0),
         *step = line(scratch_path("run/ledger.jsonl"), 1);
  const json_t *tensors = json_object_get(head, "tensors"),
               *gradients = json_object_get(step, "gradients");
  const json_t *parameters = json_object_get(step, "parameters");
  cr_expect_eq(json_integer_value(json_object_get(head, "version")), SL_LEDGER_VERSION);
  cr_expect_eq(json_integer_value(json_object_get(head, "numerics")), 2);
  cr_expect_str_eq(json_string_value(json_object_get(step, "state")), state);
  state_by_hand(by_hand, run);
  cr_expect_str_eq(state, by_hand);
  cr_assert_eq(json_array_size(tensors), layout->n_tensors);
  for (size_t i = 0; i < layout->n_tensors; i++)
    cr_expect_str_eq(json_string_value(json_array_get(tensors, i)), layout->tensors[i].name);
  cr_assert_eq(json_array_size(gradients), UPDATES);
  for (size_t u = 1; u < UPDATES; u++)
    cr_expect_str_neq(text_at(json_array_get(gradients, u), 3),
                      text_at(json_array_get(gradients, u - 1), 3), "updates %zu and %zu", u - 1,
                      u);
  cr_expect_eq(differ(json_array_get(gradients, UPDATES - 1), layout, run->gradients.total, &where),
               0);
  cr_expect_eq(differ(parameters, layout, run->policy.data, &where), 0);
  ((uint32_t *)(void *)(run->policy.data + layout->tensors[5].offset))[1] ^= 1u;
  cr_expect_eq(differ(parameters, layout, run->policy.data, &where), 1);
  cr_expect_eq(where, 5);
  json_decref(head), json_decref(step);
  sl_run_close(&files);
  sl_run_state_destroy(run);
}
