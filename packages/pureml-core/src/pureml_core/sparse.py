"""The gradient of a few rows of a large table."""

from __future__ import annotations

import math
from typing import Any

import numpy as np


class RowSparse:
    """An array of `shape` that is zero but for some rows: what picking rows sends back to a table.

    Its size is that of the rows, whatever the size of the table. Two of them add up to another one; with an array
    the sum is an array.

    Attributes:
        rows: (k,) integers from 0 to shape[0] - 1; one may occur repeatedly, then its values add up.
        values: (k, *shape[1:]).
        shape: of the whole array.

    >>> g = RowSparse(np.array([2, 0, 2]), np.array([[1.0], [2.0], [3.0]]), (4, 1))
    >>> g.coalesced().rows.tolist(), g.coalesced().values.tolist()
    ([0, 2], [[2.0], [4.0]])
    >>> (g + g).dense().tolist()
    [[4.0], [0.0], [8.0], [0.0]]
    """

    __slots__ = ("_rows", "_values", "shape", "unique")

    __array_ufunc__ = None  # array + sparse asks __radd__

    def __init__(self, rows: Any, values: Any, shape: tuple[int, ...], *, unique: bool = False) -> None:
        self._rows: list[np.ndarray] = rows if isinstance(rows, list) else [rows]  # parts: sums only join lists
        self._values: list[np.ndarray] = values if isinstance(values, list) else [values]
        self.shape = tuple(shape)
        self.unique = unique  # whether the rows are known to be distinct and ascending

    @property
    def rows(self) -> np.ndarray:
        if len(self._rows) > 1:
            self._rows = [np.concatenate(self._rows)]
        return self._rows[0]

    @property
    def values(self) -> np.ndarray:
        if len(self._values) > 1:
            self._values = [np.concatenate(self._values)]
        return self._values[0]

    @classmethod
    def picked(cls, index: np.ndarray, g: np.ndarray, shape: tuple[int, ...]) -> RowSparse:
        """The gradient of a table of `shape` of which table[index] was taken and has received g."""
        rows = index.reshape(-1).astype(np.intp, copy=False)
        if (rows < 0).any():
            rows = rows % shape[0]
        return cls(rows, g.reshape(len(rows), *shape[1:]), shape)

    @property
    def dtype(self) -> np.dtype[Any]:
        return self._values[0].dtype

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def nbytes(self) -> int:
        """Bytes of rows and values."""
        return self.rows.nbytes + self.values.nbytes

    def coalesced(self) -> RowSparse:
        """The same with distinct, ascending rows: repeated ones are added up."""
        if self.unique:
            return self
        rows, where = np.unique(self.rows, return_inverse=True)
        values = np.zeros((len(rows), *self.shape[1:]), self.dtype)
        add_rows(values, where.reshape(-1), self.values)
        return RowSparse(rows, values, self.shape, unique=True)

    def dense(self) -> np.ndarray:
        """The whole array."""
        y = np.zeros(self.shape, self.dtype)
        self.add_to(y)
        return y

    def add_to(self, array: np.ndarray) -> None:
        """Add to an array of the same shape, in place."""
        if self.unique:
            array[self.rows] += self.values
        else:
            add_rows(array, self.rows, self.values)

    def astype(self, dtype: Any) -> RowSparse:
        return RowSparse(self.rows, self.values.astype(dtype), self.shape, unique=self.unique)

    def conjugate(self) -> RowSparse:
        return RowSparse(self.rows, np.conjugate(self.values), self.shape, unique=self.unique)

    def copy(self) -> RowSparse:
        return RowSparse(self.rows.copy(), self.values.copy(), self.shape, unique=self.unique)

    def __add__(self, other: Any) -> Any:
        if isinstance(other, RowSparse):
            if other.shape != self.shape:
                raise ValueError(f"RowSparse: given shapes {self.shape} and {other.shape}, needed equal ones")
            total = RowSparse(self._rows + other._rows, self._values + other._values, self.shape)
            return total.coalesced() if sum(map(len, total._rows)) > 2 * self.shape[0] else total
        y = np.array(other, np.result_type(other, self.dtype))
        if y.shape != self.shape:
            raise ValueError(f"RowSparse: given shapes {self.shape} and {y.shape}, needed equal ones")
        self.add_to(y)
        return y

    __radd__ = __add__

    def __mul__(self, factor: float) -> RowSparse:
        if np.ndim(factor):
            raise TypeError(
                f"RowSparse: given a factor of shape {np.shape(factor)}, needed a number; use .dense() first"
            )
        return RowSparse(self.rows, self.values * factor, self.shape, unique=self.unique)

    __rmul__ = __mul__

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return np.asarray(self.dense(), dtype)

    def __repr__(self) -> str:
        return f"RowSparse({len(self.rows)} rows of shape {self.shape}, dtype={self.dtype})"


SMALL = 1000  # so few numbers are added sooner than prepared for something faster
BLOCK = 65536  # numbers added at a time: their positions need eight bytes each


def add_rows(table: np.ndarray, rows: np.ndarray, values: np.ndarray) -> None:
    """table[rows] += values, in place; rows that occur repeatedly add up.

    Args:
        table: (n, ...), an array.
        rows: (k,), integers from -n to n - 1.
        values: (k, ...), one row for each.

    Raises:
        IndexError: a row is not in the table.
    """
    rows = np.asarray(rows, np.intp)
    if table.ndim < 2 or values.size < SMALL or not table.flags.c_contiguous:
        np.add.at(table, rows, values)
        return
    # np.add.at takes rows one by one, and is slow. Instead: one occurrence of each row at once ...
    order = np.arange(len(rows))
    last = np.empty(len(table), np.intp)
    last[rows] = order
    chosen = last[rows] == order
    count = np.count_nonzero(chosen)
    if count == len(rows):
        table[rows] += values
        return
    if 2 * count > len(rows):
        table[rows[chosen]] += values[chosen]
        rows, values = rows[~chosen], values[~chosen]
    # ... and the other occurrences number by number, at which np.add.at is fast.
    flat, size = table.reshape(-1), math.prod(table.shape[1:])
    columns, step = np.arange(size), max(1, BLOCK // size)
    for i in range(0, len(rows), step):
        place = rows[i : i + step, None] * size + columns
        np.add.at(flat, place.reshape(-1), values[i : i + step].reshape(-1))
