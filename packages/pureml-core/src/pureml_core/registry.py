"""What is differentiable: every op by its key, and by the NumPy function that leads to it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .op import Op

OPS: dict[str, Op] = {}  # "pureml_core.ops.elementwise.exp" -> its record
NUMPY: dict[Callable[..., Any], Callable[..., Any]] = {}  # np.exp -> what to call when it meets a Tensor


def register(op: Op) -> None:
    """Enter an op under its key. In `__main__` and notebooks a new definition replaces the old one."""
    old = OPS.get(op.key)
    if old is not None and op.body.__module__ != "__main__":
        raise ValueError(f"there is an op {op.key} already; give this one another name")
    if op.numpy is not None:
        bound = NUMPY.get(op.numpy)
        if bound is not None and (old is None or old.numpy is not op.numpy):
            raise ValueError(f"{op.key}: another op is bound to numpy.{op.numpy.__name__} already")
    OPS[op.key] = op
