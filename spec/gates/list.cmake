# The gates of this folder, in alphabetical order.
set(gate_names
  algebraic arctan asinh asymmetric cauchy cispo clip clip_higher cosine_taper dual_clip erf
  far_spike flat_top floor gmpo gudermannian hair_above_one identity late_jump log_ratio
  lone_point mixture off_centre off_one quartic reciprocal ripple sigmoid slow_cancel softsign
  softsign_k student tanh)
