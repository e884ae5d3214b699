/* metrics.jsonl as curves (spec F4.3). */
#include "run_curves.h"

#include "trainer/files/json.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
  const char *kind, *phase;
  size_t step;
} line_head;

const sl_run_curve *sl_run_curves_find(const sl_run_curves *curves, const char *kind,
                                       const char *phase, const char *key) {
  for (size_t i = 0; i < curves->n; i++) {
    const sl_run_curve *c = &curves->curve[i];
    if (strcmp(c->key, key) == 0 && strcmp(c->phase, phase) == 0 && strcmp(c->kind, kind) == 0)
      return c;
  }
  return NULL;
}

double sl_run_curve_first(const sl_run_curve *curve) { return curve ? curve->y[0] : (double)NAN; }
double sl_run_curve_last(const sl_run_curve *curve) {
  return curve ? curve->y[curve->n - 1] : (double)NAN;
}

double sl_run_curve_mean(const sl_run_curve *curve, size_t count) {
  if (!curve || count == 0) return (double)NAN;
  if (count > curve->n) count = curve->n;
  double sum = 0;
  for (size_t i = curve->n - count; i < curve->n; i++) sum += curve->y[i];
  return sum / (double)count;
}

/* Twice the capacity of an array of `size`-byte items once it is full. */
static int grow(void **items, size_t n, size_t *capacity, size_t size) {
  if (n < *capacity) return 1;
  const size_t wanted = *capacity ? 2 * *capacity : 16;
  if (wanted > (size_t)-1 / size) return 0;
  void *fresh = realloc(*items, wanted * size);
  if (!fresh) return 0;
  *items = fresh;
  *capacity = wanted;
  return 1;
}

static int append(sl_run_curve *c, double x, double y) {
  size_t capacity = c->capacity;
  if (!grow((void **)&c->x, c->n, &capacity, sizeof *c->x)) return 0;
  if (!grow((void **)&c->y, c->n, &c->capacity, sizeof *c->y)) return 0;
  c->x[c->n] = x;
  c->y[c->n++] = y;
  return 1;
}

static sl_run_curve *find_or_add(sl_run_curves *curves, const line_head *head, const char *key) {
  sl_run_curve *found = (sl_run_curve *)sl_run_curves_find(curves, head->kind, head->phase, key);
  if (found) return found;
  if (!grow((void **)&curves->curve, curves->n, &curves->capacity, sizeof *curves->curve))
    return NULL;
  sl_run_curve *c = &curves->curve[curves->n++];
  *c = (sl_run_curve){0};
  snprintf(c->kind, sizeof c->kind, "%s", head->kind);
  snprintf(c->phase, sizeof c->phase, "%s", head->phase);
  snprintf(c->key, sizeof c->key, "%s", key);
  return c;
}

static sl_status one_of(const sl_json *line, const char *key, const char *a, const char *b,
                        const char **out, sl_error *err) {
  const char *got;
  const sl_status status = sl_json_text(line, key, &got, err);
  if (status) return status;
  if (strcmp(got, a) != 0 && strcmp(got, b) != 0)
    return sl_json_fail(line, key, err, "expected \"%s\" or \"%s\", found \"%.40s\"", a, b, got);
  *out = got;
  return SL_OK;
}

static sl_status read_head(const sl_run_curves *curves, const sl_json *line, line_head *out,
                           sl_error *err) {
  sl_status status = one_of(line, "kind", "step", "evaluation", &out->kind, err);
  if (!status) status = one_of(line, "phase", "sft", "rl", &out->phase, err);
  if (!status) status = sl_json_size(line, "step", 0, (size_t)1 << 53, &out->step, err);
  if (status) return status;
  const sl_run_curve *steps = sl_run_curves_find(curves, out->kind, out->phase, "step");
  if (steps && !((double)out->step > sl_run_curve_last(steps)))
    return sl_json_fail(line, "step", err, "step %zu comes after step %.0f of the same phase",
                        out->step, sl_run_curve_last(steps));
  return SL_OK;
}

static void add_backend(sl_run_curves *curves, const char *name) {
  if (strstr(curves->backend, name)) return;
  const size_t n = strlen(curves->backend);
  snprintf(curves->backend + n, sizeof curves->backend - n, "%s%s", n ? ", " : "", name);
}

/* Texts and sums of a step's line. */
static sl_status read_step(sl_run_curves *curves, const sl_json *line, const line_head *head,
                           sl_error *err) {
  const char *backend, *state;
  double seconds, rate;
  sl_status status = sl_json_text(line, "backend", &backend, err);
  if (!status) status = sl_json_text(line, "state", &state, err);
  if (!status) status = sl_json_real(line, "seconds", &seconds, err);
  if (!status) status = sl_json_real(line, "tokens_per_second", &rate, err);
  if (status) return status;
  add_backend(curves, backend);
  snprintf(curves->state, sizeof curves->state, "%s", state);
  if (strcmp(head->phase, "sft") == 0) snprintf(curves->warm, sizeof curves->warm, "%s", state);
  curves->seconds += seconds;
  curves->tokens += rate * seconds;
  return SL_OK;
}

static sl_status read_line(const sl_json *line, void *user, sl_error *err) {
  sl_run_curves *curves = user;
  line_head head;
  sl_status status = read_head(curves, line, &head, err);
  if (!status && strcmp(head.kind, "step") == 0) status = read_step(curves, line, &head, err);
  if (status) return status;
  const char *key;
  json_t *value;
  json_object_foreach(line->root, key, value) {
    const json_t *number = value;
    if (json_is_array(value)) number = json_array_get(value, json_array_size(value) - 1);
    if (!json_is_number(number))
      continue; /* a text, or null: a value that was not finite (spec F4.3) leaves a gap */
    if (strlen(key) >= sizeof curves->curve->key)
      return sl_json_fail(line, key, err, "a key of more than %zu bytes",
                          sizeof curves->curve->key - 1);
    sl_run_curve *c = find_or_add(curves, &head, key);
    if (!c || !append(c, (double)head.step, json_number_value(number)))
      return sl_fail(err, SL_ERR_MEMORY, "no memory for the metrics of a run");
  }
  curves->lines++;
  return SL_OK;
}

sl_status sl_run_curves_read(sl_run_curves *out, const char *path, sl_error *err) {
  sl_run_curves curves = {0};
  sl_status status = sl_json_log_lines(path, read_line, &curves, &curves.unfinished, NULL, err);
  if (!status && curves.lines == 0)
    status = sl_fail(err, SL_ERR_INPUT, "%s:1:1: no line; the run has not finished a step", path);
  if (status)
    sl_run_curves_free(&curves);
  else
    *out = curves;
  return status;
}

void sl_run_curves_free(sl_run_curves *curves) {
  for (size_t i = 0; i < curves->n; i++) free(curves->curve[i].x), free(curves->curve[i].y);
  free(curves->curve);
  *curves = (sl_run_curves){0};
}
