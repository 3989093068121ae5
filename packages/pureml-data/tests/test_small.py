"""The small tables of scikit-learn."""

import numpy as np
import pytest
from pureml_data.datasets import SmallDataset

pytest.importorskip("sklearn")

SIZES = {
    "iris": (150, (4,), 3),
    "wine": (178, (13,), 3),
    "breast_cancer": (569, (30,), 2),
    "digits": (1797, (8, 8), 10),
}


@pytest.mark.parametrize("name", SIZES)
def test_classes(name):
    n, shape, classes = SIZES[name]
    data = SmallDataset(name)
    x, y = data[[0, 1]]
    assert len(data) == n and x.shape == (2, *shape) and x.dtype == np.float32 and y.dtype == np.int64
    assert len(data.class_names) == classes and set(np.unique(data.y)) == set(range(classes))


def test_diabetes_is_a_regression():
    data = SmallDataset("diabetes")
    assert len(data) == 442 and data.y.dtype == np.float32 and data.class_names == ()


def test_digits_are_grey_values_from_0_to_1():
    assert (SmallDataset("digits").X.min(), SmallDataset("digits").X.max()) == (0, 1)


def test_another_name():
    with pytest.raises(ValueError, match=r"one of iris, .*given 'mnist'"):
        SmallDataset("mnist")
