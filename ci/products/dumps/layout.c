/* Axes of tensors (spec E6.2). */
#include "layout.h"

#include <sluice/status.h>

#include <stdlib.h>
#include <string.h>

static int is_digit(char c) { return c >= '0' && c <= '9'; }

static int is_permutation(const char *a, const char *b) {
  int count[128] = {0};
  if (strlen(a) != strlen(b)) return 0;
  for (; *a; a++, b++) {
    if ((unsigned char)*a >= 128) return 0;
    count[(int)*a]++, count[(int)*b]--;
  }
  for (int i = 0; i < 128; i++)
    if (count[i]) return 0;
  return 1;
}

/* A digit begins an axis that its letter ends, or follows its letter. */
static void find_axes(sl_layout *layout) {
  const size_t n = strlen(layout->factor);
  for (size_t i = 0; i < n; i++) {
    const int after_digit = i > 0 && is_digit(layout->factor[i - 1]),
              is_last_digit = is_digit(layout->factor[i]) && i + 1 == n;
    if (i > 0 && !after_digit && !is_last_digit) layout->axes++;
    layout->axis[i] = layout->axes;
  }
  layout->axes = n ? layout->axes + 1 : 0;
}

sl_status sl_layout_parse(sl_layout *layout, const sl_op_tensor *tensor, const char *text,
                          sl_error *err) {
  if (!is_permutation(text, tensor->shape))
    return sl_fail(err, SL_ERR_INPUT, "layout of %s: '%s' is no permutation of '%s'", tensor->name,
                   text, tensor->shape);
  *layout = (sl_layout){0};
  memcpy(layout->factor, text, strlen(text));
  find_axes(layout);
  return SL_OK;
}

static void shape_text(char *out, size_t size, const sl_tensor_view *view) {
  size_t n = (size_t)snprintf(out, size, "[");
  for (size_t i = 0; i < view->rank && n < size; i++)
    n += (size_t)snprintf(out + n, size - n, "%s%zu", i ? "," : "", view->shape[i]);
  if (n < size) snprintf(out + n, size - n, "]");
}

/* The length of an axis of the layout: the first ones of the file together, or 1. */
static size_t length_of(const sl_layout *layout, const sl_tensor_view *view, size_t axis) {
  if (view->rank < layout->axes) return axis == 0 ? 1 : view->shape[axis - 1];
  const size_t more = view->rank - layout->axes;
  if (axis > 0) return view->shape[axis + more];
  size_t n = 1; /* bounded by the tensor's count */
  for (size_t i = 0; i <= more; i++) n *= view->shape[i];
  return n;
}

static sl_status take_size(sl_op_case *c, sl_size_sources from, char letter, size_t n,
                           const sl_op_tensor *tensor, const sl_layout *layout,
                           const sl_tensor_view *view, sl_error *err) {
  char shape[160];
  shape_text(shape, sizeof shape, view);
  size_t *size = &c->size[letter - 'a'];
  if (n == 0)
    return sl_fail(err, SL_ERR_INPUT, "tensor %s has the shape %s: it is empty", view->name, shape);
  if (*size && *size != n)
    return sl_fail(err, SL_ERR_INPUT,
                   "tensor %s has the shape %s, axes %s: %c is %zu, but %zu in %s", view->name,
                   shape, layout->factor, letter, n, *size, from[letter - 'a']);
  if (!*size) from[letter - 'a'] = tensor->name;
  *size = n;
  return SL_OK;
}

sl_status sl_layout_sizes(sl_op_case *c, sl_size_sources from, const sl_layout *layout,
                          const sl_op_tensor *tensor, const sl_tensor_view *view, sl_error *err) {
  char shape[160];
  shape_text(shape, sizeof shape, view);
  if (layout->axes == 0 && view->count != 1)
    return sl_fail(err, SL_ERR_INPUT, "tensor %s has the shape %s: one number is expected",
                   view->name, shape);
  if (view->rank + 1 < layout->axes)
    return sl_fail(err, SL_ERR_INPUT, "tensor %s has the shape %s: the axes %s are expected",
                   view->name, shape, layout->factor);
  for (size_t i = 0; layout->factor[i]; i++) {
    if (is_digit(layout->factor[i])) continue;
    size_t n = length_of(layout, view, layout->axis[i]), digits = 1;
    for (size_t k = 0; layout->factor[k]; k++)
      if (layout->axis[k] == layout->axis[i] && k != i) digits *= (size_t)(layout->factor[k] - '0');
    if (n % digits)
      return sl_fail(err, SL_ERR_INPUT, "tensor %s has the shape %s: %zu is no multiple of %zu",
                     view->name, shape, n, digits);
    SL_TRY(take_size(c, from, layout->factor[i], n / digits, tensor, layout, view, err));
  }
  return SL_OK;
}

static size_t size_of(const sl_op_case *c, char factor) {
  return is_digit(factor) ? (size_t)(factor - '0') : sl_op_size(c, factor);
}

/* Moves values from the file's order to the op's: an index by factors of the op, with the distance
 * in the file that each has. */
static void rearrange(double *out, const double *in, size_t n, const sl_op_case *c,
                      const sl_layout *layout, const sl_op_tensor *tensor) {
  size_t step[SL_LAYOUT_FACTORS] = {0}, size[SL_LAYOUT_FACTORS] = {0},
         index[SL_LAYOUT_FACTORS] = {0}, from = 0;
  const size_t factors = strlen(tensor->shape);
  for (size_t i = 0; i < factors; i++) {
    const char *at = strchr(layout->factor, tensor->shape[i]);
    size[i] = size_of(c, *at), step[i] = 1;
    for (at++; *at; at++) step[i] *= size_of(c, *at);
  }
  for (size_t e = 0; e < n; e++) {
    out[e] = in[from];
    for (size_t i = factors; i-- > 0;) {
      from += step[i];
      if (++index[i] < size[i]) break;
      from -= size[i] * step[i], index[i] = 0;
    }
  }
}

sl_status sl_layout_read(double **out, const sl_op_case *c, const sl_layout *layout,
                         const sl_op_tensor *tensor, sl_dump *dump, size_t index, sl_error *err) {
  const size_t n = sl_dump_at(dump, index)->count;
  const int in_order = strcmp(layout->factor, tensor->shape) == 0;
  double *values = n <= SIZE_MAX / sizeof(double) - 1 ? malloc(n * sizeof(double) + 1) : NULL,
         *moved = values && !in_order ? malloc(n * sizeof(double) + 1) : NULL;
  sl_status status = values && (in_order || moved)
                         ? sl_dump_values(dump, index, 0, n, values, err)
                         : sl_fail(err, SL_ERR_MEMORY, "no memory for %s", tensor->name);
  sl_dump_release(dump, index);
  if (!status && !in_order) rearrange(moved, values, n, c, layout, tensor);
  *out = status ? NULL : in_order ? values : moved;
  if (*out != values) free(values);
  if (*out != moved) free(moved);
  return status;
}
