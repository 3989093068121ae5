"""One seed rules everything."""

import numpy as np
import pytest
from pureml_core import draw_seed, generator, set_seed


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


@pytest.mark.parametrize("function", [set_seed, generator, draw_seed])
@pytest.mark.parametrize(("seed", "error"), [(-1, ValueError), (1.5, TypeError), ("a", TypeError)])
def test_impossible_seeds(function, seed, error):
    with pytest.raises(error, match="non-negative integer"):
        function(seed)
