/* The state file of a checkpoint (spec F4.5). */
#include "checkpoint_state.h"

#include "kernels/support/text_stream.h"
#include "trainer/files/file.h"
#include "trainer/files/json.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STATE_FILE "state.json"
#define STATE_BYTES_MAX ((size_t)1 << 20)
#define PHASE_SFT 0
#define PHASE_MAX 2
#define SL_TAU_SCALE_MAX 1000.0 /* of gate.scale_high */

/* JSON has no NaN. */
static void print_success(FILE *out, const char *key, double x) {
  if (isnan(x))
    fprintf(out, ",\"%s\":null", key);
  else
    fprintf(out, ",\"%s\":%.17g", key, x);
}

static void print_log(FILE *out, const char *name, const sl_log_record *log) {
  fprintf(out, ",\"%s_size\":%" PRIu64, name, log->size);
  fprintf(out, ",\"%s_digest\":\"%s\"", name, log->digest);
}

static void print_state(FILE *out, const sl_checkpoint_state *s) {
  const sl_counters *c = &s->counters;
  fprintf(out, "{\"format\":\"sluice-checkpoint\",\"version\":%d,\"numerics\":%d",
          SL_CHECKPOINT_VERSION, SL_NUMERICS_VERSION);
  const struct {
    const char *key;
    uint64_t value;
  } counts[] = {{"phase", c->phase},           {"sft_step", c->sft_step},
                {"rl_step", c->rl_step},       {"sft_epoch", c->sft_epoch},
                {"sft_offset", c->sft_offset}, {"rl_epoch", c->rl_epoch},
                {"rl_offset", c->rl_offset}};
  for (size_t i = 0; i < sizeof counts / sizeof *counts; i++)
    fprintf(out, ",\"%s\":%" PRIu64, counts[i].key, counts[i].value);
  fprintf(out, ",\"b1_power\":\"%a\",\"b2_power\":\"%a\"", s->adamw.b1_power, s->adamw.b2_power);
  print_success(out, "success_before", s->success_before);
  print_success(out, "success_after", s->success_after);
  print_success(out, "best_success", s->best_success);
  fprintf(out, ",\"best_step\":%" PRIu64, s->best_step);
  if (!isnan(s->tau_scale)) fprintf(out, ",\"tau_scale\":\"%a\"", s->tau_scale);
  print_log(out, "metrics", &s->metrics);
  print_log(out, "ledger", &s->ledger);
  fprintf(out, ",\"reference\":\"%s\",\"state\":\"%s\"", s->reference, s->hash);
  sl_identity_print(out, &s->identity);
}

/* The end of the file: the digest of all bytes before it. */
#define DIGEST_HEAD ",\"digest\":\""
#define DIGEST_END "\"}\n"
#define DIGEST_BYTES (sizeof DIGEST_HEAD - 1 + SL_DIGEST_TEXT - 1 + sizeof DIGEST_END - 1)

sl_status sl_checkpoint_state_write(const sl_checkpoint_state *s, const char *folder,
                                    sl_error *err) {
  char *path = sl_path_join(folder, STATE_FILE), digest[SL_DIGEST_TEXT];
  sl_text_stream made;
  FILE *out = sl_text_stream_open(&made);
  if (out) print_state(out, s);
  const char *before = out ? sl_text_stream_flush(&made) : NULL;
  if (before) {
    sl_digest_bytes(digest, before, made.size);
    fprintf(out, DIGEST_HEAD "%s" DIGEST_END, digest);
  }
  char *text = sl_text_stream_close(&made);
  const sl_bytes piece = {text, made.size};
  const sl_status status = path && text
                               ? sl_file_write(path, &piece, 1, err)
                               : sl_fail(err, SL_ERR_MEMORY, "no memory for a checkpoint's state");
  free(text);
  free(path);
  return status;
}

static sl_status hex_real(const sl_json *doc, const char *key, double most, double *out,
                          sl_error *err) {
  const char *text;
  const sl_status status = sl_json_text(doc, key, &text, err);
  if (status) return status;
  char *end;
  *out = strtod(text, &end);
  if (*end || end == text || !(*out >= 0.0 && *out <= most))
    return sl_json_fail(doc, key, err, "expected a number in [0, %g], found \"%s\"", most, text);
  return SL_OK;
}

static sl_status count_at(const sl_json *doc, const char *key, size_t max, uint64_t *out,
                          sl_error *err) {
  size_t n;
  const sl_status status = sl_json_size(doc, key, 0, max, &n, err);
  if (!status) *out = n;
  return status;
}

static sl_status success_at(const sl_json *doc, const char *key, double *out, sl_error *err) {
  *out = NAN;
  if (json_is_null(json_object_get(doc->root, key))) return SL_OK;
  const sl_status status = sl_json_real(doc, key, out, err);
  if (!status && !(*out >= 0.0 && *out <= 1.0))
    return sl_json_fail(doc, key, err, "expected a share in [0, 1] or null, found %g", *out);
  return status;
}

static sl_status digest_at(const sl_json *doc, const char *key, int may_be_empty,
                           char out[SL_DIGEST_TEXT], sl_error *err) {
  const char *text;
  const sl_status status = sl_json_text(doc, key, &text, err);
  if (status) return status;
  const size_t n = strlen(text);
  if (text[strspn(text, "0123456789abcdef")] ||
      !(n == SL_DIGEST_TEXT - 1 || (may_be_empty && n == 0)))
    return sl_json_fail(doc, key, err, "expected 32 hexadecimal digits");
  memcpy(out, text, n + 1);
  return SL_OK;
}

static sl_status parse_version(const sl_json *doc, int *out, sl_error *err) {
  size_t found;
  const sl_status status = sl_json_size(doc, "version", 0, 1000000, &found, err);
  if (status) return status;
  if (found < SL_CHECKPOINT_OLDEST || found > SL_CHECKPOINT_VERSION)
    return sl_json_fail(doc, "version", err, "this program reads versions %d to %d, found %zu",
                        SL_CHECKPOINT_OLDEST, SL_CHECKPOINT_VERSION, found);
  *out = (int)found;
  return SL_OK;
}

static sl_status parse_head(const sl_json *doc, sl_checkpoint_state *s, sl_error *err) {
  const char *format;
  size_t numerics;
  sl_status status = sl_json_text(doc, "format", &format, err);
  if (!status && strcmp(format, "sluice-checkpoint") != 0)
    status = sl_json_fail(doc, "format", err, "expected \"sluice-checkpoint\"");
  if (!status) status = parse_version(doc, &s->version, err);
  if (!status) status = sl_json_size(doc, "numerics", 0, 1000000, &numerics, err);
  if (!status && numerics != SL_NUMERICS_VERSION)
    status = sl_json_fail(doc, "numerics", err, "this program reads version %d, found %zu",
                          SL_NUMERICS_VERSION, numerics);
  return status;
}

static sl_status log_at(const sl_json *doc, const char *name, int version, sl_log_record *out,
                        sl_error *err) {
  char key[32];
  snprintf(key, sizeof key, "%s_size", name);
  sl_status status = count_at(doc, key, SIZE_MAX / 4, &out->size, err);
  snprintf(key, sizeof key, "%s_digest", name);
  if (!status && version > SL_CHECKPOINT_IDENTITY)
    status = digest_at(doc, key, 0, out->digest, err);
  return status;
}

/* Only a run whose schedule has one writes it. */
static sl_status parse_tau_scale(const sl_json *doc, double *out, sl_error *err) {
  *out = NAN;
  if (!json_object_get(doc->root, "tau_scale")) return SL_OK;
  return hex_real(doc, "tau_scale", SL_TAU_SCALE_MAX, out, err);
}

/* What version 4 added. */
static sl_status parse_additions(const sl_json *doc, sl_checkpoint_state *s, sl_error *err) {
  s->best_success = NAN;
  if (s->version < SL_CHECKPOINT_IDENTITY) return SL_OK;
  sl_status status = success_at(doc, "best_success", &s->best_success, err);
  if (!status) status = count_at(doc, "best_step", UINT32_MAX, &s->best_step, err);
  if (!status && s->best_step > s->counters.rl_step)
    status = sl_json_fail(doc, "best_step", err, "after step %llu, rl_step",
                          (unsigned long long)s->counters.rl_step);
  if (!status) status = sl_identity_parse(&s->identity, doc, err);
  return status || s->version == SL_CHECKPOINT_IDENTITY
             ? status
             : sl_identity_check_complete(&s->identity, doc, err);
}

/* Of fields that are plausible, each by itself, and not those that were written. */
static sl_status check_digest(const sl_json *doc, int version, sl_error *err) {
  char own[SL_DIGEST_TEXT], found[SL_DIGEST_TEXT];
  if (version <= SL_CHECKPOINT_IDENTITY) return SL_OK;
  const sl_status status = digest_at(doc, "digest", 0, found, err);
  if (status) return status;
  const size_t size = doc->size > DIGEST_BYTES ? doc->size - DIGEST_BYTES : 0;
  const char *end = doc->text + size;
  sl_digest_bytes(own, doc->text, size);
  if (strncmp(end, DIGEST_HEAD, sizeof DIGEST_HEAD - 1) == 0 && strcmp(own, found) == 0)
    return SL_OK;
  return sl_fail(err, SL_ERR_MISMATCH,
                 "%s: its bytes are not those of its digest, %s: the file was edited, or the "
                 "checkpoint is damaged",
                 doc->file, found);
}

static sl_status parse_state(const sl_json *doc, sl_checkpoint_state *s, sl_error *err) {
  sl_counters *c = &s->counters;
  const struct {
    const char *key;
    size_t max;
    uint64_t *at;
  } counts[] = {{"phase", PHASE_MAX, &c->phase},
                {"sft_step", UINT32_MAX, &c->sft_step},
                {"rl_step", UINT32_MAX, &c->rl_step},
                {"sft_epoch", UINT32_MAX, &c->sft_epoch},
                {"sft_offset", UINT32_MAX, &c->sft_offset},
                {"rl_epoch", UINT32_MAX, &c->rl_epoch},
                {"rl_offset", UINT32_MAX, &c->rl_offset}};
  sl_status status = parse_head(doc, s, err);
  for (size_t i = 0; !status && i < sizeof counts / sizeof *counts; i++)
    status = count_at(doc, counts[i].key, counts[i].max, counts[i].at, err);
  if (!status) status = hex_real(doc, "b1_power", 1.0, &s->adamw.b1_power, err);
  if (!status) status = hex_real(doc, "b2_power", 1.0, &s->adamw.b2_power, err);
  if (!status) status = parse_tau_scale(doc, &s->tau_scale, err);
  if (!status) status = success_at(doc, "success_before", &s->success_before, err);
  if (!status) status = success_at(doc, "success_after", &s->success_after, err);
  if (!status) status = log_at(doc, "metrics", s->version, &s->metrics, err);
  if (!status) status = log_at(doc, "ledger", s->version, &s->ledger, err);
  if (!status) status = digest_at(doc, "reference", 1, s->reference, err);
  if (!status) status = digest_at(doc, "state", 0, s->hash, err);
  if (!status && s->counters.phase == PHASE_SFT && s->counters.rl_step > 0)
    status = sl_json_fail(doc, "rl_step", err, "expected 0 in the warm start, found %llu",
                          (unsigned long long)s->counters.rl_step);
  if (!status) status = parse_additions(doc, s, err);
  return status ? status : check_digest(doc, s->version, err);
}

sl_status sl_checkpoint_state_read(sl_checkpoint_state *out, const char *folder, sl_error *err) {
  char *path = sl_path_join(folder, STATE_FILE), *text = NULL;
  size_t size;
  sl_checkpoint_state made = {0};
  if (!path) return sl_fail(err, SL_ERR_MEMORY, "no memory for a path");
  sl_status status = sl_file_read(&text, &size, path, STATE_BYTES_MAX, err);
  if (!status) {
    sl_json doc;
    status = sl_json_parse(&doc, path, 1, text, size, err);
    if (!status) {
      status = parse_state(&doc, &made, err);
      sl_json_free(&doc);
    }
  }
  free(text);
  free(path);
  if (status)
    sl_identity_free(&made.identity);
  else
    *out = made;
  return status;
}

void sl_checkpoint_state_free(sl_checkpoint_state *state) { sl_identity_free(&state->identity); }
