/* Forward passes, the optimiser and advantages in binary32. */
#include "right_kernels.h"

#include <assert.h>
#include <math.h>
#include <string.h>

static float pairwise(const float *x, size_t n) {
  if (n < 3) return n == 2 ? x[0] + x[1] : n ? x[0] : 0.0f;
  return pairwise(x, n / 2) + pairwise(x + n / 2, n - n / 2);
}

static float in_lanes(const float *x, size_t n) {
  float lane[32] = {0.0f};
  for (size_t i = 0; i < n; i++) lane[i % 32] += x[i];
  return pairwise(lane, 32);
}

float right_sum(const right_call *a, const float *x, size_t n) {
  float sum = 0.0f;
  if (a->wrong == 1 && n) n--;
  if (a->order == 2) return pairwise(x, n);
  if (a->order == 3) return in_lanes(x, n);
  for (size_t i = 0; i < n; i++) sum += x[a->order ? n - 1 - i : i];
  return sum;
}

float right_dot(const right_call *a, const float *x, const float *y, size_t n) {
  float product[RIGHT_TERMS], sum = 0.0f;
  assert(n <= RIGHT_TERMS);
  if (a->order == 0) {
    for (size_t i = 0; i + (size_t)(a->wrong == 1) < n; i++) sum = fmaf(x[i], y[i], sum);
    return sum;
  }
  for (size_t i = 0; i < n; i++) product[i] = x[i] * y[i];
  return right_sum(a, product, n);
}

void right_take(const right_call *a, float *x, int input, size_t first, size_t step, size_t n) {
  assert(n <= RIGHT_TERMS);
  for (size_t i = 0; i < n; i++) x[i] = right_at(a, input, first + i * step);
}

float right_stored(const right_call *a, float x, unsigned bit) {
  if (!(a->c->contract.stored & bit)) return x;
  return (float)sl_format_round(a->c->contract.out, (double)x);
}

static void linear(const right_call *a) {
  const size_t n = right_size(a, 'n'), k = right_size(a, 'k');
  float x[RIGHT_TERMS], w[RIGHT_TERMS];
  for (size_t i = 0; i < right_size(a, 't') * n; i++) {
    right_take(a, x, 0, i / n * k, 1, k);
    right_take(a, w, 1, i % n * k, 1, k);
    a->out[0][i] = (double)(right_stored(a, right_dot(a, x, w, k), 1) + right_at(a, 2, i % n));
  }
}

static void add(const right_call *a) {
  for (size_t i = 0; i < right_size(a, 'n'); i++)
    a->out[0][i] = (double)(right_at(a, 0, i) + (a->wrong ? 0.0f : right_at(a, 1, i)));
}

float right_scale(const right_call *a, int input, size_t row, size_t d, float eps) {
  float x[RIGHT_TERMS];
  right_take(a, x, input, row * d, 1, d);
  const float squares = right_dot(a, x, x, d);
  return 1.0f / sqrtf((a->order % 2 ? squares * (1.0f / (float)d) : squares / (float)d) + eps);
}

/* x y z, the first product stored where the contract has that; else in the order's own. */
static float product3(const right_call *a, float x, float y, float z) {
  if (a->c->contract.stored & 1 || a->order == 0) return right_stored(a, x * y, 1) * z;
  return a->order == 1 ? x * z * y : x * (y * z);
}

static void rmsnorm(const right_call *a) {
  const size_t d = right_size(a, 'd');
  for (size_t row = 0; row < right_size(a, 't'); row++) {
    const float r = right_scale(a, 0, row, d, (float)a->c->setting[0]);
    for (size_t i = 0; i < d; i++)
      a->out[0][row * d + i] =
          (double)product3(a, right_at(a, 0, row * d + i), r, right_at(a, 1, i));
    a->out[1][row] = (double)r;
  }
}

static void swiglu(const right_call *a) {
  for (size_t i = 0; i < right_size(a, 'n'); i++) {
    const float g = right_at(a, 0, i), u = a->wrong ? 1.0f : right_at(a, 1, i),
                s = 1.0f / (1.0f + expf(-g));
    a->out[0][i] = (double)product3(a, g, s, u);
  }
}

static void rope(const right_call *a) {
  const size_t half = right_size(a, 'c'), heads = right_size(a, 'h');
  const float way = (float)a->c->setting[0];
  for (size_t row = 0; row < right_size(a, 't') * heads; row++)
    for (size_t k = 0; k < half; k++) {
      const size_t first = row * 2 * half + k, second = first + half,
                   at = (size_t)a->c->in[1][row / heads] * half + k;
      const float x = right_at(a, 0, first), y = right_at(a, 0, second), c = right_at(a, 2, at),
                  s = a->wrong ? 0.0f : way * right_at(a, 3, at);
      a->out[0][first] = (double)(a->order % 2 ? fmaf(x, c, -(y * s)) : x * c - y * s);
      a->out[0][second] = (double)(a->order % 2 ? fmaf(y, c, x * s) : y * c + x * s);
    }
}

/* Tempered logits less their maximum, their exponentials and the sum of these; -infinity is masked.
 */
static float soft_row(const right_call *a, size_t row, float *z, float *p, float *most) {
  const size_t v = right_size(a, 'v');
  const float t = (float)a->c->setting[0];
  *most = -INFINITY;
  for (size_t i = 0; i < v; i++) {
    z[i] = right_at(a, 0, row * v + i);
    if (t != 1.0f) z[i] = a->order % 2 ? z[i] * (1.0f / t) : z[i] / t;
    *most = fmaxf(*most, z[i]);
  }
  for (size_t i = 0; i < v; i++) p[i] = expf(z[i] - *most);
  return right_sum(a, p, v);
}

static void softmax(const right_call *a) {
  const size_t v = right_size(a, 'v');
  float z[RIGHT_TERMS], p[RIGHT_TERMS], most;
  for (size_t row = 0; row < right_size(a, 't'); row++) {
    const float sum = soft_row(a, row, z, p, &most);
    for (size_t i = 0; i < v; i++)
      a->out[0][row * v + i] = (double)(a->order % 2 ? p[i] * (1.0f / sum) : p[i] / sum);
  }
}

/* log l - sum p (z - M), where a weight of 0 counts for nothing. */
static float entropy(const right_call *a, const float *z, const float *p, float most, float sum) {
  const size_t v = right_size(a, 'v');
  float term[RIGHT_TERMS];
  for (size_t i = 0; i < v; i++) term[i] = p[i] > 0.0f ? p[i] / sum * (z[i] - most) : 0.0f;
  return logf(sum) - right_sum(a, term, v);
}

static void logprob(const right_call *a) {
  float z[RIGHT_TERMS] = {0.0f}, p[RIGHT_TERMS] = {0.0f}, most;
  for (size_t row = 0; row < right_size(a, 't'); row++) {
    const float sum = soft_row(a, row, z, p, &most), own = z[(size_t)a->c->in[1][row]];
    a->out[0][row] = (double)(a->order % 2 ? own - (most + logf(sum)) : own - most - logf(sum));
    a->out[1][row] = (double)entropy(a, z, p, most, sum);
  }
}

/* A query's place, its keys and the row of their scores. */
typedef struct {
  size_t index, end, key, step;
  float s[RIGHT_TERMS];
} query;

static void scores(const right_call *a, query *q) {
  const size_t d = right_size(a, 'd'), heads = right_size(a, 'h'), groups = right_size(a, 'g'),
               keys = right_size(a, 'j'), queries = right_size(a, 'i');
  const size_t h = q->index % heads, i = q->index / heads % queries,
               b = q->index / (heads * queries), length = (size_t)a->c->in[3][b];
  const float scale = a->c->setting[0] > 0.0 ? (float)a->c->setting[0] : 1.0f / sqrtf((float)d);
  float x[RIGHT_TERMS], k[RIGHT_TERMS];
  q->step = groups * d, q->key = b * keys * q->step + h / (heads / groups) * d;
  q->end = a->c->setting[1] == 0.0    ? length
           : length + i + 1 > queries ? length + i + 1 - queries
                                      : 0;
  right_take(a, x, 0, q->index * d, 1, d);
  for (size_t j = 0; j < q->end; j++) {
    right_take(a, k, 1, q->key + j * q->step, 1, d);
    q->s[j] = right_dot(a, x, k, d) * scale;
  }
}

/* Blocks of 16 keys, each with the maximum so far. */
static void online(const right_call *a, const query *q, float *o, float *most, float *sum) {
  const size_t d = right_size(a, 'd');
  *most = -INFINITY, *sum = 0.0f;
  memset(o, 0, d * sizeof *o);
  for (size_t begin = 0; begin < q->end; begin += 16) {
    const size_t n = q->end - begin < 16 ? q->end - begin : 16;
    float next = *most, p[16], v[16];
    for (size_t j = 0; j < n; j++) next = fmaxf(next, q->s[begin + j]);
    const float shrink = expf(*most - next);
    for (size_t j = 0; j < n; j++) p[j] = expf(q->s[begin + j] - next);
    *sum = *sum * shrink + right_sum(a, p, n), *most = next;
    for (size_t j = 0; j < n; j++) p[j] = right_stored(a, p[j], 2);
    for (size_t e = 0; e < d; e++) {
      right_take(a, v, 2, q->key + begin * q->step + e, q->step, n);
      o[e] = o[e] * shrink + right_dot(a, p, v, n);
    }
  }
  for (size_t e = 0; e < d; e++) o[e] /= *sum;
}

static void two_passes(const right_call *a, query *q, float *o, float *most, float *sum) {
  float v[RIGHT_TERMS];
  *most = -INFINITY;
  for (size_t j = 0; j < q->end; j++) *most = fmaxf(*most, q->s[j]);
  for (size_t j = 0; j < q->end; j++) q->s[j] = expf(q->s[j] - *most);
  *sum = right_sum(a, q->s, q->end);
  for (size_t j = 0; j < q->end; j++) q->s[j] = right_stored(a, q->s[j] / *sum, 2);
  for (size_t e = 0; e < right_size(a, 'd'); e++) {
    right_take(a, v, 2, q->key + e, q->step, q->end);
    o[e] = right_dot(a, q->s, v, q->end);
  }
}

static void attention(const right_call *a) {
  const size_t d = right_size(a, 'd');
  float o[RIGHT_TERMS] = {0.0f}, most, sum;
  query q = {0};
  for (q.index = 0; q.index < right_size(a, 'b') * right_size(a, 'i') * right_size(a, 'h');
       q.index++) {
    scores(a, &q);
    if (a->order % 2)
      two_passes(a, &q, o, &most, &sum);
    else
      online(a, &q, o, &most, &sum);
    for (size_t e = 0; e < d; e++) a->out[0][q.index * d + e] = (double)o[e];
    a->out[1][q.index] = (double)(most + logf(sum));
  }
}

static void embedding(const right_call *a) {
  const size_t d = right_size(a, 'd');
  for (size_t i = 0; i < right_size(a, 't') * d; i++) {
    const size_t row = (size_t)a->c->in[1][i / d] + (size_t)a->wrong;
    a->out[0][i] = (double)right_at(a, 0, row % right_size(a, 'v') * d + i % d);
  }
}

static void adamw(const right_call *a) {
  const double *s = a->c->setting;
  const float lr = (float)s[0], b1 = (float)s[1], b2 = (float)s[2], eps = (float)s[3],
              decay = (float)s[4], c1 = (float)(1.0 - pow(s[1], s[5])),
              c2 = (float)(1.0 - pow(s[2], s[5]));
  for (size_t i = 0; i < right_size(a, 'n'); i++) {
    const float p = right_at(a, 0, i), g = right_at(a, 1, i), before = right_at(a, 2, i);
    const float m = a->order % 2 ? before + (float)(1.0 - s[1]) * (g - before)
                                 : b1 * before + (float)(1.0 - s[1]) * g,
                v = b2 * right_at(a, 3, i) + (float)(1.0 - s[2]) * g * g;
    const float kept = a->wrong       ? p
                       : a->order % 2 ? p * (1.0f - lr * decay)
                                      : p - lr * decay * p,
                root = a->order / 2 ? sqrtf(v) / sqrtf(c2) : sqrtf(v / c2);
    a->out[0][i] = (double)(kept - lr * (m / c1) / (root + eps));
    a->out[1][i] = (double)m, a->out[2][i] = (double)v;
  }
}

static void clip_grad_norm(const right_call *a) {
  const size_t n = right_size(a, 'n');
  float g[RIGHT_TERMS];
  right_take(a, g, 0, 0, 1, n);
  const float norm = sqrtf(right_dot(a, g, g, n)),
              share = (float)a->c->setting[0] / (norm + (float)a->c->setting[1]);
  for (size_t i = 0; i < n; i++) a->out[0][i] = (double)(g[i] * fminf(share, 1.0f));
  a->out[1][0] = (double)norm;
}

/* The rewards of a group, without number `left_out`. */
static size_t members(const right_call *a, size_t group, size_t left_out, float *x) {
  size_t n = 0;
  for (size_t i = 0; i < right_size(a, 'n'); i++)
    if (i != left_out && (size_t)a->c->in[1][i] == group) x[n++] = right_at(a, 0, i);
  return n;
}

static void advantages(const right_call *a) {
  const double kind = a->c->setting[0]; /* population, sample, none, leave_one_out */
  const float eps = (float)a->c->setting[1];
  float x[RIGHT_TERMS];
  for (size_t i = 0; i < right_size(a, 'n'); i++) {
    const float own = right_at(a, 0, i);
    const size_t n = members(a, (size_t)a->c->in[1][i], kind == 3.0 ? i : SIZE_MAX, x);
    const float mean = right_sum(a, x, n) / (float)n;
    int differ = 0;
    for (size_t k = 0; k < n; k++) differ |= x[k] != own, x[k] -= mean;
    const float squares = right_dot(a, x, x, n),
                deviation = sqrtf(squares / ((float)n - (kind == 1.0 ? 1.0f : 0.0f)));
    a->out[0][i] = !differ       ? 0.0
                   : kind >= 2.0 ? (double)(own - mean)
                                 : (double)((own - mean) / (deviation + eps));
  }
}

static void round_outputs(const right_call *a) {
  for (size_t o = 0; o < sl_op_outputs(a->c->op); o++)
    for (size_t i = 0; i < sl_op_count_of(a->c, &a->c->op->out[o]); i++)
      a->out[o][i] = sl_format_round(a->c->contract.out, a->out[o][i]);
}

void right_kernel(const sl_op_case *c, unsigned order, int wrong, double *const *out) {
  static const struct {
    const char *op;
    right_run *run;
  } kernels[] = {{"linear", linear},
                 {"linear_input_grad", right_linear_input_grad},
                 {"linear_weight_grad", right_linear_weight_grad},
                 {"add", add},
                 {"rmsnorm", rmsnorm},
                 {"rmsnorm_backward", right_rmsnorm_backward},
                 {"swiglu", swiglu},
                 {"swiglu_backward", right_swiglu_backward},
                 {"rope", rope},
                 {"softmax", softmax},
                 {"logprob", logprob},
                 {"logprob_backward", right_logprob_backward},
                 {"attention", attention},
                 {"attention_backward", right_attention_backward},
                 {"embedding", embedding},
                 {"embedding_grad", right_embedding_grad},
                 {"adamw", adamw},
                 {"clip_grad_norm", clip_grad_norm},
                 {"advantages", advantages}};
  const right_call call = {c, order, wrong, out};
  for (size_t i = 0; i < sizeof kernels / sizeof *kernels; i++)
    if (strcmp(kernels[i].op, c->op->name) == 0) kernels[i].run(&call);
  round_outputs(&call);
}
