"""What ym-pure-ml 1.2 saved of a model, an optimizer and a scheduler goes on in ours."""

from pathlib import Path

import numpy as np
import pureml_nn as nn
import pytest
from pureml_core import Parameter
from pureml_io import load_ym_pure_ml, restore_ym_pure_ml
from pureml_optim import SGD, Adam, StepLR

ARCHIVES = Path(__file__).parents[1] / "packages" / "pureml-io" / "tests" / "ym_pure_ml"


class Interop(nn.NN):
    """The attributes of the samples."""

    def __init__(self, eps=1e-4):
        self.emb = nn.Embedding(9, 6, pad_idx=2)
        self.fc1, self.fc2 = nn.Affine(6, 5), nn.Affine(5, 3, bias=False)
        self.bn, self.ln, self.drop = nn.BatchNorm1d(5, eps=eps, momentum=0.2), nn.LayerNorm1d(5), nn.Dropout(0.25)
        self.conv1 = nn.Conv1D(2, 3, 3, stride=2, padding=1)
        self.conv2 = nn.Conv2D(2, 4, (3, 2), padding=(1, 0), use_bias=False)
        self.bn2, self.drop2 = nn.BatchNorm2d(4), nn.Dropout2d(0.5)
        self.note, self.epoch, self.table = "", 0, {}

    def predict(self, tokens):
        return self.fc2(self.bn(self.fc1(self.emb(tokens))))


def test_a_whole_state():
    path = ARCHIVES / "full.pureml.zip"
    there, model = load_ym_pure_ml(path).arrays, Interop().astype(np.float64)
    assert restore_ym_pure_ml(model, path) == []
    assert (model.note, model.epoch) == ("written by hand: é✓", 17)
    assert model.table == {"a": [1, 2.5, None, True], "b": {"c": "d"}} and model.training
    tokens = np.array([0, 2, 8])
    h = there["emb.param.0"][tokens] @ there["fc1.param.0"] + there["fc1.param.1"]
    h = (h - there["bn.buf.running_mean"]) / np.sqrt(there["bn.buf.running_variance"] + there["bn.buf.eps"])
    expected = (h * there["bn.param.0"] + there["bn.param.1"]) @ there["fc2.param.0"]
    np.testing.assert_allclose(model.eval()(tokens).data, expected, rtol=1e-12)
    x = np.random.default_rng(0).standard_normal((1, 2, 3, 2))
    y = model.conv2(x).data  # padded by 1 above and below: the second row of places sees all of x
    np.testing.assert_allclose(y[0, :, 1, 0], there["conv2.param.0"] @ x.ravel(), rtol=1e-12)


def test_parameters_only_and_what_does_not_fit():
    model, other = Interop(), Interop()
    assert restore_ym_pure_ml(model, ARCHIVES / "full.pureml.zip") == []
    assert restore_ym_pure_ml(other, ARCHIVES / "params.pureml.zip") == []
    assert all(np.array_equal(a.data, b.data) for a, b in zip(model.parameters, other.parameters, strict=True))
    with pytest.raises(ValueError, match=r"'bn.buf.eps' is 0.0001, here it is 1e-05"):
        restore_ym_pure_ml(Interop(eps=1e-5), ARCHIVES / "full.pureml.zip")


def test_an_optimizer_takes_its_next_step():
    there = load_ym_pure_ml(ARCHIVES / "adam.pureml.zip").arrays
    weights = [Parameter(there[f"optim.param.{i}"], np.float64) for i in (0, 1)]
    adam = Adam(weights, 1.0)
    assert restore_ym_pure_ml(adam, ARCHIVES / "adam.pureml.zip") == []
    assert adam.lr == 0.05
    for w in weights:
        w.grad = np.full(w.shape, 0.3)
    adam.step()
    for i, w in enumerate(weights):  # the fourth step, by the published formula
        old, v, r = there[f"optim.param.{i}"], there[f"optim._v.{i}"], there[f"optim._r.{i}"]
        v, r = 0.8 * v + 0.2 * 0.3, 0.95 * r + 0.05 * 0.3**2
        step = v / (1 - 0.8**4) / (np.sqrt(r / (1 - 0.95**4)) + 1e-6)
        np.testing.assert_allclose(w.data, old - 0.05 * 0.1 * old - 0.05 * step, rtol=1e-12)


def test_a_scheduler_goes_on():
    schedule = StepLR(SGD([Parameter(np.ones(2))], 1.0), 2, gamma=0.5)
    assert restore_ym_pure_ml(schedule, ARCHIVES / "step.pureml.zip") == []
    assert [schedule.step() for _ in range(5)] == [0.5, 0.5, 0.25, 0.25, 0.125]


def test_what_belongs_to_something_else_changes_nothing():
    weights = [Parameter(np.ones((3, 2))), Parameter(np.ones(5))]
    for obj in (SGD(weights, 1.0), Adam(weights, 1.0), Adam(weights[:1], 1.0), Interop()):
        with pytest.raises(ValueError):
            restore_ym_pure_ml(obj, ARCHIVES / "adam.pureml.zip")
    with pytest.raises(ValueError, match="'ym-pure-ml/model', needed one of its own kind"):
        restore_ym_pure_ml(SGD(weights, 1.0), ARCHIVES / "full.pureml.zip")
