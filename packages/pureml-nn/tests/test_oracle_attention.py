"""Attention, transformer layers and positions beside PyTorch's: same weights, same inputs, values and gradients."""

import numpy as np
import pytest
from pureml_core import Tensor
from pureml_nn import (
    MultiHeadAttention,
    TransformerDecoderLayer,
    TransformerEncoderLayer,
    scaled_dot_product_attention,
)

torch = pytest.importorskip("torch")

RNG = np.random.default_rng(0)
T, S, B, D, H = 5, 7, 3, 12, 4

ALLOWED = RNG.random((T, T)) < 0.6
ALLOWED[:, 0] = True  # PyTorch gives nan where nothing is allowed
ALLOWED_S = RNG.random((T, S)) < 0.6
ALLOWED_S[:, 0] = True
PADDED, PADDED_S = (np.arange(n) >= RNG.integers(2, n + 1, (B, 1)) for n in (T, S))
ADDED = np.where(ALLOWED, RNG.standard_normal((T, T)), -np.inf)


def draw(*shape):
    return RNG.standard_normal(shape)


def tensors(*arrays):
    return [Tensor(a, requires_grad=True) for a in arrays], [torch.tensor(a, requires_grad=True) for a in arrays]


def assert_same(ours, theirs, xs, their_xs, weights=()):
    """Values; gradients of inputs for a random incoming one; and of weights, given as pairs (ours, theirs)."""
    g = draw(*ours.shape)
    np.testing.assert_allclose(ours.data, theirs.detach().numpy(), rtol=1e-10, atol=1e-12)
    ours.backward(g)
    theirs.backward(torch.tensor(g))
    for x, other in zip(xs, their_xs, strict=True):
        np.testing.assert_allclose(x.grad, other.grad.numpy(), rtol=1e-10, atol=1e-12)
    for name, w, grad in weights:
        np.testing.assert_allclose(w.grad, grad().numpy(), rtol=1e-10, atol=1e-12, err_msg=name)


# ---- weights of theirs for ours: pairs of our parameter and the gradient of theirs


def take_affine(ours, weight, bias, rows=slice(None)):
    ours.W.data = weight.detach().numpy()[rows].T.copy()
    pairs = [("W", ours.W, lambda: weight.grad[rows].T)]
    if bias is not None:
        ours.b.data = bias.detach().numpy()[rows].copy()
        pairs.append(("b", ours.b, lambda: bias.grad[rows]))
    return pairs


def take_attention(ours, theirs):
    pairs = take_affine(ours.out, theirs.out_proj.weight, theirs.out_proj.bias)
    for i, part in enumerate("qkv"):
        layer, rows = (ours.query, ours.key, ours.value)[i], slice(i * ours.dim, (i + 1) * ours.dim)
        if theirs.in_proj_weight is not None:
            pairs += take_affine(layer, theirs.in_proj_weight, theirs.in_proj_bias, rows)
            continue
        weight, bias = getattr(theirs, f"{part}_proj_weight"), theirs.in_proj_bias
        pairs += take_affine(layer, weight, None)
        if bias is not None:
            layer.b.data = bias.detach().numpy()[rows].copy()
            pairs.append(("b", layer.b, lambda bias=bias, rows=rows: bias.grad[rows]))
    return pairs


def take_layer(ours, theirs):
    pairs = take_attention(ours.attention, theirs.self_attn)
    if isinstance(ours, TransformerDecoderLayer):
        pairs += take_attention(ours.cross_attention, theirs.multihead_attn)
    pairs += take_affine(ours.feed_forward[0], theirs.linear1.weight, theirs.linear1.bias)
    pairs += take_affine(ours.feed_forward[3], theirs.linear2.weight, theirs.linear2.bias)
    for i, norm in enumerate(ours.norms):
        other = getattr(theirs, f"norm{i + 1}")
        for w, v in [(norm.gamma, other.weight), (norm.beta, other.bias)]:
            if v is not None:
                w.data = v.detach().numpy().copy()
                pairs.append(("norm", w, lambda v=v: v.grad))
    return pairs


def shaken(module):
    """Zeros and ones, as biases and norms are at first, would hide mistakes."""
    with torch.no_grad():
        for w in module.parameters():
            w += 0.3 * torch.tensor(draw(*w.shape))
    return module


# ---- the core


@pytest.mark.parametrize(
    "settings",
    [{}, {"causal": True}, {"mask": ALLOWED_S}, {"mask": draw(B, 1, T, S)}, {"scale": 0.3}, {"mask": ALLOWED_S[:1]}],
    ids=str,
)
@pytest.mark.parametrize("size", [1, 30])
def test_scaled_dot_product_attention(settings, size):
    xs, their_xs = tensors(size * draw(B, 2, T, 6), draw(B, 2, S, 6), draw(B, 2, S, 3))
    ours = scaled_dot_product_attention(*xs, **settings)
    mask = settings.get("mask")
    theirs = torch.nn.functional.scaled_dot_product_attention(
        *their_xs,
        attn_mask=None if mask is None else torch.tensor(mask),
        is_causal=settings.get("causal", False),
        scale=settings.get("scale"),
    )
    assert_same(ours, theirs, xs, their_xs)


def test_an_added_mask_is_differentiated():
    xs, their_xs = tensors(draw(2, T, 6), draw(2, S, 6), draw(2, S, 3), draw(T, S))
    ours = scaled_dot_product_attention(*xs[:3], mask=xs[3])
    theirs = torch.nn.functional.scaled_dot_product_attention(*their_xs[:3], attn_mask=their_xs[3])
    assert_same(ours, theirs, xs, their_xs)


# ---- several heads


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"causal": True},
        {"mask": ALLOWED},
        {"mask": ADDED},
        {"mask": np.stack([ALLOWED, ALLOWED | True, ALLOWED.T | np.eye(T, dtype=bool)])},
        {"key_padding_mask": PADDED},
        {"key_padding_mask": PADDED, "causal": True},
    ],
    ids=lambda settings: "+".join(settings),
)
def test_attention_to_itself(settings, bias):
    theirs = shaken(torch.nn.MultiheadAttention(D, H, bias=bias, batch_first=True, dtype=torch.float64))
    ours = MultiHeadAttention(D, H, bias=bias)
    pairs = take_attention(ours, theirs)
    (X,), (other,) = tensors(draw(B, T, D))
    mask = settings.get("mask", np.tri(T, dtype=bool) if settings.get("causal") else None)
    if mask is not None:
        mask = torch.tensor(~mask if mask.dtype == bool else mask)  # PyTorch's True forbids
        mask = mask.repeat_interleave(H, dim=0) if mask.ndim == 3 else mask
    padding = settings.get("key_padding_mask")
    Y, weights = theirs(
        *[other] * 3,
        attn_mask=mask,
        key_padding_mask=None if padding is None else torch.tensor(padding),
        average_attn_weights=False,
    )
    _, ours_weights = ours(X, **settings, need_weights=True)
    np.testing.assert_allclose(ours_weights.data, weights.detach().numpy(), rtol=1e-10, atol=1e-13)
    assert_same(ours(X, **settings), Y, [X], [other], pairs)


@pytest.mark.parametrize(("kdim", "vdim"), [(None, None), (5, None), (5, 9)])
@pytest.mark.parametrize("settings", [{}, {"mask": ALLOWED_S, "key_padding_mask": PADDED_S}], ids=["plain", "masked"])
def test_cross_attention(kdim, vdim, settings):
    theirs = shaken(torch.nn.MultiheadAttention(D, H, kdim=kdim, vdim=vdim, batch_first=True, dtype=torch.float64))
    ours = MultiHeadAttention(D, H, kdim=kdim, vdim=vdim)
    pairs = take_attention(ours, theirs)
    xs, their_xs = tensors(draw(B, T, D), draw(B, S, kdim or D), draw(B, S, vdim or D))
    if kdim is vdim is None:  # keys and values from one memory
        xs, their_xs = xs[:2], their_xs[:2]
    Y, _ = theirs(
        *(their_xs if len(xs) == 3 else [*their_xs, their_xs[1]]),
        attn_mask=torch.tensor(~settings["mask"]) if settings else None,
        key_padding_mask=torch.tensor(settings["key_padding_mask"]) if settings else None,
    )
    assert_same(ours(*xs, **settings), Y, xs, their_xs, pairs)


# ---- transformer layers


@pytest.mark.parametrize("norm_first", [False, True])
@pytest.mark.parametrize("activation", ["relu", "gelu"])
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("settings", [{}, {"causal": True}, {"mask": ALLOWED, "key_padding_mask": PADDED}], ids=str)
def test_encoder_layer(norm_first, activation, bias, settings):
    options = {"activation": activation, "norm_first": norm_first, "bias": bias, "dropout": 0.0}
    theirs = shaken(torch.nn.TransformerEncoderLayer(D, H, 20, batch_first=True, dtype=torch.float64, **options))
    ours = TransformerEncoderLayer(D, H, 20, **options)
    pairs = take_layer(ours, theirs)
    (X,), (other,) = tensors(draw(B, T, D))
    mask = settings.get("mask", np.tri(T, dtype=bool) if settings.get("causal") else None)
    padding = settings.get("key_padding_mask")
    Y = theirs(
        other,
        src_mask=None if mask is None else torch.tensor(~mask),
        src_key_padding_mask=None if padding is None else torch.tensor(padding),
    )
    assert_same(ours(X, **settings), Y, [X], [other], pairs)


@pytest.mark.parametrize("norm_first", [False, True])
@pytest.mark.parametrize("activation", ["relu", "gelu"])
@pytest.mark.parametrize("masked", [False, True])
def test_decoder_layer(norm_first, activation, masked):
    options = {"activation": activation, "norm_first": norm_first, "dropout": 0.0}
    theirs = shaken(torch.nn.TransformerDecoderLayer(D, H, 20, batch_first=True, dtype=torch.float64, **options))
    ours = TransformerDecoderLayer(D, H, 20, **options)
    pairs = take_layer(ours, theirs)
    xs, their_xs = tensors(draw(B, T, D), draw(B, S, D))
    if masked:
        settings = {
            "causal": True,
            "key_padding_mask": PADDED,
            "memory_mask": ALLOWED_S,
            "memory_key_padding_mask": PADDED_S,
        }
        their_settings = {
            "tgt_mask": torch.tensor(~np.tri(T, dtype=bool)),
            "tgt_key_padding_mask": torch.tensor(PADDED),
            "memory_mask": torch.tensor(~ALLOWED_S),
            "memory_key_padding_mask": torch.tensor(PADDED_S),
        }
    else:
        settings, their_settings = {}, {}
    assert_same(ours(*xs, **settings), theirs(*their_xs, **their_settings), xs, their_xs, pairs)


def test_evaluation_with_dropout():
    theirs = shaken(torch.nn.TransformerEncoderLayer(D, H, batch_first=True, dtype=torch.float64, dim_feedforward=48))
    ours = TransformerEncoderLayer(D, H).eval()
    take_layer(ours, theirs.eval())
    X = draw(B, T, D)
    with torch.no_grad():
        np.testing.assert_allclose(ours(X).data, theirs(torch.tensor(X)).numpy(), rtol=1e-10, atol=1e-12)
