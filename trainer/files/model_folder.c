/* A model folder as Hugging Face has it (spec F1.2). */
#include "model_folder.h"

#include "file.h"
#include "model_config.h"
#include "safetensors.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define INDEX_FILE "model.safetensors.index.json"

static sl_status check_tensor(const sl_safetensors *file, const char *path,
                              const sl_tensor_info *want, sl_error *err) {
  const sl_tensor_view *got = sl_safetensors_find(file, want->name);
  if (!got) return sl_fail(err, SL_ERR_INPUT, "%s: tensor %s is missing", path, want->name);
  int same = got->rank == want->rank;
  for (size_t i = 0; same && i < want->rank; i++) same = got->shape[i] == want->shape[i];
  if (same) return SL_OK;
  if (want->rank == 2)
    return sl_fail(err, SL_ERR_INPUT,
                   "%s: tensor %s: config.json needs the shape [%zu, %zu], the file has rank %zu, "
                   "first size %zu, %zu values",
                   path, want->name, want->shape[0], want->shape[1], got->rank,
                   got->rank ? got->shape[0] : 0, got->count);
  return sl_fail(
      err, SL_ERR_INPUT,
      "%s: tensor %s: config.json needs the shape [%zu], the file has rank %zu, %zu values", path,
      want->name, want->shape[0], got->rank, got->count);
}

/* Tensors that the registry does not have; a tied model may repeat its embedding as the head. */
static sl_status check_no_other(const sl_safetensors *file, const char *path,
                                const sl_model_layout *layout, sl_error *err) {
  const sl_tensor_view *embedding = sl_safetensors_find(file, layout->tensors[0].name);
  for (size_t i = 0; i < sl_safetensors_count(file); i++) {
    const sl_tensor_view *got = sl_safetensors_at(file, i);
    if (sl_model_layout_find(layout, got->name) < layout->n_tensors) continue;
    if (!layout->shape.tied || strcmp(got->name, "lm_head.weight") != 0)
      return sl_fail(err, SL_ERR_INPUT, "%s: tensor %s is none of the %zu that config.json implies",
                     path, got->name, layout->n_tensors);
    if (got->count != embedding->count ||
        memcmp(got->data, embedding->data, got->count * sizeof(float)) != 0)
      return sl_fail(
          err, SL_ERR_INPUT,
          "%s: tensor lm_head.weight differs from the embedding, but config.json ties them", path);
  }
  return SL_OK;
}

/* The file holds what the layout says; asked before memory is, which a wrong config.json could want
 * without bound. */
static sl_status check_tensors(const sl_safetensors *file, const char *path,
                               const sl_model_layout *layout, sl_error *err) {
  sl_status status = SL_OK;
  for (size_t i = 0; i < layout->n_tensors && status == SL_OK; i++)
    status = check_tensor(file, path, &layout->tensors[i], err);
  return status == SL_OK ? check_no_other(file, path, layout, err) : status;
}

static sl_status open_weights(sl_safetensors **out, const char *folder, const char *path,
                              sl_error *err) {
  char *index = sl_path_join(folder, INDEX_FILE);
  sl_status status;
  if (!index)
    status = sl_fail(err, SL_ERR_MEMORY, "%s: no memory", folder);
  else if (access(path, F_OK) != 0 && access(index, F_OK) == 0)
    status = sl_fail(
        err, SL_ERR_INPUT,
        "%s: sharded weights are not supported; save the model as one " SL_MODEL_WEIGHTS_FILE,
        index);
  else
    status = sl_safetensors_open(out, path, err);
  free(index);
  return status;
}

sl_status sl_model_weights_read(sl_parameters *p, const char *folder, sl_error *err) {
  char *path = sl_path_join(folder, SL_MODEL_WEIGHTS_FILE);
  sl_safetensors *file = NULL;
  const sl_model_layout *layout = p->layout;
  sl_status status = path ? open_weights(&file, folder, path, err)
                          : sl_fail(err, SL_ERR_MEMORY, "%s: no memory", folder);
  if (status == SL_OK) status = check_tensors(file, path, layout, err);
  if (status == SL_OK) status = sl_arena_create(&p->data, NULL, layout, err);
  for (size_t i = 0; i < layout->n_tensors && status == SL_OK; i++) {
    const sl_tensor_info *t = &layout->tensors[i];
    status =
        sl_safetensors_read(file, sl_safetensors_find(file, t->name), p->data + t->offset, err);
  }
  sl_safetensors_close(file);
  free(path);
  return status;
}

static sl_status read_tokenizer(sl_tokenizer **out, const sl_model_shape *shape, const char *folder,
                                sl_error *err) {
  char *path = sl_path_join(folder, SL_MODEL_TOKENIZER_FILE);
  sl_tokenizer *tokenizer = NULL;
  sl_status status = path ? SL_OK : sl_fail(err, SL_ERR_MEMORY, "%s: no memory", folder);
  if (status == SL_OK && access(path, F_OK) == 0) {
    status = sl_tokenizer_load(&tokenizer, path, err);
    if (status == SL_OK && sl_tokenizer_vocab(tokenizer) > shape->vocab) {
      status = sl_fail(err, SL_ERR_INPUT, "%s: %zu token ids, but config.json has vocab_size %zu",
                       path, sl_tokenizer_vocab(tokenizer), shape->vocab);
      sl_tokenizer_destroy(tokenizer);
    }
  }
  if (status == SL_OK) *out = tokenizer;
  free(path);
  return status;
}

/* The weights' file is the one that the layout needs. */
static sl_status check_weights(const char *folder, const sl_model_layout *layout, sl_error *err) {
  char *path = sl_path_join(folder, SL_MODEL_WEIGHTS_FILE);
  sl_safetensors *file = NULL;
  sl_status status = path ? open_weights(&file, folder, path, err)
                          : sl_fail(err, SL_ERR_MEMORY, "%s: no memory", folder);
  if (status == SL_OK) status = check_tensors(file, path, layout, err);
  sl_safetensors_close(file);
  free(path);
  return status;
}

sl_status sl_model_folder_describe(sl_model_layout **out, sl_tokenizer **tokenizer,
                                   const char *path, sl_error *err) {
  sl_model_shape shape;
  sl_model_layout *layout = NULL;
  sl_status status = sl_model_config_read(&shape, path, err);
  if (status == SL_OK) status = sl_model_layout_create(&layout, &shape, err);
  if (status == SL_OK) status = check_weights(path, layout, err);
  if (status == SL_OK && tokenizer) status = read_tokenizer(tokenizer, &shape, path, err);
  if (status != SL_OK) {
    sl_model_layout_destroy(layout);
    return status;
  }
  *out = layout;
  return SL_OK;
}

sl_status sl_model_folder_read(sl_parameters *out, sl_tokenizer **tokenizer, const char *path,
                               sl_error *err) {
  sl_parameters made = {NULL, NULL, NULL};
  sl_tokenizer *ours = NULL;
  sl_status status = sl_model_folder_describe(&made.layout, tokenizer ? &ours : NULL, path, err);
  if (status == SL_OK) status = sl_model_weights_read(&made, path, err);
  if (status != SL_OK) {
    sl_tokenizer_destroy(ours);
    sl_parameters_free(&made);
    return status;
  }
  if (tokenizer) *tokenizer = ours;
  *out = made;
  return SL_OK;
}

static sl_status write_weights(const sl_parameters *p, const char *path, sl_error *err) {
  const size_t n = p->layout->n_tensors;
  sl_tensor_view *views = calloc(n, sizeof *views);
  float *data = NULL;
  sl_status status = views ? sl_arena_view(&data, p->ctx, p->layout, p->data, err)
                           : sl_fail(err, SL_ERR_MEMORY, "%s: no memory", path);
  for (size_t i = 0; status == SL_OK && i < n; i++) {
    const sl_tensor_info *t = &p->layout->tensors[i];
    views[i] = (sl_tensor_view){.name = t->name,
                                .rank = t->rank,
                                .shape = {t->shape[0], t->shape[1]},
                                .count = t->count,
                                .data = data + t->offset};
  }
  if (status == SL_OK) status = sl_safetensors_write(path, views, n, err);
  if (data) sl_arena_unview(data, p->ctx);
  free(views);
  return status;
}

sl_status sl_model_files_write(const sl_parameters *p, const sl_tokenizer *tokenizer,
                               const char *folder, sl_error *err) {
  char *config = sl_path_join(folder, SL_MODEL_CONFIG_FILE),
       *weights = sl_path_join(folder, SL_MODEL_WEIGHTS_FILE),
       *ours = sl_path_join(folder, SL_MODEL_TOKENIZER_FILE);
  sl_status status =
      config && weights && ours ? SL_OK : sl_fail(err, SL_ERR_MEMORY, "%s: no memory", folder);
  if (status == SL_OK) status = write_weights(p, weights, err);
  if (status == SL_OK) status = sl_model_config_write(&p->layout->shape, config, err);
  if (status == SL_OK && tokenizer) status = sl_tokenizer_save(tokenizer, ours, err);
  free(config);
  free(weights);
  free(ours);
  return status;
}

sl_status sl_model_folder_write(const sl_parameters *p, const sl_tokenizer *tokenizer,
                                const char *path, sl_error *err) {
  sl_folder_write folder;
  sl_status status = sl_folder_begin(&folder, path, err);
  if (status != SL_OK) return status;
  status = sl_model_files_write(p, tokenizer, folder.temporary, err);
  if (status == SL_OK) return sl_folder_commit(&folder, err);
  sl_folder_abort(&folder);
  return status;
}
