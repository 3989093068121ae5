"""Reading ahead in a background thread."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Generator, Iterator
from queue import SimpleQueue
from typing import Any, TypeVar

T = TypeVar("T")

_END = object()


def ahead(source: Generator[T, None, None], n: int) -> Iterator[T]:
    """The items of `source`, which a thread produces up to `n` ahead of the one in use.

    An exception in `source` is raised where its item would have come. When this iterator is closed or dropped, the
    thread finishes the item that it is at, closes `source` and ends; the closing waits for it.

    Raises:
        RuntimeError: it is continued in a forked process, where the thread does not exist.
    """
    here = os.getpid()
    ready: SimpleQueue[tuple[Any, BaseException | None]] = SimpleQueue()
    room = threading.Semaphore(n)  # how many more items may be made: bounds the memory
    stopped = threading.Event()

    def produce() -> None:
        try:
            while room.acquire() and not stopped.is_set():
                item = next(source, _END)
                ready.put((item, None))
                if item is _END:
                    break
                del item  # the consumer's alone from now on
        except BaseException as error:  # whatever it is, it belongs to the consumer
            ready.put((_END, error))
        finally:
            source.close()

    thread = threading.Thread(target=produce, name="pureml-prefetch", daemon=True)
    try:
        thread.start()
        while True:
            same_process(here)
            item, error = ready.get()
            if error is not None:
                try:
                    raise error
                finally:
                    del error  # its traceback holds this frame: no cycle
            if item is _END:
                return
            room.release()
            yield item
            del item
    finally:
        if os.getpid() == here:
            stopped.set()
            room.release()
            # Not where the garbage collector runs in that thread, nor at the end of the program, which has frozen it;
            # nor if it was not started.
            if thread is not threading.current_thread() and not sys.is_finalizing() and thread.is_alive():
                thread.join()


def same_process(here: int) -> None:
    """Refuse to go on in a forked copy of the process in which a loop began, whose threads and children it lacks."""
    if os.getpid() != here:
        raise RuntimeError(
            f"DataLoader: this loop reads ahead and was begun in process {here}, before this one was forked; begin a "
            "loop here"
        )
