"""Equations in the answers of GSM8K (F3.3, 1 to 4)."""
import re

EQUATION = re.compile(r"([0-9]{1,4})([+\-*/])([0-9]{1,4})=([0-9]{1,5})")


def result_of(a, operation, b):
    """c of a op b in integers; None for a division that does not come out."""
    if operation == "/":
        return a // b if b and a % b == 0 else None
    return {"+": a + b, "-": a - b, "*": a * b}[operation]


def equations(text):
    """The problems in one answer's text (F3.3, 1 to 4), as (a, op, b, c)."""
    at = 0
    while (at := text.find("<<", at)) >= 0:
        while text[at + 2:at + 3] == "<":
            at += 1
        begin = at + 2
        end = begin
        while end < len(text) and text[end] not in "<>":
            end += 1
        at = end
        if text[end:end + 2] != ">>":
            continue
        inside = text[begin:end].replace(" ", "")
        match = EQUATION.fullmatch(inside)
        if not match or len(inside) > 31:
            continue
        a, operation, b, c = (int(x) if x.isdigit() else x for x in match.groups())
        if result_of(a, operation, b) == c and len(f"{a}{operation}{b}") <= 8:
            yield a, operation, b, c
