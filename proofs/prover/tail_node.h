/* Tail forms of the nodes of a tree. */
#ifndef SLUICE_PROOFS_TAIL_NODE_H
#define SLUICE_PROOFS_TAIL_NODE_H

#include "tail_form.h"

/* t->form[i] of a node from its children's. */
void sl_form_node(sl_tail *t, sl_ref i);

#endif
