/* The numbers of a model folder: that they are those of the registry, and reading them (spec F1.2).
 */
#include "model_weights.h"

#include "file.h"
#include "model_folder.h"
#include "model_present.h"
#include "weights.h"

#include "kernels/support/progress.h"

#include <stdio.h>
#include <string.h>

#define HEAD_TENSOR "lm_head.weight"
#define PROGRESS_FIRST_S 2.0 /* what is read within that time needs no line */
#define PROGRESS_EVERY_S 10.0

/* "[7, 6]" */
#define SHAPE_TEXT 200
static void print_shape(char out[SHAPE_TEXT], const size_t *shape, size_t rank) {
  size_t n = (size_t)snprintf(out, SHAPE_TEXT, "[");
  for (size_t i = 0; i < rank; i++)
    n += (size_t)snprintf(out + n, SHAPE_TEXT - n, i ? ", %zu" : "%zu", shape[i]);
  snprintf(out + n, SHAPE_TEXT - n, "]");
}

/* What the files hold for a tensor of the registry: that of its name, or, where embedding and head
 * are one and a writer kept the other name of the two, the head. NULL if there is none. */
static const sl_weight *find_tensor(const sl_weights *weights, const sl_model_layout *layout,
                                    const char *name) {
  const sl_weight *got = sl_weights_find(weights, name);
  return got || !layout->shape.tied || strcmp(name, layout->tensors[0].name) != 0
             ? got
             : sl_weights_find(weights, HEAD_TENSOR);
}

static sl_status check_tensor(const sl_weights *weights, const sl_model_layout *layout,
                              const sl_tensor_info *want, sl_error *err) {
  const sl_weight *got = find_tensor(weights, layout, want->name);
  if (!got)
    return sl_fail(err, SL_ERR_INPUT, "%s: tensor %s is missing", sl_weights_path(weights),
                   want->name);
  const sl_tensor_view *view = got->view;
  if (view->rank == want->rank &&
      memcmp(view->shape, want->shape, view->rank * sizeof(size_t)) == 0)
    return SL_OK;
  char needed[SHAPE_TEXT], found[SHAPE_TEXT];
  print_shape(needed, want->shape, want->rank);
  print_shape(found, view->shape, view->rank);
  return sl_fail(err, SL_ERR_INPUT, "%s: tensor %s: config.json needs the shape %s, found %s",
                 sl_safetensors_path(got->file), view->name, needed, found);
}

/* Angles that old versions of transformers saved; they follow from config.json (spec T1.9). */
static int is_rope_buffer(const char *name) {
  static const char end[] = ".rotary_emb.inv_freq";
  const size_t n = strlen(name), m = sizeof end - 1;
  return n > m && strcmp(name + n - m, end) == 0;
}

static int same_numbers(const sl_tensor_view *a, const sl_tensor_view *b) {
  return a->type == b->type && a->count == b->count &&
         memcmp(a->data, b->data, a->count * sl_tensor_type_bytes(a->type)) == 0;
}

/* Tensors that the registry does not have; a tied model may repeat its embedding as the head. */
static sl_status check_no_other(const sl_weights *weights, const sl_model_layout *layout,
                                sl_error *err) {
  const sl_weight *embedding = find_tensor(weights, layout, layout->tensors[0].name);
  for (size_t i = 0; i < sl_weights_count(weights); i++) {
    const sl_weight *got = sl_weights_at(weights, i);
    const char *name = got->view->name, *path = sl_safetensors_path(got->file);
    if (sl_model_layout_find(layout, name) < layout->n_tensors || is_rope_buffer(name)) continue;
    if (!layout->shape.tied || strcmp(name, HEAD_TENSOR) != 0)
      return sl_fail(err, SL_ERR_INPUT, "%s: tensor %s is none of the %zu that config.json implies",
                     path, name, layout->n_tensors);
    if (!same_numbers(got->view, embedding->view))
      return sl_fail(
          err, SL_ERR_INPUT,
          "%s: tensor " HEAD_TENSOR " differs from the embedding, but config.json ties them", path);
  }
  return SL_OK;
}

/* Checks that the files hold what the layout says, before memory is taken: a wrong config.json
 * could ask for any amount. */
static sl_status check_tensors(const sl_weights *weights, const sl_model_layout *layout,
                               sl_error *err) {
  sl_status status = SL_OK;
  for (size_t i = 0; i < layout->n_tensors && status == SL_OK; i++)
    status = check_tensor(weights, layout, &layout->tensors[i], err);
  return status == SL_OK ? check_no_other(weights, layout, err) : status;
}

/* Quantised weights and the like have types of their own (spec F1.2). */
static sl_status check_types(const sl_weights *weights, sl_error *err) {
  for (size_t i = 0; i < sl_weights_count(weights); i++) {
    const sl_weight *got = sl_weights_at(weights, i);
    if (!sl_tensor_type_is_weight(got->view->type))
      return sl_fail(err, SL_ERR_INPUT,
                     "%s: tensor %s: dtype %s is not supported; a model's tensors are F32, BF16 or "
                     "F16",
                     sl_safetensors_path(got->file), got->view->name,
                     sl_tensor_type_name(got->view->type));
  }
  return SL_OK;
}

/* NULL on error. */
static sl_status open_weights(sl_weights **out, const char *folder, sl_error *err) {
  *out = NULL;
  if (!sl_path_holds(folder, SL_MODEL_INDEX_FILE))
    SL_TRY(sl_model_check_present(folder, SL_MODEL_WEIGHTS_FILE, err));
  SL_TRY(sl_weights_open(out, folder, err));
  const sl_status status = check_types(*out, err);
  if (status == SL_OK) return SL_OK;
  sl_weights_close(*out);
  *out = NULL;
  return status;
}

/* A line of progress, from the third second on. */
typedef struct {
  sl_progress line;
  const char *folder;
  double done, total; /* bytes of the files */
} reading;

static void begin_reading(reading *r, const sl_weights *weights, const char *folder) {
  *r = (reading){.folder = folder};
  for (size_t i = 0; i < sl_weights_count(weights); i++) {
    const sl_tensor_view *view = sl_weights_at(weights, i)->view;
    r->total += (double)(view->count * sl_tensor_type_bytes(view->type));
  }
  sl_progress_start_delayed(&r->line, PROGRESS_FIRST_S, PROGRESS_EVERY_S);
}

static sl_status read_tensor(float *out, const sl_weight *weight, reading *r, sl_error *err) {
  const size_t count = weight->view->count, bytes = sl_tensor_type_bytes(weight->view->type);
  for (size_t first = 0; first < count; first += SL_SAFETENSORS_BLOCK) {
    const size_t left = count - first,
                 n = left < SL_SAFETENSORS_BLOCK ? left : SL_SAFETENSORS_BLOCK;
    SL_TRY(sl_safetensors_widen(weight->file, weight->view, first, n, out + first, err));
    r->done += (double)(n * bytes);
    sl_progress_line(&r->line, "reading %s: %.1f of %.1f GB", r->folder, r->done * 1e-9,
                     r->total * 1e-9);
  }
  return SL_OK;
}

static sl_status read_tensors(sl_parameters *p, const sl_weights *weights, const char *folder,
                              sl_error *err) {
  reading r;
  sl_status status = SL_OK;
  begin_reading(&r, weights, folder);
  for (size_t i = 0; i < p->layout->n_tensors && status == SL_OK; i++) {
    const sl_tensor_info *t = &p->layout->tensors[i];
    status = read_tensor(p->data + t->offset, find_tensor(weights, p->layout, t->name), &r, err);
  }
  sl_progress_end(&r.line);
  return status;
}

sl_status sl_model_weights_read(sl_parameters *p, const char *folder, sl_error *err) {
  sl_weights *weights;
  sl_status status = open_weights(&weights, folder, err);
  if (status == SL_OK) status = check_tensors(weights, p->layout, err);
  if (status == SL_OK) status = sl_arena_create(&p->data, NULL, p->layout, err);
  if (status == SL_OK) status = read_tensors(p, weights, folder, err);
  sl_weights_close(weights);
  return status;
}

sl_status sl_model_weights_check(const sl_model_layout *layout, const char *folder, sl_error *err) {
  sl_weights *weights;
  sl_status status = open_weights(&weights, folder, err);
  for (size_t i = 0; status == SL_OK && i < layout->n_tensors; i++) {
    const sl_weight *w = find_tensor(weights, layout, layout->tensors[i].name);
    status = sl_safetensors_check(w->file, w->view, err);
  }
  sl_weights_close(weights);
  return status;
}

sl_status sl_model_weights_layout(sl_model_layout **out, const sl_model_shape *shape,
                                  const char *folder, sl_error *err) {
  sl_weights *weights;
  sl_status status = open_weights(&weights, folder, err);
  /* the registry of a wrong number of layers could want gigabytes */
  if (status == SL_OK && shape->layers > sl_weights_count(weights))
    status = sl_fail(err, SL_ERR_INPUT, "%s: %zu tensors in all, but config.json has %zu layers",
                     sl_weights_path(weights), sl_weights_count(weights), shape->layers);
  if (status == SL_OK) status = sl_model_layout_create(out, shape, err);
  if (status == SL_OK) status = check_tensors(weights, *out, err);
  sl_weights_close(weights);
  return status;
}
