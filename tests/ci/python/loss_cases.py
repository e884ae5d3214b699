"""Gates with values of their parameters, settings, a comparison and threads, for several tests."""

ALL = dict(kl="k3", beta=0.04, entropy_bonus=0.01)
GATES = {
    "sigmoid": dict(tau_pos=1.0, tau_neg=1.05), "erf": dict(tau_pos=10.0, tau_neg=12.0),
    "arctan": dict(tau_pos=3.0, tau_neg=2.0), "softsign": dict(tau_pos=4.0, tau_neg=0.5),
    "clip": dict(parameters={"low": 0.2, "high": 0.28}), "identity": {},
    "student": {}, "cispo_cap": {}}


def same(a, b):
    """Bit for bit."""
    return a.shape == b.shape and a.dtype == b.dtype and a.tobytes() == b.tobytes()


def run_together(threads):
    """Starts all of them, and waits for their end."""
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
