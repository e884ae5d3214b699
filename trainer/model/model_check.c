/* One forward pass, and whether its numbers are finite (see model_check.h). */
#include "model_check.h"

#include "block.h"
#include "model_activations.h"

#include <math.h>
#include <stdio.h>

/* A model over one sequence, with its arrays. */
typedef struct {
  sl_model *model;
  sl_mirror mirror;
  size_t n;
  uint32_t *ids, *position, *target;
  uint8_t *mask;
  float *logp, *entropy, *row; /* row: (V), logits of a token */
} pass;

static void cut(sl_cutter *c, pass *p, const sl_model_shape *s) {
  uint32_t **const words[] = {&p->ids, &p->position, &p->target};
  for (size_t i = 0; i < 3; i++) *words[i] = sl_cut(c, p->n, 1, sizeof(uint32_t));
  p->mask = sl_cut(c, p->n, 1, 1);
  p->logp = sl_cut(c, p->n, 1, sizeof(float));
  p->entropy = sl_cut(c, p->n, 1, sizeof(float));
  p->row = sl_cut(c, s->vocab, 1, sizeof(float));
}

static void end(pass *p) {
  if (p->mirror.host) sl_mirror_free(&p->mirror);
  sl_model_destroy(p->model);
}

static sl_status begin(pass *p, sl_context *ctx, const sl_model_layout *layout,
                       const float *parameters, const uint32_t *ids, size_t n, int training,
                       sl_error *err) {
  sl_cutter count = {0};
  *p = (pass){.n = n};
  cut(&count, p, &layout->shape);
  sl_status status = sl_mirror_create(&p->mirror, ctx, sl_cutter_bytes(&count), "a sequence", err);
  if (status) return status;
  cut(&(sl_cutter){.base = p->mirror.host, .bytes = count.used}, p, &layout->shape);
  for (size_t i = 0; i < n; i++)
    p->ids[i] = ids[i], p->position[i] = (uint32_t)i, p->target[i] = i + 1 < n ? ids[i + 1] : 0,
    p->mask[i] = i + 1 < n;
  status = sl_model_create(&p->model, ctx, layout, parameters, n, training, err);
  if (status) end(p);
  return status;
}

static sl_status forward(pass *p) {
  const sl_mirror *on = &p->mirror;
  const uint32_t seq[2] = {0, (uint32_t)p->n};
  uint32_t *const words[] = {p->ids, p->position, p->target};
  SL_TRY(sl_model_pack(p->model));
  for (size_t i = 0; i < 3; i++) SL_TRY(sl_mirror_push(on, words[i], p->n * sizeof(uint32_t)));
  SL_TRY(sl_mirror_push(on, p->mask, p->n));
  const sl_batch batch = {1,
                          seq,
                          sl_mirror_device(on, p->ids),
                          sl_mirror_device(on, p->position),
                          sl_mirror_device(on, p->target),
                          sl_mirror_device(on, p->mask)};
  SL_TRY(sl_model_forward(p->model, &batch, 1.0f, sl_mirror_device(on, p->logp),
                          sl_mirror_device(on, p->entropy)));
  return sl_mirror_pull(on, p->logp, p->n * sizeof *p->logp);
}

/* The index of the first number that is not finite; n if all are. */
static size_t first_bad(const float *x, size_t n) {
  size_t i = 0;
  while (i < n && isfinite(x[i])) i++;
  return i;
}

/* "" or what is not finite: the logits token by token, then the log-probs. */
static sl_status find_bad(const pass *p, char *out, size_t size) {
  const sl_model_shape *s = &p->model->layout->shape;
  *out = 0;
  for (size_t i = 0; i < p->n; i++) {
    SL_TRY(sl_model_logits(p->model, 1, p->model->hidden + i * s->hidden,
                           sl_mirror_device(&p->mirror, p->row)));
    SL_TRY(sl_mirror_pull(&p->mirror, p->row, s->vocab * sizeof *p->row));
    const size_t bad = first_bad(p->row, s->vocab);
    if (bad == s->vocab) continue;
    snprintf(out, size, "logit[%zu] of token[%zu] is %g", bad, i, (double)p->row[bad]);
    return SL_OK;
  }
  const size_t bad = first_bad(p->logp, p->n - 1);
  if (bad < p->n - 1)
    snprintf(out, size, "the log-prob of token[%zu] is %g", bad + 1, (double)p->logp[bad]);
  return SL_OK;
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
  status = begin(&p, ctx, layout, parameters, ids, n, 1, err);
  if (!status) {
    if (forward(&p))
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
                                 sl_error *err) {
  pass p;
  char bad[96] = "", part[32];
  sl_status status = begin(&p, ctx, layout, parameters, ids, n, 0, err);
  if (status) return status;
  if (forward(&p) || find_bad(&p, bad, sizeof bad))
    status = sl_fail(err, sl_context_error(ctx)->status, "%s", sl_context_error(ctx)->message);
  end(&p);
  if (status || !*bad) return status;
  status = name_part(part, sizeof part, ctx, layout, parameters, ids, n, err);
  if (status) return status;
  return sl_fail(err, SL_ERR_NONFINITE, "%s; numbers overflow first in %s", bad, part);
}
