import numpy as np
from pureml_nn import GRU, LSTM, RNN, GRUCell, Layer, LSTMCell, RNNCell

from .case import LayerCase, LayerError


class Apart(Layer):
    """An LSTM whose state comes as two inputs."""

    def __init__(self, layer):
        self.layer = layer

    def forward(self, X, h, c, **settings):
        return self.layer(X, (h, c), **settings)


RAGGED = {"lengths": np.array([3, 0, 1, 4])}


def rows(kind, parts, **settings):
    """The rows for a kind of layer whose state has so many parts."""

    def row(what, x, *sizes, call=None, with_state=False, **more):
        C, H = x[2], sizes[0]
        layers, D = (sizes[1] if len(sizes) > 1 else 1), 2 if more.get("bidirectional") else 1
        state = (layers * D, x[0], H)

        def make():
            layer = kind(C, *sizes, seed=0, **settings, **more)
            return Apart(layer) if with_state and parts == 2 else layer

        inputs = (x, *[state] * parts) if with_state else (x,)
        differs = more.get("dropout", 0) > 0
        after = ((*x[:2], H * D), *[state] * parts)
        name = f"{kind.__name__}{''.join(f' {value}' for value in settings.values())} {what}"
        return LayerCase(name, make, inputs, after, call or {}, train_differs=differs)

    return [
        row("", (2, 3, 3), 2),
        row("square", (3, 3, 3), 3, with_state=True),
        row("one of everything", (1, 1, 1), 1),
        row("batch = gates H", (4, 2, 2), 1),
        row("empty batch", (0, 3, 2), 2),
        row("no steps", (2, 0, 2), 2),
        row("without bias", (2, 3, 3), 2, bias=False, method="orthogonal"),
        row("bidirectional", (2, 3, 2), 2, bidirectional=True, with_state=True),
        row("of several layers with dropout", (2, 3, 2), 2, 2, dropout=0.5),
        row("ragged", (4, 4, 2), 2, with_state=True, call=RAGGED),
        row("ragged, bidirectional, layers", (4, 4, 2), 2, 2, bidirectional=True, call=RAGGED),
    ]


LAYERS: list[LayerCase] = [
    *rows(RNN, 1),
    *rows(RNN, 1, nonlinearity="relu"),
    *rows(GRU, 1),
    *rows(LSTM, 2),
    LayerCase("RNNCell", lambda: RNNCell(3, 2, seed=0), ((4, 3), (4, 2)), (4, 2)),
    LayerCase("RNNCell relu", lambda: RNNCell(3, 2, nonlinearity="relu", bias=False, seed=0), ((4, 3),), (4, 2)),
    LayerCase("GRUCell", lambda: GRUCell(3, 2, seed=0), ((4, 3), (4, 2)), (4, 2)),
    LayerCase("GRUCell of leading axes", lambda: GRUCell(3, 2, seed=0), ((2, 2, 3),), (2, 2, 2)),
    LayerCase("LSTMCell", lambda: LSTMCell(3, 2, seed=0), ((4, 3),), ((4, 2), (4, 2))),
    LayerCase("LSTMCell with a state", lambda: Apart(LSTMCell(2, 2, seed=0)), ((2, 2),) * 3, ((2, 2), (2, 2))),
]


def x(*shape):
    return np.ones(shape)


ERRORS: list[LayerError] = [
    LayerError(lambda: RNN(0, 3), ValueError, r"RNN: given input_size=0, needed a positive integer"),
    LayerError(lambda: GRU(2, 3, 0), ValueError, r"GRU: given num_layers=0"),
    LayerError(lambda: LSTM(2, 2.5), ValueError, r"LSTM: given hidden_size=2\.5"),
    LayerError(lambda: LSTM(2, 3, dropout=1.5), ValueError, r"LSTM: given dropout=1\.5.*0 to 1"),
    LayerError(lambda: LSTM(2, 3, dropout=True), ValueError, r"LSTM: given dropout=True"),
    LayerError(lambda: LSTM(2, 3, method="zeros"), ValueError, r"LSTM: given method='zeros'; there are 'uniform'"),
    LayerError(lambda: RNN(2, 3, nonlinearity="sin"), ValueError, r"RNN: given nonlinearity='sin'.*'tanh' and 'relu'"),
    LayerError(lambda: RNNCell(2, 3, nonlinearity=None), ValueError, r"RNNCell: given nonlinearity=None"),
    LayerError(lambda: GRUCell(2, -1), ValueError, r"GRUCell: given hidden_size=-1"),
    LayerError(lambda: GRU(2, 3)([[1.0, 2.0]]), TypeError, r"GRU: given X of type list"),
    LayerError(lambda: GRU(2, 3)(x(2, 4, 2) * 1j), TypeError, r"GRU: given X of dtype complex128, needed real"),
    LayerError(lambda: GRU(2, 3)(x(2, 4, 3)), ValueError, r"GRU: given X of shape \(2, 4, 3\), needed \(B, T, 2\)"),
    LayerError(lambda: GRU(2, 3)(x(4, 2)), ValueError, r"given X of shape \(4, 2\).*a single sequence is X\[None\]"),
    LayerError(lambda: GRU(2, 3)(x(2, 4, 2), x(2, 3)), ValueError, r"given h of shape \(2, 3\), needed .*\(1, 2, 3\)"),
    LayerError(lambda: GRU(2, 3)(x(2, 4, 2), 1.0), TypeError, r"GRU: given h of type float, needed a Tensor"),
    LayerError(lambda: LSTM(2, 3)(x(2, 4, 2), x(1, 2, 3)), TypeError, r"LSTM: given a state of type Tensor.*\(h, c\)"),
    LayerError(
        lambda: LSTM(2, 3)(x(2, 4, 2), (x(1, 2, 3), x(1, 3, 2))), ValueError, r"given c of shape \(1, 3, 2\), needed"
    ),
    LayerError(lambda: LSTM(2, 3)(x(2, 4, 2), lengths=[4]), ValueError, r"LSTM: given lengths of shape \(1,\).*\(2,\)"),
    LayerError(lambda: LSTM(2, 3)(x(2, 4, 2), lengths=[4, 5]), ValueError, r"lengths from 4 to 5, needed 0 to 4"),
    LayerError(lambda: LSTM(2, 3)(x(2, 4, 2), lengths=[-1, 4]), ValueError, r"lengths from -1 to 4, needed 0 to 4"),
    LayerError(lambda: LSTM(2, 3)(x(2, 4, 2), lengths=[1.0, 4.0]), TypeError, r"lengths of dtype float64.*integers"),
    LayerError(
        lambda: LSTMCell(2, 3)(x(4, 3)), ValueError, r"LSTMCell: given X of shape \(4, 3\), needed \(\.\.\., 2\)"
    ),
    LayerError(lambda: RNNCell(2, 3)(x(4, 2), x(4, 2)), ValueError, r"RNNCell: given h of shape \(4, 2\), needed"),
]
