/* Backward passes in binary32. */
#include "right_kernels.h"

#include <math.h>
#include <string.h>

enum { WEIGHTS = 2, DS = 8 }; /* stored, of attention_backward */

void right_linear_input_grad(const right_call *a) {
  const size_t n = right_size(a, 'n'), k = right_size(a, 'k');
  float dy[RIGHT_TERMS], w[RIGHT_TERMS];
  for (size_t i = 0; i < right_size(a, 't') * k; i++) {
    right_take(a, dy, 0, i / k * n, 1, n);
    right_take(a, w, 1, a->wrong == 2 ? i % k * n : i % k, a->wrong == 2 ? 1 : k, n);
    a->out[0][i] = (double)right_dot(a, dy, w, n);
  }
}

void right_linear_weight_grad(const right_call *a) {
  const size_t n = right_size(a, 'n'), k = right_size(a, 'k'), t = right_size(a, 't');
  float dy[RIGHT_TERMS], x[RIGHT_TERMS];
  for (size_t i = 0; i < n * k; i++) {
    right_take(a, dy, 0, i / k, n, t);
    right_take(a, x, 1, i % k, k, t);
    const float times = a->wrong == 2 ? (float)t : 1.0f;
    a->out[0][i] = (double)(right_dot(a, dy, x, t) / times);
    if (i % k == 0) a->out[1][i / k] = (double)(right_sum(a, dy, t) / times);
  }
}

/* r (g - h mean(g h)), and r g - x (r^3 mean(g x)). */
static void norm_row(const right_call *a, size_t row, size_t d, float r) {
  float x[RIGHT_TERMS], g[RIGHT_TERMS], h[RIGHT_TERMS];
  right_take(a, x, 1, row * d, 1, d);
  right_take(a, g, 0, row * d, 1, d);
  for (size_t i = 0; i < d; i++) g[i] *= right_at(a, 2, i), h[i] = x[i] * r;
  const float n = a->wrong == 2 ? INFINITY : (float)d, along = right_dot(a, g, h, d) / n,
              cubed = right_dot(a, g, x, d) / n * (r * r * r);
  for (size_t i = 0; i < d; i++)
    a->out[0][row * d + i] =
        (double)(a->order % 2 ? r * g[i] - x[i] * cubed : r * (g[i] - h[i] * along));
}

void right_rmsnorm_backward(const right_call *a) {
  const size_t d = right_size(a, 'd'), t = right_size(a, 't');
  float r[RIGHT_TERMS], dy[RIGHT_TERMS], x[RIGHT_TERMS];
  for (size_t row = 0; row < t; row++) {
    r[row] = a->c->in[3] ? right_at(a, 3, row) : right_scale(a, 1, row, d, (float)a->c->setting[0]);
    norm_row(a, row, d, r[row]);
  }
  for (size_t i = 0; i < d; i++) {
    right_take(a, dy, 0, i, d, t);
    right_take(a, x, 1, i, d, t);
    for (size_t row = 0; row < t; row++) x[row] *= r[row];
    a->out[1][i] = (double)right_dot(a, dy, x, t);
  }
}

void right_swiglu_backward(const right_call *a) {
  for (size_t i = 0; i < right_size(a, 'n'); i++) {
    const float dy = right_at(a, 0, i), g = right_at(a, 1, i), u = right_at(a, 2, i),
                s = 1.0f / (1.0f + expf(-g)), rest = a->wrong == 1 ? 0.0f : 1.0f - s;
    const float slope = a->wrong == 2 ? s : a->order % 2 ? s + g * s * rest : s * (1.0f + g * rest);
    a->out[0][i] = (double)(dy * u * slope), a->out[1][i] = (double)(dy * (g * s));
  }
}

/* One row: log-probabilities, probabilities, and the entropy. */
static float soft_row(const right_call *a, size_t row, float *log_p, float *p) {
  const size_t v = right_size(a, 'v');
  const float t = (float)a->c->setting[0];
  float most = -INFINITY, term[RIGHT_TERMS];
  for (size_t i = 0; i < v; i++) {
    log_p[i] = t == 1.0f ? right_at(a, 0, row * v + i) : right_at(a, 0, row * v + i) / t;
    most = fmaxf(most, log_p[i]);
  }
  for (size_t i = 0; i < v; i++) p[i] = expf(log_p[i] - most);
  const float sum = right_sum(a, p, v), log_sum = logf(sum);
  for (size_t i = 0; i < v; i++) {
    log_p[i] = log_p[i] - most - log_sum;
    p[i] = a->order % 2 ? expf(log_p[i]) : p[i] / sum;
    term[i] = p[i] > 0.0f ? p[i] * log_p[i] : 0.0f;
  }
  return -right_sum(a, term, v);
}

void right_logprob_backward(const right_call *a) {
  const size_t v = right_size(a, 'v');
  const float t = (float)a->c->setting[0];
  float log_p[RIGHT_TERMS] = {0.0f}, p[RIGHT_TERMS] = {0.0f};
  for (size_t row = 0; row < right_size(a, 't'); row++) {
    const float h = soft_row(a, row, log_p, p), dlogp = right_at(a, 2, row);
    for (size_t i = 0; i < v; i++) {
      const int is_target = i == (size_t)a->c->in[1][row] && a->wrong != 2;
      float d = is_target ? dlogp * (1.0f - p[i]) : -(dlogp * p[i]);
      if (a->c->in[3] && p[i] > 0.0f) d -= right_at(a, 3, row) * p[i] * (log_p[i] + h);
      a->out[0][row * v + i] = (double)(t == 1.0f || a->wrong == 1 ? d : d / t);
    }
  }
}

/* The gradients of one query's scores, with its weights; p and ds as they are stored. */
typedef struct {
  size_t index, end, key, step;
  float scale, p[RIGHT_TERMS], ds[RIGHT_TERMS];
} query;

static void place(const right_call *a, query *q) {
  const size_t d = right_size(a, 'd'), heads = right_size(a, 'h'), groups = right_size(a, 'g'),
               queries = right_size(a, 'i'), b = q->index / (heads * queries),
               length = (size_t)a->c->in[4][b], i = q->index / heads % queries;
  q->step = groups * d;
  q->key = b * right_size(a, 'j') * q->step + q->index % heads / (heads / groups) * d;
  q->end = a->c->setting[1] == 0.0    ? length
           : length + i + 1 > queries ? length + i + 1 - queries
                                      : 0;
  q->scale = a->c->setting[0] > 0.0 ? (float)a->c->setting[0] : 1.0f / sqrtf((float)d);
}

static void weigh(const right_call *a, query *q) {
  const size_t d = right_size(a, 'd');
  float x[RIGHT_TERMS], k[RIGHT_TERMS], s[RIGHT_TERMS], most = -INFINITY;
  right_take(a, x, 1, q->index * d, 1, d);
  for (size_t j = 0; j < q->end; j++) {
    right_take(a, k, 2, q->key + j * q->step, 1, d);
    s[j] = right_dot(a, x, k, d) * q->scale;
    most = fmaxf(most, s[j]);
  }
  for (size_t j = 0; j < q->end; j++) q->p[j] = expf(s[j] - most);
  const right_call all = {a->c, a->order, 0, a->out};
  const float sum = right_sum(&all, q->p, q->end), lse = most + logf(sum);
  for (size_t j = 0; j < q->end; j++) q->p[j] = a->order % 2 ? expf(s[j] - lse) : q->p[j] / sum;
}

/* do o', the output as the forward pass has stored it. */
static float by_output(const right_call *a, const query *q, const float *d_out) {
  const size_t d = right_size(a, 'd');
  float o[RIGHT_TERMS], v[RIGHT_TERMS];
  for (size_t e = 0; e < d; e++) {
    right_take(a, v, 3, q->key + e, q->step, q->end);
    o[e] = (float)sl_format_round(a->c->contract.out, (double)right_dot(a, q->p, v, q->end));
  }
  return right_dot(a, d_out, o, d);
}

static void differentiate(const right_call *a, query *q) {
  const size_t d = right_size(a, 'd');
  float d_out[RIGHT_TERMS], v[RIGHT_TERMS], dp[RIGHT_TERMS];
  right_take(a, d_out, 0, q->index * d, 1, d);
  for (size_t j = 0; j < q->end; j++) {
    right_take(a, v, 3, q->key + j * q->step, 1, d);
    dp[j] = right_dot(a, d_out, v, d);
  }
  const float delta = a->wrong == 2  ? 0.0f
                      : a->order / 2 ? by_output(a, q, d_out)
                                     : right_dot(a, q->p, dp, q->end);
  for (size_t j = 0; j < q->end; j++) {
    q->ds[j] = right_stored(a, q->p[j] * (dp[j] - delta), DS);
    q->p[j] = right_stored(a, q->p[j], WEIGHTS);
  }
}

static void give(const right_call *a, const query *q) {
  const size_t d = right_size(a, 'd');
  float k[RIGHT_TERMS];
  for (size_t e = 0; e < d; e++) {
    right_take(a, k, 2, q->key + e, q->step, q->end);
    a->out[0][q->index * d + e] = (double)(right_dot(a, q->ds, k, q->end) * q->scale);
    for (size_t j = 0; j < q->end; j++) {
      const size_t at = q->key + j * q->step + e;
      const float x = right_at(a, 1, q->index * d + e), y = right_at(a, 0, q->index * d + e);
      a->out[1][at] = (double)((float)a->out[1][at] + q->ds[j] * x);
      a->out[2][at] = (double)((float)a->out[2][at] + q->p[j] * y);
    }
  }
}

void right_attention_backward(const right_call *a) {
  const size_t keys = sl_op_count_of(a->c, &a->c->op->out[1]);
  query q = {0};
  for (int o = 1; o < 3; o++) memset(a->out[o], 0, keys * sizeof(double));
  for (q.index = 0; q.index < right_size(a, 'b') * right_size(a, 'i') * right_size(a, 'h');
       q.index++) {
    place(a, &q);
    weigh(a, &q);
    differentiate(a, &q);
    give(a, &q);
  }
  for (size_t i = 0; i < keys; i++) a->out[1][i] = (double)((float)a->out[1][i] * q.scale);
}

void right_embedding_grad(const right_call *a) {
  const size_t d = right_size(a, 'd'), t = right_size(a, 't');
  float term[RIGHT_TERMS];
  for (size_t i = 0; i < right_size(a, 'v') * d; i++) {
    size_t n = 0;
    for (size_t token = 0; token < t; token++)
      if ((size_t)a->c->in[1][token] == i / d) term[n++] = right_at(a, 0, token * d + i % d);
    if (a->wrong == 2 && n) term[0] = term[n - 1], n = 1;
    a->out[0][i] = (double)right_sum(a, term, n);
  }
}
