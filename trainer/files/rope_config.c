/* Rotary embedding in config.json (spec F1.2): rope_theta and rope_scaling beside it, or both in
 * rope_parameters, as transformers 5 writes it. An entry that is not known may change the angles,
 * so it is refused. */
#include "rope_config.h"

#include <stdio.h>
#include <string.h>

#define THETA_DEFAULT 1e4
/* Of yarn, where they are absent. */
#define BETA_FAST_DEFAULT 32
#define BETA_SLOW_DEFAULT 1

/* The entries of one object; a number that is absent is 0. */
typedef struct {
  sl_rope_kind kind;
  double theta, factor, original, low, high, beta_fast, beta_slow, attention, mscale,
      mscale_all_dim, partial;
  int truncate; /* -1: absent */
} entries;

/* In the order of sl_rope_kind. */
static const char *const kinds[] = {"default", "linear", "llama3", "yarn"};
#define N_KINDS (sizeof kinds / sizeof *kinds)

#define IN(kind) (1u << SL_ROPE_##kind)
#define IN_ALL (IN(PLAIN) | IN(LINEAR) | IN(LLAMA3) | IN(YARN))

/* The numbers, and the kinds that have them. */
static const struct {
  const char *name;
  size_t at;
  unsigned in;
  int may_be_zero; /* which is as if it were absent */
} numbers[] = {
    {"rope_theta", offsetof(entries, theta), IN_ALL, 0},
    {"partial_rotary_factor", offsetof(entries, partial), IN_ALL, 0},
    {"factor", offsetof(entries, factor), IN_ALL, 0},
    {"original_max_position_embeddings", offsetof(entries, original), IN(LLAMA3) | IN(YARN), 0},
    {"low_freq_factor", offsetof(entries, low), IN(LLAMA3), 0},
    {"high_freq_factor", offsetof(entries, high), IN(LLAMA3), 0},
    {"beta_fast", offsetof(entries, beta_fast), IN(YARN), 1},
    {"beta_slow", offsetof(entries, beta_slow), IN(YARN), 1},
    {"attention_factor", offsetof(entries, attention), IN(YARN), 0},
    {"mscale", offsetof(entries, mscale), IN(YARN), 1},
    {"mscale_all_dim", offsetof(entries, mscale_all_dim), IN(YARN), 1}};
#define N_NUMBERS (sizeof numbers / sizeof *numbers)

static sl_status expected(const sl_json *doc, const char *key, const char *name, const char *what,
                          const json_t *value, sl_error *err) {
  char found[SL_JSON_DESCRIPTION];
  sl_json_describe(found, value);
  return sl_json_fail(doc, key, err, "%s: expected %s, found %s", name, what, found);
}

static int has(const json_t *object, const char *name) {
  const json_t *value = json_object_get(object, name);
  return value && !json_is_null(value);
}

/* rope_type, or type as older folders have it. */
static sl_status read_kind(entries *out, const sl_json *doc, const char *key, const json_t *object,
                           sl_error *err) {
  const char *name = has(object, "rope_type") ? "rope_type" : "type";
  const json_t *value = json_object_get(object, name), *other = json_object_get(object, "type");
  out->kind = SL_ROPE_PLAIN;
  if (!has(object, name)) return SL_OK;
  if (has(object, "type") && !json_equal(value, other))
    return sl_json_fail(doc, key, err, "rope_type and type differ");
  for (size_t i = 0; json_is_string(value) && i < N_KINDS; i++)
    if (strcmp(json_string_value(value), kinds[i]) == 0) {
      out->kind = (sl_rope_kind)i;
      return SL_OK;
    }
  return expected(doc, key, name, "\"default\", \"linear\", \"llama3\" or \"yarn\"", value, err);
}

static sl_status read_entry(entries *out, const sl_json *doc, const char *key, const char *name,
                            const json_t *value, sl_error *err) {
  if (json_is_null(value) || strcmp(name, "rope_type") == 0 || strcmp(name, "type") == 0)
    return SL_OK;
  if (strcmp(name, "truncate") == 0 && out->kind == SL_ROPE_YARN) {
    if (!json_is_boolean(value)) return expected(doc, key, name, "true or false", value, err);
    out->truncate = json_is_true(value);
    return SL_OK;
  }
  for (size_t i = 0; i < N_NUMBERS; i++) {
    if (strcmp(name, numbers[i].name) != 0 || !(numbers[i].in & 1u << out->kind)) continue;
    const double x = json_number_value(value);
    if (!json_is_number(value) || x < 0.0 || (x == 0.0 && !numbers[i].may_be_zero))
      return expected(doc, key, name, "a positive number", value, err);
    memcpy((char *)out + numbers[i].at, &x, sizeof x);
    return SL_OK;
  }
  return sl_json_fail(doc, key, err, "%s: no entry of the rope_type \"%s\"", name,
                      kinds[out->kind]);
}

/* Whatever the kind, part of a head is not rotated by itself; and plain RoPE has no factor. */
static sl_status check_ones(const entries *e, const sl_json *doc, const char *key, sl_error *err) {
  if (e->partial != 0.0 && e->partial != 1.0)
    return sl_json_fail(doc, key, err, "partial_rotary_factor: expected 1, found %g", e->partial);
  if (e->kind == SL_ROPE_PLAIN && e->factor != 0.0 && e->factor != 1.0)
    return sl_json_fail(doc, key, err,
                        "factor: expected 1 with the rope_type \"default\", found %g", e->factor);
  return SL_OK;
}

static sl_status read_object(entries *out, const sl_json *doc, const char *key, sl_error *err) {
  json_t *object = json_object_get(doc->root, key), *value;
  const char *name;
  *out = (entries){.truncate = -1};
  if (!has(doc->root, key)) return SL_OK;
  if (!json_is_object(object)) return sl_json_expected(doc, key, err, "an object", object);
  SL_TRY(read_kind(out, doc, key, object, err));
  json_object_foreach(object, name, value) SL_TRY(read_entry(out, doc, key, name, value, err));
  return check_ones(out, doc, key, err);
}

static double or_else(double x, double otherwise) { return x != 0.0 ? x : otherwise; }

/* A number that has no default. */
static sl_status require(const sl_json *doc, const char *key, const char *name, double x,
                         sl_error *err) {
  return x != 0.0 ? SL_OK : sl_json_fail(doc, key, err, "%s: missing", name);
}

/* The positions before scaling: in the object or beside it, else all. */
static sl_status read_original(double *out, const entries *e, const sl_json *doc, const char *key,
                               size_t max_positions, sl_error *err) {
  static const char name[] = "original_max_position_embeddings";
  double beside = 0.0;
  if (has(doc->root, name)) SL_TRY(sl_json_real(doc, name, &beside, err));
  if (beside != 0.0 && e->original != 0.0 && beside != e->original)
    return sl_json_fail(doc, key, err, "%s is %g, but another place has %g", name, e->original,
                        beside);
  *out = or_else(e->original, or_else(beside, (double)max_positions));
  return SL_OK;
}

/* The scaling that an object describes, with what is absent filled in. */
static sl_status complete(sl_rope_scaling *out, const entries *e, const sl_json *doc,
                          const char *key, size_t max_positions, sl_error *err) {
  sl_rope_scaling s = {.kind = e->kind, .factor = e->factor};
  if (e->kind == SL_ROPE_LLAMA3 || e->kind == SL_ROPE_YARN)
    SL_TRY(read_original(&s.original, e, doc, key, max_positions, err));
  if (e->kind == SL_ROPE_LLAMA3) {
    s.low = e->low, s.high = e->high;
    SL_TRY(require(doc, key, "low_freq_factor", s.low, err));
    SL_TRY(require(doc, key, "high_freq_factor", s.high, err));
  }
  if (e->kind == SL_ROPE_YARN) {
    s.factor = or_else(s.factor, (double)max_positions / s.original);
    s.high = or_else(e->beta_fast, BETA_FAST_DEFAULT);
    s.low = or_else(e->beta_slow, BETA_SLOW_DEFAULT);
    s.untruncated = e->truncate == 0;
    s.attention = e->attention, s.mscale = e->mscale, s.mscale_all_dim = e->mscale_all_dim;
  }
  if (e->kind == SL_ROPE_PLAIN)
    s.factor = 0.0;
  else
    SL_TRY(require(doc, key, "factor", s.factor, err));
  *out = s;
  return SL_OK;
}

/* Which rule gives the frequencies is no matter of transformers, which has one. */
static sl_status read_tables(int *stepwise, const sl_json *doc, sl_error *err) {
  const json_t *value = json_object_get(doc->root, SL_ROPE_TABLES_KEY);
  if (!has(doc->root, SL_ROPE_TABLES_KEY)) return SL_OK;
  const char *word = json_is_string(value) ? json_string_value(value) : "";
  *stepwise = strcmp(word, "stepwise") == 0;
  if (*stepwise || strcmp(word, "exact") == 0) return SL_OK;
  return sl_json_expected(doc, SL_ROPE_TABLES_KEY, err, "\"exact\" or \"stepwise\"", value);
}

/* rope_theta may stand in three places; those that have it must agree. */
static sl_status read_theta(double *theta, const sl_json *doc, const entries *e,
                            const char *const *keys, sl_error *err) {
  double found = 0.0;
  if (has(doc->root, "rope_theta")) {
    SL_TRY(sl_json_real(doc, "rope_theta", &found, err));
    if (!(found > 0.0))
      return sl_json_fail(doc, "rope_theta", err,
                          "expected a positive number, "
                          "found %g",
                          found);
  }
  for (int i = 0; i < 2; i++) {
    if (e[i].theta != 0.0 && found != 0.0 && e[i].theta != found)
      return sl_json_fail(doc, keys[i], err, "rope_theta is %g, but another place has %g",
                          e[i].theta, found);
    found = or_else(e[i].theta, found);
  }
  *theta = or_else(found, THETA_DEFAULT);
  return SL_OK;
}

sl_status sl_rope_config_read(sl_model_shape *shape, const sl_json *doc, sl_error *err) {
  static const char *const keys[] = {"rope_parameters", "rope_scaling"};
  entries e[2];
  double theta = THETA_DEFAULT;
  sl_rope_scaling scaling = {.kind = SL_ROPE_PLAIN};
  sl_error why;
  for (int i = 0; i < 2; i++) SL_TRY(read_object(&e[i], doc, keys[i], err));
  if (has(doc->root, keys[0]) && has(doc->root, keys[1]) &&
      (e[0].kind != SL_ROPE_PLAIN || e[1].kind != SL_ROPE_PLAIN))
    return sl_json_fail(doc, keys[1], err, "rope_parameters stands beside it; one of them must go");
  SL_TRY(read_theta(&theta, doc, e, keys, err));
  const int at = e[0].kind == SL_ROPE_PLAIN;
  SL_TRY(complete(&scaling, &e[at], doc, keys[at], shape->max_positions, err));
  SL_TRY(read_tables(&scaling.stepwise, doc, err));
  if (sl_rope_scaling_check(&scaling, theta, &why))
    return sl_json_fail(doc, keys[at], err, "%s", why.message);
  shape->rope_theta = theta;
  shape->rope = scaling;
  return SL_OK;
}
