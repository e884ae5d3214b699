# Scalar kernels, one file a family; they read like their clauses.
target_sources(sluice PRIVATE
  plain/table.c plain/embedding.c plain/norm.c plain/elementwise.c plain/linear.c
  plain/attention.c plain/attention_backward.c
  plain/head.c plain/sample.c plain/loss.c plain/optimizer.c plain/digest.c plain/function_maps.c)
