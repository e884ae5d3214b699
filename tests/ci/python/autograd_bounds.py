"""How far a loss in binary32 by PyTorch's autograd, as TRL and verl write it, and the library's may
lie apart: derived, by token.

u = 2^-24; gamma(k) = k u / (1 - k u) is the relative error of k roundings in a row. PyTorch's exp
is off by an ulp at most (SLEEF's u10 functions, MKL's high accuracy), 2 u relative; all else in
these losses is one rounding an operation. A sum is in any order: n terms take gamma(n - 1).

The log-ratio x = new - old is rounded once: r = exp(x) is off by rho = u |x| + 2 u, and in the
library, whose exp is correctly rounded, by u |x| + u. At level sequence X is a mean of T terms:
off by gamma(T + 1) sum |x| / n + u |X|, in the library by u (sum |x| / n + |X|).

The gradient of a token is c A w r. Its roundings in a row are those of c (`chain`, by the caller),
those of a sum over the row's tokens where there is one (`summed`), and

    clip     * A, * r                                                  2
    cispo    * A, * (the constant: ratio times A)                      2
    sapo     * A, 4 / tau, * (4 / tau), 1 - s, * ., * s, * tau, * r    8

sapo besides: s = 1 / (1 + exp(-z)) is off by 4 u s (exp 2, sum 1, quotient 1) and by s (1 - s) dz,
where dz = tau r rho + 2 u |z|. So w = 4 s (1 - s) is off by 4 |1 - 2 s| 4 u s + w dz. All errors
are below 2^-10, so their products are below 2^-10 of them; what underflows loses 2^-140 at most,
its later factors included.
"""
import formula
import numpy

U = formula.U
ROUNDINGS = {"clip": 2, "cispo": 2, "sapo": 8}
SECOND = 1 + 2.0**-10


def gamma(k):
    """k roundings in a row."""
    return k * U / (1 - k * U)


class Bounds:
    """Of one batch: binary64 values, and what each of the two losses may be off by."""

    def __init__(self, form, chain, batch, coefficient, gate, *, level="token", summed=0,
                 factors=0):
        """batch: new, old, mask (B, T), advantages (B,) or by token. coefficient: c, (B, 1). gate:
        temperatures for A > 0 and else; low, high and cap (or None) of a clip; the two ends of
        cispo's. factors: with which the loss is multiplied there and the advantage here, a rounding
        of each.
        """
        self.form, self.gate, self.factors, self.chain = form, gate, factors, chain
        new, old, mask = (batch[name] for name in ("new", "old", "mask"))
        self.mask = mask
        self.new = numpy.where(mask, new.astype(float), 0.0)
        self.x = numpy.where(mask, self.new - old, 0.0)
        self.theirs, self.ours = U * numpy.abs(self.x) + 2 * U, U * numpy.abs(self.x)
        self.steps = chain + summed + ROUNDINGS[form] + 2 * factors
        if level == "sequence":
            tokens, length = numpy.maximum(mask.sum(1, keepdims=True), 1), mask.shape[1]
            mean = self.x.sum(1, keepdims=True) / tokens
            spread = numpy.abs(self.x).sum(1, keepdims=True) / tokens
            self.theirs = gamma(length + 1) * spread + U * numpy.abs(mean) + 2 * U + 0 * self.x
            self.ours = U * (spread + numpy.abs(mean)) + 0 * self.x
            self.x = mean + 0 * self.x
        self.r = numpy.exp(self.x)
        a = batch["advantages"].astype(float)
        self.a = (a[:, None] if a.ndim == 1 else a) + 0 * self.x
        self.ca = numpy.abs(self.a * coefficient)

    def sapo(self):
        """Gradients and values: how far the two may lie apart."""
        tau = numpy.where(self.a > 0, *(float(numpy.float32(t)) for t in self.gate))
        z = tau * (self.r - 1)
        s = 1 / (1 + numpy.exp(-z))
        w, dz = 4 * s * (1 - s), tau * self.r * self.theirs + 2 * U * numpy.abs(z)
        assert dz[self.mask].max() < 2.0**-10
        off = w * (gamma(self.steps) + self.theirs + dz) + 16 * U * s * numpy.abs(1 - 2 * s)
        theirs = self.ca * self.r * off * SECOND + 2.0**-140
        ours = formula.policy_bound("sigmoid", self.x, self.ours, tau, self.ca)
        f, ours_dz = 4 / tau * s, tau * self.r * (self.ours + U) + 2 * U * numpy.abs(z)
        return theirs + ours, self.ca * f, (7 * U + (1 - s) * dz) + (3 * U + (1 - s) * ours_dz)

    def clip(self):
        """The same; without the tokens whose side of the edge a rounding of r decides."""
        low, high, cap = self.gate
        edge = numpy.where(self.a > 0, 1 + high, 1 - low)
        w = numpy.where(self.a > 0, self.r <= edge, self.r >= edge).astype(float)
        ends = [edge] if cap is None else [edge, numpy.where(self.a > 0, numpy.inf, cap)]
        if cap is not None:
            w = numpy.where((self.a <= 0) & (self.r > cap), 0.0, w)
        for end in ends:
            # the edge is rounded once, in the library's expression the value as well
            near = numpy.abs(self.r - end) <= self.r * (self.theirs + self.ours + 4 * U)
            self.mask = self.mask & ~near
        off = gamma(self.steps) + self.theirs + (5 * U + self.ours)
        f = numpy.where(self.a > 0, numpy.minimum(self.r, edge), numpy.maximum(self.r, edge))
        f = numpy.where((self.a <= 0) & (cap is not None), numpy.minimum(f, cap or 0.0), f)
        return (self.ca * self.r * w * off * SECOND + 2.0**-140, self.ca * f,
                self.theirs + self.ours + 4 * U)

    def cispo(self):
        """The same; the value is that of log-probs."""
        weight = numpy.clip(self.r, *self.gate)  # an end is rounded once
        off = gamma(self.steps) + self.theirs + (7 * U + self.ours)
        return (self.ca * weight * off * SECOND + 2.0**-140,
                self.ca * weight * numpy.abs(self.new), off + 3 * U)

    def kl(self, y, b, gradient):
        """What the bound of a gradient grows by with a k3 term: y = new - ref, b = beta c.

        Theirs: -b e^-y and b by two paths: beta and c's roundings, exp, its product; then two
        additions of three terms. Ours: formula.kl_bound.
        """
        e, chain = numpy.exp(-y), self.chain + 2
        policy = self.ca * self.r
        theirs = b * (e * (gamma(chain) + U * numpy.abs(y) + 2 * U) + gamma(chain))
        return (theirs + 2 * U * (policy + b * (e + 1))) * SECOND + formula.kl_bound(
            y, b, numpy.abs(gradient) + policy)

    def of(self):
        """The largest differences of gradients (B, T), of losses, and the mask of what is sure."""
        gradient, terms, off = getattr(self, self.form)()
        live = self.mask
        summed = gamma(live.size + 8 + 2 * self.factors)
        total = numpy.where(live, terms * (off + summed), 0.0).sum() * SECOND
        value = numpy.where(live, terms, 0.0).sum()
        return gradient, total + 2 * U * value + 2.0**-140, live
