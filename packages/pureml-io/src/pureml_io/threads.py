"""Work in a few threads, in order."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

THREADS = 2

T = TypeVar("T")
R = TypeVar("R")


def threaded(work: Callable[[T], R], tasks: Iterable[T]) -> Iterator[R]:
    """`work(task)` for each task, in order, computed a few ahead in threads; without threads where none can start."""
    with ThreadPoolExecutor(THREADS) as pool:
        ahead: deque[Future[R]] = deque()
        for task in tasks:
            ahead.append(_begun(pool, work, task))
            if len(ahead) > 2 * THREADS:
                yield ahead.popleft().result()
        while ahead:
            yield ahead.popleft().result()


def _begun(pool: ThreadPoolExecutor, work: Callable[[T], R], task: T) -> Future[R]:
    try:
        return pool.submit(work, task)
    except RuntimeError:  # No new thread can start: the interpreter ends, and this is the last save of a program.
        done: Future[R] = Future()
    done.set_result(work(task))
    return done
