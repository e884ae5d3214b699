/* Derivations of reference/bounds.def with the numbers of an element. */
#include "explain.h"

#include "ci/products/equiv/bound_linear.h"
#include "ci/products/equiv/sizes.h"
#include "reference/bounds.h"
#include "reference/order.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static void say(sl_run_row *row, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void say(sl_run_row *row, const char *format, ...) {
  const size_t used = strlen(row->derivation);
  va_list args;
  va_start(args, format);
  vsnprintf(row->derivation + used, sizeof row->derivation - used, format, args);
  va_end(args);
}

static void say_depth(sl_run_row *row, const char *of, size_t n) {
  say(row, "; %s: n = %zu, g(n) = %.3g", of, n, sl_gamma(n));
}

static size_t longest_sequence(const sl_problem *p, size_t n_seq) {
  const uint32_t *seq = p->array[0].data;
  size_t longest = 0;
  for (size_t s = 0; s < n_seq; s++)
    if (seq[s + 1] - seq[s] > longest) longest = seq[s + 1] - seq[s];
  return longest;
}

static void say_token_dot(sl_run_row *row, const sl_problem *p, size_t n_seq) {
  const size_t longest = longest_sequence(p, n_seq);
  size_t chunks = 0;
  const uint32_t *seq = p->array[0].data;
  for (size_t s = 0; s < n_seq; s++) chunks += sl_anchored_chunks(seq[s], seq[s + 1]);
  say(row, "; longest = %zu, C = %zu", longest, chunks);
  say_depth(row, "products", sl_least(longest, SL_DOT_CHUNK) + chunks);
  say(row, ", g(C) = %.3g", sl_gamma(chunks));
}

/* S, the sum of magnitudes, and K are those of the element. */
static void say_linear(sl_run_row *row, const sl_problem *p, size_t array, size_t index) {
  const sl_exact_sum e = sl_exact_linear(row->kernel, p, array, index);
  say(row, "; K = %zu terms, sum|a||b| = %.6g", e.n, e.magnitude);
  say_depth(row, "this order", sl_dot_depth(e.n));
  say(row, "; any order: g(K) = %.3g", sl_gamma(e.n));
}

static void say_heads(sl_run_row *row, const sl_problem *p) {
  const int cached = row->kernel == SL_KERNEL_attention_decode;
  const size_t d = p->size[SL_HEADS_D],
               n = cached ? p->size[SL_HEADS_CAPACITY]
                          : longest_sequence(p, p->size[SL_HEADS_N_SEQ]),
               chunks = sl_chunks(n, SL_KEY_CHUNK), joins = chunks ? 3 * (chunks - 1) : 0;
  say(row, "; at most %zu keys in C = %zu chunks", n, chunks);
  say_depth(row, "dot(d)", sl_dot_depth(d));
  say_depth(row, "o", sl_least(n, SL_KEY_CHUNK) + joins);
}

/* The sizes and depths that the derivation names. */
static void say_sizes(sl_run_row *row, const sl_problem *p, size_t array, size_t index) {
  const size_t *size = p->size;
  switch (sl_bound_of_kernel((size_t)row->kernel)) {
    case SL_BOUND_dot:
      say_linear(row, p, array, index);
      return;
    case SL_BOUND_token_dot:
      say_token_dot(
          row, p,
          row->kernel == SL_KERNEL_linear_weight_grad ? size[SL_N_SEQ] : size[SL_LAYER_N_SEQ]);
      return;
    case SL_BOUND_rmsnorm_forward:
    case SL_BOUND_rmsnorm_backward:
      say(row, "; D = %zu", size[SL_LAYER_D]);
      say_depth(row, "sum of squares", sl_product_sum_depth(size[SL_LAYER_D]));
      return;
    case SL_BOUND_attention_forward:
    case SL_BOUND_attention_backward:
      say_heads(row, p);
      return;
    case SL_BOUND_logprob_forward:
    case SL_BOUND_logprob_backward:
      say_depth(row, "dot(D)", sl_dot_depth(size[SL_LOGITS_D]));
      say_depth(row, "l", sl_sum_depth(size[SL_LOGITS_VOCAB]) + 1);
      return;
    case SL_BOUND_sample:
      say_depth(row, "l", sl_sum_depth(size[SL_LOGITS_VOCAB]) + 1);
      return;
    case SL_BOUND_square_sum:
      say(row, "; N = %zu, n = %zu, u = 2^-53", size[SL_FLAT_N],
          1 + sl_sum64_depth(size[SL_FLAT_N]));
      return;
    default:
      return;
  }
}

void sl_explain(sl_run_row *row, const sl_problem *p, const sl_kernel_balls *balls,
                double *const *got, const sl_judgement *j, int any_order) {
  size_t o = 0;
  while (o < balls->outs &&
         (j->share_at.tensor ? balls->out[o].name != j->share_at.tensor : balls->out[o].n == 0))
    o++;
  if (o == balls->outs) return;
  const sl_kernel_output *out = &balls->out[o];
  const size_t i = j->share_at.tensor ? j->share_at.index : 0;
  const sl_ball ball = out->balls[i];
  const sl_bound_id bound = sl_bound_of_kernel((size_t)row->kernel);
  row->derivation[0] = '\0';
  say(row, "%s[%zu] of %s (seed %llu)\n", out->name, i, p->shape, (unsigned long long)row->last);
  say(row, "    bound %s: %s\n", any_order ? "of any order" : sl_bound_name(bound),
      any_order ? "K products: g(K) sum|a||b| + K eta" : sl_bound_derivation(bound));
  say(row, "    here u = 2^-24 = %.3g, eta = 2^-150", SL_U);
  say_sizes(row, p, out->array, i);
  say(row, "\n    exact %.9g, computed %.9g: %.3g off; bound %.3g = %.3g ulps of %s", ball.mid,
      got[o][i], fabs(got[o][i] - ball.mid), ball.rad,
      ball.rad / sl_format_ulp(out->type, ball.mid), sl_format_name(out->type));
}
