"""A float32 network stays float32, whatever is fed to it; and a float64 one float64."""

from typing import Any

import numpy as np
import pytest
from pureml_core import Tensor
from pureml_nn import BCE, CCE, MSE, Affine, Dropout, Sequential, relu, sigmoid
from pureml_optim import SGD, Adam, AdamW, StepLR

RNG = np.random.default_rng(0)
TARGETS: dict[str, tuple[Any, np.ndarray]] = {
    "MSE": (MSE, RNG.normal(size=(8, 3))),
    "BCE from logits": (lambda Y, Z: BCE(Y, Z, from_logits=True), RNG.random((8, 3))),
    "BCE": (lambda Y, Z: BCE(Y, sigmoid(Z)), RNG.random((8, 3))),
    "CCE one-hot": (lambda Y, Z: CCE(Y, Z, from_logits=True, label_smoothing=0.1), np.eye(3)[RNG.integers(0, 3, 8)]),
    "CCE labels": (lambda Y, Z: CCE(Y, Z, from_logits=True), RNG.integers(0, 3, 8)),
}
OPTIMIZERS: dict[str, Any] = {
    "SGD": lambda ps: SGD(ps, lr=np.float64(0.1), beta=np.float64(0.9), weight_decay=np.float64(0.01)),
    "Adam": lambda ps: Adam(ps, lr=np.float64(0.01), weight_decay=0.01, decoupled_wd=False),
    "AdamW": lambda ps: AdamW(ps, lr=0.01),
}


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("loss", TARGETS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("as_tensor", [True, False])
def test_the_network_keeps_its_precision(dtype: Any, loss: str, optimizer: str, as_tensor: bool) -> None:
    model = Sequential(Affine(5, 7), relu, Dropout(0.2), Affine(7, 3)).train()
    for tensor in model.parameters:
        tensor.data = tensor.data.astype(dtype)
    steps = OPTIMIZERS[optimizer](model.parameters)
    scheduler = StepLR(steps, step_size=1, gamma=np.float64(0.9))
    loss_of, Y = TARGETS[loss]
    X = RNG.normal(size=(8, 5))  # float64, and so is the target
    for _ in range(3):
        steps.zero_grad()
        output = model(Tensor(X) if as_tensor else X)
        value = loss_of(Tensor(Y) if as_tensor else Y, output)
        value.backward()
        assert output.dtype == value.dtype == dtype
        assert [tensor.grad.dtype for tensor in model.parameters] == [dtype] * 4
        scheduler.step()
        steps.step()
        assert [tensor.dtype for tensor in model.parameters] == [dtype] * 4
    assert {array.dtype for array in model.state().arrays.values()} == {np.dtype(dtype)}
    assert {array.dtype for array in steps.state().arrays.values() if array.dtype.kind == "f"} <= {np.dtype(dtype)}
