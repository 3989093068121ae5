"""Checkpoints: what is kept, what is found again, and what happens when something goes wrong."""

import gc
import random
import shutil
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
from pureml_core import Parameter, State, draw_seed, set_seed
from pureml_core.state import StateMismatch, collect, restore_tensors
from pureml_io import ArchiveError, Checkpoint


class Thing:
    """A Stateful object of one weight."""

    def __init__(self, value=0.0):
        self.w = Parameter([value, value])

    def state(self):
        return State("test.Thing/1", collect({"w": self.w})[0], {"name": "thing"})

    def restore(self, state, *, strict=True):
        if state.kind != "test.Thing/1":
            raise ValueError("another kind")
        return restore_tensors({"w": self.w}, state.arrays, {}, strict=strict)

    @property
    def value(self):
        return float(self.w.data[0])


class Unsaved(Thing):
    def state(self):
        return State("test.Thing/1", {"w": np.array(["text"])}, {})


def run(folder, steps, things, **settings):
    with Checkpoint(folder, things, **settings) as checkpoint:
        for step in steps:
            for thing in things.values():
                thing.w.data[...] = step
            checkpoint.save(step)


def names(folder):
    return sorted(p.name for p in folder.iterdir())


@pytest.mark.parametrize("background", [False, True])
def test_the_newest_files_are_kept_and_the_newest_is_restored(tmp_path, background):
    run(tmp_path / "a" / "b", range(1, 8), {"x": Thing()}, keep=2, background=background)
    assert names(tmp_path / "a" / "b") == [f"step-000000000{i}.pureml.zip" for i in (6, 7)]
    thing = Thing()
    found = Checkpoint(tmp_path / "a" / "b", {"x": thing}).restore()
    assert (found.step, thing.value, found.skipped, found.metric) == (7, 7, [], None)


def test_every_so_many_steps_and_when_forced(tmp_path):
    checkpoint = Checkpoint(tmp_path, {"x": Thing()}, every=5, keep=None)
    paths = [checkpoint.save(step) for step in range(12)]
    assert [p is not None for p in paths].count(True) == 3 and checkpoint.steps == [0, 5, 10]
    assert checkpoint.save(11, force=True) == tmp_path / "step-0000000011.pureml.zip"


def test_an_empty_folder_has_nothing_to_restore(tmp_path):
    assert Checkpoint(tmp_path / "none", {"x": Thing()}).restore() is None
    assert Checkpoint(tmp_path, {"x": Thing()}).restore() is None
    with pytest.raises(FileNotFoundError, match="no step 3"):
        Checkpoint(tmp_path, {"x": Thing()}).restore(3)


def test_users_values_and_generators_come_back(tmp_path):
    rng = np.random.default_rng(0)
    given = {"epoch": 3, "history": [1.0, float("inf")], "betas": (0.9, 0.99), "name": None}
    Checkpoint(tmp_path, {"rng": rng}).save(1, literals=given, metric=np.float32(0.5))
    expected = rng.random(3)
    found = Checkpoint(tmp_path, {"rng": rng}).restore()
    assert found.literals == given and found.metric == 0.5
    np.testing.assert_array_equal(rng.random(3), expected)


def test_global_sources_of_random_numbers_go_on(tmp_path):
    def draws():
        return draw_seed(), random.random(), np.random.rand(), np.random.randn()  # noqa: NPY002

    set_seed(1)
    np.random.randn()  # noqa: NPY002 - the second of a pair waits
    checkpoint = Checkpoint(tmp_path, {})
    checkpoint.save(0)
    expected = draws()
    set_seed(2)
    random.seed(2)
    checkpoint.restore()
    assert draws() == expected


@pytest.mark.parametrize(("best", "kept"), [("max", [2, 4, 5]), ("min", [1, 4, 5])])
def test_the_best_file_is_kept_also_by_a_later_process(tmp_path, best, kept):
    metrics = {1: 0.1, 2: 0.9, 3: float("nan")}
    things = {"x": Thing()}
    first = Checkpoint(tmp_path, things, keep=2, best=best)
    for step, metric in metrics.items():
        things["x"].w.data[...] = step
        first.save(step, metric=metric)
    second = Checkpoint(tmp_path, things, keep=2, best=best)
    second.restore()
    for step in (4, 5):
        second.save(step, metric=0.5)
    assert second.steps == kept
    assert second.restore("best").step == kept[0] == things["x"].value


def test_the_best_file_is_found_whoever_wrote_it(tmp_path):
    """A process that evaluates looks into the folder of one that trains."""
    training, evaluating = (Checkpoint(tmp_path, {"x": Thing()}, keep=1, best="max") for _ in range(2))
    for step, metric, best in ((1, 0.1, 1), (2, 0.9, 2), (3, 0.2, 2), (4, 0.95, 4)):
        training.save(step, metric=metric)
        assert evaluating.restore("best").step == best
    shutil.rmtree(tmp_path)
    with pytest.raises(FileNotFoundError, match="has a metric"):
        evaluating.restore("best")
    training.save(1, metric=0.5)  # the folder holds no later step any more
    assert training.steps == [1] and evaluating.restore("best").step == 1


def test_a_file_that_goes_while_it_is_restored(tmp_path, monkeypatch):
    import pureml_io.checkpoint as module

    writer, load = Checkpoint(tmp_path, {"x": Thing(2)}, keep=1), module.load
    writer.save(1)

    def late(path, **settings):
        writer.save(2) if "1.pureml" in path.name else None
        return load(path, **settings)

    monkeypatch.setattr(module, "load", late)
    thing = Thing()
    assert Checkpoint(tmp_path, {"x": thing}).restore().step == 2 == thing.value
    (tmp_path / "step-0000000002.pureml.zip").unlink()
    (tmp_path / "step-0000000003.pureml.zip").symlink_to(tmp_path / "nothing")
    with pytest.raises(ArchiveError, match="gone"):
        Checkpoint(tmp_path, {"x": thing}).restore()


def test_what_the_objects_hold_already_is_not_too_much(tmp_path, monkeypatch):
    for module in ("archive_reading", "checkpoint"):
        monkeypatch.setattr(f"pureml_io.{module}.UNASKED", 1000)
        monkeypatch.setattr(f"pureml_io.{module}.RATIO", 1)
    thing = Thing()
    thing.w = Parameter(np.zeros(100_000))  # a buffer that is filled later: packed it is nothing
    checkpoint = Checkpoint(tmp_path, {"x": thing})
    checkpoint.save(1)
    assert checkpoint.restore().step == 1
    with pytest.raises(ArchiveError, match="max_bytes"):
        Checkpoint(tmp_path, {"x": Thing()}).restore()


def test_a_damaged_file_is_skipped_and_named(tmp_path):
    run(tmp_path, (1, 2, 3), {"x": Thing()})
    newest, middle = tmp_path / "step-0000000003.pureml.zip", tmp_path / "step-0000000002.pureml.zip"
    newest.write_bytes(newest.read_bytes()[:-30])
    middle.write_bytes(b"")
    thing = Thing()
    checkpoint = Checkpoint(tmp_path, {"x": thing})
    found = checkpoint.restore()
    assert (found.step, thing.value) == (1, 1)
    assert [str(p) in line for p, line in zip((newest, middle), found.skipped, strict=True)] == [True, True]
    with pytest.raises(ArchiveError, match="none of its files is whole"):
        checkpoint.restore(3)
    checkpoint.save(2)  # going on replaces what was worthless
    assert checkpoint.steps == [1, 2]


def test_when_none_is_whole_nothing_is_restored_in_silence(tmp_path):
    run(tmp_path, (1,), {"x": Thing()})
    (tmp_path / "step-0000000001.pureml.zip").write_bytes(b"PK")
    with pytest.raises(ArchiveError, match="none of its files is whole"):
        Checkpoint(tmp_path, {"x": Thing()}).restore()


def test_a_new_run_does_not_write_over_an_old_one(tmp_path):
    run(tmp_path, (10, 20), {"x": Thing()})
    checkpoint = Checkpoint(tmp_path, {"x": Thing()})
    for step in (5, 20):
        with pytest.raises(ValueError, match="holds step 20; restore"):
            checkpoint.save(step)
    assert checkpoint.steps == [10, 20]
    checkpoint.restore(10)
    assert checkpoint.steps == [10, 20]  # looking at an old step loses nothing
    checkpoint.save(11)
    assert checkpoint.steps == [10, 11]


def test_a_run_that_is_killed_after_it_went_back_does_not_go_on_from_the_steps_it_left(tmp_path, monkeypatch):
    import pureml_io.checkpoint as module

    def killed(*args, **settings):
        raise KeyboardInterrupt

    run(tmp_path, (10, 20, 30), {"x": Thing()})
    checkpoint = Checkpoint(tmp_path, {"x": Thing()})
    checkpoint.restore(10)
    monkeypatch.setattr(module, "save", killed)
    with pytest.raises(KeyboardInterrupt):
        checkpoint.save(20)
    assert Checkpoint(tmp_path, {"x": Thing()}).restore().step == 10


def test_all_objects_are_restored_or_none(tmp_path):
    run(tmp_path, (1,), {"a": Thing(), "b": Thing()})
    a, b = Thing(5), Thing(6)
    b.w = Parameter([6.0])  # of another shape
    checkpoint = Checkpoint(tmp_path, {"a": a, "b": b})
    with pytest.raises(ValueError, match=r"Checkpoint: 'b': .*\(2,\), needed \(1,\)"):
        checkpoint.restore()
    assert (a.value, b.value) == (5, 6)
    found = checkpoint.restore(strict=False)
    assert (a.value, b.value) == (1, 6) and "b: 'w' has shape" in found.skipped[0]


class Follower(Thing):
    """Sets another object as it is restored, as a schedule does its optimizer's rate; may refuse."""

    leader, refuses = None, False

    def restore(self, state, *, strict=True):
        self.leader.w.data[...] = 100
        if self.refuses:
            raise ValueError("refused")
        return super().restore(state, strict=strict)


@pytest.mark.parametrize("names", ["abc", "bac", "cab", "acb"])
def test_objects_that_set_others_are_put_back_too(tmp_path, names):
    run(tmp_path, (1,), {name: Thing() for name in names})
    things = {"a": Thing(5), "b": Follower(6), "c": Thing(7)}
    things["b"].leader = things["a"]
    things["c"].restore = lambda state, strict=True: 1 / 0  # it cannot be put back either
    with pytest.raises(ZeroDivisionError):
        Checkpoint(tmp_path, {name: things[name] for name in names}).restore()
    assert things["b"].value == 6
    if names.index("a") < names.index("b"):
        assert things["a"].value == 5


def test_other_objects_than_were_saved(tmp_path):
    run(tmp_path, (1,), {"a": Thing(), "b": Thing()})
    a = Thing(5)
    checkpoint = Checkpoint(tmp_path, {"a": a, "c": Thing()})
    with pytest.raises(StateMismatch, match="missing the object 'c'; unexpected object 'b'"):
        checkpoint.restore()
    assert a.value == 5
    assert len(checkpoint.restore(strict=False).skipped) == 2 and a.value == 1


def test_a_snapshot_is_taken_at_once(tmp_path, monkeypatch):
    import pureml_io.checkpoint as module

    go, save = threading.Event(), module.save
    monkeypatch.setattr(module, "save", lambda *args, **settings: go.wait(10) and save(*args, **settings))
    thing = Thing(1)
    with Checkpoint(tmp_path, {"x": thing}, background=True) as checkpoint:
        checkpoint.save(1)
        assert checkpoint.steps == []  # it is being written
        thing.w.data[...] = 99
        go.set()
    Checkpoint(tmp_path, {"x": thing}).restore()
    assert thing.value == 1


def test_what_goes_wrong_in_the_background_is_raised_by_the_next_call(tmp_path):
    folder = tmp_path / "file"
    checkpoint = Checkpoint(folder, {"x": Thing()}, background=True)
    checkpoint.save(1)
    checkpoint.wait()
    for path in folder.iterdir():
        path.unlink()
    folder.rmdir()
    checkpoint.save(2)
    checkpoint.wait()  # the folder was made again
    bad = Checkpoint(tmp_path / "bad", {"x": Unsaved()}, background=True)
    bad.save(1)
    with pytest.raises(TypeError, match="has dtype <U4"):
        bad.save(2)
    assert bad.steps == []
    rare = Checkpoint(tmp_path / "rare", {"x": Unsaved()}, every=10, background=True)
    rare.save(10)
    with pytest.raises(TypeError, match="has dtype <U4"):  # not ten steps later
        for _ in range(1000):
            rare.save(11)
            time.sleep(0.01)
    rare.close()
    checkpoint.close()
    bad.close()
    gc.collect()
    assert not [t for t in threading.enumerate() if t.name.startswith("checkpoint")]


def test_litter_of_a_killed_writer_is_gone_after_the_next_save(tmp_path):
    (tmp_path / ".step-0000000001.pureml.zip~0123456789abcdef.tmp").write_bytes(b"half")
    checkpoint = Checkpoint(tmp_path, {"x": Thing()})
    assert checkpoint.restore() is None
    checkpoint.save(7)
    assert names(tmp_path) == ["step-0000000007.pureml.zip"]


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda at: Checkpoint(at, {"a.b": Thing()}), ValueError, "without dots"),
        (lambda at: Checkpoint(at, {"global_randomness": Thing()}), ValueError, "not 'global_randomness'"),
        (lambda at: Checkpoint(at, {"x": 3}), TypeError, r"'x' is int.*literals"),
        (lambda at: Checkpoint(at, {}, keep=0), ValueError, "keep: given 0"),
        (lambda at: Checkpoint(at, {}, every=1.5), TypeError, "every: given 1.5"),
        (lambda at: Checkpoint(at, {}, best="most"), ValueError, "'min', 'max' or None"),
        (lambda at: Checkpoint(at, [Thing()]), TypeError, "objects as list, needed a dict"),
        (lambda at: Checkpoint(at, {"x": Thing}), TypeError, "'x' is type"),
        (
            lambda at: Checkpoint(at, {}, compression_level=10),
            ValueError,
            "Checkpoint: given compression_level 10",
        ),
        (lambda at: Checkpoint(at, {}).restore("best"), ValueError, '"best" of what'),
        (lambda at: Checkpoint(at, {}).restore("newest"), TypeError, "given 'newest'"),
        (lambda at: Checkpoint(at, {}).restore(1.0), TypeError, "step: given 1.0"),
        (lambda at: Checkpoint(at, {}).save(1, metric="0.5"), TypeError, "the metric '0.5'"),
        (lambda at: Checkpoint(at, {}).save(1, literals=[1]), TypeError, r"literals \[1\], needed a dict"),
        (lambda at: Checkpoint(at, {}).save(-1), ValueError, "step: given -1"),
        (lambda at: Checkpoint(at, {}, best="max").save(1), ValueError, "needs a metric"),
        (
            lambda at: Checkpoint(at, {}).save(1, literals={"a": 1, "f": print}),
            TypeError,
            "save: literals: 'f': .*not a literal",
        ),
    ],
)
def test_wrong_arguments(tmp_path, make, error, message):
    with pytest.raises(error, match=message):
        make(tmp_path)
    assert names(tmp_path) == []


def test_other_files_are_no_steps(tmp_path):
    for name in ("step-1", "step-00000000001", "step-\N{ARABIC-INDIC DIGIT ONE}000000000", "step-0000000001.zip"):
        (tmp_path / f"{name}.pureml.zip").touch()
    assert Checkpoint(tmp_path, {}).steps == []
    with pytest.raises(NotADirectoryError):  # not: nothing there yet
        Checkpoint(tmp_path / "step-1.pureml.zip", {}).restore()


def test_an_archive_of_something_else_is_skipped(tmp_path):
    from pureml_io import save

    run(tmp_path, (1,), {"x": Thing()})
    save(Thing().state(), tmp_path / "step-0000000002")
    found = Checkpoint(tmp_path, {"x": Thing()}).restore()
    assert found.step == 1 and "needed 'pureml_io.Checkpoint/1'" in found.skipped[0]


@pytest.mark.parametrize(
    ("literals", "says"),
    [
        ({}, "its literals are not those of a checkpoint"),
        ({"objects": {}, "literals": {}}, "its array 'x.w' belongs to no object"),
        ({"objects": {"x": {}}, "literals": {}}, "its object 'x' has no kind"),
        ({"objects": {"x": {"kind": "a/1"}}, "literals": {}}, "its object 'x' has no literals"),
    ],
)
def test_a_forged_state_is_skipped_by_its_path(tmp_path, literals, says):
    from pureml_io import save

    checkpoint = Checkpoint(tmp_path, {"x": Thing()})
    checkpoint.save(1)
    save(State("pureml_io.Checkpoint/1", {"x.w": np.zeros(2)}, literals), tmp_path / "step-0000000002")
    assert checkpoint.restore().skipped == [f"{tmp_path / 'step-0000000002.pureml.zip'}: {says}"]


UNTOLD = """
import resource, signal, sys
import numpy as np
from pureml_io import Checkpoint

checkpoint = Checkpoint(sys.argv[1], {"rng": np.random.default_rng(0)}, background=True)
checkpoint.save(1)
checkpoint.wait()
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))  # as if the disk were full
checkpoint.save(2)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="needs resource limits")
def test_an_error_that_no_call_raised_is_told_at_the_end(tmp_path):
    done = subprocess.run([sys.executable, "-c", UNTOLD, str(tmp_path)], capture_output=True, text=True)
    assert "RuntimeWarning: Checkpoint: a file was not written: OSError" in done.stderr, done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["step-0000000001.pureml.zip"]
