# The gates of this folder, in alphabetical order.
set(gate_names arctan clip erf identity sigmoid softsign)
