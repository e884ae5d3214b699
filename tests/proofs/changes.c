/* Changes of certificates (see changes.h). */
#include "changes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int region_size(const lines_t *t, int i) {
  int n = 1;
  while (i + n < t->n && t->line[i + n][0] == 'c') n++;
  return n;
}
static int last_field(const lines_t *t, int i) {
  int n = 0;
  for (const char *c = t->line[i]; *c; c++) n += *c == ' ';
  return n;
}

/* Each returns 0 where it does not apply to the certificate. */
static int flip_goal(lines_t *t) {
  return lines_pick(2) ? lines_swap_word(t, "region", " up ", " down ")
                       : lines_swap_word(t, "region", " down ", " up ");
}
static int flip_curve(lines_t *t) {
  return lines_pick(2) ? lines_swap_word(t, "region", "curve-down", "curve-up")
                       : lines_swap_word(t, "region", "curve-up", "curve-down");
}
static int weaken_goal(lines_t *t) {
  return lines_swap_word(t, "region", lines_pick(2) ? " up " : " down ", " defined ");
}
static int drop_box(lines_t *t) {
  const int i = lines_find(t, "region", "");
  if (i < 0 || region_size(t, i) < 3) return 0;
  lines_drop(t, i + 1 + (int)lines_pick((uint32_t)region_size(t, i) - 1), 1);
  return lines_add_field(t, i, last_field(t, i), -1);
}
static int drop_box_only(lines_t *t) {
  const int i = lines_find(t, "c ", "");
  if (i < 0) return 0;
  lines_drop(t, i, 1);
  return 1;
}
/* m f + d; wraps where m is too long for a long: another wrong box. */
static long scaled(long m, long f, long d) {
  return (long)((unsigned long)m * (unsigned long)f + (unsigned long)d);
}
static int shrink_box(lines_t *t) { /* low end m 2^e moves up by half the scale: 2m+1, e-1 */
  const int i = lines_find(t, "c ", "");
  char v[40];
  if (i < 0) return 0;
  sprintf(v, "%ld", scaled(lines_get_field(t, i, 1), 2, 1));
  const long e = lines_get_field(t, i, 2);
  lines_set_field(t, i, 1, v);
  sprintf(v, "%ld", e - 1);
  lines_set_field(t, i, 2, v);
  return 1;
}
static int shrink_box_top(lines_t *t) {
  const int i = lines_find(t, "c ", "");
  char v[40];
  if (i < 0) return 0;
  sprintf(v, "%ld", scaled(lines_get_field(t, i, 3), 64, -1));
  const long e = lines_get_field(t, i, 4);
  lines_set_field(t, i, 3, v);
  sprintf(v, "%ld", e - 6);
  lines_set_field(t, i, 4, v);
  return 1;
}
static int widen_region(lines_t *t) {
  return lines_add_field(t, lines_find(t, "region", ""), 6, 1 + (long)lines_pick(3));
}
static int narrow_region(lines_t *t) {
  return lines_add_field(t, lines_find(t, "region", ""), 7, -1 - (long)lines_pick(3));
}
static int drop_region(lines_t *t) {
  const int i = lines_find(t, "region", "");
  if (i < 0) return 0;
  lines_drop(t, i, region_size(t, i));
  return 1;
}
static int move_region(lines_t *t) {
  const int i = lines_find(t, "region", "");
  return i < 0 ? 0 : lines_add_field(t, i, 1, lines_get_field(t, i, 1) ? -1 : 1);
}
static int change_order(lines_t *t) {
  return lines_add_field(t, lines_find(t, "region", "curve"), 3, 1 - 2 * (long)lines_pick(2));
}
static int tail_p1(lines_t *t) { return lines_add_field(t, lines_find(t, "P1 proved", ""), 3, 40); }
static int tail_p3(lines_t *t) {
  const int i = lines_find(t, "P3 proved", "");
  if (i < 0) return 0;
  lines_set_field(t, i, 4, lines_pick(2) ? "60" : "0");
  return 1;
}
static int prove_refuted(lines_t *t) {
  const int i = lines_find(t, "P", " refuted");
  if (i < 0) return 0;
  static const char *const lines[] = {"P1 proved tail 4", "P2 proved by-P3",
                                      "P3 proved weak tail 4", "P4 proved tail 4"};
  lines_put(t, i, strdup(lines[t->line[i][1] - '1']));
  return 1;
}
static int refute_proved(lines_t *t) {
  const int i = lines_find(t, "P", " proved");
  if (i < 0) return 0;
  static const char *const lines[] = {"P1 refuted jump 1 1 0", "P2 refuted value 0 3 -1",
                                      "P3 refuted slope 0 3 -1", "P4 refuted above 4 1 -8"};
  lines_put(t, i, strdup(lines[t->line[i][1] - '1']));
  return 1;
}
static int weak_to_strict(lines_t *t) { return lines_swap_word(t, "P3 proved", "weak", "strict"); }
static int toggle_constant(lines_t *t) {
  return lines_pick(2) ? lines_swap_word(t, "segment", "constant", "moving")
                       : lines_swap_word(t, "segment", "moving", "constant");
}
static int turn_segment(lines_t *t) {
  return lines_pick(2) ? lines_swap_word(t, "segment", " up ", " down ")
                       : lines_swap_word(t, "segment", " down ", " up ");
}
static int change_joins(lines_t *t) {
  return lines_add_field(t, lines_find(t, "joins", ""), 1, 1 - 2 * (long)lines_pick(2));
}
static int other_constant(lines_t *t) {
  const int i = lines_find(t, lines_pick(2) ? "value" : "weight", "1");
  if (i < 0) return 0;
  lines_put(t, i, lines_replaced(t->line[i], "1", "1.0625"));
  return 1;
}
static int other_function(lines_t *t) {
  static const char *const pairs[][2] = {
      {"sigmoid", "tanh"}, {"atan", "tanh"}, {"erf", "atan"}, {"softsign", "sigmoid"},
      {"exp", "expm1"},    {"tanh", "sinh"}, {"sqrt", "abs"}};
  const char *const *p = pairs[lines_pick(7)];
  return lines_swap_word(t, lines_pick(2) ? "value" : "weight", p[0], p[1]);
}
static int other_sign(lines_t *t) {
  return lines_pick(2) ? lines_swap_word(t, "value", " - ", " + ")
                       : lines_swap_word(t, "weight", " + ", " - ");
}
static int other_parameter(lines_t *t) {
  const int i = lines_find(t, "parameter", "");
  if (i < 0) return 0;
  lines_set_field(t, i, 2, lines_pick(2) ? "1.75" : "0.4");
  return 1;
}
static int widen_range(lines_t *t) {
  const int i = lines_find(t, "range", "");
  if (i < 0) return 0;
  lines_set_field(t, i, lines_pick(2) ? 3 : 2, lines_pick(2) ? "41" : "0.2");
  return 1;
}
static int drop_part(lines_t *t) {
  const int i = lines_find(t, "part ", "");
  if (i < 0) return 0;
  int n = 1;
  while (strcmp(t->line[i + n - 1], "end") != 0) n++;
  lines_drop(t, i, n);
  return 1;
}
static int shrink_part(lines_t *t) {
  return lines_add_field(t, lines_find(t, "part ", ""), 1, 1L << 30);
}
static int move_witness(lines_t *t) {
  const int i = lines_find(t, "P", " refuted");
  if (i < 0 || last_field(t, i) < 5) return 0;
  return lines_add_field(t, i, 5, lines_pick(2) ? 6 : -6);
}
static int other_join(lines_t *t) {
  const int i = lines_find(t, "P", "refuted jump");
  return i < 0 ? 0 : lines_add_field(t, i, 3, 1 - 2 * (long)lines_pick(2));
}
static int change_zone(lines_t *t) {
  const int i = lines_find(t, "segment", "moving");
  return i < 0 ? 0 : lines_add_field(t, i, lines_pick(2) ? 4 : 6, 1);
}
static int rest_on_nothing(lines_t *t) {
  const int i = lines_find(t, "P3 proved", "");
  if (i < 0) return 0;
  lines_put(t, i, strdup("P3 undecided"));
  return 1;
}
static int cut_short(lines_t *t) {
  if (t->n < 8) return 0;
  const int keep = 4 + (int)lines_pick((uint32_t)t->n - 6);
  lines_drop(t, keep, t->n - keep - 1);
  return 1;
}
static int swap_lines(lines_t *t) {
  const int i = 2 + (int)lines_pick((uint32_t)t->n - 4);
  char *keep = t->line[i];
  if (strcmp(keep, t->line[i + 1]) == 0) return 0;
  t->line[i] = t->line[i + 1], t->line[i + 1] = keep;
  return 1;
}
static int p4_bound(const lines_t *t) { return lines_find(t, "P4 refuted", ""); }
static int raise_bound(lines_t *t) { return lines_add_field(t, p4_bound(t), 5, 8); }
static int begin_earlier(lines_t *t) {
  return lines_add_field(t, p4_bound(t), 3, -1 - (long)lines_pick(6));
}
static int other_side(lines_t *t) {
  return lines_pick(2) ? lines_swap_word(t, "P4 refuted", "above", "below")
                       : lines_swap_word(t, "P4 refuted", "below", "above");
}
static int negate_bound(lines_t *t) {
  char v[40];
  const int i = p4_bound(t);
  if (i < 0) return 0;
  sprintf(v, "%ld", -lines_get_field(t, i, 4));
  lines_set_field(t, i, 4, v);
  return 1;
}
static int other_basis(lines_t *t) {
  static const char *const words[] = {"tail", "slope-tail", "log-tail", "bounded"};
  const int i = lines_find(t, "P4 proved", "");
  if (i < 0) return 0;
  lines_set_field(t, i, 2, words[lines_pick(4)]);
  return 1;
}
static int p4_rests_on_less(lines_t *t) { /* drops the region of f' that falls */
  const int i = lines_find(t, "region", "falls");
  if (i < 0 || lines_find(t, "P4 proved", "bounded") < 0 || lines_find(t, "P3 proved", "") >= 0)
    return 0;
  lines_drop(t, i, region_size(t, i));
  return 1;
}
static int p4w_on_nothing(lines_t *t) {
  const int i = lines_find(t, "P4 proved", "");
  if (i < 0) return 0;
  lines_put(t, i, strdup("P4 undecided"));
  return 1;
}
static int p4w_by_p4(lines_t *t) {
  const int i = lines_find(t, "P4w", "");
  if (i < 0 || lines_find(t, "P4 refuted", "") < 0) return 0;
  lines_put(t, i, strdup("P4w proved by-P4"));
  return 1;
}
static int other_place(lines_t *t) { /* the parameters of a refutation */
  const int i = p4_bound(t);
  if (i < 0 || last_field(t, i) < 6) return 0;
  lines_set_field(t, i, 6, lines_pick(2) ? "1.5" : "0.25");
  return 1;
}
/* Another digit, or another sign, in the expression of a form or a course, its k-th field. */
static int other_digit(lines_t *t, const char *prefix, int k) {
  const int i = lines_find(t, prefix, "");
  if (i < 0) return 0;
  char *y = strdup(t->line[i]), *at = y;
  for (; k; k--) at = strchr(at, ' ') + 1;
  const size_t n = strlen(at), from = lines_pick((uint32_t)n);
  for (size_t j = 0; j < n; j++) {
    char *c = &at[(from + j) % n];
    if (*c < '0' || *c > '8') continue;
    *c = (char)(*c + 1);
    lines_put(t, i, y);
    return 1;
  }
  free(y);
  return 0;
}
static int form_digit(lines_t *t) { return other_digit(t, "form", 3); }
static int course_digit(lines_t *t) { return other_digit(t, "course", 1); }
static int form_sign(lines_t *t) {
  return lines_pick(2) ? lines_swap_word(t, "form", " + ", " - ")
                       : lines_swap_word(t, "form", "(r - ", "(r + ");
}
static int drop_form(lines_t *t) {
  const int i = lines_find(t, "form", "");
  if (i < 0) return 0;
  lines_drop(t, i, 1);
  return 1;
}
static int move_form(lines_t *t) {
  return lines_add_field(t, lines_find(t, "form", ""), 1, 1 - 2 * (long)lines_pick(2));
}
static int other_kind(lines_t *t) {
  return lines_pick(2) ? lines_swap_word(t, "form", " slope ", " weight ")
                       : lines_swap_word(t, "form", " slope ", " over ");
}
static int drop_course(lines_t *t) {
  const int i = lines_find(t, "course", "");
  if (i < 0) return 0;
  lines_drop(t, i, 1);
  return 1;
}
static int other_version(lines_t *t) {
  lines_put(t, 0, strdup("sluice-certificate 1"));
  return 1;
}

static int move_log_zone(lines_t *t) {
  return lines_add_field(t, lines_find(t, "segment 0", " moving 0 "), 5, lines_pick(2) ? -3 : 1);
}
static int log_zone_order(lines_t *t) {
  return lines_add_field(t, lines_find(t, "segment 0", " moving 0 "), 4, 1 + (long)lines_pick(3));
}
static int value_at_zero(lines_t *t) {
  return lines_swap_word(t, "weight", "pick(r, 0, 0", "pick(r, 0, 1e-30");
}

const certificate_change certificate_changes[CERTIFICATE_CHANGES] = {
    {"flip the sign of a slope region", flip_goal, NULL},
    {"flip the sign of a curve region", flip_curve, NULL},
    {"weaken a slope region to 'defined'", weaken_goal, NULL},
    {"drop a box", drop_box, NULL},
    {"drop a box, keep the count", drop_box_only, NULL},
    {"raise a box's low end", shrink_box, NULL},
    {"lower a box's high end", shrink_box_top, NULL},
    {"widen a region", widen_region, NULL},
    {"narrow a region", narrow_region, NULL},
    {"drop a region", drop_region, NULL},
    {"move a region to another segment", move_region, NULL},
    {"change the order of a zone's region", change_order, NULL},
    {"swap the tail of P1", tail_p1, "regions without an end reach over the tail too"},
    {"swap the tail of P3", tail_p3, "the tail that fits from 2^0 on"},
    {"prove what was refuted", prove_refuted, NULL},
    {"refute what was proved", refute_proved, NULL},
    {"weak becomes strict", weak_to_strict, NULL},
    {"constant becomes moving, or back", toggle_constant, NULL},
    {"turn a segment", turn_segment, NULL},
    {"another number of joins", change_joins, NULL},
    {"another constant in the expression", other_constant, NULL},
    {"another function in the expression", other_function, NULL},
    {"another sign in the expression", other_sign, NULL},
    {"another value of a parameter", other_parameter, NULL},
    {"widen a parameter's range", widen_range, NULL},
    {"drop a part", drop_part, NULL},
    {"shrink a part's box", shrink_part, NULL},
    {"move a witness", move_witness,
     "a neighbouring point refutes as well; a smaller bound of r f' holds too"},
    {"another join", other_join, NULL},
    {"another zone order", change_zone, NULL},
    {"P2 rests on a P3 that is not claimed", rest_on_nothing, NULL},
    {"cut short", cut_short, NULL},
    {"swap two lines", swap_lines,
     "two boxes of a region, or two whole records of the same kind, in another order"},
    {"another version", other_version, NULL},
    {"raise the bound of P4", raise_bound, NULL},
    {"begin the bound of P4 earlier", begin_earlier, "r f' keeps the bound from there on too"},
    {"the other side of P4's bound", other_side, NULL},
    {"negate the bound of P4", negate_bound, NULL},
    {"another basis of P4", other_basis, "the other basis shows it too"},
    {"P4 by the lemma without its region", p4_rests_on_less, NULL},
    {"P4w rests on a P4 that is not claimed", p4w_on_nothing, NULL},
    {"P4w rests on a P4 that is refuted", p4w_by_p4, NULL},
    {"P4 refuted at another parameter", other_place, NULL},
    {"another number in a form", form_digit, NULL},
    {"another sign in a form", form_sign, NULL},
    {"drop a form", drop_form, "halves of the boxes hold without it"},
    {"a form of another segment", move_form, NULL},
    {"another kind of form", other_kind, NULL},
    {"move a zone by the logarithm", move_log_zone, "the tail form shows it from there on too"},
    {"a zone by the logarithm of an order", log_zone_order, NULL},
    {"another value at r = 0", value_at_zero, NULL},
    {"another number in a course", course_digit, "a switch in f' that the boxes decide too"},
    {"drop a course", drop_course, "a switch in f' that the boxes decide too"},
};
