# The gates of this folder, in alphabetical order.
set(gate_names
  arctan asinh asymmetric cauchy cispo cispo_cap clip clip_higher cosine_taper dual_clip erf
  far_spike flat_top floor gauss gmpo gudermannian hair_above_one identity late_jump log_ratio
  lone_point mixture off_centre off_one quartic reciprocal ripple sigmoid slow_cancel softsign
  softsign_abs softsign_k student tanh)
