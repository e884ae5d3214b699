/* The parts of the binary64 transformer and their gradients (spec T1 to T4). Gradients are added to
 * what is there. Internal. */
#ifndef SLUICE_REFERENCE_TRANSFORMER_PARTS_H
#define SLUICE_REFERENCE_TRANSFORMER_PARTS_H

#include "transformer.h"

/* y (t, n) = x (t, k) w^T + bias; bias may be NULL */
void sl_part_linear(double *y, const double *x, const double *w, const double *bias, size_t t,
                    size_t n, size_t k);
/* dbias may be NULL */
void sl_part_linear_grad(double *dx, double *dw, double *dbias, const double *dy, const double *x,
                         const double *w, size_t t, size_t n, size_t k);

/* y = x rstd w, rstd (t) = 1/sqrt(mean x^2 + eps) */
void sl_part_norm(double *y, double *rstd, const double *x, const double *w, size_t t, size_t d,
                  double eps);
void sl_part_norm_grad(double *dx, double *dw, const double *dy, const double *x, const double *w,
                       const double *rstd, size_t t, size_t d);

/* Rotates x (t, heads, d) in place by the position in its sequence; direction -1 is the gradient.
 */
void sl_part_rope(double *x, const sl_ref_tokens *tokens, const float *cos_table,
                  const float *sin_table, size_t heads, size_t d, double direction);

/* y = silu(gate) up */
void sl_part_swiglu(double *y, const double *gate, const double *up, size_t n);
void sl_part_swiglu_grad(double *dgate, double *dup, const double *dy, const double *gate,
                         const double *up, size_t n);

/* Causal attention; p keeps the probabilities, one (n, n) block a sequence and head: sl_part_pairs
 * of them. */
size_t sl_part_pairs(const sl_ref_model *m, const sl_ref_tokens *tokens);
void sl_part_attention(double *o, double *p, const double *q, const double *k, const double *v,
                       const sl_ref_model *m, const sl_ref_tokens *tokens);
/* ds is scratch as large as p. */
void sl_part_attention_grad(double *dq, double *dk, double *dv, double *ds, const double *d_o,
                            const double *p, const double *q, const double *k, const double *v,
                            const sl_ref_model *m, const sl_ref_tokens *tokens);

/* Rows of logits z (t, vocab) become log-probabilities in place; logp of the target and entropy. */
void sl_part_head(double *logp, double *entropy, double *z, const sl_ref_tokens *tokens, size_t t,
                  size_t vocab);
/* dz from the log-probabilities */
void sl_part_head_grad(double *dz, const double *dlogp, const double *dentropy, const double *log_p,
                       const double *entropy, const sl_ref_tokens *tokens, size_t t, size_t vocab);

#endif
