/* Exact inputs of softmax, log-probs and attention. */
#include "exact_problem.h"

#include <math.h>

/* How many powers of 2 a row of n may have as its number of equal logits: all up to n. A row of
 * softmax has less than n, so that it is not one number everywhere. */
static uint32_t powers_of(const sl_op_problem *p, size_t n) {
  const size_t most = p->c.op == &sl_op_softmax && n > 1 ? n - 1 : n;
  uint32_t powers = 1;
  while ((size_t)2 << (powers - 1) <= most) powers++;
  return powers;
}

/* A logit that is one of the equal ones of its row: the target where there is one. The last logit
 * of the last row is one, so that taking it away is a change. */
static size_t held_logit(const sl_op_problem *p, sl_source *s, size_t row, size_t rows, size_t n) {
  const size_t drawn = sl_source_below(s, (uint32_t)n);
  if (p->input[1]) return (size_t)p->input[1][row];
  if (row + 1 == rows) return n - 1;
  return row == 0 && n == 2 ? 0 : drawn;
}

/* One row of logits in four, and four columns of attention in sixteen, have scores whose exp
 * overflows unless the maximum is taken off: what stays the same otherwise. */
static int is_high(const sl_op_problem *p, size_t at) { return (at + p->seed) % 4 == 0; }

/* The logit that comes to 2^7, or 2^10 in binary64, rounded where the temperature is no power of 2;
 * 0 where the type does not hold it. */
static double high_logit(const sl_op_problem *p) {
  const double high = (p->c.contract.acc == SL_FORMAT_F64 ? 0x1p10 : 0x1p7) * p->c.setting[0];
  return high <= sl_format_largest(p->given) / 2.0 ? sl_format_round(p->given, high) : 0.0;
}

/* A row of exact logits has a power of 2 of equal ones, the first row not as many as the last one.
 * The others are masked; where a logarithm is taken, which is not exact anyway, they are finite: a
 * 0 times -infinity of the entropy is no mistake there. */
static void draw_logits(sl_op_problem *p, sl_source s) {
  const double high = high_logit(p);
  const double off = p->c.op == &sl_op_softmax ? -(double)INFINITY : -0x1p13;
  const size_t rows = sl_op_size(&p->c, 't'), n = sl_op_size(&p->c, 'v');
  const uint32_t powers = powers_of(p, n);
  for (size_t row = 0; row < rows; row++) {
    const size_t held = held_logit(p, &s, row, rows, n), last = n - 1 - held;
    const uint32_t less = row == 0 && powers > 1;
    size_t on = (size_t)1 << sl_source_below(&s, powers - less),
           before = sl_source_below(&s, (uint32_t)on);
    if (row + 1 == rows) on = (size_t)1 << (powers - 1), before = last < on ? 0 : n - last;
    double *x = p->input[0] + row * n;
    const double all = is_high(p, row) ? high : 0.0;
    for (size_t i = 0; i < n; i++)
      x[i] = (i + before + n - held) % n < on ? all : sl_format_round(p->given, all + off);
  }
}

/* Attention: half of the queries are 0 and see all their keys alike. The others have one element,
 * `query`, in a column where some of their keys, a power of 2, have 0 and all others -4, or 4 and
 * 0: the others are so far below that they weigh nothing. */
typedef struct {
  sl_op_problem *p;
  sl_source s;
  size_t b, i, j, h, g, d;
  double *q, *k, query;
  const double *length;
  int is_backward;
} attention;

/* Queries take columns in turn: of few, each fourth part has the keys whose scores are high in one
 * seed of four, and some column in all; of many, four in sixteen. */
static int is_high_column(const attention *a, size_t c) {
  const size_t rows = a->i * (a->h / a->g), used = rows < a->d ? rows : a->d;
  return is_high(a->p, used < 16 ? c * 4 / used : c / 4);
}

static size_t visible_keys(const attention *a, size_t batch, size_t i) {
  const size_t length = (size_t)a->length[batch];
  if (a->p->c.setting[1] == 0.0) return length;
  return length + i + 1 > a->i ? length + i + 1 - a->i : 0;
}

/* The keys of column c that are chosen: the last of the n that the first query of this column sees,
 * and as many before it, in even steps, as make a power of 2. Of the forward pass half of them at
 * most, and not as many as the first query of all sees, so that lse is another one; of the gradient
 * more than one: of one key there is none. */
static void choose_keys(attention *a, size_t batch, size_t group, size_t c, size_t n) {
  const size_t least = (size_t)a->is_backward, most = a->is_backward || n == 1 ? n : n / 2;
  uint32_t powers = 1;
  while ((size_t)2 << (powers - 1) <= most) powers++;
  size_t chosen = (size_t)1 << (least + sl_source_below(&a->s, powers - (uint32_t)least));
  if (!a->is_backward && chosen == visible_keys(a, 0, 0))
    chosen = chosen > 1 ? chosen / 2 : n > 1 ? 2 : 1;
  const double high = is_high_column(a, c) ? 4.0 : 0.0;
  const size_t room = chosen > 1 ? (n - 1) / (chosen - 1) : 1,
               step = 1 + sl_source_below(&a->s, (uint32_t)room);
  for (size_t j = 0; j < a->j; j++) {
    const int is_chosen = j < n && (n - 1 - j) % step == 0 && (n - 1 - j) / step < chosen;
    a->k[((batch * a->j + j) * a->g + group) * a->d + c] = high + (is_chosen ? 0.0 : -4.0);
  }
}

/* Queries that share a column see the keys of the first of them too, because later ones see more.
 */
static void choose_column(attention *a, size_t batch, size_t group, size_t c) {
  const size_t heads = a->h / a->g;
  int is_first = 1;
  for (size_t row = c; row < a->i * heads; row += a->d) {
    const size_t i = row / heads, head = group * heads + row % heads, n = visible_keys(a, batch, i);
    if (n < 1 + (size_t)a->is_backward || (batch + i + head) % 2 == (size_t)a->is_backward)
      continue;
    if (is_first) choose_keys(a, batch, group, c, n), is_first = 0;
    a->q[((batch * a->i + i) * a->h + head) * a->d + c] = a->query;
  }
}

/* The power of 2 that makes a key's -4 weigh nothing in `acc` (spec E2.3); 0: none is small enough.
 */
static double query_of(const sl_op_problem *p) {
  const sl_op_case *c = &p->c;
  const double most = p->given == SL_FORMAT_F16 ? 15.0 : 30.0,
               range = c->contract.acc == SL_FORMAT_F64 ? 1024.0 : 128.0,
               scale = c->setting[0] > 0.0 ? c->setting[0] : 1.0 / sqrt((double)sl_op_size(c, 'd')),
               power = ceil(log2(range / (4.0 * scale)));
  return power > most ? 0.0 : exp2(fmax(power, 0.0));
}

static void draw_queries(sl_op_problem *p, sl_source s) {
  const sl_op_case *c = &p->c;
  const int is_backward = c->op == &sl_op_attention_backward;
  attention a = {p,
                 s,
                 sl_op_size(c, 'b'),
                 sl_op_size(c, 'i'),
                 sl_op_size(c, 'j'),
                 sl_op_size(c, 'h'),
                 sl_op_size(c, 'g'),
                 sl_op_size(c, 'd'),
                 p->input[is_backward],
                 p->input[1 + is_backward],
                 query_of(p),
                 p->input[3 + is_backward],
                 is_backward};
  if (a.query == 0.0 || a.h % a.g) return;
  for (size_t batch = 0; batch < a.b; batch++)
    for (size_t group = 0; group < a.g; group++)
      for (size_t column = 0; column < a.d; column++) choose_column(&a, batch, group, column);
}

void sl_exact_inputs(sl_op_problem *p, sl_source s) {
  const sl_op *op = p->c.op;
  if (op->in[0].kind == SL_TENSOR_LOGIT) draw_logits(p, s);
  if (op == &sl_op_attention || op == &sl_op_attention_backward) draw_queries(p, s);
}
