/* The table of causes, and what a row changes (spec E8.1). */
#include "cause.h"

#include <stdio.h>
#include <string.h>

static const sl_cause_row rows[] = {
    [SL_CAUSE_NONE] = {"NONE", NULL, "", "", ""},
#define SL_CAUSE(name, op, defects, text, change) \
  [SL_CAUSE_##name] = {#name, &sl_op_##op, defects, text, change},
#include "causes.def"
};

const sl_cause_row *sl_cause_at(sl_cause cause) { return &rows[cause]; }

static const char set[] = "set:", contract[] = "contract:", rounded[] = "round:", cut[] = "cut:";

static int begins(const char *text, const char *with) {
  return strncmp(text, with, strlen(with)) == 0;
}

int sl_cause_is_contract(sl_cause cause) { return begins(rows[cause].change, contract); }

int sl_cause_is_coarse(sl_cause cause) {
  return sl_cause_is_contract(cause) && !strstr(rows[cause].change, "subnormals=");
}

/* Each setting that the change names is as it was. */
static int same_settings(const sl_op_case *a, const sl_op_case *b) {
  return memcmp(a->setting, b->setting, sizeof a->setting) == 0;
}

static sl_status apply_settings(sl_op_case *c, const char *text) {
  const sl_op_case was = *c;
  while (*text) {
    char one[64];
    const size_t n = strcspn(text, ",");
    snprintf(one, sizeof one, "%.*s", (int)n, text);
    SL_TRY(sl_op_setting_parse(c, one, NULL));
    text += n + (text[n] == ',');
  }
  return same_settings(&was, c) ? SL_ERR_USAGE : SL_OK;
}

static sl_status apply_contract(sl_op_case *c, const char *text) {
  const sl_contract was = c->contract;
  char before[SL_CONTRACT_TEXT], after[SL_CONTRACT_TEXT];
  SL_TRY(sl_contract_parse(&c->contract, text, c->op->stored, NULL));
  c->contract.stored |= was.stored;
  if (sl_format_digits(was.out) < sl_format_digits(c->contract.out)) c->contract.out = was.out;
  sl_contract_print(before, &was, c->op->stored);
  sl_contract_print(after, &c->contract, c->op->stored);
  return strcmp(before, after) == 0 ? SL_ERR_USAGE : SL_OK;
}

static sl_status apply_inputs(sl_op_case *c, const char *type, sl_inputs inputs) {
  if (c->contract.inputs != SL_INPUTS_GIVEN) return SL_ERR_USAGE;
  c->contract.inputs = inputs;
  return sl_format_find(&c->contract.in, type, strlen(type)) ? SL_OK : SL_ERR_USAGE;
}

sl_status sl_cause_apply(sl_op_case *c, sl_cause cause) {
  sl_op_case made = *c;
  const char *change = rows[cause].change;
  if (sl_has(c, cause)) return SL_ERR_USAGE;
  made.cause[made.cause[0] != SL_CAUSE_NONE] = (int)cause;
  if (begins(change, set)) SL_TRY(apply_settings(&made, change + strlen(set)));
  if (begins(change, contract)) SL_TRY(apply_contract(&made, change + strlen(contract)));
  if (begins(change, rounded))
    SL_TRY(apply_inputs(&made, change + strlen(rounded), SL_INPUTS_ROUNDED));
  if (begins(change, cut)) SL_TRY(apply_inputs(&made, change + strlen(cut), SL_INPUTS_CUT));
  *c = made;
  return SL_OK;
}
