"""The gradient of a few rows of a large table."""

from __future__ import annotations

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

    __slots__ = ("rows", "shape", "unique", "values")

    __array_ufunc__ = None  # array + sparse asks __radd__

    def __init__(self, rows: np.ndarray, values: np.ndarray, shape: tuple[int, ...], *, unique: bool = False) -> None:
        self.rows = rows
        self.values = values
        self.shape = tuple(shape)
        self.unique = unique  # whether the rows are known to be distinct and ascending

    @property
    def dtype(self) -> np.dtype[Any]:
        return self.values.dtype

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
            rows = np.concatenate([self.rows, other.rows])
            return RowSparse(rows, np.concatenate([self.values, other.values]), self.shape)
        y = np.array(other, np.result_type(other, self.dtype))
        if y.shape != self.shape:
            raise ValueError(f"RowSparse: given shapes {self.shape} and {y.shape}, needed equal ones")
        self.add_to(y)
        return y

    __radd__ = __add__

    def __mul__(self, factor: float) -> RowSparse:
        if np.ndim(factor):
            raise TypeError("RowSparse: can be scaled by a number; use .dense() for more")
        return RowSparse(self.rows, self.values * factor, self.shape, unique=self.unique)

    __rmul__ = __mul__

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return np.asarray(self.dense(), dtype)

    def __repr__(self) -> str:
        return f"RowSparse({len(self.rows)} rows of shape {self.shape}, dtype={self.dtype})"


def add_rows(table: np.ndarray, rows: np.ndarray, values: np.ndarray) -> None:
    from .ops.scatter import add_rows

    add_rows(table, rows, values)
