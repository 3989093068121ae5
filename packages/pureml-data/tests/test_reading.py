"""A loop over a loader, whoever reads: the same batches, errors in their place, an early end, a place to go on from."""

import gc
import multiprocessing
from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pureml_core import Composite, State, Tensor, set_seed
from pureml_data import (
    BatchDataset,
    Compose,
    ConcatDataset,
    DataLoader,
    DistributedSampler,
    GaussianNoise,
    MappedDataset,
    RandomCrop,
    StratifiedSampler,
    Subset,
    TensorDataset,
    WeightedSampler,
)
from pureml_data.seeding import generators

WAYS = {"serial": {}, "a thread": {"prefetch": 2}}
if "fork" in multiprocessing.get_all_start_methods():  # otherwise processes do not know the classes of a test module
    WAYS["processes"] = {"workers": 2, "start_method": "fork"}
    WAYS["processes with threads"] = {"workers": 3, "prefetch": 2, "start_method": "fork"}
ways = pytest.mark.parametrize("way", WAYS.values(), ids=list(WAYS))
N, SIZE = 23, 4
LENGTH = 6

pytestmark = pytest.mark.usefixtures("nothing_hangs_and_nothing_is_left")


class Noise(Composite):
    """A transform that draws."""

    def __init__(self, rng):
        self.rng = rng

    def __call__(self, x):
        return x + self.rng.random(np.shape(x))


class Noisy(BatchDataset):
    """Draws random numbers of every kind: its own, a transform's, and with `everything` the global ones."""

    def __init__(self, everything=False):
        self.rng = np.random.default_rng(3)
        other, another, last = (np.random.Generator(np.random.MT19937(i)) for i in range(3))
        self.transforms = [
            Noise(self.rng),
            {"bound": Noise(np.random.default_rng(4)).__call__, "numpy": other.normal},
            lambda x: x + another.random(np.shape(x)),
            partial(Noise.__call__, Noise(last)),
        ]
        self.everything = everything

    def __len__(self):
        return N

    def __getitem__(self, i):
        x = np.asarray(i) + self.rng.integers(5, size=np.shape(i))
        for transform in self.transforms:
            for part in transform.values() if isinstance(transform, dict) else [transform]:
                x = part(x)
        return np.asarray(i), x + np.random.rand() if self.everything else x  # noqa: NPY002


class OneByOne:
    def __init__(self):
        self.all = Noisy()

    def __len__(self):
        return N

    def __getitem__(self, i):
        return self.all[i]


def batches(loader):
    return [[np.asarray(field).tolist() for field in batch] for batch in loader]


def pairs(samples):
    return tuple(np.stack(field)[::-1] for field in zip(*samples, strict=True))


def augmented(batched):
    images = np.random.default_rng(0).random((N, 4, 4))
    crop = Compose(RandomCrop(3, padding=1), GaussianNoise(0.1))
    return MappedDataset(TensorDataset(images, np.arange(N)), crop, field=0, batched=batched)


KINDS = {
    "shuffled": lambda **s: DataLoader(Noisy(), SIZE, shuffle=True, **s),
    "in order": lambda **s: DataLoader(Noisy(), SIZE, **s),
    "one by one": lambda **s: DataLoader(OneByOne(), SIZE, shuffle=True, **s),
    "augmented batches": lambda **s: DataLoader(augmented(True), SIZE, shuffle=True, **s),
    "augmented samples": lambda **s: DataLoader(augmented(False), SIZE, shuffle=True, **s),
    "combined": lambda **s: DataLoader(Noisy(), SIZE, shuffle=True, combine_samples_fn=pairs, **s),
    "drop_last": lambda **s: DataLoader(Noisy(), SIZE, shuffle=True, drop_last=True, **s),
    "weighted": lambda **s: DataLoader(Noisy(), SIZE, sampler=WeightedSampler(np.arange(N), 20, seed=1), **s),
    "stratified": lambda **s: DataLoader(Noisy(), SIZE, sampler=StratifiedSampler(np.arange(N) % 3, seed=1), **s),
    "distributed": lambda **s: DataLoader(Noisy(), SIZE, sampler=DistributedSampler(1, 2, seed=1), **s),
}
kinds = pytest.mark.parametrize("make", KINDS.values(), ids=list(KINDS))


@kinds
def test_whoever_reads_the_batches_are_the_same(make):
    serial = make(seed=1)
    expected = [batches(serial) for _ in range(2)]
    assert len(expected[0]) == len(serial)
    assert expected[0] != expected[1]
    for way in list(WAYS.values())[1:]:
        loader = make(seed=1, **way)
        assert [batches(loader) for _ in range(2)] == expected


@pytest.mark.skipif("processes" not in WAYS, reason="needs forked workers")
def test_global_random_numbers_in_workers_depend_on_the_batch_alone():
    epochs = [
        batches(DataLoader(Noisy(everything=True), SIZE, seed=1, workers=w, start_method="fork")) for w in (1, 2, 5)
    ]
    assert epochs[0] == epochs[1] == epochs[2]
    drawn = {
        round(x[0] - y[0], 9) for (_, x), (_, y) in zip(epochs[0], batches(KINDS["in order"](seed=1)), strict=True)
    }
    assert len(drawn) == LENGTH


@ways
def test_batches_arrive_writable_and_alone(way):
    for i, (batch,) in enumerate(DataLoader(TensorDataset(np.zeros((8, 3))), 2, **way)):
        assert type(batch) is Tensor and not batch.data.any(), i
        batch.data[...] = 1


@ways
@pytest.mark.parametrize("n", [0, 1, 2])
def test_few_samples(n, way):
    assert [x.tolist() for x in DataLoader(range(n), 1, **way)] == [[i] for i in range(n)]


# ---- errors


class Broken(BatchDataset):
    def __init__(self, error, at):
        self.error, self.at = error, at

    def __len__(self):
        return N

    def __getitem__(self, index):
        if self.at in np.atleast_1d(index):
            raise self.error
        return index


def broken_combine(samples):
    if 9 in samples:
        raise KeyError("in combine")
    return samples


@ways
@pytest.mark.parametrize(
    "make",
    [
        lambda **s: DataLoader(Broken(KeyError("in a file"), 9), SIZE, **s),
        lambda **s: DataLoader(Broken(KeyError("in a file"), 9), SIZE, combine_samples_fn=list, **s),
        lambda **s: DataLoader(range(N), SIZE, combine_samples_fn=broken_combine, **s),
    ],
    ids=["dataset", "dataset, combined", "combine_samples_fn"],
)
def test_an_exception_comes_where_its_batch_would_have_come(make, way):
    loader = make(**way)
    got = []
    with pytest.raises(KeyError, match="in ") as caught:
        for batch in loader:
            got.append(batch)
    assert [list(batch) for batch in got] == [[0, 1, 2, 3], [4, 5, 6, 7]]
    told = "".join(caught.traceback[-1].name) + "".join(getattr(caught.value, "__notes__", []))
    assert "__getitem__" in told or "broken_combine" in told
    loader.dataset = range(N)
    loader.combine_samples_fn = None
    assert len(list(loader)) == LENGTH  # another loop is another chance


@ways
def test_an_exception_in_the_loop_ends_the_reading(way):
    with pytest.raises(ZeroDivisionError):
        for _ in DataLoader(range(N), 1, **way):
            raise ZeroDivisionError


@ways
def test_a_stop_iteration_in_a_dataset_does_not_end_the_epoch_in_silence(way):
    class OneByOne:
        def __len__(self):
            return N

        def __getitem__(self, index):
            raise StopIteration

    for dataset in (OneByOne(), Broken(StopIteration(), 9)):
        with pytest.raises(RuntimeError, match="StopIteration"):
            list(DataLoader(dataset, SIZE, **way))


@ways
@pytest.mark.parametrize("combine", [None, list])
def test_a_dataset_that_gives_too_few_batches_is_found_out(combine, way):
    class Short(BatchDataset):
        def __len__(self):
            return N

        def __getitem__(self, index):
            return index

        def read_in_order(self, indices):
            for index, _ in zip(indices, range(1), strict=False):
                yield index

    with pytest.raises(RuntimeError, match=r"Short\.read_in_order ended before batch"):
        list(DataLoader(Short(), SIZE, combine_samples_fn=combine, **way))


# ---- an early end


@ways
@pytest.mark.parametrize(
    ("how", "taken"), [("break", 0), ("break", 4), ("close", 3), ("close", LENGTH), ("drop", 1), ("cycle", 2)]
)
def test_an_early_end_leaves_nothing_running(taken, how, way):
    loader = DataLoader(TensorDataset(np.arange(N)), SIZE, **way)
    loop = iter(loader)
    for _ in range(taken):
        next(loop)
    if how == "break":
        for _ in loop:
            break
        del loop
    elif how == "close":
        loop.close()
    elif how == "drop":
        del loop
    else:
        cycle = [loop]
        cycle.append(cycle)
        del loop, cycle
        gc.collect()
    assert len(list(loader)) == LENGTH
    # and the fixture looks for threads and processes


@ways
def test_many_epochs_at_once(way):
    loader = DataLoader(TensorDataset(np.arange(N)), SIZE, shuffle=True, **way)
    for side in zip(*zip(loader, loader, loader, strict=True), strict=True):
        assert sorted(i for (x,) in side for i in x.tolist()) == list(range(N))


# ---- the state


def resumed(make, taken, epochs_before, how, way, fresh_way):
    """What was delivered before and after a stop, in all: two epochs beyond the one that was interrupted."""
    loader = make(seed=5, **way)
    seen = [batch for _ in range(epochs_before) for batch in batches(loader)]
    loop = iter(loader)
    seen += batches(next(loop) for _ in range(taken))
    if how == "left early":
        loop.close()
    state = loader.state()
    loop.close()
    other = make(seed=99, **fresh_way)
    assert other.restore(state) == []
    assert other.state().literals == state.literals
    rest = batches(other)
    assert len(other) == len(loader)
    return [*seen, *rest, *batches(other), *batches(other)]


@settings(deadline=None, max_examples=40)
@given(
    kind=st.sampled_from(sorted(KINDS)),
    taken=st.integers(1, LENGTH),
    before=st.integers(0, 2),
    how=st.sampled_from(["inside", "left early"]),
    thread=st.booleans(),
)
def test_a_restored_loader_goes_on_with_the_first_batch_not_delivered(kind, taken, before, how, thread):
    make = KINDS[kind]
    whole = make(seed=5)
    expected = [batch for _ in range(before + 3) for batch in batches(whole)]
    taken = min(taken, len(whole))
    way = {"prefetch": 3} if thread else {}
    assert resumed(make, taken, before, how, way, {}) == expected


@pytest.mark.parametrize("way", list(WAYS.values())[1:], ids=list(WAYS)[1:])
def test_what_was_read_ahead_does_not_count_as_delivered(way):
    make = KINDS["shuffled"]
    whole = make(seed=5)
    expected = [batch for _ in range(4) for batch in batches(whole)]
    assert resumed(make, 3, 1, "inside", way, {}) == expected
    assert resumed(make, 3, 1, "inside", {}, way) == expected


def test_a_state_between_epochs_and_one_that_nobody_gave_a_seed():
    loader = DataLoader(Noisy(), SIZE, shuffle=True)
    batches(loader)
    state = loader.state()
    expected = [batches(loader) for _ in range(2)]
    set_seed(1)
    other = DataLoader(Noisy(), SIZE, shuffle=True)
    other.restore(state)
    assert other.seed == loader.seed
    assert [batches(other) for _ in range(2)] == expected
    loader.restore(state)  # and the same loader goes back
    assert [batches(loader) for _ in range(2)] == expected


def test_a_state_after_the_last_batch_leaves_nothing_of_the_epoch():
    loader = DataLoader(range(4), 2, shuffle=True, seed=0)
    loop = iter(loader)
    next(loop), next(loop)
    state = loader.state()
    assert not list(loop)
    following = [x.tolist() for x in loader]
    other = DataLoader(range(4), 2, shuffle=True, seed=1)
    other.restore(state)
    assert list(other) == []  # what is done after an epoch is done after this one
    assert [x.tolist() for x in other] == following


def test_a_new_loop_of_the_same_loader_is_a_new_epoch():
    loader, other = (DataLoader(range(20), 2, shuffle=True, seed=0) for _ in range(2))
    for _ in loader:
        break
    first = [x.tolist() for x in other]
    assert [x.tolist() for x in loader] == [x.tolist() for x in other] != first


def test_a_state_is_a_snapshot():
    loader = DataLoader(Noisy(), SIZE, shuffle=True, seed=0)
    before = loader.state()
    loop = iter(loader)
    next(loop)
    inside = loader.state()
    next(loop)
    assert before.literals["delivered"] is None and inside.literals["delivered"] == 1
    assert before.kind == "pureml_data.DataLoader/1"


def changed(**literals):
    def change(state):
        return State(state.kind, state.arrays, {**state.literals, **literals})

    return change


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda state: State("pureml_data.RandomSampler/1"), "RandomSampler/1"),
        (lambda state: State(state.kind), "not a loader's literals"),
        (changed(samples=5), "samples is 5, here 23"),
        (changed(batch_size=3), "batch_size is 3, here 4"),
        (changed(drop_last=True), "drop_last is True, here False"),
        (changed(delivered=7), "delivered is 7, an epoch has 6 batches"),
        (changed(delivered=-1), "at least 0, given -1"),
        (changed(delivered="x"), "an integer, given 'x'"),
        (changed(seed=-1), "at least 0"),
        (changed(epoch=1.5), "an integer"),
        (changed(sampler=None), "not a loader's literals"),
        (changed(sampler={"kind": "pureml_data.RandomSampler/1", "literals": [1]}), "no 'generators'"),
        (changed(sampler={"kind": "pureml_data.SequentialSampler/1", "literals": {"generators": {}}}), "Sequential"),
        (changed(sampler={"kind": "pureml_data.RandomSampler/1", "literals": {"generators": {}}}), "_rng"),
        (lambda state: State(state.kind, {"x": np.zeros(2)}, state.literals), "unexpected 'x'"),
    ],
)
def test_a_state_that_does_not_fit_changes_nothing(change, says):
    loader = DataLoader(Noisy(), SIZE, shuffle=True, seed=0)
    next(iter(loader))
    before = loader.state()
    with pytest.raises(ValueError, match=says):
        loader.restore(change(before))
    assert loader.state() == before


def test_a_place_in_an_epoch_is_one_among_the_samples_that_it_began_with():
    data = list(range(10))
    loader, other = (DataLoader(data, 2, shuffle=True, seed=0) for _ in range(2))
    next(iter(loader))
    before = loader.state()
    data += [10, 11]
    assert loader.state() == before and before.literals["samples"] == 10
    with pytest.raises(ValueError, match="samples is 10, here 12"):
        other.restore(before)
    assert sorted(i for x in loader for i in x.tolist()) == list(range(12))  # a new epoch has them all


def test_a_restored_loader_keeps_nothing_of_the_state_that_it_was_given():
    loader, other = (DataLoader(Noisy(), SIZE, shuffle=True, seed=seed) for seed in (0, 1))
    next(iter(loader))
    state = loader.state()
    other.restore(state)
    state.literals["sampler"]["literals"]["generators"].clear()
    assert other.state() == loader.state()


def test_what_does_not_fit_is_skipped_when_asked_for():
    loader = DataLoader(range(20), 4, shuffle=True, seed=0)
    next(iter(loader))
    wider = DataLoader(range(20), 5, shuffle=True, seed=1)
    assert wider.restore(loader.state(), strict=False) == ["batch_size is 4, here 5"]
    assert [i for x in wider for i in x.tolist()] == [  # the same epoch, from its beginning
        i for x in DataLoader(range(20), 4, shuffle=True, seed=0) for i in x.tolist()
    ]


def test_the_first_transform_does_not_draw_what_the_shuffle_drew():
    drawn = []

    class Drawing(Composite):
        def __init__(self):
            self.rng = np.random.default_rng(0)

        def __call__(self, samples):
            drawn.append(self.rng.bit_generator.state["state"])
            return samples

    next(iter(DataLoader(TensorDataset(np.arange(4)), 2, shuffle=True, seed=5, combine_samples_fn=Drawing())))
    assert drawn[0] != np.random.default_rng(5).bit_generator.state["state"]


def test_where_generators_are_looked_for():
    def rngs(n):
        return [np.random.default_rng(i) for i in range(n)]

    a, b, c, d = rngs(4)

    def f(x, rng=a, *, other=b):
        return x + c.random()

    assert generators(MappedDataset(range(3), f)) == [c, a, b]
    many = [Noise(rng) for rng in rngs(1500)]
    parts = [MappedDataset(range(2), noise) for noise in many]
    assert generators(ConcatDataset(parts)) == [noise.rng for noise in many]
    samples = [(d, {"x": [d]})] * 1500  # of whatever a million samples hold, nothing is looked at
    assert generators(samples) == generators(Subset(samples, [0])) == generators(MappedDataset(samples, len)) == []
    assert generators(Subset(samples[:3], [0])) == [d]
