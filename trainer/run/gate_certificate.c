/* Is what a certificate proves the gate that runs? (spec G6.1) */
#include "gate_certificate.h"

#include "certificate_facts.h"
#include "kernels/gate/definition.h"
#include "kernels/gate/normal.h"
#include "kernels/support/shortest_decimal.h"
#include "kernels/support/text_stream.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { EXPRESSION_SIZE = 24000 };

typedef struct {
  const sl_config *config;
  const sl_bound_gate *bound;
  const sl_gate_definition *definition; /* of a family too */
  int sign;
  const sl_fact_side *side;
} comparison;

static const char *sign_name(const comparison *x) { return x->sign ? "A > 0" : "A <= 0"; }

static sl_status refuse(const comparison *x, sl_error *err, const char *text) {
  return sl_config_fail(x->config, SL_KEY_gate_certificate, err, "%s: %s: %s",
                        x->config->gate.certificate, sign_name(x), text);
}

/* Its parameters are those that the certificate names, and its f or weight that of the text. */
static sl_status parse_side(sl_gate_definition **out, const sl_fact_side *s) {
  sl_text_stream made;
  FILE *file = sl_text_stream_open(&made);
  if (!file) return SL_ERR_MEMORY;
  fputs("gate certified\n", file);
  for (size_t i = 0; i < s->values.n; i++) {
    const sl_fact_parameter *p = &s->values.parameter[i];
    fprintf(file, "param %s in [%s, %s] default %s\n", p->name, p->low, p->high, p->low);
  }
  fprintf(file, "%s = %s\n", s->weight ? "weight" : "f", s->expression);
  char *text = sl_text_stream_close(&made);
  sl_gate gate;
  sl_error why;
  const sl_status status =
      text ? sl_gate_parse(&gate, out, text, made.size, "certificate", NULL, 0, &why)
           : SL_ERR_MEMORY;
  free(text);
  return status;
}

/* One text, or, of a kernel, one normal form (G1.3): then both are the kernel's f. -1: memory is
 * short. */
static int same_expression(const comparison *x) {
  const sl_fact_side *s = x->side;
  const sl_gate_definition *d = x->definition;
  if (s->weight == sl_gate_definition_has_value(d, x->sign)) return 0;
  char *text = malloc(EXPRESSION_SIZE);
  if (!text) return -1;
  int same = sl_gate_definition_expression(d, x->sign, s->weight, text, EXPRESSION_SIZE) &&
             strcmp(text, s->expression) == 0;
  free(text);
  if (same || x->bound->gate->family[x->sign] == SL_GATE_EXPRESSION) return same;
  sl_gate_definition *certified;
  const sl_status status = parse_side(&certified, s);
  if (status) return status == SL_ERR_MEMORY ? -1 : 0;
  same = sl_gate_same(certified, d, x->sign, s->weight);
  sl_gate_definition_free(certified);
  return same;
}

/* The numbers that the weight is computed with (G6.1): of a kernel those of O2, of an expression
 * binary64. 0: the gate has no such parameter. */
static int used_values(const comparison *x, const char *name, double out[2]) {
  const sl_gate *gate = x->bound->gate;
  const int family = (int)gate->family[x->sign];
  const char *of_kernel = sl_gate_kernel_parameter(family, x->sign);
  if (family != SL_GATE_EXPRESSION && of_kernel && strcmp(name, of_kernel) == 0) {
    const int clip = family == SL_GATE_CLIP;
    const double edge = x->sign ? gate->clip_high : gate->clip_low;
    out[0] = clip ? edge : (double)x->bound->least_tau[x->sign];
    out[1] = clip ? edge : (double)x->bound->most_tau[x->sign];
    return 1;
  }
  for (size_t i = 0; i < sl_gate_definition_parameters(x->definition); i++) {
    const sl_gate_parameter_info info = sl_gate_definition_parameter(x->definition, i);
    if (strcmp(info.name, name) != 0) continue;
    out[0] = out[1] = info.value[x->sign];
    return 1;
  }
  return 0;
}

/* `of`: a requirement, or NULL where P1 to P4 are proved over this range. */
static sl_status check_value(const comparison *x, const sl_fact_parameter *p, const char *of,
                             sl_error *err) {
  double used[2];
  char text[500], number[SL_DECIMAL_SIZE], what[200] = "";
  if (of) snprintf(what, sizeof what, "require %.150s: ", of);
  if (!used_values(x, p->name, used)) {
    snprintf(text, sizeof text, "%sthe run's gate has no parameter %s", what, p->name);
    return refuse(x, err, text);
  }
  for (int k = 0; k < 2; k++) {
    if (used[k] >= p->least && used[k] <= p->most) continue;
    sl_shortest_double(number, used[k]);
    snprintf(text, sizeof text,
             "%s%s of the run is %s (%a), which is not in the certificate's [%s, %s]; 'sluice "
             "verify --for-run' widens ranges to the numbers that a run computes with",
             what, p->name, number, used[k], p->low, p->high);
    return refuse(x, err, text);
  }
  return SL_OK;
}

static sl_status check_values(const comparison *x, const sl_fact_values *v, sl_error *err) {
  sl_status status = SL_OK;
  for (size_t i = 0; i < v->n && !status; i++) status = check_value(x, &v->parameter[i], NULL, err);
  return status;
}

static sl_status check_properties(const comparison *x, sl_error *err) {
  char text[300];
  for (int i = 0; i < SL_FACT_PROPERTIES; i++)
    if (strcmp(x->side->verdict[i], "proved") != 0) {
      snprintf(text, sizeof text, "P%d is not proved: %s", i + 1, x->side->verdict[i]);
      return refuse(x, err, text);
    }
  for (size_t i = 0; i < x->side->requirements; i++) {
    const sl_fact_requirement *q = &x->side->requirement[i];
    if (strcmp(q->verdict, "proved") == 0) continue;
    snprintf(text, sizeof text, "require %.200s is not proved: %s", q->text, q->verdict);
    return refuse(x, err, text);
  }
  return SL_OK;
}

static const sl_fact_parameter *find_parameter(const sl_fact_values *v, const char *name) {
  for (size_t k = 0; k < v->n; k++)
    if (strcmp(v->parameter[k].name, name) == 0) return &v->parameter[k];
  return NULL;
}

static int same_decimal(sl_decimal x, const char *text) {
  char own[48];
  sl_decimal_print(own, sizeof own, x);
  return strcmp(own, text) == 0;
}

/* A requirement of the gate's file and one of the certificate: one text, one range of r, and ranges
 * of its own that are equal. */
static int is_requirement(const comparison *x, const sl_gate_requirement *a,
                          const sl_fact_requirement *b, char *text) {
  const sl_gate_definition *d = x->definition;
  char names[SL_GATE_PARAMETER_LIMIT][32];
  memcpy(names, d->param_name, sizeof names);
  if (!sl_tree_print(text, EXPRESSION_SIZE, &d->tree, a->left, names)) return 0;
  const size_t n = strlen(text);
  if (strncmp(text, b->text, n) != 0 || strncmp(b->text + n, " <= ", 4) != 0) return 0;
  if (!sl_tree_print(text, EXPRESSION_SIZE, &d->tree, a->right, names) ||
      strcmp(text, b->text + n + 4) != 0 || !same_decimal(a->r_low, b->low))
    return 0;
  if (a->r_high.e == INT32_MAX ? strcmp(b->high, "inf") != 0 : !same_decimal(a->r_high, b->high))
    return 0;
  for (int i = 0; i < d->param_count; i++) {
    const sl_fact_parameter *p = find_parameter(&b->values, d->param[i].name);
    if ((a->ranged >> i & 1) &&
        !(p && same_decimal(a->low[i], p->low) && same_decimal(a->high[i], p->high)))
      return 0;
  }
  return 1;
}

/* Of a parameter that has no range of the requirement's own, every value of the run lies in the
 * one over which it is proved. */
static sl_status check_needed_values(const comparison *x, const sl_gate_requirement *a,
                                     const sl_fact_requirement *b, sl_error *err) {
  const sl_gate_definition *d = x->definition;
  sl_status status = SL_OK;
  for (size_t k = 0; k < b->values.n && !status; k++) {
    const sl_fact_parameter *p = &b->values.parameter[k];
    int i = 0;
    while (i < d->param_count && strcmp(d->param[i].name, p->name) != 0) i++;
    if (i == d->param_count || !(a->ranged >> i & 1)) status = check_value(x, p, b->text, err);
  }
  return status;
}

/* A `require` of the gate's file is one of the certificate, for the values of the run. Of several
 * with its text one is enough; the last one's fault is reported. */
static sl_status check_required(const comparison *x, const sl_gate_requirement *a, char *text,
                                sl_error *err) {
  char message[300];
  snprintf(message, sizeof message, "'%s' of the gate's file is not in the certificate", a->text);
  sl_status fault = SL_OK;
  for (size_t k = 0; k < x->side->requirements; k++) {
    const sl_fact_requirement *b = &x->side->requirement[k];
    if (!is_requirement(x, a, b, text)) continue;
    if ((fault = check_needed_values(x, a, b, err)) == SL_OK) return SL_OK;
  }
  return fault ? fault : refuse(x, err, message);
}

/* Every `require` of the gate's file. */
static sl_status check_listed(const comparison *x, sl_error *err) {
  const sl_gate_definition *d = x->definition;
  char *text = malloc(EXPRESSION_SIZE);
  if (!text) return sl_fail(err, SL_ERR_MEMORY, "no memory for an expression");
  sl_status status = SL_OK;
  for (int i = 0; i < d->requirement_count && !status; i++)
    status = check_required(x, &d->requirement[i], text, err);
  free(text);
  return status;
}

static sl_status check_sign(const comparison *x, sl_error *err) {
  sl_status status = check_properties(x, err);
  const int is_same = status ? 0 : same_expression(x);
  if (is_same < 0) return sl_fail(err, SL_ERR_MEMORY, "no memory for an expression");
  if (!status && !is_same)
    status = refuse(x, err, "it is another gate's: its expression is not that of gate.name");
  if (!status) status = check_values(x, &x->side->values, err);
  return status ? status : check_listed(x, err);
}

/* A gate whose signs agree has a certificate of `side pos` alone. */
static sl_status check_signs(const sl_certificate_facts *facts, comparison *x, sl_error *err) {
  for (x->sign = 1; x->sign >= 0; x->sign--) {
    if (facts->two) return refuse(x, err, "it is of a gate of two arguments, which no run has");
    x->side = &facts->side[x->sign];
    if (!x->side->expression) x->side = &facts->side[1];
    if (!x->side->expression) return refuse(x, err, "the certificate does not have this sign");
    const sl_status status = check_sign(x, err);
    if (status) return status;
  }
  return SL_OK;
}

static sl_status check(char digest[SL_DIGEST_TEXT], comparison *x, sl_error *err) {
  const sl_config *c = x->config;
  sl_certificate_facts facts;
  sl_error why;
  sl_status status =
      sl_certificate_facts_read(&facts, sl_config_path(c, SL_KEY_gate_certificate), &why);
  if (status) {
    sl_config_fail(c, SL_KEY_gate_certificate, err, "%s", why.message);
    err->status = status == SL_ERR_INPUT ? err->status : status;
    return err->status;
  }
  status = check_signs(&facts, x, err);
  x->side = NULL; /* it was of these facts */
  if (!status) memcpy(digest, facts.digest, SL_DIGEST_TEXT);
  sl_certificate_facts_free(&facts);
  return status;
}

sl_status sl_gate_certificate_check(char digest[SL_DIGEST_TEXT], const sl_config *config,
                                    const sl_bound_gate *bound, sl_error *err) {
  digest[0] = 0;
  if (!*config->gate.certificate) return SL_OK;
  sl_gate_definition *family = NULL;
  sl_gate gate;
  sl_status status =
      bound->definition ? SL_OK : sl_gate_load(&gate, &family, config->gate.name, NULL, 0, err);
  comparison x = {.config = config,
                  .bound = bound,
                  .definition = bound->definition ? bound->definition : family};
  if (!status) status = check(digest, &x, err);
  sl_gate_definition_free(family);
  return status;
}
