"""Reader of the part of UBJSON (https://ubjson.org, draft 12) in which XGBoost stores models.

XGBoost follows the numbers in a file without a check. Reading the file here first, without XGBoost,
is the only way to check them before they are followed.
"""

from __future__ import annotations

from typing import Any

import numpy as np

_NUMBERS = {"i": ">i1", "U": ">u1", "I": ">i2", "l": ">i4", "L": ">i8", "d": ">f4", "D": ">f8"}
_CONSTANTS = {"T": True, "F": False, "Z": None}
_DEEPEST = 20
"""Levels of nesting; XGBoost's files have eight."""


def read_ubjson(data: bytes) -> dict[str, Any]:
    """Read an object.

    Returns:
        Nested dictionaries, lists and strings; arrays of numbers are NumPy arrays.

    Raises:
        ValueError: If the data are no single object, end too early, or give a key twice.
    """
    reader = _Reader(data)
    found = reader.value(0)
    if not isinstance(found, dict) or reader.place != len(data):
        raise ValueError("not one UBJSON object")
    return found


class _Reader:
    def __init__(self, data: bytes) -> None:
        self._data = data
        self.place = 0

    def _take(self, size: int) -> bytes:
        if size < 0 or self.place + size > len(self._data):
            raise ValueError("UBJSON that ends too early")
        self.place += size
        return self._data[self.place - size : self.place]

    def _mark(self) -> str:
        return self._take(1).decode("latin-1")

    def _next_is(self, mark: str) -> bool:
        found = self._data[self.place : self.place + 1] == mark.encode()
        self.place += found
        return found

    def _number(self, mark: str) -> Any:
        if mark not in _NUMBERS:
            raise ValueError(f"{mark!r} where UBJSON has a number")
        kind = np.dtype(_NUMBERS[mark])
        return np.frombuffer(self._take(kind.itemsize), kind)[0].item()

    def _size(self) -> int:
        size = self._number(self._mark())
        if not isinstance(size, int) or size < 0:
            raise ValueError(f"UBJSON of size {size}")
        return size

    def _text(self) -> str:
        return self._take(self._size()).decode()

    def value(self, depth: int) -> Any:
        if depth > _DEEPEST:
            raise ValueError("UBJSON that is nested too deeply")
        mark = self._mark()
        if mark == "{":
            return self._object(depth)
        if mark == "[":
            return self._array(depth)
        if mark == "S":
            return self._text()
        if mark in _CONSTANTS:
            return _CONSTANTS[mark]
        return self._number(mark)

    def _object(self, depth: int) -> dict[str, Any]:
        found: dict[str, Any] = {}
        while not self._next_is("}"):
            key = self._text()
            if key in found:
                raise ValueError(f"UBJSON with {key!r} twice")
            found[key] = self.value(depth + 1)
        return found

    def _array(self, depth: int) -> Any:
        if self._next_is("$"):
            mark = self._mark()
            if mark not in _NUMBERS or not self._next_is("#"):
                raise ValueError("a UBJSON array of another type than numbers")
            kind = np.dtype(_NUMBERS[mark])
            return np.frombuffer(self._take(self._size() * kind.itemsize), kind)
        if self._next_is("#"):
            return [self.value(depth + 1) for _ in range(self._size())]
        found = []
        while not self._next_is("]"):
            found.append(self.value(depth + 1))
        return found
