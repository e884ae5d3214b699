/* Parses .npy headers, strictly, and orders items (spec F6.4). */
#include "npy.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define MAGIC "\x93NUMPY"
#define MAGIC_BYTES 6

/* A Python dict literal as NumPy writes it, and how far it has been read. */
typedef struct {
  const char *text;
  size_t size, at;
  const char *place;
  sl_error *err;
} cursor;

static sl_status fail_at(const cursor *c, size_t at, const char *what) {
  return sl_fail(c->err, SL_ERR_INPUT, "%s: byte %zu: %s", c->place, at, what);
}

static char peek(const cursor *c) { return c->at < c->size ? c->text[c->at] : '\0'; }

static int is_blank(char x) { return x == ' ' || x == '\n' || x == '\t' || x == '\r'; }

static void skip_blanks(cursor *c) {
  while (is_blank(peek(c))) c->at++;
}

/* Takes that character, with blanks on both sides; 0 if another one is there. */
static int take(cursor *c, char wanted) {
  skip_blanks(c);
  if (c->at >= c->size || c->text[c->at] != wanted) return 0;
  c->at++;
  skip_blanks(c);
  return 1;
}

static int take_word(cursor *c, const char *word) {
  const size_t n = strlen(word);
  if (c->size - c->at < n || memcmp(c->text + c->at, word, n) != 0) return 0;
  c->at += n;
  return 1;
}

/* A text in quotes of either kind, without escapes, of less than max bytes. */
static sl_status take_text(cursor *c, char *out, size_t max, const char *expected) {
  const size_t start = c->at;
  const char quote = peek(c);
  if (quote != '\'' && quote != '"') return fail_at(c, start, expected);
  size_t n = 0;
  for (c->at++; peek(c) != quote; c->at++) {
    const unsigned char x = (unsigned char)peek(c);
    if (x < 32 || x > 126 || x == '\\')
      return fail_at(c, c->at, "this character is no part of a name");
    if (n + 1 == max) return fail_at(c, start, "this text is too long");
    out[n++] = (char)x;
  }
  c->at++;
  out[n] = '\0';
  return SL_OK;
}

static sl_status take_size(cursor *c, size_t *out) {
  const size_t start = c->at;
  if (peek(c) == '-') return fail_at(c, start, "shape: a size below 0");
  if (peek(c) < '0' || peek(c) > '9')
    return fail_at(c, start, "shape: expected a non-negative integer");
  size_t value = 0;
  for (; peek(c) >= '0' && peek(c) <= '9'; c->at++) {
    const size_t digit = (size_t)(peek(c) - '0');
    if (value > (SIZE_MAX - digit) / 10) return fail_at(c, start, "shape: a size beyond 2^64");
    value = 10 * value + digit;
  }
  *out = value;
  return SL_OK;
}

/* (), (3,), (3, 4): a tuple; one of a single size needs its comma. */
static sl_status take_shape(cursor *c, sl_npy *array) {
  const size_t start = c->at;
  if (!take(c, '(')) return fail_at(c, start, "shape: expected a tuple of sizes");
  int comma = 1;
  for (array->rank = 0; !take(c, ')'); comma = take(c, ',')) {
    if (!comma) return fail_at(c, c->at, "shape: expected ',' or ')'");
    if (array->rank == SL_TENSOR_RANK_MAX) return fail_at(c, c->at, "shape: more than 8 sizes");
    SL_TRY(take_size(c, &array->shape[array->rank++]));
  }
  if (array->rank == 1 && !comma) return fail_at(c, start, "shape: expected a tuple of sizes");
  return SL_OK;
}

static sl_status refuse_type(const cursor *c, size_t at, const char *text, const char *advice) {
  return sl_fail(c->err, SL_ERR_INPUT, "%s: byte %zu: dtype '%s' %s", c->place, at, text, advice);
}

static const char *advice_for(const char *code) {
  switch (*code) {
    case 'V':
      return code[1] == '2' && !code[2]
                 ? "is not supported: if it is bfloat16, which NumPy does not know, save it as "
                   "float32, as uint16 with its name under 'bfloat16' in __metadata__, or as "
                   "safetensors"
                 : "is not supported: if it is an 8-bit float, save it as float32";
    case 'O':
      return "is Python objects in a pickle, which is never read; save an array of numbers";
    case 'c':
      return "is not supported; save real and imaginary parts";
    default:
      return "is not supported; save it as float32";
  }
}

/* U and S with the length of a text; only metadata are texts. */
static sl_status take_text_type(const cursor *c, size_t at, const char *text, sl_npy *array) {
  size_t n = 0;
  const char *digit = text + 2;
  for (; *digit >= '0' && *digit <= '9' && n < SL_NPY_HEADER_MAX * 1024; digit++)
    n = 10 * n + (size_t)(*digit - '0');
  if (*digit || digit == text + 2) return refuse_type(c, at, text, "is malformed");
  array->kind = text[1] == 'U' ? SL_NPY_UCS4 : SL_NPY_BYTES;
  array->item = text[1] == 'U' ? 4 * n : n;
  array->type = SL_TENSOR_U8;
  return SL_OK;
}

/* '<f4', '|u1': byte order, kind, bytes. */
static sl_status take_type(cursor *c, sl_npy *array) {
  const size_t at = c->at;
  char text[32];
  if (peek(c) == '[')
    return fail_at(c, at, "a structured dtype is not supported; save an array for each field");
  SL_TRY(take_text(c, text, sizeof text, "descr: expected a text such as '<f4'"));
  if (!*text || !strchr("<>|", *text)) return refuse_type(c, at, text, "names no byte order");
  array->is_swapped = *text == '>';
  if (text[1] == 'U' || text[1] == 'S') return take_text_type(c, at, text, array);
  array->kind = SL_NPY_NUMBERS;
  array->type = sl_tensor_type_of_numpy(text + 1);
  if (array->type == SL_TENSOR_TYPES) return refuse_type(c, at, text, advice_for(text + 1));
  array->item = sl_tensor_type_bytes(array->type);
  if (*text == '|' && array->item > 1) return refuse_type(c, at, text, "names no byte order");
  return SL_OK;
}

static sl_status take_order(cursor *c, sl_npy *array) {
  array->is_fortran = take_word(c, "True");
  if (array->is_fortran || take_word(c, "False")) return SL_OK;
  return fail_at(c, c->at, "fortran_order: expected True or False");
}

/* The three keys in any order, each once, then blanks to the end. */
static sl_status take_dict(cursor *c, sl_npy *array) {
  static const char *const keys[] = {"descr", "fortran_order", "shape"};
  static sl_status (*const values[])(cursor *, sl_npy *) = {take_type, take_order, take_shape};
  int seen[3] = {0}, comma = 1;
  if (!take(c, '{')) return fail_at(c, c->at, "the header does not start with '{'");
  for (; !take(c, '}'); comma = take(c, ',')) {
    const size_t start = c->at;
    char key[32];
    if (!comma) return fail_at(c, start, "expected ',' or '}'");
    SL_TRY(take_text(c, key, sizeof key, "expected a key"));
    int k = 0;
    while (k < 3 && strcmp(key, keys[k]) != 0) k++;
    if (k == 3) return fail_at(c, start, "a key other than descr, fortran_order and shape");
    if (seen[k]++) return fail_at(c, start, "a key that was there before");
    if (!take(c, ':')) return fail_at(c, c->at, "expected ':'");
    SL_TRY(values[k](c, array));
  }
  if (c->at < c->size) return fail_at(c, c->at, "the header goes on behind its '}'");
  for (int k = 0; k < 3; k++)
    if (!seen[k])
      return sl_fail(c->err, SL_ERR_INPUT, "%s: byte %zu: the header has no key '%s'", c->place,
                     c->at, keys[k]);
  return SL_OK;
}

int sl_npy_is(const void *data, size_t size) {
  return size >= MAGIC_BYTES && memcmp(data, MAGIC, MAGIC_BYTES) == 0;
}

sl_status sl_npy_header_bytes(size_t *out, const unsigned char *prefix, size_t size,
                              const char *place, sl_error *err) {
  if (!sl_npy_is(prefix, size))
    return sl_fail(err, SL_ERR_INPUT, "%s: byte 0: this is no .npy array", place);
  if (size < SL_NPY_PREFIX)
    return sl_fail(err, SL_ERR_INPUT, "%s: truncated at byte %zu: no room for a header", place,
                   size);
  const unsigned major = prefix[6], minor = prefix[7];
  if (major < 1 || major > 3 || minor != 0)
    return sl_fail(err, SL_ERR_INPUT, "%s: byte 6: version %u.%u, expected 1.0, 2.0 or 3.0", place,
                   major, minor);
  const size_t start = major == 1 ? 10 : 12;
  size_t n = 0;
  for (size_t i = 8; i < start; i++) n |= (size_t)prefix[i] << (8 * (i - 8));
  if (n < 2 || n > SL_NPY_HEADER_MAX - start)
    return sl_fail(err, SL_ERR_INPUT, "%s: byte 8: a header of %zu bytes, expected 2 to %zu", place,
                   n, SL_NPY_HEADER_MAX - start);
  if (n > size - start)
    return sl_fail(err, SL_ERR_INPUT, "%s: truncated at byte %zu: the header ends at byte %zu",
                   place, size, start + n);
  *out = start + n;
  return SL_OK;
}

/* The items fill the rest of the array's bytes. */
static sl_status check_size(const sl_npy *array, size_t size, const char *place, sl_error *err) {
  const size_t left = size - array->header, needed = array->count * array->item;
  if (left == needed) return SL_OK;
  return sl_fail(err, SL_ERR_INPUT, "%s: byte %zu: %zu bytes of items%s, its shape needs %zu",
                 place, array->header, left, left < needed ? " (truncated)" : "", needed);
}

sl_status sl_npy_parse(sl_npy *out, const unsigned char *header, size_t header_bytes, size_t size,
                       const char *place, sl_error *err) {
  cursor c = {(const char *)header, header_bytes, header[6] == 1 ? 10 : 12, place, err};
  sl_npy array = {.header = header_bytes};
  SL_TRY(take_dict(&c, &array));
  array.count = 1;
  for (size_t i = 0; i < array.rank; i++) {
    if (array.shape[i] && array.item && array.count > SIZE_MAX / array.item / array.shape[i])
      return sl_fail(err, SL_ERR_INPUT, "%s: the product of its shape overflows", place);
    array.count *= array.shape[i];
  }
  SL_TRY(check_size(&array, size, place, err));
  *out = array;
  return SL_OK;
}

sl_npy_order sl_npy_order_begin(const sl_npy *array, unsigned char *out) {
  sl_npy_order order = {.array = array, .out = out};
  size_t stride = array->count;
  for (size_t d = 0; d < array->rank && array->count; d++)
    order.stride[d] = stride /= array->shape[d];
  return order;
}

/* To the next item in column-major order. */
static void advance(sl_npy_order *order) {
  const size_t *shape = order->array->shape;
  for (size_t d = 0; d < order->array->rank; d++) {
    order->at += order->stride[d];
    if (++order->index[d] < shape[d]) return;
    order->at -= order->stride[d] * shape[d];
    order->index[d] = 0;
  }
}

static void swap_bytes(unsigned char *word, size_t bytes) {
  for (size_t i = 0; i < bytes / 2; i++) {
    const unsigned char x = word[i];
    word[i] = word[bytes - 1 - i];
    word[bytes - 1 - i] = x;
  }
}

void sl_npy_place(sl_npy_order *order, const unsigned char *items, size_t n) {
  const sl_npy *array = order->array;
  const size_t bytes = array->item, word = array->kind == SL_NPY_UCS4 ? 4 : bytes;
  const int scatters = array->is_fortran && array->rank > 1;
  unsigned char *start = order->out + order->at * bytes;
  if (!scatters && n) memcpy(start, items, n * bytes), order->at += n;
  for (size_t i = 0; scatters && i < n; i++, advance(order)) {
    start = order->out + order->at * bytes;
    memcpy(start, items + i * bytes, bytes);
    if (array->is_swapped) swap_bytes(start, bytes);
  }
  if (!scatters && array->is_swapped && word > 1)
    for (size_t i = 0; i < n * bytes; i += word) swap_bytes(start + i, word);
}
