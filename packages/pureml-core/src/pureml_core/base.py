"""What the parts of Tensor know of it: the array, where it comes from, and how it is called in messages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .history import Node, Part
from .mode import recording
from .remedies import remedy

if TYPE_CHECKING:
    from .tensor import Tensor


class TensorBase:
    """The fields of a Tensor, and nothing that computes. Only Tensor and its subclasses have instances."""

    __slots__ = ()

    _ndarray: np.ndarray
    _node: Node | Part | None  # what computed it; None for a leaf
    _requires_grad: bool
    _changed: list[int]  # the counter of changes to its memory

    if TYPE_CHECKING:

        def touch(self) -> None: ...

        def _plain(self, array: Any) -> Tensor: ...

    @property
    def shape(self) -> tuple[int, ...]:
        return self._ndarray.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        return self._ndarray.dtype

    @property
    def ndim(self) -> int:
        return self._ndarray.ndim

    @property
    def size(self) -> int:
        return self._ndarray.size

    def _described(self) -> str:
        """The tensor in an error message."""
        return f"{type(self).__name__} of shape {self.shape}, dtype {self.dtype}{self._origin(', computed by ')}"

    def _origin(self, before: str) -> str:
        """The operation that computed it, after `before`; nothing for a leaf."""
        if self._node is None:
            return ""
        node = self._node.node if isinstance(self._node, Part) else self._node
        return f"{before}{node.op.name}"

    def _refuse_cut(self, what: str, instead: str | None = None) -> None:
        """Refuse to give the values of a tracked tensor to something that records nothing."""
        if self._requires_grad and recording()[0]:
            instead = remedy(what) if instead is None else instead
            raise TypeError(
                f"{what} would cut {self._described()} from its history, as it has no derivative here: "
                f"{instead}{'; ' if instead else ''}give .detach() or .numpy() for the values alone; an operation of "
                "your own is made by @op"
            )

    def _check_writable(self, what: str, instead: str, value: Any = None) -> None:
        """Refuse to write into memory whose old or new values somebody may need for a gradient."""
        tracked = self._requires_grad or (isinstance(value, TensorBase) and value._requires_grad)
        if self._node is not None or (tracked and recording()[0]):
            raise RuntimeError(
                f"{self._described()}: {what} cannot be recorded; write {instead}, or make a new tensor by "
                "where(mask, v, t); a leaf can be written under no_grad"
            )


def array_of(x: Any) -> Any:
    """The array of a Tensor; anything else as it is."""
    return x._ndarray if isinstance(x, TensorBase) else x
