"""RNN, GRU and LSTM beside PyTorch's: same weights, same input, values and all gradients in float64."""

import numpy as np
import pytest
from pureml_core import Tensor
from pureml_nn import GRU, LSTM, RNN, GRUCell, LSTMCell, RNNCell

torch = pytest.importorskip("torch")

WEIGHTS = {"W_ih": "weight_ih", "W_hh": "weight_hh", "b_ih": "bias_ih", "b_hh": "bias_hh"}
KINDS = [(RNN, "tanh"), (RNN, "relu"), (GRU, None), (LSTM, None)]
B, T, C, H = 5, 6, 3, 4


def pairs(ours, theirs):
    """(our weight, theirs) of layers or cells."""
    if not hasattr(ours, "cells"):
        yield from ((getattr(ours, a), getattr(theirs, b)) for a, b in WEIGHTS.items() if getattr(ours, a) is not None)
        return
    for k, cells in enumerate(ours.cells):
        for cell, end in zip(cells, ("", "_reverse"), strict=False):
            for a, b in WEIGHTS.items():
                if getattr(cell, a) is not None:
                    yield getattr(cell, a), getattr(theirs, f"{b}_l{k}{end}")


def give_weights(ours, theirs):
    with torch.no_grad():
        for w, v in pairs(ours, theirs):
            v.copy_(torch.from_numpy(np.ascontiguousarray(w.data.T)))


def compare(found, wanted):
    for a, b in zip(found, wanted, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-12)


def flattened(Y, state):
    return [Y, *(state if isinstance(state, tuple) else (state,))]


@pytest.mark.parametrize("kind", KINDS, ids=str)
@pytest.mark.parametrize("layers", [1, 3])
@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("lengths", [None, [6, 1, 4, 2, 6], [5, 3, 3, 1, 1]])
@pytest.mark.parametrize("given", [False, True])
def test_values_and_gradients(kind, layers, bidirectional, bias, lengths, given):
    make, nonlinearity = kind
    named = {} if nonlinearity is None else {"nonlinearity": nonlinearity}
    ours = make(C, H, layers, bias=bias, bidirectional=bidirectional, seed=0, **named).astype(np.float64)
    theirs = getattr(torch.nn, make.__name__)(
        C, H, layers, bias=bias, bidirectional=bidirectional, batch_first=True, dtype=torch.float64, **named
    )
    give_weights(ours, theirs)
    rng = np.random.default_rng(0)
    parts = 2 if make is LSTM else 1
    D = 2 if bidirectional else 1
    arrays = [rng.standard_normal((B, T, C)), *rng.standard_normal((parts, layers * D, B, H))]
    arrays = arrays if given else arrays[:1]

    x, *state = (Tensor(a, requires_grad=True) for a in arrays)
    before = None if not given else tuple(state) if parts == 2 else state[0]
    found = flattened(*ours(x, before, lengths))

    u, *v = (torch.tensor(a, requires_grad=True) for a in arrays)
    before = None if not given else tuple(v) if parts == 2 else v[0]
    if lengths is None:
        wanted = flattened(*theirs(u, before))
    else:
        pack = torch.nn.utils.rnn.pack_padded_sequence(u, torch.tensor(lengths), True, enforce_sorted=False)
        Y, after = theirs(pack, before)
        Y, _ = torch.nn.utils.rnn.pad_packed_sequence(Y, batch_first=True, total_length=T)
        wanted = flattened(Y, after)
    compare([y.data for y in found], [y.detach().numpy() for y in wanted])

    gs = [rng.standard_normal(y.shape) for y in found]
    sum((y * g).sum() for y, g in zip(found, gs, strict=True)).backward()
    sum((y * torch.from_numpy(g)).sum() for y, g in zip(wanted, gs, strict=True)).backward()
    compare([t.grad for t in (x, *state)], [t.grad.numpy() for t in (u, *v)])
    found, wanted = zip(*pairs(ours, theirs), strict=True)
    compare([w.grad for w in found], [w.grad.numpy().T for w in wanted])


@pytest.mark.parametrize(
    ("make", "named"), [(RNNCell, {"nonlinearity": "relu"}), (RNNCell, {}), (GRUCell, {}), (LSTMCell, {})]
)
@pytest.mark.parametrize("bias", [False, True])
def test_cells(make, named, bias):
    ours = make(C, H, bias=bias, seed=0, **named).astype(np.float64)
    theirs = getattr(torch.nn, make.__name__)(C, H, bias=bias, dtype=torch.float64, **named)
    give_weights(ours, theirs)
    rng = np.random.default_rng(0)
    arrays = [rng.standard_normal((B, C)), *rng.standard_normal((2 if make is LSTMCell else 1, B, H))]
    x, *state = (Tensor(a, requires_grad=True) for a in arrays)
    u, *v = (torch.tensor(a, requires_grad=True) for a in arrays)
    y, z = (f(a, tuple(h) if len(h) == 2 else h[0]) for f, a, h in ((ours, x, state), (theirs, u, v)))
    found, wanted = (h if isinstance(h, tuple) else (h,) for h in (y, z))
    compare([h.data for h in found], [h.detach().numpy() for h in wanted])
    sum((h**2).sum() for h in found).backward()
    sum((h**2).sum() for h in wanted).backward()
    compare([t.grad for t in (x, *state)], [t.grad.numpy() for t in (u, *v)])
    found, wanted = zip(*pairs(ours, theirs), strict=True)
    compare([w.grad for w in found], [w.grad.numpy().T for w in wanted])


@pytest.mark.parametrize("make", [GRU, LSTM])
def test_second_derivatives(make):
    ours = make(C, H, 2, bidirectional=True, seed=0).astype(np.float64)
    theirs = getattr(torch.nn, make.__name__)(C, H, 2, bidirectional=True, batch_first=True, dtype=torch.float64)
    give_weights(ours, theirs)
    X = np.random.default_rng(0).standard_normal((2, T, C))
    from pureml_core import gradients

    x = Tensor(X, requires_grad=True)
    (dx,) = gradients((ours(x)[0] ** 2).sum(), [x], create_graph=True)
    (dx**2).sum().backward()
    u = torch.tensor(X, requires_grad=True)
    (du,) = torch.autograd.grad((theirs(u)[0] ** 2).sum(), [u], create_graph=True)
    (du**2).sum().backward()
    compare([x.grad], [u.grad.numpy()])
    found, wanted = zip(*pairs(ours, theirs), strict=True)
    compare([w.grad for w in found], [w.grad.numpy().T for w in wanted])
