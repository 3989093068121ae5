"""Worker processes: what becomes of them when they fail, die, or are no longer wanted, and how they start."""

import math
import multiprocessing
import operator
import os
import pickle
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from pureml_data import BatchDataset, DataLoader, TensorDataset, combine_samples

METHODS = multiprocessing.get_all_start_methods()
pytestmark = [
    pytest.mark.skipif("fork" not in METHODS, reason="datasets of a test module exist in forked workers only"),
    pytest.mark.usefixtures("nothing_hangs_and_nothing_is_left"),
]


N = 23


class Doing(BatchDataset):
    """Does something when sample `at` is read."""

    def __init__(self, do, at=9, n=N):
        self.do, self.at, self.n = do, at, n

    def __len__(self):
        return self.n

    def __getitem__(self, index):
        if self.at in index:
            self.do()
        return index


def forked(dataset, size=4, **settings):
    return DataLoader(dataset, size, **{"workers": 2, "start_method": "fork", **settings})


ENDS = {
    "killed": (lambda: os.kill(os.getpid(), signal.SIGKILL), "-9"),
    "terminated": (lambda: os.kill(os.getpid(), signal.SIGTERM), "-15"),
    "left": (lambda: os._exit(3), "3"),
}


@pytest.mark.parametrize("prefetch", [0, 2])
@pytest.mark.parametrize(("do", "code"), ENDS.values(), ids=list(ENDS))
def test_a_dead_worker_is_an_error_at_its_batch(do, code, prefetch):
    got = []
    with pytest.raises(RuntimeError, match=rf"read batch \d has died \(exit code {code}\).*workers=0"):
        for batch in forked(Doing(do), prefetch=prefetch):
            got.append(batch.tolist())
    assert got == [[0, 1, 2, 3], [4, 5, 6, 7]][: len(got)]


def test_a_worker_killed_from_outside_while_it_reads():
    loop = iter(forked(Doing(lambda: time.sleep(1000))))
    next(loop), next(loop)
    for process in multiprocessing.active_children():
        os.kill(process.pid, signal.SIGKILL)
    with pytest.raises(RuntimeError, match="has died"):
        list(loop)


def test_a_worker_killed_while_it_sends():
    loop = iter(forked(TensorDataset(np.zeros((4, 300_000))), 1))  # larger than any pipe
    next(loop)
    time.sleep(0.3)  # both fill their pipes; were they slower, they would die before they send
    for process in multiprocessing.active_children():
        os.kill(process.pid, signal.SIGKILL)
    with pytest.raises(RuntimeError, match=r"has died \(exit code -9\)"):
        list(loop)


@pytest.mark.parametrize("ending", ["dropped", "continued"])
def test_a_forked_process_leaves_the_workers_of_its_parent_alone(ending):
    loop = iter(forked(TensorDataset(np.zeros((6, 300_000))), 1))  # larger than any pipe: they are needed to the end
    next(loop)
    if (child := os.fork()) == 0:
        code = 1
        try:
            if ending == "continued":
                next(loop)
            del loop
            code = 7
        except RuntimeError as error:
            code = 7 if "forked" in str(error) else 2
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
    assert len(list(loop)) == 5


def test_a_dead_worker_is_found_even_if_another_process_holds_its_pipe():
    def leave_a_child():
        if os.fork() == 0:
            time.sleep(5)
            os._exit(0)
        os.kill(os.getpid(), signal.SIGKILL)

    begin = time.monotonic()
    with pytest.raises(RuntimeError, match="has died"):
        list(forked(Doing(leave_a_child)))
    assert time.monotonic() - begin < 60  # no hang; nothing about speed


def test_an_end_does_not_wait_for_slow_workers():
    for _ in forked(Doing(lambda: time.sleep(1000))):
        break  # the fixture's time is shorter


class Strict(Exception):
    """Cannot be made again from its args."""

    def __init__(self, number, *, why):
        super().__init__(f"{number}: {why}")


def strict():
    raise Strict(7, why="because")


def nested():
    try:
        math.sqrt(-1)
    except ValueError as error:
        raise LookupError("no root") from error


def leave():
    sys.exit(5)


@pytest.mark.parametrize(
    ("do", "error", "says"),
    [
        (nested, LookupError, "no root"),
        (strict, RuntimeError, "Strict: 7: because"),
        (leave, SystemExit, "5"),
        (lambda: signal.raise_signal(signal.SIGINT) or nested(), LookupError, "no root"),  # Ctrl-C is not theirs
    ],
)
@pytest.mark.parametrize("prefetch", [0, 1])
def test_exceptions_keep_their_type_and_tell_where_they_came_from(do, error, says, prefetch):
    with pytest.raises(error, match=says) as caught:
        list(forked(Doing(do), prefetch=prefetch))
    (note,) = caught.value.__notes__
    assert "in a worker of the DataLoader" in note and "Traceback" in note and "in __getitem__" in note
    assert do is not nested or "math.sqrt(-1)" in note


def test_a_batch_that_cannot_be_pickled_is_an_error():
    with pytest.raises((pickle.PicklingError, AttributeError), match="lambda"):
        list(forked(range(4), combine_samples_fn=lambda samples: lambda: samples))


def test_more_workers_than_batches_and_large_batches():
    x = np.random.default_rng(0).random((4, 300_000))  # larger than any pipe
    for workers in (1, 2, 9):
        batches = [batch.data for (batch,) in forked(TensorDataset(x), 3, workers=workers)]
        assert [len(batch) for batch in batches] == [3, 1] and np.array_equal(np.concatenate(batches), x)
        assert all(batch.flags.writeable for batch in batches)


def test_workers_read_no_further_than_asked():
    made = multiprocessing.get_context("fork").Value("i", 0)

    class Large(BatchDataset):
        def __len__(self):
            return 40

        def __getitem__(self, index):
            with made.get_lock():
                made.value += 1
            return np.zeros((len(index), 200_000))

    loop = iter(forked(Large(), 1))
    next(loop)
    time.sleep(0.3)
    assert made.value <= 1 + 2 * 2  # for each worker one batch in the pipe or sent, and one in the making
    loop.close()


@pytest.mark.slow
@pytest.mark.parametrize("method", [method for method in METHODS if method != "fork"])
def test_other_ways_to_start(method):
    loader = DataLoader(TensorDataset(np.arange(10)), 3, shuffle=True, seed=0, workers=2, start_method=method)
    serial = DataLoader(TensorDataset(np.arange(10)), 3, shuffle=True, seed=0)
    assert [x.tolist() for (x,) in loader] == [x.tolist() for (x,) in serial]
    pick = operator.itemgetter(2)  # the last batch has one sample
    loader = DataLoader(range(10), 3, combine_samples_fn=pick, workers=2, start_method=method)
    loop = iter(loader)
    assert [next(loop) for _ in range(3)] == [2, 5, 8]
    with pytest.raises(IndexError) as caught:
        next(loop)
    assert "combine(batch)" in caught.value.__notes__[0]
    with pytest.raises((pickle.PicklingError, AttributeError), match="lambda"):  # says so here, at once
        list(DataLoader(range(3), combine_samples_fn=lambda samples: samples, workers=1, start_method=method))


@pytest.mark.slow
@pytest.mark.skipif(not os.path.exists("/proc/self/stat"), reason="asks Linux which processes run")
@pytest.mark.parametrize("method", [None, "spawn"])
@pytest.mark.parametrize("ending", ["", "raise KeyError('end')", "import os; os._exit(7)"])
def test_a_program_can_end_in_the_middle_of_an_epoch(tmp_path, method, ending):
    program = tmp_path / "program.py"
    program.write_text(f"""
import multiprocessing, sys
from pureml_data import DataLoader

if __name__ == "__main__":
    loop = iter(DataLoader(range(1000), 1, workers=2, start_method={method!r}))
    print(next(loop), *(process.pid for process in multiprocessing.active_children()))
    sys.stdout.flush()
    {ending or "pass"}
""")
    done = subprocess.run([sys.executable, str(program)], capture_output=True, text=True, timeout=90)
    assert done.returncode == {"": 0, "r": 1, "i": 7}[ending[:1]]
    first, *pids = done.stdout.split()
    assert first == "[0]" and len(pids) == 2
    assert all("KeyError: 'end'" in line for line in done.stderr.splitlines()[-1:])
    deadline = time.monotonic() + 30
    while alive := [pid for pid in pids if is_running(int(pid))]:
        assert time.monotonic() < deadline, f"{alive} are still there"
        time.sleep(0.05)


def is_running(pid):
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.mark.parametrize(
    ("given", "error", "says"),
    [
        ({"workers": -1}, ValueError, "workers must be at least 0, given -1"),
        ({"workers": 1.5}, TypeError, "workers must be an integer"),
        ({"prefetch": None}, TypeError, "prefetch must be an integer"),
        ({"start_method": "magic"}, ValueError, "None or one of .*fork.*given 'magic'"),
        ({"start_method": 3}, ValueError, "given 3"),
        ({"sampler": [1, 2]}, TypeError, r"sampler must be a Sampler or None, given \[1, 2\]"),
    ],
)
def test_bad_settings_are_refused(given, error, says):
    with pytest.raises(error, match=says):
        DataLoader(range(3), **given)


def test_combine_samples_may_run_in_workers():
    batches = list(forked([(np.ones(2), i) for i in range(5)], combine_samples_fn=combine_samples))
    assert [y.tolist() for _, y in batches] == [[0, 1, 2, 3], [4]]
