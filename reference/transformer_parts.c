/* The parts of the binary64 transformer but attention (spec T1, T2, T4). */
#include "transformer_parts.h"

#include <cblas.h>
#include <math.h>

void sl_part_linear(double *y, const double *x, const double *w, const double *bias, size_t t,
                    size_t n, size_t k) {
  for (size_t i = 0; i < t * n; i++) y[i] = bias ? bias[i % n] : 0.0;
  if (t && n && k)
    cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasTrans, (blasint)t, (blasint)n, (blasint)k, 1.0, x,
                (blasint)k, w, (blasint)k, 1.0, y, (blasint)n);
}

void sl_part_linear_grad(double *dx, double *dw, double *dbias, const double *dy, const double *x,
                         const double *w, size_t t, size_t n, size_t k) {
  if (!t || !n || !k) return;
  cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, (blasint)t, (blasint)k, (blasint)n, 1.0,
              dy, (blasint)n, w, (blasint)k, 1.0, dx, (blasint)k);
  cblas_dgemm(CblasRowMajor, CblasTrans, CblasNoTrans, (blasint)n, (blasint)k, (blasint)t, 1.0, dy,
              (blasint)n, x, (blasint)k, 1.0, dw, (blasint)k);
  for (size_t i = 0; dbias && i < t * n; i++) dbias[i % n] += dy[i];
}

void sl_part_norm(double *y, double *rstd, const double *x, const double *w, size_t t, size_t d,
                  double eps) {
  for (size_t i = 0; i < t; i++) {
    const double *row = x + i * d;
    rstd[i] = 1.0 / sqrt(cblas_ddot((blasint)d, row, 1, row, 1) / (double)d + eps);
    for (size_t c = 0; c < d; c++) y[i * d + c] = row[c] * rstd[i] * w[c];
  }
}

/* With n = x rstd: dx = rstd (w dy - n mean(w dy n)), dw = dy n */
void sl_part_norm_grad(double *dx, double *dw, const double *dy, const double *x, const double *w,
                       const double *rstd, size_t t, size_t d) {
  for (size_t i = 0; i < t; i++) {
    double mean = 0.0;
    for (size_t c = 0; c < d; c++)
      mean += w[c] * dy[i * d + c] * x[i * d + c] * rstd[i] / (double)d;
    for (size_t c = 0; c < d; c++) {
      const double n = x[i * d + c] * rstd[i];
      dx[i * d + c] += rstd[i] * (w[c] * dy[i * d + c] - n * mean);
      dw[c] += dy[i * d + c] * n;
    }
  }
}

void sl_part_rope(double *x, const sl_ref_tokens *tokens, const float *cos_table,
                  const float *sin_table, size_t heads, size_t d, double direction) {
  const size_t half = d / 2;
  for (size_t s = 0; s < tokens->n_seq; s++)
    for (size_t i = tokens->seq[s]; i < tokens->seq[s + 1]; i++)
      for (size_t r = 0; r < heads * half; r++) {
        const size_t re = (i * heads + r / half) * d + r % half, im = re + half,
                     at = (i - tokens->seq[s]) * half + r % half;
        const double a = x[re], b = x[im], cosine = (double)cos_table[at],
                     sine = direction * (double)sin_table[at];
        x[re] = a * cosine - b * sine;
        x[im] = a * sine + b * cosine;
      }
}

static double logistic(double x) { return 1.0 / (1.0 + exp(-x)); }

void sl_part_swiglu(double *y, const double *gate, const double *up, size_t n) {
  for (size_t i = 0; i < n; i++) y[i] = gate[i] * logistic(gate[i]) * up[i];
}

void sl_part_swiglu_grad(double *dgate, double *dup, const double *dy, const double *gate,
                         const double *up, size_t n) {
  for (size_t i = 0; i < n; i++) {
    const double s = logistic(gate[i]);
    dup[i] += dy[i] * gate[i] * s;
    dgate[i] += dy[i] * up[i] * s * (1.0 + gate[i] * logistic(-gate[i]));
  }
}

void sl_part_head(double *logp, double *entropy, double *z, const sl_ref_tokens *tokens, size_t t,
                  size_t vocab) {
  for (size_t i = 0; i < t; i++) {
    double *row = z + i * vocab, max = -INFINITY, sum = 0.0;
    for (size_t v = 0; v < vocab; v++) row[v] *= tokens->inv_temperature, max = fmax(max, row[v]);
    for (size_t v = 0; v < vocab; v++) sum += exp(row[v] - max);
    entropy[i] = 0.0;
    for (size_t v = 0; v < vocab; v++) {
      row[v] -= max + log(sum);
      entropy[i] -= exp(row[v]) * row[v];
    }
    logp[i] = row[tokens->target[i]];
    if (!tokens->mask[i]) logp[i] = entropy[i] = 0.0;
  }
}

void sl_part_head_grad(double *dz, const double *dlogp, const double *dentropy, const double *log_p,
                       const double *entropy, const sl_ref_tokens *tokens, size_t t, size_t vocab) {
  for (size_t i = 0; i < t * vocab; i++) {
    const size_t row = i / vocab, v = i % vocab;
    const double p = exp(log_p[i]);
    const double by_z = dlogp[row] * ((v == tokens->target[row]) - p) -
                        dentropy[row] * p * (log_p[i] + entropy[row]);
    dz[i] = tokens->mask[row] ? by_z * tokens->inv_temperature : 0.0;
  }
}
