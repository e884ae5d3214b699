/* Contracts as texts, and the depths of their sums (spec E1.2 to E1.4). */
#include "contract.h"
#include "fail.h"

#include "reference/order.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const orders[] = {"ours", "chain", "pairwise", "any", "blocks"};
static const char *const functions[SL_ULPS_COUNT] = {"exp", "log", "rsqrt", "div"};

sl_contract sl_contract_default(void) {
  return (sl_contract){.in = SL_FORMAT_F32,
                       .acc = SL_FORMAT_F32,
                       .out = SL_FORMAT_F32,
                       .order = SL_ORDER_ANY,
                       .ulps = {2.0, 2.0, 2.0, 0.5},
                       .scaled = 1,
                       .online = 16};
}

/* A piece of the text: not ended by a NUL. */
typedef struct {
  const char *at;
  size_t size;
} piece;

static int is(piece p, const char *text) {
  return strlen(text) == p.size && strncmp(p.at, text, p.size) == 0;
}

/* What stands before `mark`; *rest is what follows it, empty where there is none. */
static piece cut(piece p, char mark, piece *rest) {
  const char *found = p.size ? memchr(p.at, mark, p.size) : NULL;
  const size_t n = found ? (size_t)(found - p.at) : p.size;
  *rest = found ? (piece){found + 1, p.size - n - 1} : (piece){p.at + p.size, 0};
  return (piece){p.at, n};
}

/* A whole number from 1 to 2^20 without sign; 0 if it is none. */
static size_t count_of(piece p) {
  size_t n = 0;
  for (size_t i = 0; i < p.size; i++) {
    if (p.at[i] < '0' || p.at[i] > '9' || n > (1u << 20)) return 0;
    n = 10 * n + (size_t)(p.at[i] - '0');
  }
  return n <= (1u << 20) ? n : 0;
}

static int take_order(sl_contract *c, piece value) {
  piece block;
  const piece name = cut(value, ':', &block);
  for (int i = 0; i <= SL_ORDER_BLOCKS; i++)
    if (is(name, orders[i])) {
      c->order = (sl_order)i;
      c->block = count_of(block);
      return i == SL_ORDER_BLOCKS ? c->block > 0 : name.size == value.size;
    }
  return 0;
}

static int take_ulps(sl_contract *c, int which, piece value) {
  char text[32], *end;
  if (value.size == 0 || value.size >= sizeof text) return 0;
  memcpy(text, value.at, value.size);
  text[value.size] = '\0';
  const double ulps = strtod(text, &end);
  if (*end || !(ulps >= 0.5 && ulps <= 1048576.0)) return 0;
  c->ulps[which] = ulps;
  return 1;
}

static int take_softmax(sl_contract *c, piece value) {
  piece keys;
  if (is(value, "two-pass")) {
    c->online = 0;
    return 1;
  }
  const piece name = cut(value, ':', &keys);
  c->online = count_of(keys);
  return is(name, "online") && c->online > 0;
}

static int take_stored(sl_contract *c, piece value, const char *const *stored) {
  c->stored = 0;
  if (is(value, "none")) return 1;
  for (piece rest = value; rest.size;) {
    const piece name = cut(rest, '+', &rest);
    int i = 0;
    while (stored && stored[i] && !is(name, stored[i])) i++;
    if (!stored || !stored[i]) return 0;
    c->stored |= 1u << i;
  }
  return value.size > 0;
}

/* Does a key stand in front of this place of the text already? */
static int came_before(const char *text, piece key) {
  for (piece rest = {text, (size_t)(key.at - text)}; rest.size;) {
    piece value;
    const piece item = cut(rest, ',', &rest), other = cut(item, '=', &value);
    if (other.size == key.size && memcmp(other.at, key.at, key.size) == 0) return 1;
  }
  return 0;
}

/* One of two words; sets *flag to 1 for the second. */
static int take_word(int *flag, piece value, const char *no, const char *yes) {
  *flag = is(value, yes);
  return *flag || is(value, no);
}

static int take(sl_contract *c, piece key, piece value, const char *const *stored,
                const char **may_be) {
  static const char types[] = "f64, f32, tf32, bf16 or f16";
  *may_be = types;
  if (is(key, "in")) return c->reduced = 1, sl_format_find(&c->in, value.at, value.size);
  if (is(key, "acc"))
    return sl_format_find(&c->acc, value.at, value.size) && c->acc != SL_FORMAT_TF32;
  if (is(key, "out"))
    return sl_format_find(&c->out, value.at, value.size) && c->out != SL_FORMAT_TF32;
  *may_be = "ours, chain, pairwise, any or blocks:K, K from 1 to 1048576";
  if (is(key, "order")) return take_order(c, value);
  *may_be = "ulps from 0.5 to 1048576";
  for (int i = 0; i < SL_ULPS_COUNT; i++)
    if (is(key, functions[i])) return take_ulps(c, i, value);
  *may_be = "plain or scaled";
  if (is(key, "exponent")) return take_word(&c->scaled, value, "plain", "scaled");
  *may_be = "two-pass or online:K, K from 1 to 1048576";
  if (is(key, "softmax")) return take_softmax(c, value);
  *may_be = "kept or flushed";
  if (is(key, "subnormals")) return take_word(&c->flushed, value, "kept", "flushed");
  *may_be = "none, or intermediates of this op joined by + (spec E2.4)";
  if (is(key, "stored")) return take_stored(c, value, stored);
  *may_be = NULL;
  return 0;
}

sl_status sl_contract_parse(sl_contract *c, const char *text, const char *const *stored,
                            sl_error *err) {
  sl_contract made = *c;
  for (piece rest = {text, strlen(text)}; rest.size;) {
    piece value;
    const char *may_be;
    const piece item = cut(rest, ',', &rest), key = cut(item, '=', &value);
    if (came_before(text, key))
      return sl_contract_fail(err, SL_ERR_USAGE, "contract: %.*s is given twice", (int)key.size,
                              key.at);
    if (take(&made, key, value, stored, &may_be)) continue;
    if (may_be)
      return sl_contract_fail(err, SL_ERR_USAGE, "contract: %.*s=%.*s: may be %s", (int)key.size,
                              key.at, (int)value.size, value.at, may_be);
    return sl_contract_fail(
        err, SL_ERR_USAGE,
        "contract: no key '%.*s': there are in, acc, out, order, exp, log, rsqrt, div, "
        "exponent, softmax, subnormals, stored",
        (int)key.size, key.at);
  }
  if (sl_format_digits(made.out) > sl_format_digits(made.acc))
    return sl_contract_fail(err, SL_ERR_USAGE, "contract: out=%s has more digits than acc=%s",
                            sl_format_name(made.out), sl_format_name(made.acc));
  if (made.order == SL_ORDER_BLOCKS && made.acc != SL_FORMAT_F32)
    return sl_contract_fail(err, SL_ERR_USAGE,
                            "contract: order=blocks accumulates in f32, not in %s",
                            sl_format_name(made.acc));
  *c = made;
  return SL_OK;
}

static void print_stored(char *out, size_t size, const sl_contract *c, const char *const *stored) {
  size_t n = 0;
  out[0] = '\0';
  for (int i = 0; stored && stored[i]; i++)
    if (c->stored >> i & 1 && n < size)
      n += (size_t)snprintf(out + n, size - n, "%s%s", n ? "+" : "", stored[i]);
  if (!n) snprintf(out, size, "none");
}

void sl_contract_print(char out[SL_CONTRACT_TEXT], const sl_contract *c,
                       const char *const *stored) {
  char in[16] = "", block[32] = "", softmax[32] = "two-pass", names[64];
  if (c->reduced) snprintf(in, sizeof in, "in=%s,", sl_format_name(c->in));
  if (c->order == SL_ORDER_BLOCKS) snprintf(block, sizeof block, ":%zu", c->block);
  if (c->online) snprintf(softmax, sizeof softmax, "online:%zu", c->online);
  print_stored(names, sizeof names, c, stored);
  snprintf(out, SL_CONTRACT_TEXT,
           "%sacc=%s,out=%s,order=%s%s,exp=%g,log=%g,rsqrt=%g,div=%g,exponent=%s,softmax=%s,"
           "subnormals=%s,stored=%s",
           in, sl_format_name(c->acc), sl_format_name(c->out), orders[c->order], block, c->ulps[0],
           c->ulps[1], c->ulps[2], c->ulps[3], c->scaled ? "scaled" : "plain", softmax,
           c->flushed ? "flushed" : "kept", names);
}

double sl_contract_depth(const sl_contract *c, size_t n, int products) {
  if (n == 0) return 0.0;
  const double own = products ? 1.0 : 0.0;
  switch (c->order) {
    case SL_ORDER_OURS:
      return (double)sl_dot_depth(n) - (1.0 - own);
    case SL_ORDER_PAIRWISE:
      return ceil(log2((double)n)) + own;
    case SL_ORDER_BLOCKS:
      return 2.0 * ((double)c->block + 2.0) * ceil((double)n / (double)c->block);
    default:
      return (double)(n - 1) + own;
  }
}

size_t sl_contract_rescalings(const sl_contract *c, size_t n) {
  return c->online ? (n + c->online - 1) / c->online : 0;
}
