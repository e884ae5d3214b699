/* False alarms of the judgement of dumps: right kernels, seed after seed, with the shapes and types
 * on which public tests are reported to flake. The options and the last line are those of `sluice
 * equiv`, so that ci/equiv-seeds runs it: `right-kernels equiv --seed N --cases N [--planted]`.
 * --planted leaves the last term of each sum out: every row must notice on some seed. */
#include "foreign_loss.h"
#include "right_kernels.h"

#include "ci/products/dumps/dump_judge.h"
#include "ci/products/judge/op_problem.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
  const char *op, *shape, *settings, *contract;
  sl_format given;
} row;

/* Where a public thread has the shape, it is named: repository#number. */
static const row rows[] = {
    /* sglang#35795: bfloat16 in [16, 32) under an absolute tolerance below half an ulp */
    {"rope", "t=37,h=1,c=64,p=64", "", "out=bf16", SL_FORMAT_BF16},
    /* vllm#51083, Megatron-LM#4640: rotation of bfloat16, forward and backward, packed */
    {"rope", "t=8,h=4,c=32,p=16", "direction=-1", "out=bf16", SL_FORMAT_BF16},
    {"rope", "t=8,h=4,c=32,p=16", "", "out=f16", SL_FORMAT_F16},
    /* flashinfer#3505: one query, 16-bit weights */
    {"attention", "b=1,i=1,j=80,h=4,g=1,d=64", "", "out=bf16,stored=p", SL_FORMAT_BF16},
    /* sglang#17461, vLLM's test_flash_attn: grouped heads, (5, 18) queries and keys, head size 72
     */
    {"attention", "b=1,i=5,j=18,h=8,g=2,d=72", "", "out=bf16,stored=p", SL_FORMAT_BF16},
    {"attention", "b=2,i=7,j=33,h=2,g=2,d=40", "causal=0", "out=f16,stored=p", SL_FORMAT_F16},
    {"attention", "b=2,i=7,j=7,h=2,g=1,d=32", "", "", SL_FORMAT_F32},
    {"attention_backward", "b=1,i=9,j=9,h=2,g=1,d=24", "", "out=bf16,stored=p+ds", SL_FORMAT_BF16},
    {"attention_backward", "b=2,i=5,j=8,h=4,g=2,d=16", "", "", SL_FORMAT_F32},
    {"attention_backward", "b=2,i=6,j=9,h=2,g=1,d=32", "", "out=f16,stored=p+ds", SL_FORMAT_F16},
    /* pypto#1945: softmax of bfloat16, roots of float16, products in parts */
    {"softmax", "t=8,v=123", "", "out=bf16", SL_FORMAT_BF16},
    {"softmax", "t=4,v=300", "temperature=0.7", "out=f16", SL_FORMAT_F16},
    {"rmsnorm", "t=2,d=1024", "", "out=f16", SL_FORMAT_F16},
    {"linear", "t=1,n=4,k=4096", "", "", SL_FORMAT_F32},
    /* Liger-Kernel's tests: odd widths in bfloat16, the norm cast before the weight */
    {"rmsnorm", "t=3,d=213", "", "out=bf16,stored=norm", SL_FORMAT_BF16},
    {"rmsnorm", "t=3,d=345", "eps=1e-5", "", SL_FORMAT_F32},
    {"rmsnorm_backward", "t=4,d=123", "", "out=bf16", SL_FORMAT_BF16},
    {"rmsnorm_backward", "t=3,d=234", "", "", SL_FORMAT_F32},
    {"swiglu", "n=431", "", "out=bf16,stored=silu", SL_FORMAT_BF16},
    {"swiglu", "n=431", "", "out=f16", SL_FORMAT_F16},
    {"swiglu_backward", "n=287", "", "out=bf16", SL_FORMAT_BF16},
    {"logprob", "t=3,v=2048", "", "", SL_FORMAT_BF16},
    {"logprob", "t=2,v=1000", "temperature=0.7", "", SL_FORMAT_F32},
    {"logprob_backward", "t=2,v=512", "temperature=1.5", "out=bf16", SL_FORMAT_BF16},
    /* what is left of the ops */
    {"linear", "t=2,n=8,k=1024", "", "out=bf16", SL_FORMAT_BF16},
    {"linear", "t=3,n=5,k=512", "", "out=f16,stored=product", SL_FORMAT_F16},
    {"linear_input_grad", "t=2,n=512,k=8", "", "out=bf16", SL_FORMAT_BF16},
    {"linear_weight_grad", "t=300,n=4,k=5", "", "out=f16", SL_FORMAT_F16},
    {"embedding", "t=16,d=8,v=50", "", "out=bf16", SL_FORMAT_BF16},
    {"embedding_grad", "t=64,d=8,v=6", "", "out=bf16", SL_FORMAT_BF16},
    {"add", "n=100", "", "out=bf16", SL_FORMAT_BF16},
    {"adamw", "n=100", "lr=0.01,weight_decay=0.1,step=5", "", SL_FORMAT_F32},
    {"clip_grad_norm", "n=300", "", "", SL_FORMAT_F32},
    {"advantages", "n=32,g=4", "", "", SL_FORMAT_F32},
    {"advantages", "n=24,g=6", "kind=leave_one_out", "", SL_FORMAT_F32},
    {"gated_loss", "s=6,t=8", "tau_neg=1.5", "", SL_FORMAT_F32},
    {"gated_loss", "s=6,t=8", "beta=0.5,aggregation=token_mean", "", SL_FORMAT_F32},
    {"gated_loss", "s=6,t=8", "level=sequence", "", SL_FORMAT_F32},
};
enum { ROWS = sizeof rows / sizeof *rows };

static void fail(const char *what, const sl_error *err) {
  fprintf(stderr, "right-kernels: %s: %s\n", what, err->message);
  exit(5);
}

static sl_op_case case_of(const row *r) {
  sl_error err = {0};
  sl_op_case c = sl_op_case_of(sl_op_find(r->op));
  if (sl_op_shape_parse(&c, r->shape, &err) ||
      sl_contract_parse(&c.contract, r->contract, c.op->stored, &err))
    fail(r->op, &err);
  for (const char *at = r->settings; *at;) {
    char one[64];
    const size_t n = strcspn(at, ",");
    snprintf(one, sizeof one, "%.*s", (int)n, at);
    if (sl_op_setting_parse(&c, one, &err)) fail(r->op, &err);
    at += n + (at[n] == ',');
  }
  return c;
}

/* The loss has no entropy; log-ratios of usual size, and one sequence without a token. */
static void run_loss(sl_op_problem *p, int planted, double *const *out) {
  for (size_t i = 0; i < p->count[0]; i++) {
    p->input[1][i] = (double)(float)(p->input[0][i] - sin(1.0 + (double)i));
    p->input[2][i] = (double)(float)(p->input[0][i] + sin(2.0 * (double)i));
    p->input[4][i] = i / 8 != 4 && i % 8 < 2 + i / 8 ? 1.0 : 0.0;
  }
  const foreign_batch b = {.s = sl_op_size(&p->c, 's'),
                           .t = sl_op_size(&p->c, 't'),
                           .logp_new = p->input[0],
                           .logp_old = p->input[1],
                           .logp_ref = p->input[2],
                           .mask = p->input[4],
                           .advantage = p->input[5],
                           .tau_pos = (float)p->c.setting[1],
                           .tau_neg = (float)p->c.setting[2],
                           .beta = (float)p->c.setting[11],
                           .by_sequence = p->c.setting[6] != 0.0,
                           .token_mean = p->c.setting[7] == 1.0};
  foreign_loss(out[0], out[2], &b, planted ? FOREIGN_ACCUMULATED : FOREIGN_RIGHT);
}

static sl_outcome judge(const row *r, uint64_t seed, int planted, sl_dump_verdict *v) {
  const sl_op_case like = case_of(r);
  const int is_loss = like.op == &sl_op_gated_loss;
  sl_problem_kind kind = is_loss ? SL_KIND_USUAL : (sl_problem_kind)(seed % SL_KINDS);
  if (!sl_kind_suits(kind, like.op)) kind = SL_KIND_USUAL;
  sl_op_problem p;
  sl_error err;
  if (sl_op_problem_make(&p, &like, kind, r->given, seed, &err)) fail(r->op, &err);
  sl_dump_case d = {.c = p.c};
  double *out[SL_OP_OUTPUTS] = {0};
  for (size_t o = 0; o < sl_op_outputs(like.op); o++) {
    sl_dump_output *one = &d.output[o];
    one->count = sl_op_count_of(&like, &like.op->out[o]), one->type = like.contract.out;
    out[o] = one->got = calloc(one->count + 1, sizeof *one->got);
    if (!one->got) exit(5);
  }
  if (is_loss) {
    run_loss(&p, planted, out);
    free(d.output[1].got), d.output[1].got = NULL;
  } else {
    right_kernel(&d.c, (unsigned)(seed / SL_KINDS % RIGHT_ORDERS), planted, out);
  }
  if (sl_dump_judge(v, &d, SIZE_MAX, seed, &err)) fail(r->op, &err);
  for (size_t o = 0; o < SL_OP_OUTPUTS; o++) free(d.output[o].got);
  sl_op_problem_end(&p);
  return v->outcome;
}

static void print_alarm(const row *r, uint64_t seed, const sl_dump_verdict *v) {
  const sl_judgement *j = &v->all;
  printf("%s %s %s, seed %" PRIu64 ": %s[%zu] is %.9g, exact %.9g within %.3g\n", r->op, r->shape,
         r->contract, seed, j->wrong ? j->wrong_at.tensor : "-", j->wrong_at.index, j->got, j->mid,
         j->rad);
  if (v->outcome == SL_OUTCOME_INCONCLUSIVE && v->passes_as)
    printf("  control %d would pass as %s\n", (int)v->passes, v->passes_as);
}

/* Outcomes of a row over the seeds. On usual and exact inputs a verdict is expected too. */
typedef struct {
  size_t of[SL_OUTCOME_SKIPPED + 1];
} counts;

static size_t try_seeds(uint64_t first, size_t n, int planted, counts *of_row) {
  size_t alarms = 0;
  for (uint64_t seed = first; seed < first + n; seed++)
    for (size_t i = 0; i < ROWS; i++) {
      sl_dump_verdict v;
      const sl_outcome outcome = judge(&rows[i], seed, planted, &v);
      of_row[i].of[outcome]++;
      const int undecided = outcome == SL_OUTCOME_INCONCLUSIVE &&
                            (seed % SL_KINDS == SL_KIND_USUAL || seed % SL_KINDS == SL_KIND_EXACT);
      if (!planted && (outcome == SL_OUTCOME_DIFFERENT || undecided))
        print_alarm(&rows[i], seed, &v), alarms++;
      sl_dump_verdict_end(&v);
    }
  return alarms;
}

static int report(const counts *of_row, size_t n, size_t alarms, int planted) {
  size_t noticed = 0, decided = 0, undecided = 0;
  for (size_t i = 0; i < ROWS; i++) {
    const size_t *of = of_row[i].of;
    noticed += of[SL_OUTCOME_DIFFERENT] > 0, decided += of[SL_OUTCOME_EQUAL] > 0;
    undecided += of[SL_OUTCOME_INCONCLUSIVE];
    if (planted && !of[SL_OUTCOME_DIFFERENT])
      printf("not noticed: %s %s %s\n", rows[i].op, rows[i].shape, rows[i].contract);
  }
  if (planted) {
    printf("%s\n", noticed == ROWS ? "every row has noticed" : "MISSED");
    return noticed != ROWS;
  }
  printf(
      "%zu verdicts, of which %zu undecided (subnormal and wide inputs, and controls that pass)\n",
      n * ROWS, undecided);
  printf("%zu of %d rows equal, %zu alarms\n", decided, (int)ROWS, alarms);
  return alarms > 0;
}

int main(int argc, char **argv) {
  static counts of_row[ROWS];
  uint64_t seed = 1;
  size_t cases = 7;
  int planted = 0;
  for (int i = 2; i < argc; i++) {
    if (strcmp(argv[i], "--planted") == 0) planted = 1;
    if (strcmp(argv[i], "--seed") == 0 && i + 1 < argc) seed = strtoull(argv[i + 1], NULL, 10);
    if (strcmp(argv[i], "--cases") == 0 && i + 1 < argc) cases = strtoull(argv[i + 1], NULL, 10);
  }
  const size_t alarms = try_seeds(seed, cases, planted, of_row);
  return report(of_row, cases, alarms, planted);
}
