"""A dict whose values are made when it is first looked at. Internal."""
from collections import OrderedDict
from typing import Any, Callable, Dict, Iterator, Optional


class Late(Dict[str, Any]):
    """A dict of what `make` gives, which is called when a value is first asked for: the metrics of
    a loss take longer to make than the loss of 1,000 tokens. Its keys are there from the beginning.
    What copy and pickle make of it is an OrderedDict, which torch.load takes as safe."""
    __slots__ = ("make",)
    make: "Optional[Callable[[], Dict[str, Any]]]"

    @classmethod
    def of(cls, keys: "Dict[str, None]", make: "Callable[[], Dict[str, Any]]") -> "Late":
        """One whose values are not there yet."""
        found = cls(keys)
        found.make = make
        return found

    def __iter__(self) -> "Iterator[str]":
        """Of the keys. As it is not dict's own, `dict(x)` and `{**x}` ask for each value."""
        return super().__iter__()

    def __reduce_ex__(self, protocol: object) -> "tuple[Any, ...]":
        return OrderedDict, (), None, None, iter(self.items())


def _filling(name: str) -> "Callable[..., Any]":
    def use(self: Late, *arguments: Any, **named: Any) -> Any:
        make = getattr(self, "make", None)
        if make is not None:
            super(Late, self).update(make())
            self.make = None
        return getattr(super(Late, self), name)(*arguments, **named)
    use.__name__ = name
    return use


for _name in ("__delitem__", "__eq__", "__getitem__", "__ior__", "__ne__", "__or__", "__repr__",
              "__ror__", "__setitem__", "clear", "copy", "get", "items", "pop", "popitem",
              "setdefault", "update", "values"):
    setattr(Late, _name, _filling(_name))
