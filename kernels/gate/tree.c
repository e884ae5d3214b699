/* Building and copying expression trees: hash-consing, exact rational constants (spec G1.4,
 * G1.5, G1.6). */
#include "tree.h"

#include "kernels/core/verify.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
  const char *text;
  sl_gate_syntax syntax;
  int arity, branches;
} rows[] = {
#define SL_OP(name, arity, text, syntax, branches, value) \
  {text, SL_SYNTAX_##syntax, arity, branches},
#include "ops.def"
#undef SL_OP
};

int sl_op_arity(sl_gate_op op) { return rows[op].arity; }
const char *sl_op_text(sl_gate_op op) { return rows[op].text; }
sl_gate_syntax sl_op_syntax(sl_gate_op op) { return rows[op].syntax; }
int sl_op_is_switch(sl_gate_op op) { return rows[op].branches; }

void sl_tree_init(sl_tree *tree) { memset(tree, 0, sizeof *tree); }

void sl_tree_clear(sl_tree *tree) {
  free(tree->node);
  free(tree->bucket);
  sl_tree_init(tree);
}

static uint32_t hash_node(const sl_gate_node *n) {
  uint64_t h = 0x9e3779b97f4a7c15u ^ (uint64_t)n->op;
  const uint64_t word[] = {((uint64_t)n->child[0] << 32) | n->child[1],
                           ((uint64_t)n->child[2] << 32) | n->child[3], (uint64_t)n->num.m,
                           ((uint64_t)(uint32_t)n->num.e << 32) | (uint32_t)n->param};
  for (size_t i = 0; i < 4; i++) {
    h = (h ^ word[i]) * 0xbf58476d1ce4e5b9u;
    h ^= h >> 29;
  }
  return (uint32_t)(h ^ (h >> 32));
}

static int same_node(const sl_gate_node *a, const sl_gate_node *b) {
  return a->op == b->op && memcmp(a->child, b->child, sizeof a->child) == 0 &&
         a->num.m == b->num.m && a->num.e == b->num.e && a->param == b->param;
}

static void insert_bucket(sl_tree *tree, uint32_t index) {
  uint32_t slot = hash_node(&tree->node[index]) & (tree->bucket_count - 1);
  while (tree->bucket[slot]) slot = (slot + 1) & (tree->bucket_count - 1);
  tree->bucket[slot] = index + 1;
}

static void (*when_short)(void);

void sl_tree_when_short(void (*ends)(void)) { when_short = ends; }

static int fail_memory(void) {
  if (when_short) when_short();
  return 0;
}

static int grow(sl_tree *tree) {
  if (tree->count >= SL_TREE_LIMIT) return 0;
  const uint32_t capacity = tree->capacity ? 2 * tree->capacity : 64;
  sl_gate_node *node = realloc(tree->node, capacity * sizeof *node);
  if (!node) return fail_memory();
  tree->node = node;
  tree->capacity = capacity;
  uint32_t *bucket = calloc(4 * (size_t)capacity, sizeof *bucket);
  if (!bucket) return fail_memory();
  free(tree->bucket);
  tree->bucket = bucket;
  tree->bucket_count = 4 * capacity;
  for (uint32_t i = 0; i < tree->count; i++) insert_bucket(tree, i);
  return 1;
}

static sl_ref intern(sl_tree *tree, const sl_gate_node *node) {
  if (tree->failed) return 0;
  for (int i = 0; i < sl_op_arity(node->op); i++)
    SL_VERIFY(node->child[i] < tree->count); /* a node comes after its children */
  if (tree->bucket_count) {
    for (uint32_t slot = hash_node(node) & (tree->bucket_count - 1); tree->bucket[slot];
         slot = (slot + 1) & (tree->bucket_count - 1))
      if (same_node(&tree->node[tree->bucket[slot] - 1], node)) return tree->bucket[slot] - 1;
  }
  if (tree->count == tree->capacity && !grow(tree)) {
    tree->failed = 1;
    return 0;
  }
  tree->node[tree->count] = *node;
  insert_bucket(tree, tree->count);
  return tree->count++;
}

sl_ref sl_tree_node(sl_tree *tree, sl_gate_op op, sl_ref a, sl_ref b, sl_ref c, sl_ref d) {
  return intern(tree, &(sl_gate_node){.op = op, .child = {a, b, c, d}});
}

sl_ref sl_tree_decimal(sl_tree *tree, sl_decimal value) {
  return intern(tree, &(sl_gate_node){.op = SL_OP_NUM,
                                      .child = {SL_NO_REF, SL_NO_REF, SL_NO_REF, SL_NO_REF},
                                      .num = value});
}

sl_ref sl_tree_int(sl_tree *tree, int64_t value) {
  return sl_tree_decimal(tree, sl_decimal_normal(value, 0));
}

sl_ref sl_tree_param(sl_tree *tree, int32_t index) {
  return intern(tree, &(sl_gate_node){.op = SL_OP_PARAM,
                                      .child = {SL_NO_REF, SL_NO_REF, SL_NO_REF, SL_NO_REF},
                                      .param = index});
}

int sl_tree_is_int(const sl_tree *tree, sl_ref ref, int64_t value) {
  const sl_gate_node *n = &tree->node[ref];
  const sl_decimal want = sl_decimal_normal(value, 0);
  return n->op == SL_OP_NUM && n->num.m == want.m && n->num.e == want.e;
}

static sl_ref copy_node(sl_tree *to, const sl_gate_node *n, const sl_ref *map,
                        const sl_decimal *value, sl_ref f, sl_ref w) {
  if (n->op == SL_OP_PARAM && value) return sl_tree_decimal(to, value[n->param]);
  if (n->op == SL_OP_VALUE && f != SL_NO_REF) return f;
  if (n->op == SL_OP_WEIGHT && w != SL_NO_REF) return w;
  sl_gate_node copy = *n;
  for (int i = 0; i < sl_op_arity(n->op); i++) copy.child[i] = map[n->child[i]];
  return intern(to, &copy);
}

void sl_tree_mark(const sl_tree *tree, sl_ref ref, unsigned char *live) {
  live[ref] = 1;
  for (uint32_t i = ref + 1; i-- > 0;)
    if (live[i])
      for (int k = 0; k < sl_op_arity(tree->node[i].op); k++) live[tree->node[i].child[k]] = 1;
}

sl_ref sl_tree_copy(sl_tree *to, const sl_tree *from, sl_ref ref, const sl_decimal *value, sl_ref f,
                    sl_ref w) {
  sl_ref *map = calloc((size_t)ref + 1, sizeof *map);
  unsigned char *live = calloc((size_t)ref + 1, 1);
  sl_ref result = 0;
  if (map && live) {
    sl_tree_mark(from, ref, live);
    for (uint32_t i = 0; i <= ref && !to->failed; i++)
      if (live[i]) map[i] = copy_node(to, &from->node[i], map, value, f, w);
    result = map[ref];
  } else {
    fail_memory();
    to->failed = 1;
  }
  free(map);
  free(live);
  return result;
}

static int64_t gcd(int64_t a, int64_t b) {
  while (b) {
    const int64_t t = a % b;
    a = b, b = t;
  }
  return a < 0 ? -a : a;
}

/* Lowest terms, positive denominator; 0 if p or q leaves 31 bits. The inputs are products of 31-bit
 * numbers or sums of two: no overflow. */
static int reduce(int64_t p, int64_t q, int64_t *out) {
  if (q == 0) return 0;
  const int64_t g = gcd(p, q), sign = q < 0 ? -1 : 1;
  out[0] = sign * (p / g), out[1] = sign * (q / g);
  return out[0] > -INT32_MAX && out[0] < INT32_MAX && out[1] < INT32_MAX;
}

static int rational_decimal(sl_decimal d, int64_t *out) {
  int64_t scale = 1;
  for (int32_t i = 0; i < (d.e < 0 ? -d.e : d.e); i++) {
    scale *= 10;
    if (scale > INT32_MAX) return 0;
  }
  if (d.m > INT64_MAX / 2 || d.m < -INT64_MAX / 2) return 0;
  if (d.e > 0 && (d.m > INT32_MAX || d.m < -INT32_MAX)) return 0;
  return d.e < 0 ? reduce(d.m, scale, out) : reduce(d.m * scale, 1, out);
}

static int rational_node(const sl_gate_node *n, int64_t (*v)[2], int64_t *out) {
  static const int64_t none[2] = {0, 1};
  const int64_t *a = sl_op_arity(n->op) > 0 ? v[n->child[0]] : none,
                *b = sl_op_arity(n->op) > 1 ? v[n->child[1]] : none;
  if (a[1] == 0 || b[1] == 0) return 0;
  switch (n->op) {
    case SL_OP_NUM:
      return rational_decimal(n->num, out);
    case SL_OP_NEG:
      return reduce(-a[0], a[1], out);
    case SL_OP_ADD:
      return reduce(a[0] * b[1] + b[0] * a[1], a[1] * b[1], out);
    case SL_OP_SUB:
      return reduce(a[0] * b[1] - b[0] * a[1], a[1] * b[1], out);
    case SL_OP_MUL:
      return reduce(a[0] * b[0], a[1] * b[1], out);
    case SL_OP_DIV:
      return reduce(a[0] * b[1], a[1] * b[0], out);
    default:
      return 0;
  }
}

int sl_tree_rational(const sl_tree *tree, sl_ref ref, int64_t *p, int64_t *q) {
  int64_t(*v)[2] = calloc((size_t)ref + 1, sizeof *v); /* denominator 0: no rational */
  if (!v) {
    fail_memory();
    *p = 0, *q = -1;
    return 0;
  }
  for (uint32_t i = 0; i <= ref; i++)
    if (!rational_node(&tree->node[i], v, v[i])) v[i][1] = 0;
  *p = v[ref][0], *q = v[ref][1];
  free(v);
  return *q != 0;
}
