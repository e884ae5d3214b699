/* Kernels in binary32. */
#include "foreign_kernels.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

static float at(const sl_op_case *c, int input, size_t i) { return (float)c->in[input][i]; }
static size_t size(const sl_op_case *c, char letter) { return sl_op_size(c, letter); }

static float cut_to_tf32(float x) {
  uint32_t bits;
  memcpy(&bits, &x, sizeof bits);
  bits &= 0xffffe000;
  memcpy(&x, &bits, sizeof x);
  return x;
}

static void linear(const sl_op_case *c, int wrong, double *const *out) {
  const size_t n = size(c, 'n'), k = size(c, 'k');
  for (size_t i = 0; i < size(c, 't') * n; i++) {
    float sum = 0.0f;
    for (size_t j = 0; j < k; j++) {
      const float x = at(c, 0, i / n * k + j), w = at(c, 1, i % n * k + j);
      sum += wrong == 1 ? cut_to_tf32(x) * cut_to_tf32(w) : x * w;
    }
    const float bias = wrong == 1 ? cut_to_tf32(at(c, 2, i % n)) : at(c, 2, i % n);
    out[0][i] = (double)(wrong == 2 ? sum : sum + bias);
  }
}

static void rmsnorm(const sl_op_case *c, int wrong, double *const *out) {
  const size_t d = size(c, 'd');
  const float eps = (float)c->setting[0];
  for (size_t row = 0; row < size(c, 't'); row++) {
    float sum = 0.0f;
    for (size_t i = 0; i < d; i++) sum += at(c, 0, row * d + i) * at(c, 0, row * d + i);
    const float mean = sum / (float)d,
                r = wrong ? 1.0f / (sqrtf(mean) + eps) : 1.0f / sqrtf(mean + eps);
    for (size_t i = 0; i < d; i++)
      out[0][row * d + i] = (double)(at(c, 0, row * d + i) * r * at(c, 1, i));
    out[1][row] = (double)r;
  }
}

static void query(const sl_op_case *c, int wrong, size_t b, size_t i, size_t h, double *o,
                  double *lse) {
  const size_t d = size(c, 'd'), heads = size(c, 'h'), groups = size(c, 'g'), keys = size(c, 'j'),
               queries = size(c, 'i'), g = wrong == 2 ? h % groups : h / (heads / groups);
  const size_t length = wrong == 3 ? keys : (size_t)c->in[3][b],
               end = length - queries + i + (wrong == 1 ? 0 : 1);
  float s[64], most = -INFINITY, sum = 0.0f;
  for (size_t j = 0; j < end; j++) {
    s[j] = 0.0f;
    for (size_t e = 0; e < d; e++)
      s[j] += at(c, 0, ((b * queries + i) * heads + h) * d + e) *
              at(c, 1, ((b * keys + j) * groups + g) * d + e);
    s[j] /= sqrtf((float)d);
    most = fmaxf(most, s[j]);
  }
  for (size_t j = 0; j < end; j++) s[j] = expf(s[j] - most), sum += s[j];
  for (size_t e = 0; e < d; e++) {
    float x = 0.0f;
    for (size_t j = 0; j < end; j++)
      x += s[j] / sum * at(c, 2, ((b * keys + j) * groups + g) * d + e);
    o[e] = (double)x;
  }
  *lse = (double)(most + logf(sum));
}

static void attention(const sl_op_case *c, int wrong, double *const *out) {
  const size_t heads = size(c, 'h'), queries = size(c, 'i');
  for (size_t index = 0; index < size(c, 'b') * queries * heads; index++)
    query(c, wrong, index / heads / queries, index / heads % queries, index % heads,
          out[0] + index * size(c, 'd'), out[1] + index);
}

static void swiglu(const sl_op_case *c, int wrong, double *const *out) {
  for (size_t i = 0; i < size(c, 'n'); i++) {
    const float g = at(c, wrong == 1, i), u = at(c, wrong != 1, i);
    out[0][i] = (double)(g / (1.0f + expf(-g)) * u);
  }
}

static void logprob(const sl_op_case *c, int wrong, double *const *out) {
  const size_t v = size(c, 'v');
  const float t = wrong ? 1.0f : (float)c->setting[0];
  for (size_t row = 0; row < size(c, 't'); row++) {
    float most = -INFINITY, sum = 0.0f, mean = 0.0f;
    for (size_t i = 0; i < v; i++) most = fmaxf(most, at(c, 0, row * v + i) / t);
    for (size_t i = 0; i < v; i++) sum += expf(at(c, 0, row * v + i) / t - most);
    for (size_t i = 0; i < v; i++) {
      const float y = at(c, 0, row * v + i) / t - most;
      mean += expf(y) / sum * y;
    }
    out[0][row] = (double)(at(c, 0, row * v + (size_t)c->in[1][row]) / t - most - logf(sum));
    out[1][row] = (double)(logf(sum) - mean);
  }
}

static void adamw(const sl_op_case *c, int wrong, double *const *out) {
  const double *s = c->setting;
  const float lr = (float)s[0], b1 = (float)s[1], b2 = (float)s[2], eps = (float)s[3],
              decay = (float)s[4];
  const float c1 = wrong == 2 ? 1.0f : (float)(1.0 - pow(s[1], s[5])),
              c2 = wrong == 2 ? 1.0f : (float)(1.0 - pow(s[2], s[5]));
  for (size_t i = 0; i < size(c, 'n'); i++) {
    const float p = at(c, 0, i), g = at(c, 1, i) + (wrong == 1 ? decay * p : 0.0f),
                m = b1 * at(c, 2, i) + (float)(1.0 - s[1]) * g,
                v = b2 * at(c, 3, i) + (float)(1.0 - s[2]) * g * g;
    const float kept = wrong == 1 ? p : p - lr * decay * p;
    out[0][i] = (double)(kept - lr * (m / c1) / (sqrtf(v / c2) + eps));
    out[1][i] = (double)m, out[2][i] = (double)v;
  }
}

static void clip(const sl_op_case *c, int wrong, double *const *out) {
  float sum = 0.0f;
  for (size_t i = 0; i < size(c, 'n'); i++) sum += at(c, 0, i) * at(c, 0, i);
  const float norm = sqrtf(sum),
              share = (float)c->setting[0] / (norm + (wrong ? 0.0f : (float)c->setting[1]));
  for (size_t i = 0; i < size(c, 'n'); i++)
    out[0][i] = (double)(at(c, 0, i) * (share < 1.0f ? share : 1.0f));
  out[1][0] = (double)norm;
}

static void rope(const sl_op_case *c, int wrong, double *const *out) {
  const size_t half = size(c, 'c'), heads = size(c, 'h');
  for (size_t row = 0; row < size(c, 't') * heads; row++)
    for (size_t k = 0; k < half; k++) {
      const size_t first = row * 2 * half + (wrong ? 2 * k : k),
                   second = first + (wrong ? 1 : half),
                   position = (size_t)c->in[1][row / heads] * half + k;
      const float a = at(c, 0, first), b = at(c, 0, second), x = at(c, 2, position),
                  y = at(c, 3, position);
      out[0][first] = (double)(a * x - b * y), out[0][second] = (double)(b * x + a * y);
    }
}

static size_t group_of(const sl_op_case *c, int wrong, size_t i) {
  if (wrong == 3) return 0;
  const size_t n = size(c, 'n'), groups = size(c, 'g');
  return wrong == 4 ? i / ((n + groups - 1) / groups) : (size_t)c->in[1][i];
}

/* Mean and deviation of a group without the reward `left_out`; the number of its members. */
static float group(const sl_op_case *c, int wrong, size_t g, size_t left_out, float ddof,
                   float *mean, float *deviation) {
  float n = 0.0f, sum = 0.0f, squares = 0.0f;
  for (size_t i = 0; i < size(c, 'n'); i++)
    if (i != left_out && group_of(c, wrong, i) == g) sum += at(c, 0, i), n += 1.0f;
  *mean = sum / n;
  for (size_t i = 0; i < size(c, 'n'); i++) {
    const float x = at(c, 0, i) - *mean;
    if (i != left_out && group_of(c, wrong, i) == g) squares += x * x;
  }
  *deviation = sqrtf(squares / (n - ddof));
  return n;
}

static int all_equal(const sl_op_case *c, int wrong, size_t i) {
  for (size_t k = 0; k < size(c, 'n'); k++)
    if (group_of(c, wrong, k) == group_of(c, wrong, i) && at(c, 0, k) != at(c, 0, i)) return 0;
  return 1;
}

static void advantages(const sl_op_case *c, int wrong, double *const *out) {
  const float eps = (float)c->setting[1];
  const int leave_one_out = c->setting[0] == 3.0;
  for (size_t i = 0; i < size(c, 'n'); i++) {
    float mean, deviation;
    group(c, wrong, group_of(c, wrong, i), leave_one_out ? i : SIZE_MAX,
          wrong == 1 && !leave_one_out ? 1.0f : 0.0f, &mean, &deviation);
    const float x = at(c, 0, i) - mean;
    if (leave_one_out)
      out[0][i] = (double)(wrong == 1 ? x / (deviation + eps) : x);
    else
      out[0][i] = all_equal(c, wrong, i) && wrong != 2 ? 0.0 : (double)(x / (deviation + eps));
  }
}

void foreign_kernel(const sl_op_case *c, int wrong, double *const *out) {
  static const struct {
    const char *op;
    void (*run)(const sl_op_case *c, int wrong, double *const *out);
  } kernels[] = {{"linear", linear},       {"rmsnorm", rmsnorm}, {"attention", attention},
                 {"swiglu", swiglu},       {"logprob", logprob}, {"adamw", adamw},
                 {"clip_grad_norm", clip}, {"rope", rope},       {"advantages", advantages}};
  for (size_t i = 0; i < sizeof kernels / sizeof *kernels; i++)
    if (strcmp(kernels[i].op, c->op->name) == 0) kernels[i].run(c, wrong, out);
}
