"""For tests that start threads and processes."""

import faulthandler
import multiprocessing
import threading

import pytest


@pytest.fixture
def nothing_hangs_and_nothing_is_left(request):
    """Ends the run with all stacks if a test takes 100 s, or its module's SECONDS; fails it if it leaves anything."""
    faulthandler.dump_traceback_later(getattr(request.module, "SECONDS", 100), exit=True)
    threads = threading.active_count()
    try:
        yield
    finally:
        faulthandler.cancel_dump_traceback_later()
    assert not multiprocessing.active_children()
    assert threading.active_count() == threads
