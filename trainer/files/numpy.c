/* Reads .npz and .npy (spec F6.4, F6.5): all headers at once, an array's items when they are asked
 * for. */
#include "numpy.h"

#include "archive.h"
#include "json_text.h"
#include "kernels/support/utf8.h"
#include "npy.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PIECE_BYTES ((size_t)1 << 16)
#define METADATA_BYTES_MAX ((size_t)1 << 20)
#define EXTENSION ".npy"
#define BFLOAT16_KEY "bfloat16" /* of the metadata: names of arrays of bits */
#define PLACE_BYTES 600

typedef struct {
  char *name;
  size_t member; /* of the archive */
  sl_npy npy;
} array;

/* An archive, or a map of one array. */
struct sl_numpy {
  sl_archive *archive;
  sl_mapped_file map;
  array *arrays; /* as many as tensors */
  sl_tensor_view *tensors;
  size_t count;
  sl_metadata metadata;
};

int sl_numpy_is(const unsigned char *data, size_t size) {
  return sl_npy_is(data, size) || sl_archive_is(data, size);
}

static const char *path_of(const sl_numpy *file) {
  return file->archive ? sl_archive_path(file->archive) : file->map.path;
}

/* "x.npz: tensor q", for errors. */
static void print_place(char out[PLACE_BYTES], const sl_numpy *file, const char *name) {
  snprintf(out, PLACE_BYTES, "%s: tensor %s", path_of(file), name);
}

/* The items of a member behind its header, placed in row-major order at out. */
static sl_status read_items(sl_member *member, const sl_npy *npy, unsigned char *out,
                            sl_error *err) {
  sl_npy_order order = sl_npy_order_begin(npy, out);
  const size_t room = npy->item && npy->item < PIECE_BYTES ? PIECE_BYTES / npy->item : 1;
  unsigned char *piece = malloc(room * npy->item + 1);
  if (!piece) return sl_fail(err, SL_ERR_MEMORY, "%s: no memory", member->path);
  sl_status status = SL_OK;
  for (size_t left = npy->count; left && status == SL_OK;) {
    const size_t n = left < room ? left : room;
    status = sl_member_read(member, piece, n * npy->item, err);
    if (status == SL_OK) sl_npy_place(&order, piece, n);
    left -= n;
  }
  free(piece);
  return status == SL_OK ? sl_member_end(member, err) : status;
}

/* Opens a member and reads its header, so that its items come next. */
static sl_status open_array(sl_member *member, sl_npy *npy, const sl_numpy *file, size_t index,
                            const char *place, sl_error *err) {
  unsigned char *header = malloc(SL_NPY_HEADER_MAX);
  size_t n = 0;
  if (!header) return sl_fail(err, SL_ERR_MEMORY, "%s: no memory", place);
  sl_status status = sl_member_open(member, file->archive, index, err);
  const int is_open = status == SL_OK;
  const size_t prefix = is_open && member->size < SL_NPY_PREFIX ? member->size : SL_NPY_PREFIX;
  if (status == SL_OK) status = sl_member_read(member, header, prefix, err);
  if (status == SL_OK) status = sl_npy_header_bytes(&n, header, member->size, place, err);
  if (status == SL_OK) status = sl_member_read(member, header + prefix, n - prefix, err);
  if (status == SL_OK) status = sl_npy_parse(npy, header, n, member->size, place, err);
  if (status != SL_OK && is_open) sl_member_close(member);
  free(header);
  return status;
}

/* All items of the map's array, or of an archive's; freed by the caller. */
static sl_status read_array(unsigned char **out, const sl_numpy *file, const array *from,
                            sl_error *err) {
  char place[PLACE_BYTES];
  print_place(place, file, from->name);
  const size_t bytes = from->npy.count * from->npy.item;
  unsigned char *data = malloc(bytes + 1);
  if (!data) return sl_fail(err, SL_ERR_MEMORY, "%s: no memory for %zu bytes", place, bytes);
  sl_status status = SL_OK;
  if (file->archive) {
    sl_member member;
    sl_npy npy;
    status = open_array(&member, &npy, file, from->member, place, err);
    if (status == SL_OK) {
      status = read_items(&member, &from->npy, data, err);
      sl_member_close(&member);
    }
  } else {
    sl_npy_order order = sl_npy_order_begin(&from->npy, data);
    sl_npy_place(&order, file->map.data + from->npy.header, from->npy.count);
  }
  if (status == SL_OK)
    *out = data;
  else
    free(data);
  return status;
}

/* UCS-4 as UTF-8. NULL if memory is short, or where a number is no character of a text. */
static char *text_of_ucs4(const unsigned char *data, size_t bytes, size_t *size) {
  char *out = malloc(bytes + 1);
  size_t n = 0;
  for (size_t i = 0; out && i < bytes; i += 4) {
    uint32_t point;
    memcpy(&point, data + i, sizeof point);
    if (!point || point >= SL_UTF8_POINTS || (point >= 0xd800 && point < 0xe000))
      return free(out), NULL;
    n += sl_utf8_encode(out + n, point);
  }
  *size = n;
  return out;
}

/* The text of the array __metadata__: bytes (U8, or one item of S) or UCS-4 (one item of U). Zeros
 * at its end fill an item up and are no part of it. */
static sl_status metadata_text(char **out, size_t *size, const sl_numpy *file, const array *from,
                               sl_error *err) {
  const sl_npy *npy = &from->npy;
  size_t n = npy->count * npy->item;
  const int is_row = npy->type == SL_TENSOR_U8 && npy->rank == 1;
  if (!(npy->kind == SL_NPY_NUMBERS ? is_row : npy->rank == 0) || n > METADATA_BYTES_MAX)
    return sl_fail(err, SL_ERR_INPUT,
                   "%s: " SL_METADATA_NAME
                   ": expected a row of uint8 or one text, of at most %zu bytes",
                   path_of(file), METADATA_BYTES_MAX);
  unsigned char *data;
  SL_TRY(read_array(&data, file, from, err));
  const size_t word = npy->kind == SL_NPY_UCS4 ? 4 : 1;
  while (n && !data[n - 1]) n--;
  n = (n + word - 1) / word * word;
  *out = (char *)data, *size = n;
  if (npy->kind != SL_NPY_UCS4) return SL_OK;
  *out = text_of_ucs4(data, n, size);
  free(data);
  if (*out) return SL_OK;
  return sl_fail(err, SL_ERR_INPUT, "%s: " SL_METADATA_NAME ": not a text", path_of(file));
}

static sl_status read_metadata(sl_numpy *file, const array *from, sl_error *err) {
  char *text;
  size_t size = 0;
  json_error_t bad;
  SL_TRY(metadata_text(&text, &size, file, from, err));
  json_t *object;
  sl_status status =
      sl_json_load(&object, path_of(file), text, size, JSON_REJECT_DUPLICATES, &bad, err);
  free(text);
  if (status == SL_ERR_MEMORY) return status;
  if (status)
    return sl_fail(err, SL_ERR_INPUT, "%s: " SL_METADATA_NAME ": byte %d: %s", path_of(file),
                   bad.position > 0 ? bad.position : 0, bad.text);
  status = sl_metadata_create(&file->metadata, object, path_of(file), err);
  json_decref(object);
  return status;
}

/* One more tensor, of an array whose header is read. A text is none. */
static sl_status add_tensor(sl_numpy *file, const char *place, const array *from, sl_error *err) {
  if (from->npy.kind != SL_NPY_NUMBERS)
    return sl_fail(err, SL_ERR_INPUT, "%s: a text is no tensor; metadata go into " SL_METADATA_NAME,
                   place);
  sl_tensor_view *tensor = &file->tensors[file->count];
  *tensor = (sl_tensor_view){
      .name = from->name, .rank = from->npy.rank, .count = from->npy.count, .type = from->npy.type};
  memcpy(tensor->shape, from->npy.shape, sizeof tensor->shape);
  file->arrays[file->count++] = *from;
  return SL_OK;
}

/* The name of an array by that of its member: without .npy. NULL with a message in err where it is
 * none. */
static char *name_of_member(const sl_numpy *file, const char *member, sl_error *err) {
  const size_t n = strlen(member), m = sizeof EXTENSION - 1;
  const char *what = NULL;
  if (strchr(member, '/'))
    what = "a folder in the archive; the names of tensors in .npz have no '/'";
  else if (n <= m || strcmp(member + n - m, EXTENSION) != 0)
    what = "this is no .npy array";
  char *name = what ? NULL : strndup(member, n - m);
  if (what)
    sl_fail(err, SL_ERR_INPUT, "%s: member %s: %s", path_of(file), member, what);
  else if (!name)
    sl_fail(err, SL_ERR_MEMORY, "%s: no memory", path_of(file));
  return name;
}

static sl_status add_member(sl_numpy *file, size_t index, sl_error *err) {
  array made = {.member = index};
  char place[PLACE_BYTES];
  sl_member member;
  sl_error inner = {SL_OK, ""};
  made.name = name_of_member(file, sl_archive_name(file->archive, index), &inner);
  if (!made.name) return sl_fail(err, inner.status, "%s", inner.message);
  print_place(place, file, made.name);
  sl_status status = open_array(&member, &made.npy, file, index, place, err);
  if (status == SL_OK) sl_member_close(&member);
  const int is_metadata = strcmp(made.name, SL_METADATA_NAME) == 0;
  if (status == SL_OK && is_metadata && file->metadata.object)
    status = sl_fail(err, SL_ERR_INPUT, "%s: this name is there twice", place);
  if (status == SL_OK)
    status = is_metadata ? read_metadata(file, &made, err) : add_tensor(file, place, &made, err);
  if (status != SL_OK || is_metadata) free(made.name);
  return status;
}

static int by_name(const void *left, const void *right) {
  return strcmp(*(const char *const *)left, *(const char *const *)right);
}

static sl_status check_names(const sl_numpy *file, sl_error *err) {
  const char **names = malloc((file->count + 1) * sizeof *names);
  if (!names) return sl_fail(err, SL_ERR_MEMORY, "%s: no memory", path_of(file));
  for (size_t i = 0; i < file->count; i++) names[i] = file->arrays[i].name;
  qsort(names, file->count, sizeof *names, by_name);
  sl_status status = SL_OK;
  for (size_t i = 1; i < file->count && status == SL_OK; i++)
    if (strcmp(names[i - 1], names[i]) == 0)
      status = sl_fail(err, SL_ERR_INPUT, "%s: tensor %s: this name is there twice", path_of(file),
                       names[i]);
  free(names);
  return status;
}

/* Arrays of uint16 that the metadata call bfloat16: names between commas. */
static sl_status mark_bfloat16(sl_numpy *file, sl_error *err) {
  const char *list = sl_metadata_find(&file->metadata, BFLOAT16_KEY);
  for (const char *name = list; name && *name;) {
    const size_t n = strcspn(name, ",");
    size_t i = 0;
    while (i < file->count &&
           (strlen(file->arrays[i].name) != n || strncmp(file->arrays[i].name, name, n) != 0))
      i++;
    if (i == file->count || file->arrays[i].npy.type != SL_TENSOR_U16)
      return sl_fail(err, SL_ERR_INPUT,
                     "%s: " SL_METADATA_NAME ": " BFLOAT16_KEY ": '%.*s' is no array of uint16",
                     path_of(file), (int)(n < 200 ? n : 200), name);
    file->tensors[i].type = SL_TENSOR_BF16;
    name += n + (name[n] == ',');
  }
  return SL_OK;
}

/* torch.save's archive is a folder with a pickle in it. */
static sl_status refuse_pickle(const sl_archive *archive, sl_error *err) {
  static const char end[] = "data.pkl";
  for (size_t i = 0; i < sl_archive_count(archive); i++) {
    const char *name = sl_archive_name(archive, i);
    const size_t n = strlen(name), m = sizeof end - 1;
    if (n >= m && strcmp(name + n - m, end) == 0)
      return sl_fail(err, SL_ERR_INPUT,
                     "%s: member %s: this is PyTorch's own format, a pickle, which is never read; "
                     "save the tensors as safetensors",
                     sl_archive_path(archive), name);
  }
  return SL_OK;
}

static sl_status make_tables(sl_numpy *file, size_t count, sl_error *err) {
  file->arrays = calloc(count + 1, sizeof *file->arrays);
  file->tensors = calloc(count + 1, sizeof *file->tensors);
  return file->arrays && file->tensors
             ? SL_OK
             : sl_fail(err, SL_ERR_MEMORY, "%s: no memory for its tensor table", path_of(file));
}

static sl_status list_archive(sl_numpy *file, sl_mapped_file *map, sl_error *err) {
  SL_TRY(sl_archive_open(&file->archive, map, err));
  const size_t n = sl_archive_count(file->archive);
  SL_TRY(refuse_pickle(file->archive, err));
  SL_TRY(make_tables(file, n, err));
  for (size_t i = 0; i < n; i++) SL_TRY(add_member(file, i, err));
  SL_TRY(check_names(file, err));
  return mark_bfloat16(file, err);
}

/* The tensor of a .npy is called as the file is, without folder and extension. */
static char *name_of_file(const char *path) {
  const char *slash = strrchr(path, '/'), *base = slash ? slash + 1 : path;
  const size_t n = strlen(base), m = sizeof EXTENSION - 1;
  return strndup(base, n > m && strcmp(base + n - m, EXTENSION) == 0 ? n - m : n);
}

static sl_status list_array(sl_numpy *file, sl_mapped_file *map, sl_error *err) {
  file->map = *map;
  *map = (sl_mapped_file){NULL, NULL, 0};
  array made = {.name = name_of_file(file->map.path)};
  char place[PLACE_BYTES];
  size_t n = 0;
  if (!made.name) return sl_fail(err, SL_ERR_MEMORY, "%s: no memory", path_of(file));
  print_place(place, file, made.name);
  sl_status status = make_tables(file, 1, err);
  if (status == SL_OK) status = sl_npy_header_bytes(&n, file->map.data, file->map.size, place, err);
  if (status == SL_OK)
    status = sl_npy_parse(&made.npy, file->map.data, n, file->map.size, place, err);
  if (status == SL_OK) status = add_tensor(file, place, &made, err);
  if (status != SL_OK) free(made.name);
  return status;
}

sl_status sl_numpy_open(sl_numpy **out, sl_mapped_file *map, sl_error *err) {
  sl_numpy *file = calloc(1, sizeof *file);
  sl_status status = file ? SL_OK : sl_fail(err, SL_ERR_MEMORY, "%s: no memory", map->path);
  if (status == SL_OK)
    status =
        sl_npy_is(map->data, map->size) ? list_array(file, map, err) : list_archive(file, map, err);
  sl_mapped_file_close(map);
  if (status == SL_OK)
    *out = file;
  else
    sl_numpy_close(file);
  return status;
}

void sl_numpy_close(sl_numpy *file) {
  if (!file) return;
  for (size_t i = 0; i < file->count; i++) {
    sl_numpy_release(file, i);
    free(file->arrays[i].name);
  }
  free(file->arrays);
  free(file->tensors);
  sl_metadata_free(&file->metadata);
  sl_archive_close(file->archive);
  sl_mapped_file_close(&file->map);
  free(file);
}

size_t sl_numpy_count(const sl_numpy *file) { return file->count; }

const sl_metadata *sl_numpy_metadata(const sl_numpy *file) { return &file->metadata; }

const sl_tensor_view *sl_numpy_at(const sl_numpy *file, size_t index) {
  return &file->tensors[index];
}

/* The items of a .npy may lie in the file as they are asked for. */
static int lies_in_order(const sl_numpy *file, const sl_npy *npy) {
  return !file->archive && !npy->is_swapped && !(npy->is_fortran && npy->rank > 1);
}

sl_status sl_numpy_load(sl_numpy *file, size_t index, sl_error *err) {
  sl_tensor_view *tensor = &file->tensors[index];
  const array *from = &file->arrays[index];
  if (tensor->data) return SL_OK;
  if (lies_in_order(file, &from->npy)) {
    tensor->data = file->map.data + from->npy.header;
    return SL_OK;
  }
  unsigned char *data;
  SL_TRY(read_array(&data, file, from, err));
  tensor->data = data;
  return SL_OK;
}

void sl_numpy_release(sl_numpy *file, size_t index) {
  sl_tensor_view *tensor = &file->tensors[index];
  if (!lies_in_order(file, &file->arrays[index].npy)) free((void *)(uintptr_t)tensor->data);
  tensor->data = NULL;
}
