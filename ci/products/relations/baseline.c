/* Baselines: a line for each kernel and backend (spec E5.4). */
#include "baseline.h"

#include "ci/products/equiv/equiv.h"
#include "kernels/support/output.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define HEAD "sluice equiv baseline, generator "
#define CONTRACT "contract acc=f32,out=f32,order=ours"
#define DRAWN "drawn"

static sl_status add_row(sl_baseline *b, const sl_baseline_row *row) {
  sl_baseline_row *rows = realloc(b->row, (b->rows + 1) * sizeof *rows);
  if (!rows) return SL_ERR_MEMORY;
  b->row = rows;
  b->row[b->rows++] = *row;
  return SL_OK;
}

/* A number by its digits; 0 where it is beyond 64 bits. */
static int read_number(uint64_t *n, const char *digits) {
  errno = 0;
  *n = strtoull(digits, NULL, 10);
  return errno == 0;
}

static sl_status read_generator(const char *path, const char *line, sl_error *err) {
  char digits[24];
  uint64_t generator;
  int end = 0;
  if (sscanf(line, HEAD "%20[0-9]\n%n", digits, &end) != 1 || !end ||
      !read_number(&generator, digits))
    return sl_fail(err, SL_ERR_INPUT, "%s:1: no baseline: expected '" HEAD "N'", path);
  if (generator == SL_EQUIV_GENERATOR) return SL_OK;
  return sl_fail(err, SL_ERR_INPUT,
                 "%s:1: made by generator %" PRIu64 "; this one is %d and makes other problems",
                 path, generator, SL_EQUIV_GENERATOR);
}

static sl_status read_head(sl_baseline *b, const char *path, const char *line, sl_error *err) {
  char seed[24], cases[24], rows[24];
  uint64_t problems, said;
  int end = 0;
  const int fields =
      sscanf(line, "seed %20[0-9], cases %20[0-9], rows %20[0-9], shape %99s " CONTRACT "\n%n",
             seed, cases, rows, b->shape, &end);
  if (fields != 4 || !end || !read_number(&b->seed, seed) || !read_number(&problems, cases) ||
      !read_number(&said, rows) || problems == 0)
    return sl_fail(err, SL_ERR_INPUT,
                   "%s:2: expected 'seed N, cases N, rows N, shape X " CONTRACT "'", path);
  b->cases = (size_t)problems, b->said = (size_t)said;
  if (strcmp(b->shape, DRAWN) == 0) b->shape[0] = '\0';
  return SL_OK;
}

static int is_outcome(const char *name) {
  for (int o = 0; o <= SL_OUTCOME_SKIPPED; o++)
    if (strcmp(name, sl_outcome_name((sl_outcome)o)) == 0) return 1;
  return 0;
}

static int is_there(const sl_baseline *b, const sl_baseline_row *row) {
  for (size_t i = 0; i < b->rows; i++)
    if (strcmp(b->row[i].kernel, row->kernel) == 0 && strcmp(b->row[i].backend, row->backend) == 0)
      return 1;
  return 0;
}

static sl_status read_row(sl_baseline *b, const char *path, size_t number, const char *line,
                          sl_error *err) {
  sl_baseline_row row;
  char ulps[32], *rest = ulps;
  int end = 0;
  const int fields = sscanf(line, "%31s %47s %15s %31s ulps; shape%n", row.kernel, row.backend,
                            row.outcome, ulps, &end);
  if (fields == 4) row.ulps = strtod(ulps, &rest);
  if (fields != 4 || !end || rest == ulps || *rest || !strchr(line, '\n') ||
      !is_outcome(row.outcome) || !(row.ulps >= 0.0))
    return sl_fail(err, SL_ERR_INPUT, "%s:%zu: expected 'KERNEL BACKEND OUTCOME X ulps; shape ...'",
                   path, number);
  if (is_there(b, &row))
    return sl_fail(err, SL_ERR_INPUT, "%s:%zu: %s on %s is there twice", path, number, row.kernel,
                   row.backend);
  return add_row(b, &row) ? sl_fail(err, SL_ERR_MEMORY, "no memory for %s", path) : SL_OK;
}

static sl_status read_line(sl_baseline *b, const char *path, size_t number, const char *line,
                           sl_error *err) {
  if (number == 1) return read_generator(path, line, err);
  return number == 2 ? read_head(b, path, line, err) : read_row(b, path, number, line, err);
}

sl_status sl_baseline_read(sl_baseline *b, const char *path, sl_error *err) {
  char line[512];
  size_t number = 0;
  sl_status status = SL_OK;
  *b = (sl_baseline){0};
  FILE *in = fopen(path, "r");
  if (!in) return sl_fail(err, SL_ERR_INPUT, "%s: %s", path, strerror(errno));
  while (!status && fgets(line, sizeof line, in)) status = read_line(b, path, ++number, line, err);
  if (!status && ferror(in)) status = sl_fail(err, SL_ERR_IO, "%s: %s", path, strerror(errno));
  if (!status && number < 2)
    status = sl_fail(err, SL_ERR_INPUT, "%s:%zu: the baseline ends here", path, number);
  if (!status && b->rows != b->said)
    status = sl_fail(err, SL_ERR_INPUT, "%s:%zu: %zu rows, its head says %zu", path, number,
                     b->rows, b->said);
  fclose(in);
  if (status) sl_baseline_free(b);
  return status;
}

sl_status sl_baseline_may_be_replaced(const char *path, sl_error *err) {
  char line[512];
  FILE *in = fopen(path, "r");
  if (!in) return SL_OK;
  const int mine = !fgets(line, sizeof line, in) || strncmp(line, HEAD, sizeof HEAD - 1) == 0;
  fclose(in);
  if (mine) return SL_OK;
  return sl_fail(err, SL_ERR_INPUT, "%s: no baseline, and not replaced by one", path);
}

void sl_baseline_free(sl_baseline *b) {
  free(b->row);
  *b = (sl_baseline){0};
}

sl_status sl_baseline_write(const char *path, const sl_run_report *r, sl_error *err) {
  sl_output out;
  SL_TRY(sl_output_begin(&out, path, err));
  fprintf(out.stream, HEAD "%d\nseed %" PRIu64 ", cases %zu, rows %zu, shape %s " CONTRACT "\n",
          SL_EQUIV_GENERATOR, r->request->seed, r->request->cases, r->rows,
          r->request->shape ? r->request->shape : DRAWN);
  for (size_t i = 0; i < r->rows; i++)
    fprintf(out.stream, "%s %s %s %.17g ulps; shape of the last problem: %s\n",
            sl_equiv_kernel_name(r->row[i].kernel), r->row[i].backend,
            sl_outcome_name(r->row[i].outcome), r->row[i].accuracy.ulps, r->row[i].shape);
  return sl_output_end(&out, err);
}

static const sl_baseline_row *find(const sl_baseline *b, const sl_run_row *row) {
  for (size_t i = 0; i < b->rows; i++)
    if (strcmp(b->row[i].kernel, sl_equiv_kernel_name(row->kernel)) == 0 &&
        strcmp(b->row[i].backend, row->backend) == 0)
      return &b->row[i];
  return NULL;
}

static int has_backend(const sl_run_report *r, const char *backend) {
  for (size_t i = 0; i < r->rows; i++)
    if (strcmp(r->row[i].backend, backend) == 0) return 1;
  return 0;
}

static int has_row(const sl_run_report *r, const sl_baseline_row *row) {
  for (size_t i = 0; i < r->rows; i++)
    if (strcmp(r->row[i].backend, row->backend) == 0 &&
        strcmp(sl_equiv_kernel_name(r->row[i].kernel), row->kernel) == 0)
      return 1;
  return 0;
}

/* A kernel that no longer exists was asked for by those who ask for all. */
static int is_asked_for(const sl_run_request *q, const sl_baseline_row *row) {
  if (!q->some) return 1;
  for (int k = 0; k < SL_KERNEL_COUNT; k++)
    if (strcmp(sl_equiv_kernel_name((sl_kernel_id)k), row->kernel) == 0) return q->wanted[k];
  return 0;
}

/* Rows of the baseline that the run does not have: vanished ones are worse. */
static size_t compare_missing(FILE *out, const sl_baseline *b, const sl_run_report *r) {
  size_t vanished = 0;
  for (size_t i = 0; i < b->rows; i++) {
    const sl_baseline_row *was = &b->row[i];
    if (has_row(r, was) || !is_asked_for(r->request, was)) continue;
    const int here = has_backend(r, was->backend);
    if (!here && (r->request->backend || r->request->isa != SL_ISA_BEST)) continue;
    fprintf(out, "baseline: %s on %s %s\n", was->kernel, was->backend,
            here ? "has vanished" : "is not compared: the backend is not here");
    vanished += (size_t)here;
  }
  return vanished;
}

size_t sl_baseline_compare(FILE *out, const sl_baseline *b, const sl_run_report *r) {
  size_t worse = compare_missing(out, b, r);
  for (size_t i = 0; i < r->rows; i++) {
    const sl_run_row *row = &r->row[i];
    const sl_baseline_row *was = find(b, row);
    const char *kernel = sl_equiv_kernel_name(row->kernel), *now = sl_outcome_name(row->outcome);
    if (!was) {
      fprintf(out, "baseline: %s on %s is new\n", kernel, row->backend);
      continue;
    }
    const int fell = strcmp(was->outcome, "equal") == 0 && row->outcome != SL_OUTCOME_EQUAL,
              grew = row->accuracy.ulps > was->ulps;
    if (strcmp(was->outcome, now) != 0)
      fprintf(out, "baseline: %s on %s was %s, is %s\n", kernel, row->backend, was->outcome, now);
    if (row->accuracy.ulps != was->ulps)
      fprintf(out, "baseline: %s on %s: the largest error was %.6g ulps, is %.6g\n", kernel,
              row->backend, was->ulps, row->accuracy.ulps);
    worse += (size_t)(fell || grew);
  }
  return worse;
}
