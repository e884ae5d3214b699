/* Reads a study's file (docs/study.md). libyaml loads it as a tree whose nodes know their places;
 * keys and values that belong to a run's configuration are checked when the runs are planned. */
#include "study_sets.h"

#include "study_grid.h"
#include "kernels/core/nearest.h"
#include "trainer/files/file.h"

#include <yaml.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILE_MAX ((size_t)1 << 20)

typedef struct {
  sl_study *study;
  yaml_document_t document;
  sl_error *err;
} reader;

static const char *text_of(const yaml_node_t *node) {
  if (node->type != YAML_SCALAR_NODE ||
      strlen((const char *)node->data.scalar.value) != node->data.scalar.length)
    return NULL;
  return (const char *)node->data.scalar.value;
}

static sl_status fail_at(reader *r, const yaml_node_t *node, const char *name,
                         const char *expected) {
  const char *text = text_of(node);
  char found[100];
  if (text)
    snprintf(found, sizeof found, *text ? "'%.80s'" : "nothing", text);
  else
    snprintf(found, sizeof found, "%s",
             node->type == YAML_MAPPING_NODE ? "a mapping" : "a sequence");
  return sl_study_fail(r->study, node->start_mark.line + 1, node->start_mark.column + 1, r->err,
                       "%s: expected %s, found %s", name, expected, found);
}

/* Calls each for every pair of a mapping; a key twice is refused. */
typedef sl_status (*visitor)(reader *r, const yaml_node_t *key, yaml_node_t *value, void *user);
static sl_status each_pair(reader *r, yaml_node_t *map, const char *name, const char *expected,
                           visitor visit, void *user) {
  if (map->type != YAML_MAPPING_NODE) return fail_at(r, map, name, expected);
  const yaml_node_pair_t *begin = map->data.mapping.pairs.start, *end = map->data.mapping.pairs.top;
  for (const yaml_node_pair_t *p = begin; p < end; p++) {
    yaml_node_t *key = yaml_document_get_node(&r->document, p->key),
                *value = yaml_document_get_node(&r->document, p->value);
    const char *text = text_of(key);
    if (!text || !*text) return fail_at(r, key, name, "a key");
    for (const yaml_node_pair_t *q = begin; q < p; q++) {
      const char *other = text_of(yaml_document_get_node(&r->document, q->key));
      if (other && strcmp(other, text) == 0) return fail_at(r, key, name, "each key once");
    }
    const sl_status status = visit(r, key, value, user);
    if (status) return status;
  }
  return SL_OK;
}

static sl_status copy_text(reader *r, const yaml_node_t *node, const char *name, char **out) {
  const char *text = text_of(node);
  if (!text || !*text) return fail_at(r, node, name, "a text");
  free(*out);
  *out = strdup(text);
  return *out ? SL_OK : sl_fail(r->err, SL_ERR_MEMORY, "no memory for a study");
}

/* Where keys with their values go: flat ("gate.name: clip") or nested ("gate: {name: clip}"). */
typedef struct {
  sl_study_sets *sets;
  sl_study_arm *arm; /* of arms, which have keys of their own; NULL else */
  const char *prefix;
} destination;

static sl_status read_offset(reader *r, const yaml_node_t *value, sl_study_arm *arm) {
  const char *text = text_of(value);
  char *end = NULL;
  const unsigned long long offset =
      text && *text >= '0' && *text <= '9' ? strtoull(text, &end, 10) : 0;
  if (!end || *end || offset > 1000000000)
    return fail_at(r, value, "seed_offset", "an integer from 0 to 1000000000");
  arm->seed_offset = offset;
  return SL_OK;
}

static sl_status read_set(reader *r, const yaml_node_t *key, yaml_node_t *value, void *user) {
  const destination *to = user;
  char name[160];
  const int fits = snprintf(name, sizeof name, "%s%s%s", to->prefix, *to->prefix ? "." : "",
                            text_of(key)) < (int)sizeof name;
  if (!fits) return fail_at(r, key, "a key", "at most 150 bytes");
  if (to->arm && strcmp(name, "seed_offset") == 0) return read_offset(r, value, to->arm);
  if (value->type == YAML_MAPPING_NODE) {
    destination inner = {to->sets, to->arm, name};
    return each_pair(r, value, name, "", read_set, &inner);
  }
  const char *text = text_of(value);
  if (!text || (!*text && value->data.scalar.style == YAML_PLAIN_SCALAR_STYLE))
    return fail_at(r, value, name, "a value");
  const sl_study_set *before = sl_study_sets_find(to->sets, name);
  if (before)
    return sl_study_fail(r->study, key->start_mark.line + 1, key->start_mark.column + 1, r->err,
                         "%s: expected each key once, but it stands at %zu:%zu already", name,
                         before->line, before->column);
  if (to->sets->n == SL_STUDY_SETS_MAX) return fail_at(r, key, name, "no more than 48 keys");
  return sl_study_sets_add(to->sets, name, text, value->start_mark.line + 1,
                           value->start_mark.column + 1, r->err);
}

static sl_status read_arm(reader *r, const yaml_node_t *key, yaml_node_t *value, void *user) {
  (void)user;
  sl_study_arm *arm;
  const sl_status status = sl_study_add_arm(r->study, &arm, r->err);
  if (status) return status;
  arm->line = key->start_mark.line + 1, arm->column = key->start_mark.column + 1;
  if (!sl_study_name(arm->name, text_of(key)))
    return fail_at(r, key, "arms",
                   "a name of letters, digits, '.', '_' and '-' that begins with a letter, of at "
                   "most " SL_STUDY_NAME_MOST " bytes");
  destination to = {&arm->sets, arm, ""};
  return each_pair(r, value, arm->name, "a mapping of keys to values", read_set, &to);
}

/* The values of one axis of a grid: a sequence, or one value. */
static sl_status read_axis(reader *r, const yaml_node_t *key, yaml_node_t *value, void *user) {
  sl_study_grid *grid = user;
  const char *name = text_of(key);
  if (grid->axes == SL_STUDY_AXES_MAX) return fail_at(r, key, "grids", "at most 8 keys in a grid");
  sl_study_axis *axis = &grid->axis[grid->axes++];
  snprintf(axis->key, sizeof axis->key, "%s", name);
  const size_t n = value->type == YAML_SEQUENCE_NODE
                       ? (size_t)(value->data.sequence.items.top - value->data.sequence.items.start)
                       : 1;
  if (n == 0 || value->type == YAML_MAPPING_NODE)
    return fail_at(r, value, name, "a sequence of values");
  for (size_t i = 0; i < n; i++) {
    yaml_node_t *item =
        value->type == YAML_SEQUENCE_NODE
            ? yaml_document_get_node(&r->document, value->data.sequence.items.start[i])
            : value;
    const char *text = text_of(item);
    if (!text || !*text) return fail_at(r, item, name, "a value");
    const sl_status status =
        sl_study_sets_add(&axis->values, axis->key, text, item->start_mark.line + 1,
                          item->start_mark.column + 1, r->err);
    if (status) return status;
  }
  return SL_OK;
}

static sl_status read_grids(reader *r, yaml_node_t *grids) {
  if (grids->type != YAML_SEQUENCE_NODE) return fail_at(r, grids, "grids", "a sequence of grids");
  sl_status status = SL_OK;
  for (const yaml_node_item_t *i = grids->data.sequence.items.start;
       !status && i < grids->data.sequence.items.top; i++) {
    yaml_node_t *node = yaml_document_get_node(&r->document, *i);
    sl_study_grid grid = {.line = node->start_mark.line + 1, .column = node->start_mark.column + 1};
    status = each_pair(r, node, "grids", "a mapping of keys to sequences", read_axis, &grid);
    if (!status) status = sl_study_grid_expand(r->study, &grid, r->err);
    sl_study_grid_free(&grid);
  }
  return status;
}

static sl_status read_seeds(reader *r, yaml_node_t *node) {
  char list[2000] = "";
  if (node->type != YAML_SEQUENCE_NODE) return fail_at(r, node, "seeds", "a sequence of numbers");
  for (const yaml_node_item_t *i = node->data.sequence.items.start;
       i < node->data.sequence.items.top; i++) {
    const yaml_node_t *item = yaml_document_get_node(&r->document, *i);
    const char *text = text_of(item);
    const size_t used = strlen(list);
    if (!text || !*text || strchr(text, ',') || used + strlen(text) + 2 > sizeof list)
      return fail_at(r, item, "seeds", "a number");
    snprintf(list + used, sizeof list - used, "%s%s", used ? "," : "", text);
  }
  sl_error why;
  if (!sl_study_choose_seeds(r->study, list, &why)) return SL_OK;
  return sl_study_fail(r->study, node->start_mark.line + 1, node->start_mark.column + 1, r->err,
                       "%s", why.message + strlen("--")); /* "seeds: ..." */
}

static sl_status read_threshold(reader *r, const yaml_node_t *node, const char *name, double *out) {
  const char *text = text_of(node);
  char *end = NULL;
  const double value = text ? strtod(text, &end) : 0;
  if (!end || end == text || *end || !(value > 0 && value <= 1))
    return fail_at(r, node, name, "a number above 0, at most 1");
  *out = value;
  return SL_OK;
}

static sl_status find_arm(reader *r, const yaml_node_t *node, const char *name, size_t *out) {
  const char *text = text_of(node);
  for (size_t i = 0; text && i < r->study->arms; i++)
    if (strcmp(r->study->arm[i].name, text) == 0) {
      *out = i;
      return SL_OK;
    }
  return fail_at(r, node, name, "the name of an arm");
}

static sl_status read_role(reader *r, const yaml_node_t *key, yaml_node_t *value, void *user) {
  (void)user;
  sl_study_roles *roles = &r->study->roles;
  const char *name = text_of(key);
  if (strcmp(name, "baseline") == 0) return find_arm(r, value, name, &roles->baseline);
  if (strcmp(name, "repeat") == 0) return find_arm(r, value, name, &roles->repeat);
  if (strcmp(name, "shuffled") == 0) return find_arm(r, value, name, &roles->shuffled);
  if (strcmp(name, "format") == 0) return read_threshold(r, value, name, &roles->format);
  if (strcmp(name, "success") == 0) return read_threshold(r, value, name, &roles->success);
  if (strcmp(name, "tau") != 0)
    return fail_at(r, key, "compare", "one of baseline, repeat, shuffled, tau, format, success");
  const char *text = text_of(value);
  for (size_t i = 0; text && i < r->study->arms; i++)
    if (*text && strcmp(r->study->arm[i].tau, text) == 0) {
      snprintf(roles->tau, sizeof roles->tau, "%s", text);
      return SL_OK;
    }
  return fail_at(r, value, name, "one of the grids' taus");
}

/* Sections in the order in which they are needed: compare names arms. */
static const char *const sections[] = {"base", "out",   "seeds",  "warm_start",
                                       "arms", "grids", "compare"};
enum { SECTIONS = sizeof sections / sizeof *sections };

static sl_status note_section(reader *r, const yaml_node_t *key, yaml_node_t *value, void *user) {
  yaml_node_t **found = user;
  const char *text = text_of(key);
  for (size_t i = 0; i < SECTIONS; i++)
    if (strcmp(text, sections[i]) == 0) {
      found[i] = value;
      return SL_OK;
    }
  char meant[SL_MEANT];
  sl_meant_of(meant, text, sections, SECTIONS);
  return sl_study_fail(r->study, key->start_mark.line + 1, key->start_mark.column + 1, r->err,
                       "unknown key: expected one of base, out, seeds, warm_start, arms, grids, "
                       "compare, found '%.80s'%s",
                       text, meant);
}

/* A relative base starts from the folder of the study's file. */
static sl_status place_base(reader *r) {
  sl_study *s = r->study;
  const char *slash = strrchr(s->file, '/');
  if (*s->base == '/' || !slash) return SL_OK;
  char *folder = slash == s->file ? strdup("/") : strndup(s->file, (size_t)(slash - s->file)),
       *path = folder ? sl_path_join(folder, s->base) : NULL;
  free(folder);
  if (!path) return sl_fail(r->err, SL_ERR_MEMORY, "no memory for a path");
  free(s->base);
  s->base = path;
  return SL_OK;
}

static sl_status check_names(reader *r) {
  const sl_study *s = r->study;
  for (size_t i = 0; i < s->arms; i++) {
    const sl_study_arm *arm = &s->arm[i];
    const char *taken = sl_study_name_taken(arm->name);
    if (taken)
      return sl_study_fail(s, arm->line, arm->column, r->err,
                           "arms: %s is the name of %s in the study's folder", arm->name, taken);
    for (size_t j = 0; j < i; j++)
      if (strcmp(arm->name, s->arm[j].name) == 0)
        return sl_study_fail(s, arm->line, arm->column, r->err,
                             "arms: %s stands on line %zu already", arm->name, s->arm[j].line);
  }
  return SL_OK;
}

static sl_status read_arms(reader *r, yaml_node_t *arms, yaml_node_t *grids) {
  const yaml_node_t *first = arms ? arms : grids;
  if (!first)
    return sl_study_fail(r->study, 1, 1, r->err, "there are no arms: expected arms or grids");
  sl_status status = SL_OK;
  if (arms) status = each_pair(r, arms, "arms", "a mapping of names to keys", read_arm, NULL);
  if (!status && grids) status = read_grids(r, grids);
  if (!status && r->study->arms == 0)
    status = sl_study_fail(r->study, first->start_mark.line + 1, first->start_mark.column + 1,
                           r->err, "there are no arms: expected at least one in arms or grids");
  return status ? status : check_names(r);
}

static sl_status read_out(reader *r, const yaml_node_t *node) {
  r->study->out_line = node->start_mark.line + 1,
  r->study->out_column = node->start_mark.column + 1;
  return copy_text(r, node, "out", &r->study->out);
}

static sl_status read_root(reader *r, yaml_node_t *root) {
  yaml_node_t *at[SECTIONS] = {NULL};
  sl_status status = each_pair(r, root, "study", "a mapping of keys to values", note_section, at);
  if (status) return status;
  for (size_t i = 0; i < 3; i++)
    if (!at[i]) return sl_study_fail(r->study, 1, 1, r->err, "%s is missing", sections[i]);
  destination warm = {&r->study->warm, NULL, ""};
  status = copy_text(r, at[0], sections[0], &r->study->base);
  if (!status) status = place_base(r);
  if (!status) status = read_out(r, at[1]);
  if (!status) status = read_seeds(r, at[2]);
  if (!status && at[3])
    status = each_pair(r, at[3], sections[3], "a mapping of keys to values", read_set, &warm);
  if (!status) status = read_arms(r, at[4], at[5]);
  if (!status && at[6])
    status = each_pair(r, at[6], sections[6], "a mapping of parts to arms", read_role, NULL);
  return status;
}

static sl_status fail_parse(reader *r, const yaml_parser_t *p) {
  const char *problem = p->problem ? p->problem : "cannot be parsed";
  if (p->error == YAML_MEMORY_ERROR)
    return sl_fail(r->err, SL_ERR_MEMORY, "%s: no memory", r->study->file);
  if (p->error == YAML_READER_ERROR)
    return sl_fail(r->err, SL_ERR_INPUT, "%s: byte %zu: %s", r->study->file, p->problem_offset,
                   problem);
  return sl_study_fail(r->study, p->problem_mark.line + 1, p->problem_mark.column + 1, r->err, "%s",
                       problem);
}

/* A file is one document. */
static sl_status check_end(reader *r, yaml_parser_t *parser) {
  yaml_document_t rest;
  if (!yaml_parser_load(parser, &rest)) return fail_parse(r, parser);
  const int more = yaml_document_get_root_node(&rest) != NULL;
  const size_t line = rest.start_mark.line + 1, column = rest.start_mark.column + 1;
  yaml_document_delete(&rest);
  return more ? sl_study_fail(r->study, line, column, r->err, "a second document") : SL_OK;
}

static sl_status read_text(reader *r, const char *text, size_t size) {
  yaml_parser_t parser;
  if (!yaml_parser_initialize(&parser))
    return sl_fail(r->err, SL_ERR_MEMORY, "%s: no memory", r->study->file);
  yaml_parser_set_input_string(&parser, (const unsigned char *)text, size);
  sl_status status = SL_OK;
  if (!yaml_parser_load(&parser, &r->document)) {
    status = fail_parse(r, &parser);
  } else {
    yaml_node_t *root = yaml_document_get_root_node(&r->document);
    status = root ? read_root(r, root) : sl_study_fail(r->study, 1, 1, r->err, "the file is empty");
    if (!status) status = check_end(r, &parser);
    yaml_document_delete(&r->document);
  }
  yaml_parser_delete(&parser);
  return status;
}

sl_status sl_study_load(sl_study *out, const char *file, sl_error *err) {
  sl_study made = {.roles = {SL_STUDY_NONE, SL_STUDY_NONE, SL_STUDY_NONE, "", 0.9, 0.5}};
  char *text;
  size_t size;
  sl_status status = sl_file_read(&text, &size, file, FILE_MAX, err);
  if (status) return status;
  made.file = strdup(file);
  reader r = {.study = &made, .err = err};
  if (!made.file)
    status = sl_fail(err, SL_ERR_MEMORY, "%s: no memory", file);
  else
    status = read_text(&r, text, size);
  free(text);
  if (status)
    sl_study_free(&made);
  else
    *out = made;
  return status;
}
