"""A set that keeps the order in which it was filled."""

from collections.abc import Iterable, Iterator, MutableSet, Set


class OrderedSet(MutableSet):
    """A set of hashable items; it has those methods of sets that tf2onnx calls."""

    def __init__(self, items: Iterable = ()):
        self._items = dict.fromkeys(items)

    def __contains__(self, item) -> bool:
        return item in self._items

    def __iter__(self) -> Iterator:
        return iter(self._items)

    def __len__(self) -> int:
        return len(self._items)

    def add(self, value) -> None:
        """Add an item behind the others, unless it is there."""
        self._items[value] = None

    def discard(self, value) -> None:
        """Remove an item, if it is there."""
        self._items.pop(value, None)

    def union(self, *others: Iterable) -> "OrderedSet":
        """Return a set of these items and then those of others."""
        return OrderedSet(item for items in (self, *others) for item in items)

    issubset = Set.__le__
    intersection = Set.__and__
