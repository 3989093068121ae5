"""One seed rules everything."""

# ruff: noqa: NPY002 - the legacy global state is one of the things to seed

import random

import numpy as np
import pytest
from pureml_core import draw_seed, generator, seed_everything, set_seed


def draws():
    return [generator().random(), draw_seed(), generator().random(), draw_seed()]


def test_one_seed_repeats_everything():
    set_seed(3)
    first = draws()
    assert len(set(first)) == 4
    assert first != draws()
    set_seed(3)
    assert first == draws()
    set_seed(4)
    assert first != draws()


def test_own_seeds_do_not_move_the_global_sequence():
    set_seed(3)
    first = draws()
    set_seed(3)
    generator(5)
    draw_seed(5)
    assert first == draws()


def test_a_given_seed_is_taken_as_it_is():
    assert generator(5).random() == generator(np.int64(5)).random() == np.random.default_rng(5).random()
    assert draw_seed(5) == 5 and type(draw_seed(np.uint8(5))) is int
    rng = np.random.default_rng()
    assert generator(rng) is rng
    assert 0 <= draw_seed() < 2**64


@pytest.fixture
def global_states():
    """The global generators as they were, afterwards."""
    python, legacy = random.getstate(), np.random.get_state()
    yield
    random.setstate(python)
    np.random.set_state(legacy)


@pytest.mark.usefixtures("global_states")
@pytest.mark.parametrize("seed", [0, 5, 2**32 - 1, 2**32, 2**64 + 1, np.uint8(3)])
def test_seed_everything_starts_all_three_anew(seed):
    def everywhere():
        return [random.random(), np.random.rand(), *draws()]

    assert seed_everything(seed) == seed and type(seed_everything(seed)) is int
    first = everywhere()
    assert first != everywhere()
    seed_everything(seed)
    assert first == everywhere()
    seed_everything(int(seed) + 2**32)
    assert not set(first) & set(everywhere())


@pytest.mark.usefixtures("global_states")
def test_seed_everything_seeds_as_each_library_does():
    seed_everything(5)
    ours = random.random(), np.random.rand(), draw_seed()
    random.seed(5)
    np.random.seed(5)
    set_seed(5)
    assert ours == (random.random(), np.random.rand(), draw_seed())


@pytest.mark.parametrize("function", [set_seed, seed_everything, generator, draw_seed])
@pytest.mark.parametrize(("seed", "error"), [(-1, ValueError), (1.5, TypeError), ("a", TypeError)])
def test_impossible_seeds(function, seed, error):
    with pytest.raises(error, match="non-negative integer"):
        function(seed)
