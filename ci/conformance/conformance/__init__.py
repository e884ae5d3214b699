"""A second implementation of numerics version 2, written from the text of spec/ alone.

Its modules mirror the chapters of the specification, and every function names its clause. It is
meant to be read beside the text: numpy vectorises over what is independent (rows, heads,
sequences), and the order of operations of one element is always the one that the clause writes.
"""
