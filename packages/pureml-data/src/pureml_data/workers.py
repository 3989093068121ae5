"""Reading in worker processes.

Jobs and batches are pickled on their way. That is safe here and nowhere else in PureML: what is unpickled was pickled
by this program, or by a child that it started itself, and came through an unnamed pipe that nobody else can write to;
it is never in a file or on a network. `tools/check_imports.py` lets no other file import pickle.
"""

from __future__ import annotations

import multiprocessing
import os
import pickle
import signal
import threading
import traceback
import warnings
from collections.abc import Generator, Iterator
from contextlib import suppress
from multiprocessing.connection import Connection
from typing import Any, Protocol

from .prefetch import ahead, same_process

GRACE = 5.0  # seconds for a worker that has delivered everything to end by itself
_POLL = 1.0  # seconds after which a silent worker is asked whether it is alive


class Read(Protocol):
    """Gives the batches of some numbers, one after another."""

    def __call__(self, numbers: range) -> Generator[Any, None, None]: ...


def context(start_method: str | None) -> Any:
    """What starts processes so; None is Python's own choice for the platform.

    Raises:
        ValueError: the platform has no such method.
    """
    known = multiprocessing.get_all_start_methods()
    if start_method is not None and start_method not in known:
        raise ValueError(f"DataLoader: start_method must be None or one of {', '.join(known)}, given {start_method!r}")
    return multiprocessing.get_context(start_method)


def in_processes(
    read: Read, numbers: range, workers: int, *, prefetch: int = 0, start_method: str | None = None
) -> Iterator[Any]:
    """The batches of `read(numbers)`, in their order, made by processes: worker w of W makes every W-th, from the w-th.

    Each worker is its next batch and `prefetch` more ahead, and what a pipe holds (less than a megabyte); beyond that
    it waits until its batch is taken. An exception in a worker is raised where its batch would have come, with the
    worker's traceback as a note. No process is left when this iterator ends, is closed or dropped.

    Raises:
        RuntimeError: a worker died, its exception could not be pickled, or this is continued in a forked process.
    """
    here = os.getpid()
    ctx = context(start_method)
    forks = ctx.get_start_method() == "fork"
    job: Any = read if forks else pickle.dumps(read)  # once, for all workers
    crew: list[tuple[Any, Connection]] = []
    try:
        for w in range(min(workers, len(numbers))):
            receiving, sending = ctx.Pipe(duplex=False)
            inherited = [receiving, *(other for _, other in crew)] if forks else []
            arguments = (job, numbers[w::workers], prefetch, sending, inherited)
            process = ctx.Process(target=_work, args=arguments, daemon=True)
            _start(process)
            sending.close()  # the worker has the only one: when it dies, receiving ends
            crew.append((process, receiving))
        for i, number in enumerate(numbers):
            same_process(here)
            yield _receive(*crew[i % len(crew)], number)
        for process, _ in crew:
            process.join(GRACE)
    finally:
        ours = os.getpid() == here  # a forked copy of this process must not kill its siblings
        for process, receiving in crew:
            receiving.close()
            if ours:
                process.kill()
        for process, _ in crew if ours else ():
            process.join()
            process.close()


def _start(process: Any) -> None:
    if threading.active_count() > 1:  # catch_warnings changes the filters of all threads
        process.start()
        return
    with warnings.catch_warnings():  # CPython also counts BLAS's threads, which are at rest and survive a fork
        warnings.filterwarnings("ignore", "This process .* is multi-threaded", DeprecationWarning)
        process.start()


def _receive(process: Any, receiving: Connection, number: int) -> Any:
    try:
        while not receiving.poll(_POLL):
            if not process.is_alive() and not receiving.poll():
                raise EOFError
        message = receiving.recv_bytes()
    except (EOFError, OSError):  # an OSError where the batch itself breaks off
        process.join(GRACE)
        raise RuntimeError(
            f"DataLoader: the worker that should have read batch {number} has died (exit code {process.exitcode}); "
            "was it killed, perhaps for want of memory? workers=0 reads in this process"
        ) from None
    batch, error, where = _unpacked(message)
    if error is None:
        return batch
    error.add_note(f"in a worker of the DataLoader:\n\n{where}")
    try:
        raise error
    finally:
        del error  # its traceback holds this frame: no cycle


def _work(job: Any, numbers: range, prefetch: int, sending: Connection, inherited: list[Connection]) -> None:
    """A worker's life."""
    for receiving in inherited:  # the consumer's alone: when it dies, sending breaks
        receiving.close()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the consumer, who then ends the workers
    with suppress(BrokenPipeError):  # the consumer is gone
        for message in _messages(job, numbers, prefetch):
            sending.send_bytes(message)


def _messages(job: Any, numbers: range, prefetch: int) -> Iterator[bytes]:
    """Each batch, pickled, as (batch, None, ""); an exception as (None, exception, traceback), the last of them."""
    try:
        read: Read = _unpacked(job) if isinstance(job, bytes) else job
        batches = read(numbers)
        for batch in ahead(batches, prefetch) if prefetch else batches:
            yield pickle.dumps((batch, None, ""), protocol=5)
    except (Exception, KeyboardInterrupt, SystemExit) as error:  # whatever it is, it belongs to the consumer
        yield _packed(error)


def _packed(error: BaseException) -> bytes:
    where = "".join(traceback.format_exception(error))
    try:
        packed = pickle.dumps((None, error, where))
        _unpacked(packed)
    except Exception:  # an exception class may refuse in any way
        stand_in = RuntimeError(f"{type(error).__name__}: {error} (an exception that cannot be pickled)")
        return pickle.dumps((None, stand_in, where))
    return packed


def _unpacked(message: bytes) -> Any:
    """What this program, or a worker that it started, has pickled; never what was in a file or came by a network."""
    return pickle.loads(message)
