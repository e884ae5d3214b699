/* Writing a model folder (spec F1.1, F1.4, F1.8). */
#include "companions.h"
#include "end_tokens.h"
#include "file.h"
#include "json_text.h"
#include "model_config.h"
#include "model_folder.h"

#include <jansson.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SHARD_NAME 64

/* The tensors of a model in registry order, on the host. */
typedef struct {
  sl_tensor_view *views;
  size_t n;
  const sl_model_format *format;
  const char *folder;
} tensors;

static size_t bytes_as(const tensors *t, size_t i) {
  return t->views[i].count * sl_tensor_type_bytes(t->format->type);
}

/* The end of the file that begins with a tensor: it holds at least that one. */
static size_t shard_end(const tensors *t, size_t first) {
  size_t end = first + 1, bytes = bytes_as(t, first);
  while (end < t->n &&
         (!t->format->shard_bytes || bytes + bytes_as(t, end) <= t->format->shard_bytes))
    bytes += bytes_as(t, end++);
  return end;
}

static void shard_name(char out[SHARD_NAME], size_t i, size_t n) {
  if (n == 1)
    snprintf(out, SHARD_NAME, SL_MODEL_WEIGHTS_FILE);
  else
    snprintf(out, SHARD_NAME, "model-%05zu-of-%05zu.safetensors", i + 1, n);
}

static sl_status write_shard(const tensors *t, size_t first, size_t end, const char *name,
                             sl_error *err) {
  const sl_metadata_entry metadata[2] = {{"format", "pt"}, {SL_SOURCE_METADATA, t->format->source}};
  char *path = sl_path_join(t->folder, name);
  const sl_status status =
      path ? sl_safetensors_write_model(path, t->format->type, metadata, t->format->source ? 2 : 1,
                                        t->views + first, end - first, err)
           : sl_fail(err, SL_ERR_MEMORY, "%s: no memory", t->folder);
  free(path);
  return status;
}

/* Which file has which tensor, as transformers writes it. */
static sl_status write_index(const tensors *t, json_t *map, sl_error *err) {
  size_t bytes = 0;
  for (size_t i = 0; i < t->n; i++) bytes += bytes_as(t, i);
  json_t *index =
      json_pack("{s:{s:I},s:O}", "metadata", "total_size", (json_int_t)bytes, "weight_map", map);
  char *text = index ? sl_json_dump(index, JSON_INDENT(2)) : NULL,
       *path = sl_path_join(t->folder, SL_MODEL_INDEX_FILE);
  const sl_bytes pieces[2] = {{text, text ? strlen(text) : 0}, {"\n", 1}};
  const sl_status status = text && path ? sl_file_write(path, pieces, 2, err)
                                        : sl_fail(err, SL_ERR_MEMORY, "%s: no memory", t->folder);
  json_decref(index);
  free(text);
  free(path);
  return status;
}

static sl_status write_shards(const tensors *t, size_t n, json_t *map, sl_error *err) {
  char name[SHARD_NAME];
  for (size_t i = 0, first = 0; i < n; i++) {
    const size_t end = shard_end(t, first);
    shard_name(name, i, n);
    SL_TRY(write_shard(t, first, end, name, err));
    for (; first < end; first++)
      if (json_object_set_new(map, t->views[first].name, json_string(name)) != 0)
        return sl_fail(err, SL_ERR_MEMORY, "%s: no memory for the index", t->folder);
  }
  return n > 1 ? write_index(t, map, err) : SL_OK;
}

static sl_status write_tensors(const tensors *t, sl_error *err) {
  size_t n = 0;
  for (size_t first = 0; first < t->n; n++) first = shard_end(t, first);
  json_t *map = json_object();
  const sl_status status =
      map ? write_shards(t, n, map, err) : sl_fail(err, SL_ERR_MEMORY, "%s: no memory", t->folder);
  json_decref(map);
  return status;
}

static sl_status write_weights(const sl_parameters *p, const sl_model_format *format,
                               const char *folder, sl_error *err) {
  tensors t = {NULL, p->layout->n_tensors, format, folder};
  float *data = NULL;
  t.views = calloc(t.n, sizeof *t.views);
  sl_status status = t.views ? sl_arena_view(&data, p->ctx, p->layout, p->data, err)
                             : sl_fail(err, SL_ERR_MEMORY, "%s: no memory", folder);
  for (size_t i = 0; status == SL_OK && i < t.n; i++) {
    const sl_tensor_info *info = &p->layout->tensors[i];
    t.views[i] = (sl_tensor_view){.name = info->name,
                                  .rank = info->rank,
                                  .shape = {info->shape[0], info->shape[1]},
                                  .count = info->count,
                                  .data = data + info->offset};
  }
  if (status == SL_OK) status = write_tensors(&t, err);
  if (data) sl_arena_unview(data, p->ctx);
  free(t.views);
  return status;
}

/* What config.json says of ends: those of a tokenizer.json; of a folder whose texts nobody here
 * reads, what it says itself; NULL: those of characters. */
static sl_status choose_ends(const sl_end_tokens **out, sl_end_tokens *read,
                             const sl_tokenizer *tokenizer, const char *source, sl_error *err) {
  size_t size;
  *out = NULL;
  if (tokenizer) {
    if (sl_tokenizer_json(tokenizer, &size)) *out = sl_tokenizer_ends(tokenizer);
    return SL_OK;
  }
  if (!source) return SL_OK;
  *out = read;
  return sl_end_ids_read(read, source, err);
}

static sl_status write_files(const sl_parameters *p, const sl_tokenizer *tokenizer,
                             const sl_model_format *format, const char *source, const char *folder,
                             sl_error *err) {
  sl_end_tokens read;
  const sl_end_tokens *ends;
  SL_TRY(choose_ends(&ends, &read, tokenizer, source, err));
  char *config = sl_path_join(folder, SL_MODEL_CONFIG_FILE);
  sl_status status = config ? SL_OK : sl_fail(err, SL_ERR_MEMORY, "%s: no memory", folder);
  if (status == SL_OK) status = write_weights(p, format, folder, err);
  if (status == SL_OK)
    status = sl_model_config_write(&p->layout->shape, format->type, ends, config, err);
  if (status == SL_OK && tokenizer) status = sl_tokenizer_save(tokenizer, folder, err);
  free(config);
  return status;
}

static const sl_model_format one_file = {SL_TENSOR_F32, 0, NULL};

sl_status sl_model_files_write(const sl_parameters *p, const sl_tokenizer *tokenizer,
                               const char *folder, sl_error *err) {
  return write_files(p, tokenizer, &one_file, NULL, folder, err);
}

/* Companions may have brought a tokenizer of other programs; then it stays as it is. */
static sl_status settle(const sl_tokenizer *tokenizer, const char *folder, sl_error *err) {
  size_t size;
  if (!sl_tokenizer_json(tokenizer, &size) && sl_companions_have_tokenizer(folder)) return SL_OK;
  return sl_tokenizer_settle(tokenizer, folder, err);
}

sl_status sl_model_folder_publish(const sl_parameters *p, const sl_tokenizer *tokenizer,
                                  const sl_model_format *format, const char *companions,
                                  const char *path, sl_error *err) {
  sl_folder_write folder;
  if (companions && !sl_path_holds(companions, ".")) companions = NULL;
  const sl_end_tokens *ends = tokenizer ? sl_tokenizer_ends(tokenizer) : NULL;
  sl_status status = sl_folder_begin(&folder, path, err);
  if (status != SL_OK) return status;
  status = write_files(p, tokenizer, format, companions, folder.temporary, err);
  if (status == SL_OK && companions)
    status = sl_companions_copy(companions, folder.temporary, ends, err);
  if (status == SL_OK && tokenizer) status = settle(tokenizer, folder.temporary, err);
  folder.keeps = status == SL_OK && sl_companions_differ(path, folder.temporary);
  if (status == SL_OK) return sl_folder_commit(&folder, err);
  sl_folder_abort(&folder);
  return status;
}

sl_status sl_model_folder_write(const sl_parameters *p, const sl_tokenizer *tokenizer,
                                const char *path, sl_error *err) {
  return sl_model_folder_publish(p, tokenizer, &one_file, NULL, path, err);
}
