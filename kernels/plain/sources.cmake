# Scalar kernels, one file a family; they read like their clauses.
target_sources(sluice PRIVATE)
