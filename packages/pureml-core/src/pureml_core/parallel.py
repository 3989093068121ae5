"""Threads over pieces of a batch: whole forward and backward passes side by side, on one processor each.

NumPy lets go of the interpreter lock in its loops and products, so that Python threads compute at the same time, if
each has enough to do between two looks at the interpreter (some 256 kB an operation). What they must not do is fight
with the threads of NumPy's own matrix products: those are set to one, which takes `threadpoolctl`
(`pip install pureml-core[fast]`) or `OPENBLAS_NUM_THREADS=1` in the environment before NumPy is imported.
"""

from __future__ import annotations

import contextvars
import os
import threading
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from .backward import accumulate, sweep, through_leaf_hooks
from .tensor import Tensor

if TYPE_CHECKING:
    from concurrent.futures import ThreadPoolExecutor

T = TypeVar("T")

_local = threading.local()  # .inside: this thread is a worker
_pools: dict[int, ThreadPoolExecutor] = {}  # one for each number of workers, kept: a thread takes 50 µs to start
_controllers: list[Any] = []  # threadpoolctl's, once it has been looked for


def parallel(
    f: Callable[[Any], T], pieces: Sequence[Any], workers: int | None = None, *, products: bool = True
) -> list[T]:
    """[f(piece) for piece in pieces], on threads where that can be faster; the result is the same.

    Every piece runs in a copy of the caller's context (`no_grad`, `detect_anomaly`, ...), with NumPy's matrix products
    on one thread. They run one after another, in this thread, where there is one worker, inside another `parallel`,
    where threads are not to be had (in a browser), and where the products cannot be held to one thread: see this
    module. Then the products keep their own threads.

    Args:
        f: must not write to anything that two pieces share.
        workers: threads; the number of pieces, and at most that of processors, when None.
        products: whether f computes matrix products; without any, there is nothing to be held to one thread.

    Raises:
        What f raises for the first piece that fails, after all have ended.
    """
    count = min(workers or os.cpu_count() or 1, len(pieces))
    limit: AbstractContextManager[Any] | None = None
    if count > 1 and not getattr(_local, "inside", False):
        limit = _single_threaded_products() if products else nullcontext()
    pool = _pool(count) if limit is not None else None
    if pool is None:
        return [f(piece) for piece in pieces]
    with limit or nullcontext():
        futures = [pool.submit(contextvars.copy_context().run, _inside, f, piece) for piece in pieces]
        errors = [future.exception() for future in futures]
    for error in errors:
        if error is not None:
            raise error
    return [future.result() for future in futures]


def split_backward(loss_of: Callable[..., Any], batch: Any, workers: int = 2) -> float:
    """One backward sweep for a batch, in parts that are computed at the same time.

    The batch is cut along its first axis into one part for each worker; each computes `loss_of(*part)` and goes back
    through it with gradients of its own, which are then added to `.grad` in the order of the parts: the same numbers
    whatever the timing, and the same as `loss_of(*batch).backward()` up to rounding.

    Args:
        loss_of: takes what the batch holds and returns a scalar that is a *mean* over the first axis: parts count by
            their share of the rows, Σ (nᵢ / n) · loss of part i. Parameters must be leaves: a tensor computed outside
            is part of no worker's graph.
        batch: an array, or a tuple of arrays or untracked Tensors of one length.
        workers: parts, and threads: see `parallel` for when they run one after another.

    Returns:
        The mean loss.

    Batch normalisation normalises every part by its own statistics, and its running ones move once for each part.
    Dropout draws from one generator in the order in which the threads come to it: right, but not reproducible.

    Raises:
        ValueError: the batch is empty or its lengths differ, or the loss is not a scalar.
        TypeError: the batch is tracked: its own gradient would be lost.

    >>> w = Tensor([1.0, 2.0], requires_grad=True)
    >>> X = np.arange(6.0).reshape(3, 2)
    >>> split_backward(lambda x: (x @ w).mean(), X)
    8.0
    >>> w.grad
    array([2., 3.])
    """
    fields = batch if isinstance(batch, tuple | list) else (batch,)
    lengths = {len(x) for x in fields}
    if len(lengths) != 1 or not (n := lengths.pop()):
        raise ValueError(f"split_backward: given fields of lengths {[len(x) for x in fields]}, needed one, not 0")
    if any(isinstance(x, Tensor) and x.requires_grad for x in fields):
        raise TypeError("split_backward: given a tracked batch, whose gradient would be lost; give .detach() of it")
    bounds = [n * i // min(workers, n) for i in range(min(workers, n) + 1)]

    def part(i: int) -> tuple[float, dict[Any, Any]]:
        start, stop = bounds[i], bounds[i + 1]
        loss = loss_of(*[x[start:stop] for x in fields])
        if not (isinstance(loss, Tensor) and loss.requires_grad and loss.shape == ()):
            raise ValueError(f"split_backward: given a loss of {loss!r:.80}; needed a tracked scalar, the mean of rows")
        share = (stop - start) / n
        return share * float(loss), sweep([loss._node or loss], [np.full((), share, loss.dtype)], whole=False)

    results = parallel(part, range(len(bounds) - 1), workers)
    total: dict[Any, Any] = {}
    for _, found in results:
        for target, g in found.items():
            total[target] = total[target] + g if target in total else g
    accumulate({target: through_leaf_hooks(g, target) for target, g in total.items()})
    return sum(loss for loss, _ in results)


def _inside(f: Callable[[Any], T], piece: Any) -> T:
    _local.inside = True
    return f(piece)


def _pool(count: int) -> ThreadPoolExecutor | None:
    """The workers, or None where threads cannot be started."""
    if count not in _pools:
        from concurrent.futures import ThreadPoolExecutor

        pool = ThreadPoolExecutor(count, thread_name_prefix="pureml")
        try:
            pool.submit(int).result()
        except RuntimeError:  # WebAssembly has no threads
            return None
        _pools[count] = pool
    return _pools[count]


def _single_threaded_products() -> AbstractContextManager[Any] | None:
    """A context in which matrix products use one thread, or None if that cannot be had."""
    if os.environ.get("OPENBLAS_NUM_THREADS") == "1":
        return nullcontext()
    if not _controllers:
        try:
            from threadpoolctl import ThreadpoolController
        except ImportError:
            _controllers.append(None)
        else:
            _controllers.append(ThreadpoolController())
    if _controllers[0] is None:
        return None
    return _controllers[0].limit(limits=1, user_api="blas")  # type: ignore[no-any-return]
