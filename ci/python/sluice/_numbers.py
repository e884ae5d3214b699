"""Numbers as the decimals that the commands read. Internal."""
import math
from decimal import Decimal
from fractions import Fraction
from typing import Union

import numpy

from ._errors import InvalidInput

Number = Union[str, int, float, Decimal, Fraction]
"""A number that is meant exactly. A float means the shortest decimal that reads back as it."""


def _of_fraction(name: str, value: Fraction) -> str:
    """The decimal of a fraction, which has one where its denominator is 2^a 5^b."""
    rest, digits = value.denominator, 0
    for prime in (2, 5):
        power = 0
        while rest % prime == 0:
            rest, power = rest // prime, power + 1
        digits = max(digits, power)
    if rest != 1:
        raise InvalidInput(f"{name}: {value} has no finite decimal: pass the decimals below and "
                           "above it as a range")
    return str(Decimal(value.numerator * 10**digits // value.denominator).scaleb(-digits))


def decimal(name: str, value: object) -> "tuple[str, bool]":
    """The decimal, and whether it stands for a float."""
    if isinstance(value, bool) or isinstance(value, numpy.bool_):
        raise InvalidInput(f"{name}: {value} is no number")
    if isinstance(value, str):
        text, floating = value.strip(), False
    elif isinstance(value, Decimal):
        text, floating = str(value), False
    elif isinstance(value, Fraction):
        text, floating = _of_fraction(name, value), False
    elif isinstance(value, (int, numpy.integer)):
        text, floating = str(int(value)), False
    elif isinstance(value, float):
        text, floating = float.__repr__(value), True
    elif isinstance(value, numpy.floating):
        text, floating = numpy.format_float_scientific(value, unique=True, trim="-"), True
    else:
        raise InvalidInput(f"{name}: a {type(value).__name__} is no number: pass a str, Decimal, "
                           "Fraction, int or float")
    try:
        finite = math.isfinite(Decimal(text))
    except ArithmeticError:
        raise InvalidInput(f"{name}: '{text}' is no decimal number, such as 0.5 or 2e-3") from None
    if not finite:
        raise InvalidInput(f"{name}: {text} is not finite")
    return text.replace("E+", "e").replace("E", "e"), floating


def note(name: str, text: str) -> str:
    """What a verdict says of a float."""
    return f"{name}: the float was taken as the decimal {text}"
