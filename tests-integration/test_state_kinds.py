"""Whatever can be restored refuses what is no state, and the state of something else, in the same words."""

import numpy as np
import pytest
from pureml_core import GlobalRandomness, Parameter, State
from pureml_data import (
    BytePairTokenizer,
    CharTokenizer,
    Compose,
    DataLoader,
    LabelEncoder,
    RandomSampler,
    Standardize,
    TensorDataset,
)
from pureml_nn import Affine
from pureml_optim import EMA, Accumulation, Adam, GradientNoise, StepLR

W = [Parameter(np.ones(2))]
OBJECTS = [
    GlobalRandomness(),
    Affine(2, 2),
    Adam(W, 0.1),
    StepLR(Adam(W, 0.1), 2),
    EMA(W, 0.9),
    Accumulation(Adam(W, 0.1), every=2),
    GradientNoise(Adam(W, 0.1), eta=0.1),
    DataLoader(TensorDataset(np.arange(3))),
    RandomSampler(),
    Standardize(),
    Compose(Standardize()),
    LabelEncoder(),
    CharTokenizer(),
    BytePairTokenizer(),
]


@pytest.mark.parametrize("obj", OBJECTS, ids=lambda obj: type(obj).__name__)
@pytest.mark.parametrize("strict", [True, False])
def test_what_is_not_its_state_is_refused(obj, strict):
    name = type(obj).__name__
    for given in (None, "model.pureml.zip", {}):
        kind = type(given).__name__
        with pytest.raises(TypeError, match=rf"{name}\.restore: given a {kind}, needed a State; load_state\(path\)"):
            obj.restore(given, strict=strict)
    with pytest.raises(ValueError, match=f"{name}: .*given a state of 'other/1', needed 'pureml_"):
        obj.restore(State("other/1"), strict=strict)
