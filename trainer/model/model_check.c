/* One forward pass, and whether its numbers are finite (see model_check.h). */
#include "model_check.h"

#include "block.h"
#include "model_activations.h"
#include "sequence.h"

#include <math.h>
#include <stdio.h>

/* Tokens whose logits are looked at together: for each piece the whole head is read. */
#define PIECE ((size_t)16)

/* A model over one sequence, and room for the logits of a piece. */
typedef struct {
  sl_model *model;
  sl_sequence sequence;
  sl_mirror rows; /* (PIECE, V) */
  size_t n;
} pass;

static void end(pass *p) {
  sl_mirror_free(&p->rows);
  sl_sequence_free(&p->sequence);
  sl_model_destroy(p->model);
}

static sl_status begin(pass *p, sl_context *ctx, const sl_model_layout *layout,
                       const float *parameters, size_t n, sl_model_kind kind, sl_error *err) {
  *p = (pass){.n = n};
  sl_status status = sl_model_create(&p->model, ctx, layout, parameters, n, kind, err);
  if (!status) status = sl_sequence_create(&p->sequence, ctx, n, err);
  if (!status)
    status = sl_mirror_create(&p->rows, ctx, PIECE * layout->shape.vocab * sizeof(float),
                              "the logits of some tokens", err);
  if (status) end(p);
  return status;
}

static sl_status forward(pass *p, const uint32_t *ids, float inverse_temperature) {
  SL_TRY(sl_model_pack(p->model));
  return sl_sequence_forward(&p->sequence, p->model, ids, p->n, inverse_temperature);
}

/* The index of the first number that is not finite; n if all are. */
static size_t first_bad(const float *x, size_t n) {
  size_t i = 0;
  while (i < n && isfinite(x[i])) i++;
  return i;
}

/* "" or what is not finite: the first of the logits. */
static sl_status find_bad_logit(const pass *p, char *out, size_t size) {
  const sl_model_shape *s = &p->model->layout->shape;
  float *rows = (float *)(void *)p->rows.host;
  *out = 0;
  for (size_t i = 0; i < p->n; i += PIECE) {
    const size_t n = p->n - i < PIECE ? p->n - i : PIECE;
    SL_TRY(sl_model_logits(p->model, n, p->model->hidden + i * s->hidden,
                           sl_mirror_device(&p->rows, rows)));
    SL_TRY(sl_mirror_pull(&p->rows, rows, n * s->vocab * sizeof *rows));
    const size_t bad = first_bad(rows, n * s->vocab);
    if (bad == n * s->vocab) continue;
    snprintf(out, size, "logit[%zu] of token[%zu] is %g", bad % s->vocab, i + bad / s->vocab,
             (double)rows[bad]);
    return SL_OK;
  }
  return SL_OK;
}

/* The same of log-probs and entropies. Where the logits are finite, it is the division by the
 * temperature that overflows. */
static void find_bad_logp(const pass *p, float inverse_temperature, char *out, size_t size) {
  const float *const kinds[] = {p->sequence.logp, p->sequence.entropy};
  for (int i = 0; i < 2; i++) {
    const size_t bad = first_bad(kinds[i], p->n - 1);
    if (bad == p->n - 1) continue;
    snprintf(out, size, "the %s of token[%zu] at temperature %g is %g, of finite logits",
             i ? "entropy" : "log-prob", bad + 1, 1.0 / (double)inverse_temperature,
             (double)kinds[i][bad]);
    return;
  }
}

/* 1 if an array (T, D) of the model's memory holds a number that is not finite. */
static int is_bad(const pass *p, const float *x, float *host) {
  const size_t n = p->n * p->model->layout->shape.hidden;
  return sl_memory_read(p->model->ctx, host, x, n * sizeof *x) == SL_OK && first_bad(host, n) < n;
}

/* What a pass of a training model left at the end of each part. */
static void find_part(const pass *p, float *host, char *out, size_t size) {
  const sl_model *m = p->model;
  const size_t layers = m->layout->shape.layers;
  for (size_t l = 0; l <= layers; l++)
    if (is_bad(p, l < layers ? m->layers[l].input : m->output, host)) {
      if (l == 0)
        snprintf(out, size, "the embedding");
      else
        snprintf(out, size, "layer %zu", l - 1);
      return;
    }
  snprintf(out, size, "%s", is_bad(p, m->hidden, host) ? "the last norm" : "the head");
}

/* The same pass again, with the activations of all layers kept. */
static sl_status name_part(char *out, size_t size, sl_context *ctx, const sl_model_layout *layout,
                           const float *parameters, const uint32_t *ids, size_t n, sl_error *err) {
  pass p;
  void *host;
  sl_status status = sl_block_create(&host, NULL, n * layout->shape.hidden * sizeof(float),
                                     "the activations of a sequence", err);
  if (status) return status;
  status = begin(&p, ctx, layout, parameters, n, SL_MODEL_TRAINING, err);
  if (!status) {
    if (forward(&p, ids, 1.0f))
      status = sl_fail(err, sl_context_error(ctx)->status, "%s", sl_context_error(ctx)->message);
    else
      find_part(&p, host, out, size);
    end(&p);
  }
  sl_block_free(NULL, host);
  return status;
}

sl_status sl_model_check_forward(sl_context *ctx, const sl_model_layout *layout,
                                 const float *parameters, const uint32_t *ids, size_t n,
                                 float inverse_temperature, const sl_model_watch *watch,
                                 sl_error *err) {
  pass p;
  char bad[96] = "", divided[128] = "", part[32];
  sl_status status = begin(&p, ctx, layout, parameters, n, SL_MODEL_FORWARD, err);
  if (status) return status;
  sl_model_set_watch(p.model, watch);
  if (forward(&p, ids, inverse_temperature) || find_bad_logit(&p, bad, sizeof bad))
    status = sl_fail(err, sl_context_error(ctx)->status, "%s", sl_context_error(ctx)->message);
  else if (!*bad)
    find_bad_logp(&p, inverse_temperature, divided, sizeof divided);
  end(&p);
  if (*divided) return sl_fail(err, SL_ERR_NONFINITE, "%s", divided);
  if (status || !*bad) return status;
  status = name_part(part, sizeof part, ctx, layout, parameters, ids, n, err);
  if (status) return status;
  return sl_fail(err, SL_ERR_NONFINITE, "%s; numbers overflow first in %s", bad, part);
}
