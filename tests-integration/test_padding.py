"""A padding row stays what it is, whatever an optimizer does to the rest of its table."""

import numpy as np
import pytest
from pureml_nn import Embedding
from pureml_optim import SGD, Adafactor, AdaGrad, Adam, Lion, Muon, RMSProp


@pytest.mark.parametrize("decoupled", [True, False])
@pytest.mark.parametrize("sparse", [True, False])
@pytest.mark.parametrize("rule", [SGD, AdaGrad, RMSProp, Adam, Lion, Adafactor, Muon])
def test_a_given_padding_row_does_not_decay(rule, sparse, decoupled):
    layer = Embedding(6, 4, pad_idx=2, W=np.ones((6, 4)), sparse=sparse)
    optim = rule(layer, lr=0.1, weight_decay=0.1, decoupled_wd=decoupled)
    for _ in range(3):
        optim.zero_grad()
        layer(np.array([[0, 2, 5]])).sum().backward()
        optim.step()
    assert (layer.W.data[2] == 1).all() and (layer.W.data[[0, 5]] != 1).all()
