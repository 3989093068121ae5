"""Reading ahead in a thread: no further than asked, not before it is asked, and never in the way of an end."""

import gc
import os
import subprocess
import sys
import threading
import weakref

import numpy as np
import pytest
from pureml_data import BatchDataset, DataLoader
from pureml_data.prefetch import ahead

SECONDS = 60
pytestmark = pytest.mark.usefixtures("nothing_hangs_and_nothing_is_left")


class Counted:
    """Items that count how many of them exist, and a source that says how many it has made."""

    def __init__(self, n):
        self.n, self.made, self.alive, self.most, self.closed = n, 0, 0, 0, False
        self.reached = threading.Condition()

    def source(self):
        try:
            for _ in range(self.n):
                item = np.zeros(1)
                with self.reached:
                    self.made += 1
                    self.alive += 1
                    self.most = max(self.most, self.alive)
                    self.reached.notify_all()
                weakref.finalize(item, self.gone)
                yield item
                del item
        finally:
            self.closed = True

    def gone(self):
        self.alive -= 1

    def wait_for(self, made):
        with self.reached:
            assert self.reached.wait_for(lambda: self.made >= made, timeout=30)


@pytest.mark.parametrize("n", [1, 2, 5])
def test_exactly_n_are_read_ahead_and_the_memory_is_bounded(n):
    counted = Counted(20)
    items = ahead(counted.source(), n)
    assert counted.made == 0  # nothing is read before it is asked for
    for taken in range(1, 21):
        item = next(items)
        counted.wait_for(min(taken + n, 20))
        assert counted.made <= taken + n
        del item
    assert next(items, None) is None
    assert counted.closed and counted.most <= n + 1 and counted.alive == 0


@pytest.mark.parametrize("taken", [1, 5, 10])
def test_the_source_is_closed_and_its_items_let_go_at_an_early_end(taken):
    counted = Counted(10)
    items = ahead(counted.source(), 3)
    for _ in range(taken):
        next(items)
    items.close()
    gc.collect()
    assert counted.closed and counted.alive == 0


def test_the_exception_itself_arrives_after_what_came_before_it():
    error = OSError("disk")

    def source():
        yield 1
        yield 2
        raise error

    items, got = ahead(source(), 5), []
    with pytest.raises(OSError, match="disk") as caught:
        got.extend(items)
    assert got == [1, 2]
    assert caught.value is error and "source" in [entry.name for entry in caught.traceback]
    assert next(items, "over") == "over"


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, GeneratorExit])
def test_exceptions_that_end_programs_arrive_too(error):
    def source():
        yield 1
        raise error

    with pytest.raises(error):
        list(ahead(source(), 1))


def test_an_error_keeps_nothing_alive():
    class Payload:
        pass

    payloads = []

    def source():
        payload = Payload()
        payloads.append(weakref.ref(payload))
        yield 1
        raise ValueError

    gc.disable()
    try:
        with pytest.raises(ValueError) as caught:
            list(ahead(source(), 1))
        del caught
        assert payloads[0]() is None  # without a collection: no cycles
    finally:
        gc.enable()


def test_a_loop_ended_by_the_garbage_collector_in_the_reading_thread_itself():
    waiting = threading.Event()

    class Collects(BatchDataset):
        def __len__(self):
            return 100

        def __getitem__(self, index):
            if waiting.is_set():
                gc.collect()
            return index

    cycle = [iter(DataLoader(Collects(), 1, prefetch=1))]
    next(cycle[0])
    before = threading.enumerate()
    cycle.append(cycle)
    waiting.set()
    del cycle
    gc.collect()
    for thread in before:
        if thread.name == "pureml-prefetch":
            thread.join(30)


def test_an_interrupt_while_the_thread_starts(monkeypatch):
    class Interrupted(threading.Thread):
        def start(self):
            super().start()
            raise KeyboardInterrupt

    counted = Counted(10)
    monkeypatch.setattr(threading, "Thread", Interrupted)
    with pytest.raises(KeyboardInterrupt):
        next(ahead(counted.source(), 1))
    assert counted.closed  # and the fixture looks for the thread


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_forked_process_cannot_go_on_with_a_loop_and_can_drop_it():
    loops = [ahead(iter_of(5), 1) for _ in range(2)]
    assert [next(loop) for loop in loops] == [0, 0]
    if (child := os.fork()) == 0:
        code = 1
        try:
            loops.pop().close()
            next(loops[0])
        except RuntimeError as error:
            code = 7 if "forked" in str(error) else 2
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
    assert [list(loop) for loop in loops] == [[1, 2, 3, 4]] * 2


def iter_of(n):
    yield from range(n)


def test_a_program_can_end_in_the_middle_of_an_epoch():
    program = """
import pureml_data
loader = pureml_data.DataLoader(range(1000), 1, prefetch=4)
loop = iter(loader)
print(next(loop))
"""
    done = subprocess.run([sys.executable, "-W", "error", "-c", program], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (0, "[0]\n", "")


def test_nothing_is_imported_before_it_is_needed():
    program = """
import sys
before = set(sys.modules)  # a tool that measures coverage may have loaded much
import pureml_data
assert list(pureml_data.DataLoader(range(3), 3, shuffle=True))
print(sorted({"multiprocessing", "pureml_data.prefetch", "pureml_data.workers"} & (set(sys.modules) - before)))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (0, "[]\n", "")
