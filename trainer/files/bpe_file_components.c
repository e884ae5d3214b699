/* tokenizer.json (spec F7.1): how a text is normalized and split, what stands around it, and how
 * ids become text again. A component that is not listed here is refused by its name. */
#include "bpe_file_parts.h"

#include "trainer/text/expression.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COMPONENTS_MAX 32
#define PATH_BYTES 64

/* What GPT-2 splits by, and ByteLevel too unless use_regex is false. */
static const char gpt2[] =
    "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+";

/* The members of a Sequence, or the component itself; `each` is called for every one. */
typedef sl_status (*each_component)(sl_bpe_reading *r, const char *path, const json_t *component,
                                    int is_last);
static sl_status walk(sl_bpe_reading *r, const char *list, each_component each) {
  const json_t *root = json_object_get(r->doc->root, r->key);
  const char *allowed[] = {"type", list, NULL}, *type;
  if (!root || json_is_null(root)) return SL_OK;
  SL_TRY(sl_bpe_type(r, "", root, &type));
  if (strcmp(type, "Sequence") != 0) return each(r, "", root, 1);
  SL_TRY(sl_bpe_only(r, "", root, allowed));
  const json_t *members = json_object_get(root, list);
  const size_t n = json_array_size(members);
  if (!json_is_array(members) || n > COMPONENTS_MAX)
    return sl_bpe_refuse(r, list, "expected a list of at most %d", COMPONENTS_MAX);
  for (size_t i = 0; i < n; i++) {
    char path[PATH_BYTES];
    snprintf(path, sizeof path, "%s[%zu]", list, i);
    SL_TRY(each(r, path, json_array_get(members, i), i + 1 == n));
  }
  return SL_OK;
}

static sl_status unknown(const sl_bpe_reading *r, const char *path, const char *type,
                         const char *known) {
  return sl_bpe_refuse(r, path, "\"%.60s\" is not read; %s", type, known);
}

static sl_status read_normalizer(sl_bpe_reading *r, const char *path, const json_t *component,
                                 int is_last) {
  static const char *const allowed[] = {"type", NULL};
  const char *type;
  (void)is_last;
  SL_TRY(sl_bpe_type(r, path, component, &type));
  if (strcmp(type, "NFC") != 0) return unknown(r, path, type, "NFC is");
  SL_TRY(sl_bpe_only(r, path, component, allowed));
  r->parts.composes = 1;
  return SL_OK;
}

static sl_status add_step(sl_bpe_reading *r, const char *path, sl_split_step step) {
  if (r->parts.n_steps == SL_BPE_STEPS)
    return sl_bpe_refuse(r, path, "more than %d steps that split", SL_BPE_STEPS);
  r->parts.steps[r->parts.n_steps++] = step;
  return SL_OK;
}

static sl_status add_expression(sl_bpe_reading *r, const char *path, const char *text, int quotes,
                                sl_split_step step) {
  sl_error inner;
  step.kind = SL_SPLIT_EXPRESSION;
  const sl_status status =
      (quotes ? sl_expression_quote : sl_expression_translate)(&step.expression, text, &inner);
  if (status == SL_ERR_INPUT) return sl_bpe_refuse(r, path, "%s", inner.message);
  if (status) return sl_fail(r->err, status, "%s", inner.message);
  const sl_status added = add_step(r, path, step);
  if (added) free(step.expression);
  return added;
}

static sl_status read_split(sl_bpe_reading *r, const char *path, const json_t *component) {
  static const char *const allowed[] = {"type", "pattern", "behavior", "invert", NULL};
  int invert;
  SL_TRY(sl_bpe_only(r, path, component, allowed));
  SL_TRY(sl_bpe_flag(r, path, component, "invert", -1, &invert));
  const char *behavior = json_string_value(json_object_get(component, "behavior"));
  const json_t *pattern = json_object_get(component, "pattern");
  const char *expression = json_string_value(json_object_get(pattern, "Regex"));
  const char *text = json_string_value(json_object_get(pattern, "String"));
  if (!behavior || (strcmp(behavior, "Isolated") != 0 && strcmp(behavior, "Removed") != 0))
    return sl_bpe_refuse(r, path, "behavior: \"%.40s\" is not read; Isolated and Removed are",
                         behavior ? behavior : "");
  if (json_object_size(pattern) != 1 || (!expression && !text))
    return sl_bpe_refuse(r, path, "pattern: expected {\"Regex\": ...} or {\"String\": ...}");
  const int removes = behavior[0] == 'R';
  const sl_split_step step = {.drops_matches = removes && !invert, .drops_gaps = removes && invert};
  return add_expression(r, path, expression ? expression : text, !expression, step);
}

static sl_status read_byte_level(sl_bpe_reading *r, const char *path, const json_t *component) {
  static const char *const allowed[] = {"type", "add_prefix_space", "trim_offsets", "use_regex",
                                        NULL};
  int space, offsets, splits;
  SL_TRY(sl_bpe_only(r, path, component, allowed));
  SL_TRY(sl_bpe_flag(r, path, component, "add_prefix_space", -1, &space));
  SL_TRY(sl_bpe_flag(r, path, component, "trim_offsets", -1, &offsets));
  SL_TRY(sl_bpe_flag(r, path, component, "use_regex", 1, &splits));
  if (space) SL_TRY(add_step(r, path, (sl_split_step){.kind = SL_SPLIT_SPACE}));
  return splits ? add_expression(r, path, gpt2, 0, (sl_split_step){.expression = NULL}) : SL_OK;
}

static sl_status read_splitter(sl_bpe_reading *r, const char *path, const json_t *component,
                               int is_last) {
  static const char *const allowed[] = {"type", "individual_digits", NULL};
  const char *type;
  SL_TRY(sl_bpe_type(r, path, component, &type));
  if (is_last != (strcmp(type, "ByteLevel") == 0))
    return sl_bpe_refuse(r, path,
                         "\"%.60s\": what is read here ends with ByteLevel, and has it "
                         "once",
                         type);
  if (is_last) return read_byte_level(r, path, component);
  if (strcmp(type, "Split") == 0) return read_split(r, path, component);
  if (strcmp(type, "Digits") != 0) return unknown(r, path, type, "Split, Digits and ByteLevel are");
  int each;
  SL_TRY(sl_bpe_only(r, path, component, allowed));
  SL_TRY(sl_bpe_flag(r, path, component, "individual_digits", -1, &each));
  return add_step(r, path, (sl_split_step){.kind = each ? SL_SPLIT_DIGIT : SL_SPLIT_DIGITS});
}

static sl_status read_decoder(sl_bpe_reading *r, const char *path, const json_t *component,
                              int is_last) {
  const char *type;
  SL_TRY(sl_bpe_type(r, path, component, &type));
  if (strcmp(type, "ByteLevel") != 0 || !is_last || strcmp(path, "decoders[0]") > 0)
    return unknown(r, path, type, "ByteLevel alone is");
  return SL_OK;
}

static sl_status need(sl_bpe_reading *r) {
  const json_t *value = json_object_get(r->doc->root, r->key);
  if (value && !json_is_null(value)) return SL_OK;
  return sl_bpe_refuse(r, "", "missing; byte-level BPE has ByteLevel here");
}

sl_status sl_bpe_read_components(sl_bpe_reading *r) {
  r->key = "normalizer";
  SL_TRY(walk(r, "normalizers", read_normalizer));
  r->key = "pre_tokenizer";
  SL_TRY(need(r));
  SL_TRY(walk(r, "pretokenizers", read_splitter));
  r->key = "decoder";
  SL_TRY(need(r));
  return walk(r, "decoders", read_decoder);
}

/* The ids of a special token that a template names. */
static sl_status put_special(sl_bpe_reading *r, const char *path, const json_t *piece,
                             const json_t *known, uint32_t *ids, size_t *n) {
  const char *name = json_string_value(json_object_get(piece, "id"));
  const json_t *list = name ? json_object_get(json_object_get(known, name), "ids") : NULL;
  const size_t count = json_array_size(list);
  if (count == 0)
    return sl_bpe_refuse(r, path, "the special token '%.60s' has no ids", name ? name : "");
  if (count > SL_BPE_FRAME - *n)
    return sl_bpe_refuse(r, path, "more than %d ids around a text", SL_BPE_FRAME);
  for (size_t i = 0; i < count; i++) {
    SL_TRY(sl_bpe_id(r, path, json_array_get(list, i), &ids[*n]));
    if (ids[*n] >= r->parts.n_ids || !r->parts.kind[ids[*n]])
      return sl_bpe_refuse(r, path, "'%.60s': there is no token %u", name, ids[*n]);
    ++*n;
  }
  return SL_OK;
}

static sl_status read_template(sl_bpe_reading *r, const char *path, const json_t *component) {
  static const char *const allowed[] = {"type", "single", "pair", "special_tokens", NULL};
  SL_TRY(sl_bpe_only(r, path, component, allowed));
  const json_t *single = json_object_get(component, "single");
  const json_t *known = json_object_get(component, "special_tokens");
  if (!json_is_array(single) || !json_is_object(known))
    return sl_bpe_refuse(r, path, "expected the lists 'single' and 'special_tokens'");
  if (r->parts.n_before || r->parts.n_after)
    return sl_bpe_refuse(r, path, "a second TemplateProcessing");
  sl_bpe_parts *p = &r->parts;
  int has_text = 0;
  for (size_t i = 0; i < json_array_size(single); i++) {
    const json_t *piece = json_array_get(single, i);
    const json_t *special = json_object_get(piece, "SpecialToken");
    const char *text = json_string_value(json_object_get(json_object_get(piece, "Sequence"), "id"));
    if (special) {
      SL_TRY(put_special(r, path, special, known, has_text ? p->after : p->before,
                         has_text ? &p->n_after : &p->n_before));
    } else if (text && strcmp(text, "A") == 0 && !has_text) {
      has_text = 1;
    } else {
      return sl_bpe_refuse(r, path, "single[%zu]: expected a special token, or once the text A", i);
    }
  }
  return has_text ? SL_OK : sl_bpe_refuse(r, path, "single: the text A is missing");
}

static sl_status read_processor(sl_bpe_reading *r, const char *path, const json_t *component,
                                int is_last) {
  const char *type;
  (void)is_last;
  SL_TRY(sl_bpe_type(r, path, component, &type));
  if (strcmp(type, "ByteLevel") == 0) return SL_OK; /* it changes offsets, which are not kept */
  if (strcmp(type, "TemplateProcessing") == 0) return read_template(r, path, component);
  return unknown(r, path, type, "ByteLevel and TemplateProcessing are");
}

sl_status sl_bpe_read_frame(sl_bpe_reading *r) {
  r->key = "post_processor";
  return walk(r, "processors", read_processor);
}
