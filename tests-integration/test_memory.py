"""Nothing is kept that no gradient needs."""

import tracemalloc

import numpy as np
from pureml_core import Tensor
from pureml_nn import Affine, relu


def test_a_network_needs_its_parameters_gradients_and_one_activation_a_layer() -> None:
    depth, width, batch = 20, 128, 128
    x = Tensor(np.random.default_rng(0).standard_normal((batch, width)).astype(np.float32))
    tracemalloc.start()
    layers = [Affine(width, width, method="kaiming-normal", seed=i) for i in range(depth)]
    y = x
    for layer in layers:
        y = relu(layer(y))
    y.sum().backward()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    parameters = [p for layer in layers for p in layer.parameters]
    assert all(p.grad is not None for p in parameters)
    assert peak <= 1.1 * (2 * sum(p.data.nbytes for p in parameters) + depth * x.data.nbytes)
