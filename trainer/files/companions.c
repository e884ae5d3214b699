/* The files that stand beside a model's configuration and weights (spec F1.6). */
#include "companions.h"

#include "bpe_file.h"
#include "file.h"
#include "json.h"
#include "model_folder.h"

#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#define COMPANION_BYTES_MAX ((size_t)64 << 20)
#define GENERATION_FILE "generation_config.json"

/* Files that only a tokenizer has; the first five can each be a whole one. */
static const char *const tokenizer_files[] = {"tokenizer.json",
                                              "tokenizer.model",
                                              "vocab.json",
                                              "vocab.txt",
                                              "merges.txt",
                                              "tokenizer_config.json",
                                              "special_tokens_map.json",
                                              "added_tokens.json",
                                              "encoder.json",
                                              "tekken.json",
                                              "tiktoken.model",
                                              "spiece.model",
                                              "spm.model",
                                              "sp.model"};
#define N_TOKENIZER_FILES (sizeof tokenizer_files / sizeof *tokenizer_files)

/* Does the name belong to a tokenizer, compressed or not, of another kind than ours? */
static int is_tokenizer(const char *name) {
  static const char *const beginnings[] = {"tokenizer.", "sentencepiece.", "rwkv_vocab"};
  static const char *const endings[] = {".tiktoken", ".bpe", ".spm"};
  if (strcasecmp(name, SL_MODEL_TOKENIZER_FILE) == 0) return 0;
  for (size_t i = 0; i < N_TOKENIZER_FILES; i++)
    if (strcasecmp(name, tokenizer_files[i]) == 0) return 1;
  for (size_t i = 0; i < sizeof beginnings / sizeof *beginnings; i++)
    if (strncasecmp(name, beginnings[i], strlen(beginnings[i])) == 0) return 1;
  const size_t length = strlen(name);
  for (size_t i = 0; i < sizeof endings / sizeof *endings; i++)
    if (length > strlen(endings[i]) &&
        strcasecmp(name + length - strlen(endings[i]), endings[i]) == 0)
      return 1;
  return 0;
}

/* The tokenizer's file that is named in a refusal: the first of the table that is there, else the
 * first in alphabetical order. 0 if there is none. */
static int find_tokenizer(const char *folder, char found[static NAME_MAX + 1]) {
  found[0] = '\0';
  for (size_t i = 0; !found[0] && i < N_TOKENIZER_FILES; i++)
    if (sl_path_holds(folder, tokenizer_files[i])) strcpy(found, tokenizer_files[i]);
  DIR *files = found[0] ? NULL : opendir(folder);
  for (struct dirent *entry; files && (entry = readdir(files)) != NULL;)
    if (is_tokenizer(entry->d_name) && (!found[0] || strcmp(entry->d_name, found) < 0))
      snprintf(found, NAME_MAX + 1, "%s", entry->d_name);
  if (files) closedir(files);
  return found[0] != '\0';
}

int sl_companions_have_tokenizer(const char *folder) {
  char found[NAME_MAX + 1];
  return find_tokenizer(folder, found);
}

#define REFUSAL "%s: the model brings its own tokenizer (%s), which Sluice cannot read: "
#define ADVICE "; token ids still work ('sluice eval --logprobs FILE --tokens FILE')"

/* Why a tokenizer.json is not read, if that is so. */
static sl_status explain_json(const char *folder, sl_error *err) {
  sl_tokenizer *tokenizer;
  sl_error why;
  const sl_status status = sl_tokenizer_of_folder(&tokenizer, folder, &why);
  if (status != SL_OK)
    return sl_fail(err, status, REFUSAL "%s" ADVICE, folder, SL_BPE_FILE, why.message);
  sl_tokenizer_destroy(tokenizer);
  return SL_OK;
}

sl_status sl_refuse_foreign_tokenizer(const char *folder, sl_error *err) {
  char found[NAME_MAX + 1];
  if (sl_path_holds(folder, SL_MODEL_TOKENIZER_FILE)) return SL_OK;
  if (sl_path_holds(folder, SL_BPE_FILE)) return explain_json(folder, err);
  if (!find_tokenizer(folder, found)) return SL_OK;
  return sl_fail(err, SL_ERR_INPUT,
                 REFUSAL "texts would become tokens that it does not know" ADVICE, folder, found);
}

/* Names by which licences and the like begin, in any case of letters. */
static int is_document(const char *name) {
  static const char *const beginnings[] = {"license", "licence", "copying", "notice", "readme"};
  for (size_t i = 0; i < sizeof beginnings / sizeof *beginnings; i++)
    if (strncasecmp(name, beginnings[i], strlen(beginnings[i])) == 0) return 1;
  return 0;
}

static int is_companion(const char *name) {
  static const char *const others[] = {GENERATION_FILE, "chat_template.jinja",
                                       "chat_template.json"};
  if (is_tokenizer(name)) return 1;
  for (size_t i = 0; i < sizeof others / sizeof *others; i++)
    if (strcmp(name, others[i]) == 0) return 1;
  return is_document(name);
}

static int is_end(const json_t *id, const sl_end_tokens *ends) {
  for (size_t i = 0; i < ends->n; i++)
    if (json_is_integer(id) && json_integer_value(id) == ends->ids[i]) return 1;
  return 0;
}

/* *elsewhere: these settings name end tokens, but none of these. */
static sl_status find_ends(int *elsewhere, const char *path, const char *text, size_t size,
                           const sl_end_tokens *ends, sl_error *err) {
  json_t *root;
  if (sl_json_load(&root, path, text, size, 0, NULL, err) == SL_ERR_MEMORY) return SL_ERR_MEMORY;
  const json_t *end = json_object_get(root, "eos_token_id");
  int ours = !end || json_is_null(end) || is_end(end, ends);
  for (size_t i = 0; i < json_array_size(end); i++) ours |= is_end(json_array_get(end, i), ends);
  json_decref(root);
  *elsewhere = !ours;
  return SL_OK;
}

static int is_file(const char *path) {
  struct stat info;
  return stat(path, &info) == 0 && S_ISREG(info.st_mode); /* a link into a cache counts */
}

/* *data stays NULL for what is no companion after all: a folder, or settings of another end. */
static sl_status read_companion(char **data, size_t *size, const char *path, const char *name,
                                const sl_end_tokens *ends, sl_error *err) {
  struct stat info;
  if (stat(path, &info) != 0) return sl_fail_open(err, path); /* a link to nothing */
  if (!S_ISREG(info.st_mode)) return SL_OK;
  int elsewhere = 0;
  sl_status status = sl_file_read(data, size, path, COMPANION_BYTES_MAX, err);
  if (!status && ends && strcmp(name, GENERATION_FILE) == 0)
    status = find_ends(&elsewhere, path, *data, *size, ends, err);
  if (status || !elsewhere) return status;
  free(*data);
  *data = NULL;
  return SL_OK;
}

/* Reads a companion, and writes it to the other folder unless that is NULL. */
static sl_status copy_file(const char *from, const char *to, const char *name,
                           const sl_end_tokens *ends, sl_error *err) {
  char *source = sl_path_join(from, name), *target = to ? sl_path_join(to, name) : NULL;
  char *data = NULL;
  size_t size;
  sl_status status = source && (target || !to)
                         ? read_companion(&data, &size, source, name, ends, err)
                         : sl_fail(err, SL_ERR_MEMORY, "%s: no memory", from);
  if (status == SL_OK && data && target) {
    const sl_bytes piece = {data, size};
    status = sl_file_write(target, &piece, 1, err);
  }
  free(data);
  free(source);
  free(target);
  return status;
}

sl_status sl_companions_copy(const char *from, const char *to, const sl_end_tokens *ends,
                             sl_error *err) {
  DIR *folder = opendir(from);
  sl_status status = SL_OK;
  if (!folder) return sl_fail_open(err, from);
  for (struct dirent *entry; status == SL_OK && (entry = readdir(folder)) != NULL;)
    if (is_companion(entry->d_name)) status = copy_file(from, to, entry->d_name, ends, err);
  closedir(folder);
  return status;
}

sl_status sl_companions_check(const char *folder, sl_error *err) {
  return sl_companions_copy(folder, NULL, NULL, err);
}

static int differs(const char *folder, const char *other, const char *name) {
  char *paths[2] = {sl_path_join(folder, name), sl_path_join(other, name)}, *data[2] = {NULL, NULL};
  size_t size[2] = {0, 0};
  int read = 1;
  for (int i = 0; i < 2; i++)
    read &= paths[i] && is_file(paths[i]) &&
            sl_file_read(&data[i], &size[i], paths[i], COMPANION_BYTES_MAX, NULL) == SL_OK;
  const int equal = read && size[0] == size[1] && memcmp(data[0], data[1], size[0]) == 0;
  for (int i = 0; i < 2; i++) free(data[i]), free(paths[i]);
  return !equal;
}

int sl_companions_differ(const char *folder, const char *other) {
  DIR *files = opendir(folder);
  int found = 0;
  for (struct dirent *entry; files && !found && (entry = readdir(files)) != NULL;)
    found = is_companion(entry->d_name) && sl_path_holds(other, entry->d_name) &&
            differs(folder, other, entry->d_name);
  if (files) closedir(files);
  return found;
}

sl_status sl_companions_write(const char *path, const char *from, sl_error *err) {
  sl_folder_write folder;
  sl_status status = sl_folder_begin(&folder, path, err);
  if (status != SL_OK) return status;
  status = sl_companions_copy(from, folder.temporary, NULL, err);
  if (status == SL_OK) return sl_folder_commit(&folder, err);
  sl_folder_abort(&folder);
  return status;
}
