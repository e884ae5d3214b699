/* Files that name a kernel (see kernel_text.h): the trainer computes the kernel, the prover reads
 * the expression, so both have to say the same. */
#include "kernel_text.h"

#include "normal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int index_of(const sl_gate_definition *def, const char *name) {
  int i = 0;
  while (i < def->param_count && strcmp(def->param[i].name, name) != 0) i++;
  return i;
}

/* Parameters by name, those that the file lacks added. -1: too many. */
static int map_parameters(sl_gate_definition *def, const sl_gate_definition *from, int *map) {
  for (int k = 0; k < from->param_count; k++) {
    const int i = map[k] = index_of(def, from->param[k].name);
    if (i == SL_GATE_PARAMETER_LIMIT) return -1;
    if (i < def->param_count) continue;
    def->param[i] = from->param[k];
    memcpy(def->param_name[i], from->param_name[k], sizeof def->param_name[i]);
    def->param_count++;
  }
  return 0;
}

static sl_ref copy(sl_tree *to, const sl_tree *from, sl_ref root, const int *parameter) {
  sl_ref *map = root == SL_NO_REF ? NULL : calloc((size_t)root + 1, sizeof *map);
  if (root == SL_NO_REF) return SL_NO_REF;
  if (!map) {
    to->failed = 1;
    return 0;
  }
  for (uint32_t i = 0; i <= root; i++) {
    const sl_gate_node *n = &from->node[i];
    sl_ref c[4] = {SL_NO_REF, SL_NO_REF, SL_NO_REF, SL_NO_REF};
    for (int k = 0; k < sl_op_arity(n->op); k++) c[k] = map[n->child[k]];
    map[i] = n->op == SL_OP_NUM     ? sl_tree_decimal(to, n->num)
             : n->op == SL_OP_PARAM ? sl_tree_param(to, parameter[n->param])
                                    : sl_tree_node(to, n->op, c[0], c[1], c[2], c[3]);
  }
  const sl_ref out = map[root];
  free(map);
  return out;
}

sl_status sl_gate_kernel_complete(sl_gate_definition *def, const sl_gate_definition *from, int s,
                                  sl_error *err) {
  int map[SL_GATE_PARAMETER_LIMIT];
  if (map_parameters(def, from, map) < 0)
    return sl_fail(err, SL_ERR_INPUT, "%s:%d:%d: expected at most %d parameters, with kernel %s's",
                   def->file, def->kernel_line[s], def->kernel_column[s], SL_GATE_PARAMETER_LIMIT,
                   from->name);
  def->f[s] = copy(&def->tree, &from->tree, from->f[s], map);
  def->w[s] = copy(&def->tree, &from->tree, from->w[s], map);
  if (def->tree.failed) return sl_fail(err, SL_ERR_MEMORY, "%s: no memory for a gate", def->file);
  return SL_OK;
}

/* The lines of the built-in's file that define it, for a message. */
static void definition_lines(char *out, size_t size, const char *name) {
  static const char *const first[] = {"param ", "let ", "f ", "weight ", "pos f", "neg f"};
  size_t used = 0;
  for (const char *line = sl_gate_builtin_text(name); line && *line;) {
    const size_t n = strcspn(line, "\n");
    for (size_t k = 0; k < sizeof first / sizeof *first; k++)
      if (strncmp(line, first[k], strlen(first[k])) == 0 && used + n + 4 < size)
        used += (size_t)snprintf(out + used, size - used, "\n  %.*s", (int)n, line);
    line += n + (line[n] == '\n');
  }
}

sl_status sl_gate_kernel_compare(const sl_gate_definition *def, const sl_gate_definition *from,
                                 int s, sl_error *err) {
  char lines[600] = "";
  const int is_same = sl_gate_same(def, from, s, def->f[s] == SL_NO_REF);
  if (is_same < 0) return sl_fail(err, SL_ERR_MEMORY, "%s: no memory for a gate", def->file);
  if (is_same) return SL_OK;
  definition_lines(lines, sizeof lines, from->name);
  return sl_fail(err, SL_ERR_INPUT,
                 "%s:%d:%d: expected kernel %s alone, or beside it what it computes for A %s 0:%s",
                 def->file, def->kernel_line[s], def->kernel_column[s], from->name,
                 s ? ">" : "<=", lines);
}
