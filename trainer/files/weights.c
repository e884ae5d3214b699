/* The tensors of a model folder, of one file or of shards (see weights.h). */
#include "weights.h"

#include "file.h"
#include "json.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define INDEX_BYTES_MAX ((size_t)64 << 20)

struct sl_weights {
  char *path;
  sl_safetensors **files;
  size_t n_files;
  sl_weight *items; /* by name */
  size_t n_items;
};

void sl_weights_close(sl_weights *w) {
  if (!w) return;
  for (size_t i = 0; i < w->n_files; i++) sl_safetensors_close(w->files[i]);
  free(w->files);
  free(w->items);
  free(w->path);
  free(w);
}

const char *sl_weights_path(const sl_weights *w) { return w->path; }

size_t sl_weights_count(const sl_weights *w) { return w->n_items; }

const sl_weight *sl_weights_at(const sl_weights *w, size_t index) { return &w->items[index]; }

static int by_name(const void *left, const void *right) {
  const sl_weight *a = left, *b = right;
  return strcmp(a->view->name, b->view->name);
}

const sl_weight *sl_weights_find(const sl_weights *w, const char *name) {
  const sl_tensor_view wanted = {.name = name};
  const sl_weight key = {&wanted, NULL};
  return w->n_items ? bsearch(&key, w->items, w->n_items, sizeof key, by_name) : NULL;
}

/* The table of what the files hold, in which no name stands twice. */
static sl_status list_items(sl_weights *w, sl_error *err) {
  size_t n = 0;
  for (size_t i = 0; i < w->n_files; i++) n += sl_safetensors_count(w->files[i]);
  w->items = calloc(n + 1, sizeof *w->items);
  if (!w->items) return sl_fail(err, SL_ERR_MEMORY, "%s: no memory for %zu tensors", w->path, n);
  for (size_t i = 0; i < w->n_files; i++)
    for (size_t j = 0; j < sl_safetensors_count(w->files[i]); j++)
      w->items[w->n_items++] = (sl_weight){sl_safetensors_at(w->files[i], j), w->files[i]};
  qsort(w->items, n, sizeof *w->items, by_name);
  for (size_t i = 1; i < n; i++)
    if (by_name(&w->items[i - 1], &w->items[i]) == 0)
      return sl_fail(err, SL_ERR_INPUT, "%s: tensor %s stands in two files: %s and %s", w->path,
                     w->items[i].view->name, sl_safetensors_path(w->items[i - 1].file),
                     sl_safetensors_path(w->items[i].file));
  return SL_OK;
}

/* An index and the names of its shards, in the order in which it has them. */
typedef struct {
  sl_json doc;
  char *text;
  json_t *map;
  const char **shard;
  size_t n;
} shard_index;

static void free_index(shard_index *index) {
  free(index->shard);
  if (index->doc.root) sl_json_free(&index->doc);
  free(index->text);
}

/* A name, not a path: with none of these a file can lie elsewhere. */
static int is_plain_name(const char *name) {
  return *name && !strchr(name, '/') && strcmp(name, ".") != 0 && strcmp(name, "..") != 0 &&
         strlen(name) <= NAME_MAX;
}

static sl_status add_shard(shard_index *index, const char *tensor, const json_t *value,
                           sl_error *err) {
  const char *name = json_string_value(value);
  char found[SL_JSON_DESCRIPTION];
  sl_json_describe(found, value);
  if (!name || !is_plain_name(name))
    return sl_json_fail(&index->doc, "weight_map", err,
                        "%s: expected the name of a file of this folder, found %s", tensor, found);
  for (size_t i = index->n; i-- > 0;)
    if (strcmp(index->shard[i], name) == 0) return SL_OK;
  if (index->n == SL_SHARDS_MAX)
    return sl_json_fail(&index->doc, "weight_map", err, "more than %zu files", SL_SHARDS_MAX);
  index->shard[index->n++] = name;
  return SL_OK;
}

static sl_status read_index(shard_index *index, const char *path, sl_error *err) {
  size_t size;
  SL_TRY(sl_file_read(&index->text, &size, path, INDEX_BYTES_MAX, err));
  SL_TRY(sl_json_parse(&index->doc, path, 1, index->text, size, err));
  json_t *map = json_object_get(index->doc.root, "weight_map");
  if (!json_is_object(map))
    return sl_json_expected(&index->doc, "weight_map", err, "an object of tensors and their files",
                            map);
  index->map = map;
  index->shard = calloc(SL_SHARDS_MAX, sizeof *index->shard);
  if (!index->shard) return sl_fail(err, SL_ERR_MEMORY, "%s: no memory for its shards", path);
  for (void *at = json_object_iter(map); at; at = json_object_iter_next(map, at))
    SL_TRY(add_shard(index, json_object_iter_key(at), json_object_iter_value(at), err));
  if (index->n == 0) return sl_json_fail(&index->doc, "weight_map", err, "it is empty");
  return SL_OK;
}

/* A link to elsewhere would make what a folder holds depend on what lies outside of it. */
static sl_status check_inside(const char *folder, const char *path, sl_error *err) {
  struct stat info;
  if (lstat(path, &info) != 0 || !S_ISLNK(info.st_mode)) return SL_OK;
  char *home = sl_path_real(folder), *target = sl_path_real(path);
  const size_t n = home ? strlen(home) : 0;
  const int inside =
      home && target && strncmp(home, target, n) == 0 && (n == 1 || target[n] == '/');
  const int missing = home && !target;
  free(home);
  free(target);
  if (inside) return SL_OK;
  return sl_fail(err, SL_ERR_INPUT, "%s: %s; 'cp -rL' makes a folder with the files themselves",
                 path, missing ? "a link to nothing" : "a link to a file outside of the folder");
}

static sl_status open_shard(sl_weights *w, const char *folder, const char *name, sl_error *err) {
  char *path = sl_path_join(folder, name);
  if (!path) return sl_fail(err, SL_ERR_MEMORY, "%s: no memory", folder);
  sl_status status = check_inside(folder, path, err);
  if (!status) status = sl_safetensors_open(&w->files[w->n_files], path, err);
  if (!status) w->n_files++;
  free(path);
  return status;
}

static const char *name_of(const sl_safetensors *file) {
  const char *path = sl_safetensors_path(file), *slash = strrchr(path, '/');
  return slash ? slash + 1 : path;
}

/* The index lists what the shards hold, each tensor where it is. */
static sl_status compare(const sl_weights *w, const shard_index *index, sl_error *err) {
  for (size_t i = 0; i < w->n_items; i++) {
    const sl_weight *item = &w->items[i];
    const char *listed = json_string_value(json_object_get(index->map, item->view->name));
    if (!listed)
      return sl_fail(err, SL_ERR_INPUT, "%s: tensor %s is not listed in " SL_MODEL_INDEX_FILE,
                     sl_safetensors_path(item->file), item->view->name);
    if (strcmp(listed, name_of(item->file)) != 0)
      return sl_json_fail(&index->doc, "weight_map", err, "tensor %s is in %s, not in %s",
                          item->view->name, name_of(item->file), listed);
  }
  for (void *at = json_object_iter(index->map); at; at = json_object_iter_next(index->map, at))
    if (!sl_weights_find(w, json_object_iter_key(at)))
      return sl_json_fail(&index->doc, "weight_map", err, "tensor %s is not in %s",
                          json_object_iter_key(at), json_string_value(json_object_iter_value(at)));
  return SL_OK;
}

static sl_status open_shards(sl_weights *w, const char *folder, sl_error *err) {
  shard_index index = {.n = 0};
  sl_status status = read_index(&index, w->path, err);
  if (!status && !(w->files = calloc(index.n, sizeof *w->files)))
    status = sl_fail(err, SL_ERR_MEMORY, "%s: no memory for its shards", w->path);
  for (size_t i = 0; !status && i < index.n; i++)
    status = open_shard(w, folder, index.shard[i], err);
  if (!status) status = list_items(w, err);
  if (!status) status = compare(w, &index, err);
  free_index(&index);
  return status;
}

static sl_status open_one(sl_weights *w, sl_error *err) {
  w->files = calloc(1, sizeof *w->files);
  if (!w->files) return sl_fail(err, SL_ERR_MEMORY, "%s: no memory", w->path);
  SL_TRY(sl_safetensors_open(w->files, w->path, err));
  w->n_files = 1;
  return list_items(w, err);
}

sl_status sl_weights_open(sl_weights **out, const char *folder, sl_error *err) {
  const int sharded =
      !sl_path_holds(folder, SL_MODEL_WEIGHTS_FILE) && sl_path_holds(folder, SL_MODEL_INDEX_FILE);
  sl_weights *w = calloc(1, sizeof *w);
  if (w) w->path = sl_path_join(folder, sharded ? SL_MODEL_INDEX_FILE : SL_MODEL_WEIGHTS_FILE);
  sl_status status =
      w && w->path ? SL_OK : sl_fail(err, SL_ERR_MEMORY, "%s: no memory for its weights", folder);
  if (!status) status = sharded ? open_shards(w, folder, err) : open_one(w, err);
  if (status) {
    sl_weights_close(w);
    return status;
  }
  *out = w;
  return SL_OK;
}
