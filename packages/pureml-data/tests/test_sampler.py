"""Samplers: what is in an epoch, how often, and in which order, for every seed, rank and size."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pureml_core import State, Tensor, set_seed
from pureml_data import (
    DataLoader,
    DistributedSampler,
    RandomSampler,
    Sampler,
    SequentialSampler,
    StratifiedSampler,
    TensorDataset,
    WeightedSampler,
)

LABELS = np.array([0, 1, 1, 2, 2, 2] * 4)
N = len(LABELS)

# sampler of a seed; the first 8 of two epochs over N samples from seed 0, which are the same on every platform
SAMPLERS = {
    "random": (lambda seed: RandomSampler(seed=seed), [[18, 4, 21, 10, 11, 2, 22, 6], [2, 13, 4, 19, 18, 7, 11, 1]]),
    "with replacement": (
        lambda seed: RandomSampler(replacement=True, seed=seed),
        [[20, 15, 12, 6, 7, 0, 1, 0], [9, 20, 13, 0, 18, 17, 20, 4]],
    ),
    "weighted": (
        lambda seed: WeightedSampler(LABELS, seed=seed),
        [[16, 7, 2, 1, 21, 22, 15, 17], [15, 10, 23, 23, 16, 16, 17, 10]],
    ),
    "stratified": (
        lambda seed: StratifiedSampler(LABELS, seed=seed),
        [[4, 2, 18, 21, 20, 10, 11, 8], [4, 2, 18, 11, 13, 23, 22, 19]],
    ),
    "distributed": (
        lambda seed: DistributedSampler(1, 2, seed=seed),
        [[4, 10, 2, 6, 3, 8, 16, 19], [13, 19, 7, 1, 20, 14, 10, 5]],
    ),
}
samplers = pytest.mark.parametrize("make", [make for make, _ in SAMPLERS.values()], ids=list(SAMPLERS))
seeds = st.integers(0, 2**70)


def epochs(sampler, count=3, n=N):
    return [sampler.order(n).tolist() for _ in range(count)]


@pytest.mark.parametrize(("make", "expected"), SAMPLERS.values(), ids=list(SAMPLERS))
def test_the_order_for_a_seed_is_the_same_on_every_platform(make, expected):
    assert [order[:8] for order in epochs(make(0), 2)] == expected


@samplers
def test_same_seed_same_orders_and_every_epoch_another(make):
    first, second, third = epochs(make(5))
    assert epochs(make(5)) == [first, second, third]
    assert first != second != third != first
    assert epochs(make(6), 1) != [first]


@samplers
def test_the_state_goes_on_in_another_sampler(make):
    sampler, other = make(1), make(2)
    sampler.order(N)
    state = sampler.state()
    ahead = epochs(sampler)
    assert other.restore(state) == []
    assert epochs(other) == ahead
    sampler.restore(state)
    assert epochs(sampler) == ahead


@samplers
def test_a_seed_that_nobody_gave_comes_from_the_one_for_everything(make):
    if isinstance(make(0), DistributedSampler):
        pytest.skip("has a seed of its own, the same on all ranks")
    set_seed(3)
    sampler = make(None)
    set_seed(3)
    assert make(None).seed == sampler.seed
    assert epochs(make(sampler.seed)) == epochs(sampler)


@samplers
def test_a_loader_delivers_the_order_of_its_sampler(make):
    expected = epochs(make(4), 2)
    loader = DataLoader(TensorDataset(np.arange(N)), 5, sampler=make(4))
    assert len(loader) == -(-len(expected[0]) // 5)
    for order in expected:
        assert [i for (batch,) in loader for i in batch.tolist()] == order


@settings(deadline=None)
@given(n=st.integers(0, 50), seed=seeds)
def test_sequential_and_random_orders_have_every_sample_once(n, seed):
    assert SequentialSampler().order(n).tolist() == list(range(n)) == sorted(RandomSampler(seed=seed).order(n))


@settings(deadline=None)
@given(n=st.integers(0, 20), k=st.integers(0, 30), replacement=st.booleans(), seed=seeds)
def test_random_draws(n, k, replacement, seed):
    sampler = RandomSampler(replacement=replacement, num_samples=k, seed=seed)
    if k > n and (not replacement or n == 0):
        for ask in (sampler.order, sampler.length):
            with pytest.raises(ValueError, match=f"{k} entries cannot be drawn from {n} samples"):
                ask(n)
        return
    order = sampler.order(n)
    assert len(order) == sampler.length(n) == k
    assert set(order.tolist()) <= set(range(n))
    assert replacement or len(set(order.tolist())) == k


def test_replacement_draws_uniformly():
    order = RandomSampler(replacement=True, num_samples=40_000, seed=0).order(4)
    assert np.abs(np.bincount(order) / 10_000 - 1).max() < 0.05  # 6 standard deviations


def test_weights_are_probabilities():
    order = WeightedSampler(Tensor([1.0, 0.0, 3.0]), 40_000, seed=0).order(3)
    counts = np.bincount(order, minlength=3)
    assert counts[1] == 0 and abs(counts[2] / 30_000 - 1) < 0.02
    huge = WeightedSampler([1e308, 1e308, 0], 10, seed=0).order(3)
    assert set(huge.tolist()) == {0, 1}


@settings(deadline=None)
@given(weights=st.lists(st.sampled_from([0, 1, 5]), min_size=1, max_size=20), k=st.integers(0, 20), seed=seeds)
def test_weights_without_replacement(weights, k, seed):
    possible = np.count_nonzero(weights)
    if possible < max(k, 1):
        with pytest.raises(ValueError, match="not all 0" if possible == 0 else "lower num_samples"):
            WeightedSampler(weights, k, replacement=False)
        return
    order = WeightedSampler(weights, k, replacement=False, seed=seed).order(len(weights)).tolist()
    assert len(set(order)) == len(order) == k
    assert all(weights[i] for i in order)


@settings(deadline=None)
@given(labels=st.lists(st.sampled_from("aaaaabbc"), max_size=60), size=st.integers(1, 20), seed=seeds)
def test_stratified_batches_have_the_classes_in_their_proportions(labels, size, seed):
    n = len(labels)
    order = StratifiedSampler(labels, seed=seed).order(n)
    assert sorted(order.tolist()) == list(range(n))
    classes = set(labels)
    for start in range(0, n, size):
        batch = [labels[i] for i in order[start : start + size]]
        for name in classes:
            share = labels.count(name) / n
            assert abs(batch.count(name) - len(batch) * share) <= 1 + len(classes) * share + 1e-9


@pytest.mark.parametrize("counts", [[50, 30, 20], [10] * 10, [90, 10]])
def test_stratified_batches_are_exact_where_they_can_be(counts):
    labels = np.random.default_rng(0).permutation(np.repeat(np.arange(len(counts)), counts))
    order = StratifiedSampler(labels, seed=1).order(100)
    for batch in order.reshape(10, 10):
        assert (np.bincount(labels[batch], minlength=len(counts)) * 10 == counts).all()


@settings(deadline=None)
@given(n=st.integers(0, 40), world=st.integers(1, 9), shuffle=st.booleans(), pad=st.booleans(), seed=seeds)
def test_ranks_share_every_sample(n, world, shuffle, pad, seed):
    ranks = [DistributedSampler(rank, world, shuffle=shuffle, pad=pad, seed=seed) for rank in range(world)]
    for _ in range(2):  # epochs
        orders = [sampler.order(n).tolist() for sampler in ranks]
        assert [len(order) for order in orders] == [sampler.length(n) for sampler in ranks]
        together = [i for order in orders for i in order]
        if pad:
            assert {len(order) for order in orders} == {-(-n // world)}
            counts = np.bincount(together, minlength=n)
            assert counts.min(initial=n) >= 1 or n == 0
            assert n < world or counts.max(initial=1) <= 2
        else:
            assert sorted(together) == list(range(n))
            assert max(map(len, orders)) - min(map(len, orders)) <= 1


def test_a_state_of_one_rank_is_that_of_all():
    ranks = [DistributedSampler(rank, 3, seed=7) for rank in range(3)]
    for sampler in ranks:
        sampler.order(10)
    state = ranks[0].state()
    expected = [sampler.order(10).tolist() for sampler in ranks]
    fresh = [DistributedSampler(rank, 3) for rank in range(3)]
    for sampler in fresh:
        sampler.restore(state)
    assert [sampler.order(10).tolist() for sampler in fresh] == expected


def test_a_state_of_something_else_changes_nothing():
    sampler = RandomSampler(seed=0)
    before = sampler.state()
    for state in (
        SequentialSampler().state(),
        State(before.kind, {}, {}),
        State(before.kind, {}, {"generators": {}}),
        State(before.kind, {"x": np.zeros(1)}, before.literals),
    ):
        with pytest.raises(ValueError, match="RandomSampler"):
            sampler.restore(state)
    assert sampler.state() == before
    for literals in ({}, [1], None, {"generators": 3}):
        with pytest.raises(ValueError, match="have no 'generators'"):
            sampler.restore(State(before.kind, {}, literals))


def test_own_samplers():
    class Backwards(Sampler):
        def order(self, n):
            return np.arange(n)[::-1]

    class Outside(Sampler):
        def order(self, n):
            return np.arange(n + 1)

    data = TensorDataset(np.arange(5))
    assert [x.tolist() for (x,) in DataLoader(data, 2, sampler=Backwards())] == [[4, 3], [2, 1], [0]]
    with pytest.raises(IndexError, match=r"Outside gave 0 ... 5 for 5 samples"):
        list(DataLoader(data, 2, sampler=Outside()))
    with pytest.raises(NotImplementedError, match=r"order\(self, n\)"):
        list(DataLoader(data, sampler=Sampler()))

    class Empty(Backwards):
        def __len__(self):  # of what is nobody's business: the sampler is there
            return 0

    assert [x.tolist() for (x,) in DataLoader(data, 5, sampler=Empty())] == [[4, 3, 2, 1, 0]]


class Growing(Sampler):
    """A quarter of the samples in the first epoch, then a half, three quarters, all."""

    def __init__(self, seed):
        self.epoch, self.rng = 0, np.random.default_rng(seed)

    def length(self, n):
        return min(n * (self.epoch + 1) // 4, n)

    def order(self, n):
        order = self.rng.permutation(n)[: self.length(n)]
        self.epoch += 1
        return order

    def state(self):
        state = super().state()
        return State(state.kind, state.arrays, {**state.literals, "epoch": self.epoch})

    def restore(self, state, *, strict=True):
        skipped = super().restore(state, strict=strict)
        self.epoch = state.literals["epoch"]
        return skipped


def test_an_epoch_may_be_as_long_as_the_samplers_state_says():
    first = DataLoader(TensorDataset(np.arange(40)), 4, sampler=Growing(0))
    assert [(len(first), len(list(first))) for _ in range(3)] == [(3, 3), (5, 5), (8, 8)]
    loop = iter(first)
    for _ in range(7):  # more than a new sampler's first epoch has
        next(loop)
    state = first.state()
    rest = [x.tolist() for (x,) in loop]
    second = DataLoader(TensorDataset(np.arange(40)), 4, sampler=Growing(1))
    second.restore(state)
    assert [x.tolist() for (x,) in second] == rest and len(rest) == 3

    before = second.state()
    forged = State(state.kind, state.arrays, {**state.literals, "delivered": 11})
    with pytest.raises(ValueError, match="delivered is 11, an epoch has 10 batches"):
        second.restore(forged)
    assert second.state() == before


class Giving(Sampler):
    def __init__(self, order):
        self.given = order

    def order(self, n):
        return self.given


@pytest.mark.parametrize("dataset", [TensorDataset(np.arange(4)), range(4)], ids=["batches", "one by one"])
@pytest.mark.parametrize(
    ("order", "error", "says"),
    [
        ([3, 2, 1, 0], None, ""),
        (range(4), None, ""),
        (Tensor(np.arange(4)), None, ""),
        (np.arange(4, dtype=np.uint8), None, ""),
        (iter(range(4)), TypeError, r"Giving.order gave shape \(\) and dtype object"),
        (None, TypeError, "dtype object"),
        (np.arange(4) > 1, TypeError, "dtype bool"),
        (np.arange(4.0), TypeError, "dtype float64"),
        ([[0, 1], [2, 3]], TypeError, r"shape \(2, 2\)"),
        ([-1, 0, 1, 2], IndexError, "-1 ... 2 for 4 samples"),
        ([0, 1], ValueError, r"gave 2 entries for 4 samples, but its length\(4\) is 4"),
        ([], ValueError, "gave 0 entries"),
    ],
)
def test_what_an_order_may_be(order, error, says, dataset):
    loader = DataLoader(dataset, 2, sampler=Giving(order))
    if error is None:
        assert len([x for batch in loader for x in batch]) > 0
        return
    before = loader.state()
    with pytest.raises(error, match=says):
        list(loader)
    assert loader.state() == before  # no epoch was begun


def test_a_sampler_may_shuffle_one_array_for_every_epoch():
    class InPlace(Sampler):
        def __init__(self):
            self.rng, self.numbers = np.random.default_rng(0), np.arange(20)

        def order(self, n):
            self.rng.shuffle(self.numbers)
            return self.numbers

    loader = DataLoader(TensorDataset(np.arange(20)), 4, sampler=InPlace())
    for side in zip(*zip(loader, loader, strict=True), strict=True):
        assert sorted(i for (x,) in side for i in x.tolist()) == list(range(20))


@pytest.mark.parametrize(
    ("make", "error", "says"),
    [
        (lambda: RandomSampler(replacement=1), TypeError, "replacement must be True or False"),
        (lambda: RandomSampler(num_samples=-1), ValueError, "num_samples must be at least 0"),
        (lambda: RandomSampler(num_samples=1.0), TypeError, "num_samples must be an integer"),
        (lambda: RandomSampler(seed=-1), ValueError, "-1"),
        (lambda: WeightedSampler([1, -1]), ValueError, "none below 0"),
        (lambda: WeightedSampler([0, 0]), ValueError, "not all 0"),
        (lambda: WeightedSampler([]), ValueError, "shape"),
        (lambda: WeightedSampler([1, np.nan]), ValueError, "finite"),
        (lambda: WeightedSampler(np.ones((2, 2))), ValueError, r"\(2, 2\)"),
        (lambda: WeightedSampler([1e300, 1e-300], replacement=False), ValueError, "1 of 2 weights are above 0"),
        (lambda: WeightedSampler([1, 2]).order(3), ValueError, "2 weights for 3 samples"),
        (lambda: StratifiedSampler(np.eye(3)), ValueError, r"\(3, 3\).*argmax"),
        (lambda: StratifiedSampler([1, 2]).order(3), ValueError, "2 labels for 3 samples"),
        (lambda: DistributedSampler(2, 2), ValueError, r"rank 2 of 2, needed 0 ... 1"),
        (lambda: DistributedSampler(-1, 2), ValueError, "rank must be at least 0"),
        (lambda: DistributedSampler(0, 0), ValueError, "world_size must be at least 1"),
        (lambda: DistributedSampler(0, 1, pad="no"), TypeError, "pad"),
        (lambda: DistributedSampler(0, 1, seed=None), TypeError, "seed must be an integer, given None"),
    ],
)
def test_bad_settings_are_refused(make, error, says):
    with pytest.raises(error, match=says):
        make()
