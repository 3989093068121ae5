"""Weights go to PyTorch and come back: the same inputs give the same outputs, for every layer that both have."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")
nn = pytest.importorskip("pureml_nn")

from pureml_core import Tensor  # noqa: E402
from pureml_io import from_torch_state_dict, to_torch_state_dict  # noqa: E402

T = torch.nn


def floats(*shape):
    return np.random.default_rng(1).standard_normal(shape)


def integers(high, *shape):
    return np.random.default_rng(1).integers(0, high, shape)


X = floats(2, 5, 8)
SIGNAL, IMAGE = floats(2, 4, 9), floats(2, 4, 7, 6)
MEMORY = floats(2, 3, 8)
RECURRENT = [("rnn", {}), ("rnn", {"nonlinearity": "relu"}), ("gru", {}), ("lstm", {})]
CLASSES = {"rnn": (nn.RNN, T.RNN), "gru": (nn.GRU, T.GRU), "lstm": (nn.LSTM, T.LSTM)}
CELLS = {"rnn": (nn.RNNCell, T.RNNCell), "gru": (nn.GRUCell, T.GRUCell), "lstm": (nn.LSTMCell, T.LSTMCell)}

# name: (ours, theirs, inputs)
LAYERS = {
    "Linear": (lambda: nn.Affine(8, 3), lambda: T.Linear(8, 3), (X,)),
    "Linear, square": (lambda: nn.Affine(8, 8), lambda: T.Linear(8, 8), (X,)),
    "Linear without bias": (lambda: nn.Affine(8, 3, bias=False), lambda: T.Linear(8, 3, bias=False), (X,)),
    "Conv1d": (lambda: nn.Conv1D(4, 6, 3, 2, 1), lambda: T.Conv1d(4, 6, 3, 2, 1), (SIGNAL,)),
    "Conv1d in groups": (
        lambda: nn.Conv1D(4, 6, 3, groups=2, dilation=2, use_bias=False),
        lambda: T.Conv1d(4, 6, 3, groups=2, dilation=2, bias=False),
        (SIGNAL,),
    ),
    "Conv2d": (lambda: nn.Conv2D(4, 6, (3, 2), padding=1), lambda: T.Conv2d(4, 6, (3, 2), padding=1), (IMAGE,)),
    "ConvTranspose1d": (
        lambda: nn.ConvTranspose1D(4, 6, 3, 2, 1, 1, groups=2),
        lambda: T.ConvTranspose1d(4, 6, 3, 2, 1, 1, groups=2),
        (SIGNAL,),
    ),
    "ConvTranspose2d": (lambda: nn.ConvTranspose2D(4, 4, 3, 2), lambda: T.ConvTranspose2d(4, 4, 3, 2), (IMAGE,)),
    "BatchNorm1d": (lambda: nn.BatchNorm1d(4), lambda: T.BatchNorm1d(4), (SIGNAL,)),
    "BatchNorm2d": (lambda: nn.BatchNorm2d(4, eps=1e-3), lambda: T.BatchNorm2d(4, eps=1e-3), (IMAGE,)),
    "LayerNorm": (lambda: nn.LayerNorm((5, 8)), lambda: T.LayerNorm((5, 8)), (X,)),
    "LayerNorm1d without bias": (lambda: nn.LayerNorm1d(8, bias=False), lambda: T.LayerNorm(8, bias=False), (X,)),
    "GroupNorm": (lambda: nn.GroupNorm(2, 4), lambda: T.GroupNorm(2, 4), (IMAGE,)),
    "InstanceNorm": (lambda: nn.InstanceNorm(4, affine=True), lambda: T.InstanceNorm2d(4, affine=True), (IMAGE,)),
    "RMSNorm": (lambda: nn.RMSNorm(8), lambda: T.RMSNorm(8, eps=1e-5), (X,)),
    "Embedding": (lambda: nn.Embedding(9, 6), lambda: T.Embedding(9, 6), (integers(9, 3, 4),)),
    "PReLU": (lambda: nn.PReLU(4), lambda: T.PReLU(4), (IMAGE,)),
    "MultiheadAttention": (
        lambda: nn.MultiHeadAttention(8, 2),
        lambda: T.MultiheadAttention(8, 2, batch_first=True),
        (X, MEMORY, MEMORY),
    ),
    "MultiheadAttention without bias": (
        lambda: nn.MultiHeadAttention(8, 2, bias=False),
        lambda: T.MultiheadAttention(8, 2, bias=False, batch_first=True),
        (X, X, X),
    ),
    "MultiheadAttention, other widths": (
        lambda: nn.MultiHeadAttention(8, 2, kdim=4, vdim=6),
        lambda: T.MultiheadAttention(8, 2, kdim=4, vdim=6, batch_first=True),
        (X, floats(2, 3, 4), floats(2, 3, 6)),
    ),
    "TransformerEncoderLayer": (
        lambda: nn.TransformerEncoderLayer(8, 2, 12),
        lambda: T.TransformerEncoderLayer(8, 2, 12, batch_first=True),
        (X,),
    ),
    "TransformerEncoderLayer, norm first": (
        lambda: nn.TransformerEncoderLayer(8, 2, 12, activation="gelu", norm_first=True, bias=False),
        lambda: T.TransformerEncoderLayer(8, 2, 12, activation="gelu", norm_first=True, bias=False, batch_first=True),
        (X,),
    ),
    "TransformerDecoderLayer": (
        lambda: nn.TransformerDecoderLayer(8, 2, 12),
        lambda: T.TransformerDecoderLayer(8, 2, 12, batch_first=True),
        (X, MEMORY),
    ),
    "Sequential": (
        lambda: nn.Sequential(nn.Conv1D(4, 3, 2), nn.relu, nn.Sequential(nn.Affine(8, 5), nn.Tanh())),
        lambda: T.Sequential(T.Conv1d(4, 3, 2), T.ReLU(), T.Sequential(T.Linear(8, 5), T.Tanh())),
        (SIGNAL,),
    ),
    **{
        f"{kind} {settings or ''} {num_layers}×{1 + bidirectional}, {bias=}": (
            lambda kind=kind, settings=settings, n=num_layers, b=bias, two=bidirectional: CLASSES[kind][0](
                8, 3, n, bias=b, bidirectional=two, **settings
            ),
            lambda kind=kind, settings=settings, n=num_layers, b=bias, two=bidirectional: CLASSES[kind][1](
                8, 3, n, bias=b, bidirectional=two, batch_first=True, **settings
            ),
            (X,),
        )
        for kind, settings in RECURRENT
        for num_layers, bidirectional, bias in ((1, False, True), (2, True, True), (2, False, False))
    },
    **{
        f"{kind} cell {settings or ''}": (
            lambda kind=kind, settings=settings: CELLS[kind][0](8, 3, **settings),
            lambda kind=kind, settings=settings: CELLS[kind][1](8, 3, **settings),
            (floats(5, 8),),
        )
        for kind, settings in RECURRENT
    },
}


def flat(y):
    if isinstance(y, tuple):
        return [a for part in y for a in flat(part)]
    return [] if y is None else [y.data if isinstance(y, Tensor) else y.detach().numpy()]


def agree(mine, theirs, inputs):
    a = flat(mine(*[Tensor(x) for x in inputs]))
    with torch.no_grad():
        b = flat(theirs(*[torch.from_numpy(x) for x in inputs]))
    assert len(a) in (len(b), 1)  # attention's weights are not asked for here
    for x, y in zip(a, b, strict=False):
        np.testing.assert_allclose(x, y, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("name", LAYERS)
def test_weights_go_both_ways(name):
    mine, theirs, inputs = LAYERS[name]
    torch.manual_seed(0)
    mine, theirs = mine().astype(np.float64).eval(), theirs().double().eval()
    for p in [*theirs.parameters(), *theirs.buffers()]:  # no ones and zeros: gamma and beta must not change places
        if p.is_floating_point():
            p.data = torch.rand_like(p) + 0.1
    assert from_torch_state_dict(mine, theirs.state_dict()) == []
    agree(mine, theirs, inputs)

    for p in mine.parameters:
        p.data = p.data * 0.7 + 0.01
    found = {key: torch.from_numpy(np.ascontiguousarray(x)) for key, x in to_torch_state_dict(mine).items()}
    theirs.load_state_dict(found)
    assert list(found) and set(found) == set(theirs.state_dict())
    agree(mine, theirs, inputs)


def test_a_model_with_names_of_its_own():
    class Theirs(T.Module):
        def __init__(self):
            super().__init__()
            self.emb = T.Embedding(9, 8)
            self.encoder = T.TransformerEncoder(
                T.TransformerEncoderLayer(8, 2, 12, batch_first=True), 2, T.LayerNorm(8), enable_nested_tensor=False
            )
            self.head = T.Linear(8, 9, bias=False)
            self.head.weight = self.emb.weight

        def forward(self, x):
            return self.head(self.encoder(self.emb(x)))

    class Ours(nn.NN):
        def __init__(self):
            self.emb = nn.Embedding(9, 8)
            self.blocks = [nn.TransformerEncoderLayer(8, 2, 12) for _ in range(2)]
            self.norm = nn.LayerNorm(8)

        def predict(self, x):
            x = self.emb(x)
            for block in self.blocks:
                x = block(x)
            return self.norm(x) @ self.emb.W.T

    theirs, mine = Theirs().double().eval(), Ours().astype(np.float64).eval()
    rename = {"blocks": "encoder.layers", "norm": "encoder.norm"}
    state = theirs.state_dict()
    with pytest.raises(ValueError, match=r"unexpected 'head.weight'"):
        from_torch_state_dict(mine, state, rename=rename)
    assert from_torch_state_dict(mine, state, rename=rename, strict=False) == ["unexpected 'head.weight'"]
    agree(mine, theirs, (integers(9, 2, 5),))


def test_tensors_that_numpy_cannot_take_are_named():
    theirs = T.Linear(3, 2)
    for state in (theirs.bfloat16().state_dict(), dict(theirs.float().named_parameters())):
        with pytest.raises(TypeError, match=r"'weight': .* give t.detach\(\).cpu\(\).float\(\)"):
            from_torch_state_dict(nn.Affine(3, 2), state)
