#include "reference.h"

#include "reference_form.h"

#include <string.h>

/* ---- whole numbers ---- */

static int divide(const name *f, const uint64_t *a, uint64_t *out) {
  const char *const type = last(f);
  const unsigned width = width_of(type);
  const signed_wide x = valued(a[0], type), y = valued(a[1], type);
  const signed_wide q = y == 0 ? -1 : x / y, r = y == 0 ? x : x % y;
  *out = low((uint64_t)(is(f, "div") ? q : r), width);
  return 1;
}

static int count(const name *f, const uint64_t *a, uint64_t *out) {
  uint64_t d = 0;
  for (unsigned i = 0; i < 32; i++) {
    const uint64_t bit = a[0] >> i & 1;
    if (is(f, "popc")) d += bit;
    if (is(f, "brev")) d |= bit << (31 - i);
    if (is(f, "bfind")) d = bit ? 31 - i : i == 0 ? 0xffffffff : d;
  }
  *out = d;
  return 1;
}

static int insert(const name *f, const uint64_t *a, uint64_t *out) {
  const unsigned width = width_of(last(f)), from = a[2] & 255, length = a[3] & 255;
  uint64_t d = low(a[1], width);
  for (unsigned i = 0; i < length && i + from < width; i++)
    d = (d & ~(UINT64_C(1) << (i + from))) | (a[0] >> i & 1) << (i + from);
  *out = d;
  return 1;
}

static int logic(const name *f, const uint64_t *a, uint64_t *out) {
  const unsigned width = width_of(last(f));
  const uint64_t x = low(a[0], width), y = low(a[1], width);
  if (is(f, "and")) return *out = x & y, 1;
  if (is(f, "or")) return *out = x | y, 1;
  if (is(f, "xor")) return *out = x ^ y, 1;
  if (is(f, "not")) return *out = low(~x, width), 1;
  return 0;
}

static int shift(const name *f, const uint64_t *a, uint64_t *out) {
  const unsigned width = width_of(last(f));
  const uint32_t by = (uint32_t)a[1] > width ? width : (uint32_t)a[1];
  const signed_wide x = valued(a[0], last(f));
  *out = low((uint64_t)(is(f, "shl") ? (signed_wide)((wide)x << by) : x >> by), width);
  return 1;
}

static int of_integers(const name *f, const uint64_t *a, uint64_t *out) {
  const char *const type = last(f);
  const unsigned width = width_of(type);
  const signed_wide x = valued(a[0], type), y = valued(a[1], type), z = valued(a[2], type);
  if (is(f, "add")) return *out = low((uint64_t)(x + y), width), 1;
  if (is(f, "sub")) return *out = low((uint64_t)(x - y), width), 1;
  if (is(f, "neg")) return *out = low((uint64_t)-x, width), 1;
  if (is(f, "min")) return *out = low((uint64_t)(x < y ? x : y), width), 1;
  if (is(f, "max")) return *out = low((uint64_t)(x > y ? x : y), width), 1;
  if (is(f, "mad")) return *out = low((uint64_t)((wide)x * (wide)y + (wide)z), width), 1;
  if (is(f, "mul")) {
    const wide product = (wide)x * (wide)y;
    *out = has(f, "wide") ? (uint64_t)product
           : has(f, "hi") ? (uint64_t)(product >> width)
                          : low((uint64_t)product, width);
    return 1;
  }
  if (is(f, "div") || is(f, "rem")) return divide(f, a, out);
  if (is(f, "popc") || is(f, "brev") || is(f, "bfind")) return count(f, a, out);
  if (is(f, "bfi")) return insert(f, a, out);
  if (is(f, "shl") || is(f, "shr")) return shift(f, a, out);
  return logic(f, a, out);
}

/* ---- memory, control, warps ---- */

static int transfer(const name *f, const uint64_t *a, const uint8_t block[32], uint64_t out[4]) {
  const unsigned width = width_of(last(f));
  const size_t bytes = width / 8, n = has(f, "v4") ? 4 : has(f, "v2") ? 2 : 1;
  const uint8_t *const from = has(f, "param") ? block : (const uint8_t *)a;
  for (size_t k = 0; k < n; k++) {
    if (is(f, "st")) {
      memcpy((uint8_t *)out + k * bytes, &a[k], bytes);
    } else {
      uint64_t v = 0;
      memcpy(&v, from + k * bytes, bytes);
      out[k] = low((uint64_t)valued(v, last(f)), width < 32 ? 32 : width);
    }
  }
  return 1;
}

static int atomic(const name *f, const uint64_t *a, uint64_t out[4]) {
  const unsigned width = width_of(last(f));
  const uint64_t old = low(a[0], width), b = low(a[1], width),
                 now = has(f, "add")   ? low(old + b, width)
                       : has(f, "min") ? (old < b ? old : b)
                                       : (old > b ? old : b);
  out[0] = (a[0] & ~low(~UINT64_C(0), width)) | now;
  out[1] = old;
  return 1;
}

static int copy(const char *form, const uint64_t *a, uint64_t out[4]) {
  const char *colon = strchr(form, ':');
  const uint64_t bytes = colon ? (uint64_t)atoi(colon + 1) : 16;
  memcpy(out, a, a[1] & bytes);
  return 1;
}

/* The manual's text for shfl.sync, once more. */
static int shuffle(const name *f, const uint64_t *in, unsigned thread, uint64_t out[4]) {
  const int lane = (int)(thread % 32);
  const int bval = (int)(in[4 * thread + 1] & 31), cval = (int)(in[4 * thread + 2] & 31),
            segmask = (int)(in[4 * thread + 2] >> 8 & 31);
  const int max_lane = (lane & segmask) | (cval & ~segmask), min_lane = lane & segmask;
  int j = 0, inside = 0;
  if (has(f, "up")) j = lane - bval, inside = j >= max_lane;
  if (has(f, "down")) j = lane + bval, inside = j <= max_lane;
  if (has(f, "bfly")) j = lane ^ bval, inside = j <= max_lane;
  if (has(f, "idx")) j = min_lane | (bval & ~segmask), inside = j <= max_lane;
  if (!inside) j = lane;
  out[0] = low(in[4 * (thread - (unsigned)lane + (unsigned)j)], 32);
  out[1] = (uint64_t)inside;
  return 1;
}

static int control(const name *f, const uint64_t *in, unsigned thread, uint64_t out[4]) {
  const uint64_t *a = in + 4 * thread;
  if (is(f, "bra")) return out[0] = a[0] & 1 ? 2 : 1, 1;
  if (is(f, "ret")) return out[0] = a[0] & 1 ? 2 : 1, 1;
  if (is(f, "bar")) return out[0] = in[4 * (thread ^ 1)], 1;
  if (is(f, "shfl")) return shuffle(f, in, thread, out);
  if (!is(f, "vote")) return 0;
  for (unsigned l = 0; l < 32; l++) out[0] |= (in[4 * (thread / 32 * 32 + l)] & 1) << l;
  return 1;
}

int ptx_reference(const char *form, const uint64_t *in, unsigned thread, const uint8_t block[32],
                  uint64_t out[4]) {
  const uint64_t *a = in + 4 * thread;
  name f = split(form);
  cut(&f);
  memset(out, 0, 4 * sizeof *out);
  if (strcmp(form, "mov.b64:pack") == 0) return out[0] = low(a[0], 32) | low(a[1], 32) << 32, 1;
  if (strcmp(form, "mov.b64:unpack") == 0) return out[0] = low(a[0], 32), out[1] = a[0] >> 32, 1;
  if (strncmp(form, "cp.async", 8) == 0) return copy(form, a, out);
  if (is(&f, "ld") || is(&f, "st")) return transfer(&f, a, block, out);
  if (is(&f, "atom")) return atomic(&f, a, out);
  if (control(&f, in, thread, out)) return 1;
  if (is(&f, "setp")) return real_compare(&f, a, out);
  if (is(&f, "cvt")) return real_convert(&f, a, out);
  if (is(&f, "mov") || is(&f, "cvta")) return out[0] = low(a[0], width_of(last(&f))), 1;
  if (is(&f, "selp")) return out[0] = low(a[a[2] & 1 ? 0 : 1], width_of(last(&f))), 1;
  if (last(&f)[0] != 'f') return of_integers(&f, a, out);
  return real_sign_and_order(&f, a, out) || real_arithmetic(&f, a, out);
}
