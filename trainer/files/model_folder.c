/* A model folder in Hugging Face's format (spec F1.2). */
#include "model_folder.h"

#include "companions.h"
#include "file.h"
#include "model_config.h"
#include "safetensors.h"

#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HEAD_TENSOR "lm_head.weight"

/* "[7, 6]" */
#define SHAPE_TEXT 200
static void print_shape(char out[SHAPE_TEXT], const size_t *shape, size_t rank) {
  size_t n = (size_t)snprintf(out, SHAPE_TEXT, "[");
  for (size_t i = 0; i < rank; i++)
    n += (size_t)snprintf(out + n, SHAPE_TEXT - n, i ? ", %zu" : "%zu", shape[i]);
  snprintf(out + n, SHAPE_TEXT - n, "]");
}

/* The tensor that a file holds for one of the registry: that of its name, or, where embedding and
 * head are one and a writer kept the other name of the two, the head. NULL if there is none. */
static const sl_tensor_view *find_tensor(const sl_safetensors *file, const sl_model_layout *layout,
                                         const char *name) {
  const sl_tensor_view *got = sl_safetensors_find(file, name);
  return got || !layout->shape.tied || strcmp(name, layout->tensors[0].name) != 0
             ? got
             : sl_safetensors_find(file, HEAD_TENSOR);
}

static sl_status check_tensor(const sl_safetensors *file, const char *path,
                              const sl_model_layout *layout, const sl_tensor_info *want,
                              sl_error *err) {
  const sl_tensor_view *got = find_tensor(file, layout, want->name);
  if (!got) return sl_fail(err, SL_ERR_INPUT, "%s: tensor %s is missing", path, want->name);
  if (got->rank == want->rank && memcmp(got->shape, want->shape, got->rank * sizeof(size_t)) == 0)
    return SL_OK;
  char needed[SHAPE_TEXT], found[SHAPE_TEXT];
  print_shape(needed, want->shape, want->rank);
  print_shape(found, got->shape, got->rank);
  return sl_fail(err, SL_ERR_INPUT, "%s: tensor %s: config.json needs the shape %s, found %s", path,
                 got->name, needed, found);
}

/* Angles that old versions of transformers saved; they follow from rope_theta (spec T1.9). */
static int is_rope_buffer(const char *name) {
  static const char end[] = ".rotary_emb.inv_freq";
  const size_t n = strlen(name), m = sizeof end - 1;
  return n > m && strcmp(name + n - m, end) == 0;
}

/* Tensors that the registry does not have; a tied model may repeat its embedding as the head. */
static sl_status check_no_other(const sl_safetensors *file, const char *path,
                                const sl_model_layout *layout, sl_error *err) {
  const sl_tensor_view *embedding = find_tensor(file, layout, layout->tensors[0].name);
  for (size_t i = 0; i < sl_safetensors_count(file); i++) {
    const sl_tensor_view *got = sl_safetensors_at(file, i);
    if (sl_model_layout_find(layout, got->name) < layout->n_tensors || is_rope_buffer(got->name))
      continue;
    if (!layout->shape.tied || strcmp(got->name, HEAD_TENSOR) != 0)
      return sl_fail(err, SL_ERR_INPUT, "%s: tensor %s is none of the %zu that config.json implies",
                     path, got->name, layout->n_tensors);
    if (got->count != embedding->count ||
        memcmp(got->data, embedding->data, got->count * sizeof(float)) != 0)
      return sl_fail(
          err, SL_ERR_INPUT,
          "%s: tensor " HEAD_TENSOR " differs from the embedding, but config.json ties them", path);
  }
  return SL_OK;
}

/* Checks that the file holds what the layout says, before memory is taken: a wrong config.json
 * could ask for any amount. */
static sl_status check_tensors(const sl_safetensors *file, const char *path,
                               const sl_model_layout *layout, sl_error *err) {
  sl_status status = SL_OK;
  for (size_t i = 0; i < layout->n_tensors && status == SL_OK; i++)
    status = check_tensor(file, path, layout, &layout->tensors[i], err);
  return status == SL_OK ? check_no_other(file, path, layout, err) : status;
}

/* What a folder holds instead of a file that a model needs; NULL if it is nothing known. */
static const char *in_its_place(const char *folder) {
  static const struct {
    const char *name, *what;
  } known[] = {
      {"model.safetensors.index.json", "weights in shards; save the model as one file"},
      {"adapter_config.json", "an adapter alone; merge it into its base model and save that"},
      {"adapter_model.safetensors", "an adapter alone; merge it into its base model and save that"},
      {"pytorch_model.bin", "PyTorch's own format; save the model as safetensors"},
      {"pytorch_model.bin.index.json", "PyTorch's own format; save the model as safetensors"},
      {"tf_model.h5", "TensorFlow's format; save the model as safetensors"},
      {"flax_model.msgpack", "Flax's format; save the model as safetensors"},
  };
  for (size_t i = 0; i < sizeof known / sizeof *known; i++)
    if (sl_path_holds(folder, known[i].name)) return known[i].what;
  return NULL;
}

/* The name of a file that ends so, the first in alphabetical order; "" if there is none. */
static void find_ending(char found[static NAME_MAX + 1], const char *folder, const char *ending) {
  const size_t n = strlen(ending);
  found[0] = '\0';
  DIR *files = opendir(folder);
  for (struct dirent *entry; files && (entry = readdir(files)) != NULL;) {
    const char *name = entry->d_name;
    if (strlen(name) > n && strcmp(name + strlen(name) - n, ending) == 0 &&
        (!found[0] || strcmp(name, found) < 0))
      snprintf(found, NAME_MAX + 1, "%s", name);
  }
  if (files) closedir(files);
}

/* SL_ERR_INPUT if the file is not there, but something that is often in its place. */
static sl_status check_present(const char *folder, const char *name, sl_error *err) {
  static const char *const formats[][2] = {{".gguf", "GGUF"}, {".onnx", "ONNX"}};
  char found[NAME_MAX + 1];
  if (sl_path_holds(folder, name)) return SL_OK;
  const char *instead = in_its_place(folder);
  if (instead) return sl_fail(err, SL_ERR_INPUT, "%s: no %s, but %s", folder, name, instead);
  for (size_t i = 0; i < sizeof formats / sizeof *formats; i++) {
    find_ending(found, folder, formats[i][0]);
    if (*found)
      return sl_fail(err, SL_ERR_INPUT,
                     "%s: no %s, but %s in the format %s; save the model as transformers "
                     "does: " SL_MODEL_CONFIG_FILE " and " SL_MODEL_WEIGHTS_FILE,
                     folder, name, found, formats[i][1]);
  }
  return SL_OK;
}

/* A model has no tensor of another type than F32 (spec F1.2). */
static sl_status check_types(const sl_safetensors *file, const char *path, sl_error *err) {
  for (size_t i = 0; i < sl_safetensors_count(file); i++) {
    const sl_tensor_view *got = sl_safetensors_at(file, i);
    if (got->type != SL_TENSOR_F32)
      return sl_fail(err, SL_ERR_INPUT,
                     "%s: tensor %s: dtype %s is not supported; convert the model to F32", path,
                     got->name, sl_tensor_type_name(got->type));
  }
  return SL_OK;
}

static sl_status open_weights(sl_safetensors **out, const char *folder, const char *path,
                              sl_error *err) {
  SL_TRY(check_present(folder, SL_MODEL_WEIGHTS_FILE, err));
  SL_TRY(sl_safetensors_open(out, path, err));
  return check_types(*out, path, err);
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
        sl_safetensors_read(file, find_tensor(file, layout, t->name), p->data + t->offset, err);
  }
  sl_safetensors_close(file);
  free(path);
  return status;
}

sl_status sl_model_weights_check(const sl_model_layout *layout, const char *folder, sl_error *err) {
  char *path = sl_path_join(folder, SL_MODEL_WEIGHTS_FILE);
  sl_safetensors *file = NULL;
  sl_status status = path ? open_weights(&file, folder, path, err)
                          : sl_fail(err, SL_ERR_MEMORY, "%s: no memory", folder);
  for (size_t i = 0; status == SL_OK && i < layout->n_tensors; i++)
    status = sl_safetensors_check(file, find_tensor(file, layout, layout->tensors[i].name), err);
  sl_safetensors_close(file);
  free(path);
  return status;
}

static sl_status read_tokenizer(sl_tokenizer **out, const sl_model_shape *shape, const char *folder,
                                sl_error *err) {
  char *path = sl_path_join(folder, SL_MODEL_TOKENIZER_FILE);
  sl_tokenizer *tokenizer = NULL;
  sl_status status = path ? SL_OK : sl_fail(err, SL_ERR_MEMORY, "%s: no memory", folder);
  if (status == SL_OK && sl_path_holds(folder, SL_MODEL_TOKENIZER_FILE)) {
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

/* The registry of a shape, if the weights' file is the one that it needs. The registry of a wrong
 * number of layers could want gigabytes, so that is looked at first. */
static sl_status create_layout(sl_model_layout **out, const sl_model_shape *shape,
                               const char *folder, sl_error *err) {
  char *path = sl_path_join(folder, SL_MODEL_WEIGHTS_FILE);
  sl_safetensors *file = NULL;
  sl_status status = path ? open_weights(&file, folder, path, err)
                          : sl_fail(err, SL_ERR_MEMORY, "%s: no memory", folder);
  if (status == SL_OK && shape->layers > sl_safetensors_count(file))
    status = sl_fail(err, SL_ERR_INPUT, "%s: %zu tensors in all, but config.json has %zu layers",
                     path, sl_safetensors_count(file), shape->layers);
  if (status == SL_OK) status = sl_model_layout_create(out, shape, err);
  if (status == SL_OK) status = check_tensors(file, path, *out, err);
  sl_safetensors_close(file);
  free(path);
  return status;
}

sl_status sl_model_folder_describe(sl_model_layout **out, sl_tokenizer **tokenizer,
                                   const char *path, sl_error *err) {
  sl_model_shape shape;
  sl_model_layout *layout = NULL;
  sl_status status = check_present(path, SL_MODEL_CONFIG_FILE, err);
  if (status == SL_OK) status = sl_model_config_read(&shape, path, err);
  if (status == SL_OK) status = create_layout(&layout, &shape, path, err);
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

sl_status sl_model_folder_publish(const sl_parameters *p, const sl_tokenizer *tokenizer,
                                  const char *companions, const char *path, sl_error *err) {
  sl_folder_write folder;
  sl_status status = sl_folder_begin(&folder, path, err);
  if (status != SL_OK) return status;
  status = sl_model_files_write(p, tokenizer, folder.temporary, err);
  if (status == SL_OK && companions && sl_path_holds(companions, "."))
    status = sl_companions_copy(companions, folder.temporary, err);
  if (status == SL_OK && sl_companions_differ(path, folder.temporary))
    status = sl_path_keep(path, err);
  if (status == SL_OK) return sl_folder_commit(&folder, err);
  sl_folder_abort(&folder);
  return status;
}

sl_status sl_model_folder_write(const sl_parameters *p, const sl_tokenizer *tokenizer,
                                const char *path, sl_error *err) {
  return sl_model_folder_publish(p, tokenizer, NULL, path, err);
}
