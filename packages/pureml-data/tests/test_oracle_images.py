"""Rotation beside PyTorch's grid_sample, shuffled windows beside unfold, standardising beside its moments."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from pureml_data import RandomRotation, Standardize, Windows  # noqa: E402

X = np.random.default_rng(0).random((4, 3, 9, 6), dtype=np.float32)


@pytest.mark.parametrize("degrees", [-170, -33, 0, 12.5, 90])
def test_rotation(degrees):
    b, _, h, w = X.shape
    angle = np.deg2rad(degrees)
    down, right = np.mgrid[:h, :w] - np.array([(h - 1) / 2, (w - 1) / 2])[:, None, None]
    columns = (np.cos(angle) * right - np.sin(angle) * down) * 2 / (w - 1)
    rows = (np.sin(angle) * right + np.cos(angle) * down) * 2 / (h - 1)
    grid = torch.tensor(np.stack([columns, rows], axis=-1), dtype=torch.float64).expand(b, h, w, 2)
    expected = torch.nn.functional.grid_sample(torch.tensor(X, dtype=torch.float64), grid, align_corners=True)
    np.testing.assert_allclose(RandomRotation((degrees, degrees))(X), expected.numpy(), atol=1e-5)


@pytest.mark.parametrize("stride", [1, 3])
def test_windows(stride):
    series = np.arange(40.0).reshape(20, 2)
    pieces = torch.tensor(series).unfold(0, 5, stride).transpose(1, 2).numpy()
    x, y = Windows(series, 4, 1, stride)[:]
    np.testing.assert_array_equal(np.concatenate([x.data, y.data], axis=1), pieces)


def test_standardize():
    t = torch.tensor(X, dtype=torch.float64)
    mean, std = t.mean((0, 2, 3), keepdim=True), t.std((0, 2, 3), correction=0, keepdim=True)
    np.testing.assert_allclose(Standardize(axis=(0, 2, 3)).fit(X)(X), ((t - mean) / std).numpy(), atol=1e-5)
