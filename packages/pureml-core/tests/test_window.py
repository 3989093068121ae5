"""Windows, resampling, Fourier transforms and convolution: explicit numbers and properties."""

import numpy as np
import pureml_core as pm
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pureml_core import Tensor

few = settings(max_examples=40, deadline=None)


def test_windows_are_a_view_that_cannot_be_written():
    x = Tensor(np.arange(6.0))
    y = pm.unfold(x, 3, stride=2)
    assert y.tolist() == [[0, 1, 2], [2, 3, 4]]
    assert np.shares_memory(x.data, y.data)
    with pytest.raises(ValueError, match="read-only"):
        y.data[0, 0] = 1.0


def test_a_change_under_a_window_is_noticed():
    x = Tensor(np.arange(4.0), requires_grad=True)
    y = pm.unfold(x, 2)
    loss = (y * y).sum()
    with pm.no_grad():
        x += 1.0
    with pytest.raises(RuntimeError, match="changed in place"):
        loss.backward()


def test_numpys_own_windows():
    x = Tensor(np.arange(12.0).reshape(3, 4), requires_grad=True)
    view = np.lib.stride_tricks.sliding_window_view
    for arguments in [((2, 2),), (3, 1), ((2, 1), (1, 0))]:
        np.testing.assert_array_equal(view(x, *arguments).data, view(x.data, *arguments))
    view(x, (2, 2)).backward()
    assert x.grad.tolist() == [[1, 2, 2, 1], [2, 4, 4, 2], [1, 2, 2, 1]]
    with pytest.raises(ValueError, match="for 2 axes"):
        view(x, 2)


axis = st.tuples(st.integers(1, 9), st.integers(1, 4), st.integers(1, 4), st.integers(1, 3)).filter(
    lambda a: (a[1] - 1) * a[3] < a[0]
)


@few
@given(st.lists(axis, min_size=1, max_size=2), st.booleans(), st.integers(0, 9))
def test_unfold_and_fold_are_adjoint(grid, in_front, seed):
    rng = np.random.default_rng(seed)
    n, size, stride, dilation = zip(*grid, strict=True)
    shape = (*n, 2) if in_front else (2, *n)
    axes = tuple(range(len(n))) if in_front else None
    x = rng.standard_normal(shape)
    y = pm.unfold(x, size, stride, dilation, axes).data

    first = 0 if in_front else 1
    for i, (m, k) in enumerate(zip(y.shape[first:], y.shape[x.ndim :], strict=False)):
        assert (m, k) == ((n[i] - dilation[i] * (size[i] - 1) - 1) // stride[i] + 1, size[i])
    g = rng.standard_normal(y.shape)
    places = pm.unfold(np.arange(x.size).reshape(shape), size, stride, dilation, axes).data
    np.testing.assert_array_equal(x.ravel()[places], y)
    expected = np.zeros(x.size)
    np.add.at(expected, places, g)
    np.testing.assert_allclose(pm.fold(g, shape, size, stride, dilation, axes).data.ravel(), expected, atol=1e-12)


def test_resampled_values():
    x = Tensor([0.0, 1.0])
    assert pm.interpolate(x, 4).tolist() == [0, 0, 1, 1]
    assert pm.interpolate(x, 4, mode="linear").tolist() == [0, 0.25, 0.75, 1]
    assert pm.interpolate(x, 5, mode="linear", align_corners=True).tolist() == [0, 0.25, 0.5, 0.75, 1]
    assert pm.interpolate(x, scale=0.5, mode="linear").tolist() == [0.5]
    assert pm.interpolate(x, 1, mode="linear", align_corners=True).tolist() == [0]
    grid = pm.interpolate(np.array([[0.0, 1.0], [2.0, 3.0]]), scale=(2, 2), mode="linear")
    assert grid.data[1].tolist() == [0.5, 0.75, 1.25, 1.5]
    long = Tensor(np.arange(3.0), requires_grad=True)
    pm.interpolate(long, 100_000, mode="linear").backward()  # no matrix of 3 x 100,000
    assert long.grad.sum() == pytest.approx(100_000)
    unused = Tensor(np.arange(4.0), requires_grad=True)
    pm.interpolate(unused, 2).backward()
    assert unused.grad.tolist() == [1, 0, 1, 0]


def test_transforms_keep_single_precision_and_real_gradients():
    x = Tensor(np.arange(6, dtype=np.float32), requires_grad=True)
    y = np.fft.fft(x)
    assert y.dtype == np.complex64
    np.real(y[1]).backward()  # Re y₁ = Σ xⱼ cos(2πj/6)
    assert x.grad.dtype == np.float32
    np.testing.assert_allclose(x.grad, np.cos(2 * np.pi * np.arange(6) / 6), atol=1e-6)


def test_power_spectrum():
    """Parseval: Σ|xⱼ|² = 1/n Σ|yₖ|², so that the gradient of the right is 2x."""
    for n in (5, 6):
        x = Tensor(np.random.default_rng(n).standard_normal(n), requires_grad=True)
        y = np.fft.fft(x, norm="ortho")
        np.real(y * np.conjugate(y)).sum().backward()
        np.testing.assert_allclose(x.grad, 2 * x.data)


@few
@given(st.integers(1, 6), st.integers(1, 12), st.sampled_from([None, "ortho", "forward"]))
def test_half_spectra_agree_with_whole_ones(length, n, norm):
    rng = np.random.default_rng(length)
    x = Tensor(rng.standard_normal(length), requires_grad=True)
    g = rng.standard_normal(n // 2 + 1) + 1j * rng.standard_normal(n // 2 + 1)
    np.fft.rfft(x, n, norm=norm).backward(g)
    half = x.grad
    x.zero_grad()
    np.fft.fft(x, n, norm=norm)[: n // 2 + 1].backward(g)
    np.testing.assert_allclose(half, x.grad, atol=1e-12)


def test_ignored_imaginary_parts_have_no_gradient():
    for n, ignored in [(6, [0, 3]), (5, [0])]:
        x = Tensor(np.ones(n // 2 + 1, complex), requires_grad=True)
        np.fft.irfft(x, n).backward(np.arange(float(n)) ** 2)
        assert np.abs(x.grad.imag[ignored]).max() < 1e-12
        assert np.abs(np.delete(x.grad.imag, ignored)).min() > 1e-3


@few
@given(st.integers(1, 6), st.integers(1, 6), st.sampled_from(["full", "same", "valid"]))
def test_convolution_of_any_two_lengths(n, m, mode):
    rng = np.random.default_rng(n)
    for f in (np.convolve, np.correlate):
        a, b = (Tensor(rng.standard_normal(k), requires_grad=True) for k in (n, m))
        y = f(a, b, mode)
        np.testing.assert_allclose(y.data, f(a.data, b.data, mode), atol=1e-12)
        g = rng.standard_normal(y.shape)
        y.backward(g)
        for x, of_unit in [(a, lambda e, f=f, b=b: f(e, b.data, mode)), (b, lambda e, f=f, a=a: f(a.data, e, mode))]:
            np.testing.assert_allclose(x.grad, [g @ of_unit(e) for e in np.eye(x.size)], atol=1e-12)


def test_derivatives_of_a_polynomial():
    x = Tensor(2.0, requires_grad=True)
    p = Tensor([1.0, 0.0, -3.0, 5.0], requires_grad=True)  # x³ - 3x + 5
    (slope,) = pm.gradients(np.polyval(p, x), [x], create_graph=True)
    (curvature,) = pm.gradients(slope, [x], create_graph=True)
    assert (float(slope), float(curvature)) == (9, 12)
    np.polyval(p, x).backward()
    assert p.grad.tolist() == [8, 4, 2, 1]
