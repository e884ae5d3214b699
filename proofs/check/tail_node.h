/* Tail forms of an expression's nodes. */
#ifndef SLUICE_CHECK_TAIL_NODE_H
#define SLUICE_CHECK_TAIL_NODE_H

#include "tail_form.h"

/* t->form[i] of a node from its children's. */
void slc_tf_node(tail_ctx *t, int i);

#endif
