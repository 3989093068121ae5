"""Whole models as ONNX graphs: another runtime computes the same, for batches of any size."""

import numpy as np
import pureml_nn as nn
import pytest
from pureml_core import Parameter, no_grad, softmax
from pureml_io import ExportError, save_onnx

onnx = pytest.importorskip("onnx")
runtime = pytest.importorskip("onnxruntime")

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:onnx", "ignore::DeprecationWarning:google")


def floats(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def integers(high, *shape, seed=0):
    return np.random.default_rng(seed).integers(0, high, shape)


def flat(y):
    return [a for part in y for a in flat(part)] if isinstance(y, tuple) else [y.data]


class LanguageModel(nn.NN):
    """A transformer over tokens, the embedding being its last layer too."""

    def __init__(self, rotary=False):
        self.emb = nn.Embedding(11, 8, seed=0)
        self.positions = nn.LearnedPositions(6, 8, seed=1)
        self.blocks = [
            nn.TransformerEncoderLayer(8, 2, norm_first=True, activation="gelu", rotary=rotary, seed=i)
            for i in range(2)
        ]
        self.norm = nn.LayerNorm(8)

    def predict(self, tokens):
        x = self.positions(self.emb(tokens))
        for block in self.blocks:
            x = block(x, causal=True)
        return self.norm(x) @ self.emb.W.T


class Tagger(nn.NN):
    def __init__(self, kind, **settings):
        self.rnn = kind(5, 4, seed=0, **settings)
        self.out = nn.Affine(4 * (1 + self.rnn.bidirectional), 3, seed=1)

    def predict(self, x):
        y, state = self.rnn(x)
        return self.out(y), state


class Step(nn.NN):
    """A cell whose state comes in and goes out."""

    def __init__(self, kind=nn.LSTMCell):
        self.cell = kind(5, 4, seed=0)

    def predict(self, x, h, c):
        return self.cell(x, (h, c))


class Cross(nn.NN):
    def __init__(self):
        self.decoder = nn.TransformerDecoderLayer(8, 2, activation="gelu_tanh", seed=0)

    def predict(self, x, memory):
        return self.decoder(x, memory, causal=True)


def moments(model, seed=3):
    """Running moments as after training."""
    rng = np.random.default_rng(seed)
    for layer in model.layers:
        if isinstance(layer, nn.BatchNorm1d | nn.BatchNorm2d):
            for t in (layer.running_mean, layer.running_variance, layer.gamma, layer.beta):
                t.data = rng.uniform(0.5, 1.5, t.shape).astype(np.float32)
    return model


ACTIVATIONS = [
    nn.ReLU, nn.ReLU6, nn.LeakyReLU, nn.PReLU, nn.ELU, nn.CELU, nn.SELU, nn.GELU, nn.SiLU, nn.Mish, nn.Softplus,
    nn.Softsign, nn.Sigmoid, nn.Tanh, nn.Hardtanh, nn.Hardsigmoid, nn.Hardswish, nn.Softmax, nn.LogSoftmax, nn.Softmin,
    nn.GLU,
]  # fmt: skip
SETTINGS = {"LeakyReLU": [0.2], "PReLU": [6], "ELU": [0.7], "CELU": [0.7], "Softplus": [2.0], "Hardtanh": [-0.5, 0.6]}
X = floats(3, 6, 8)

# name: (model, inputs)
MODELS = {
    **{cls.__name__: (lambda cls=cls: cls(*SETTINGS.get(cls.__name__, [])), (X,)) for cls in ACTIVATIONS},
    "GELU, tanh": (lambda: nn.GELU("tanh"), (X,)),
    "MLP": (
        lambda: moments(
            nn.Sequential(
                nn.Affine(8, 16, seed=0),
                nn.BatchNorm1d(16),
                nn.relu,
                nn.Dropout(0.5),
                nn.Affine(16, 3, bias=False, seed=1),
            )
        ),
        (floats(3, 8),),
    ),
    "CNN": (
        lambda: moments(
            nn.Sequential(
                nn.Conv2D(3, 8, 3, padding="same", seed=0),
                nn.BatchNorm2d(8),
                nn.ReLU(),
                nn.MaxPool2D(2),
                nn.Residual(nn.Conv2D(8, 8, 3, padding=1, groups=4, seed=1)),
                nn.GroupNorm(2, 8),
                nn.MeanPool2D(2, padding=1),
                nn.ConvTranspose2D(8, 4, 3, 2, output_padding=1, seed=2),
                nn.InstanceNorm(4, affine=True),
                nn.Conv2D(4, 4, (2, 3), stride=2, dilation=(1, 2), pad_with=1.0, padding=1, seed=3),
                nn.Flatten(),
                nn.Affine(80, 5, seed=4),
                nn.Softmax(),
            )
        ),
        (floats(2, 3, 10, 12),),
    ),
    "CNN of signals": (
        lambda: moments(
            nn.Sequential(
                nn.Conv1D(2, 6, 3, stride=2, padding=1, seed=0),
                nn.BatchNorm1d(6),
                nn.MaxPool1D(3, 2, 1),
                nn.MeanPool1D(2, 1),
                nn.ConvTranspose1D(6, 4, 3, 2, 1, seed=1),
                nn.GlobalMeanPool1D(),
            )
        ),
        (floats(2, 2, 20),),
    ),
    "adaptive pools": (
        lambda: nn.Sequential(nn.AdaptiveMeanPool2D((2, 3)), nn.AdaptiveMaxPool2D(1)),
        (floats(2, 2, 4, 6),),
    ),
    "uneven adaptive pools": (
        lambda: nn.Sequential(nn.AdaptiveMaxPool2D((3, 4)), nn.AdaptiveMeanPool2D((2, 3))),
        (floats(2, 2, 5, 6),),
    ),
    "largest of a signal": (nn.GlobalMaxPool1D, (X,)),
    "largest of an image": (nn.GlobalMaxPool2D, (floats(2, 3, 4, 5),)),
    "norms": (lambda: nn.Sequential(nn.LayerNorm((6, 8)), nn.RMSNorm(8), nn.LayerNorm1d(8, bias=False)), (X,)),
    "SwiGLU": (lambda: nn.SwiGLU(8, 12, seed=0), (X,)),
    **{
        f"{kind.__name__}, {settings}": (lambda kind=kind, s=settings: Tagger(kind, **s), (floats(3, 6, 5),))
        for kind in (nn.RNN, nn.GRU, nn.LSTM)
        for settings in ({}, {"num_layers": 2, "bidirectional": True, "dropout": 0.3}, {"bias": False})
    },
    "RNN, relu": (lambda: Tagger(nn.RNN, nonlinearity="relu"), (floats(3, 6, 5),)),
    "LSTM cell": (Step, (floats(3, 5), floats(3, 4), floats(3, 4, seed=1))),
    "GRU cell from zeros": (lambda: nn.GRUCell(5, 4, seed=0), (floats(3, 5),)),
    "attention": (lambda: nn.MultiHeadAttention(8, 2, seed=0), (X,)),
    "attention to a memory": (
        lambda: nn.MultiHeadAttention(8, 4, kdim=5, seed=0),
        (X, floats(3, 4, 5), floats(3, 4, 8)),
    ),
    "language model": (LanguageModel, (integers(11, 3, 6),)),
    "language model, rotary": (lambda: LanguageModel(rotary=True), (integers(11, 3, 6),)),
    "decoder": (Cross, (X, floats(3, 4, 8))),
    "sinusoidal positions": (lambda: nn.SinusoidalPositions(8), (X,)),
}


@pytest.mark.parametrize("name", MODELS)
def test_another_runtime_agrees(name, tmp_path):
    make, inputs = MODELS[name]
    model = make().eval()
    path = save_onnx(model, tmp_path / "model.onnx", inputs)
    session = runtime.InferenceSession(path, providers=["CPUExecutionProvider"])
    for batch in (len(inputs[0]), 1, 5):
        given = [np.resize(x, (batch, *x.shape[1:])) for x in inputs]
        found = session.run(None, {i.name: x for i, x in zip(session.get_inputs(), given, strict=True)})
        with no_grad():
            expected = flat(model(*given))
        for x, y in zip(found, expected, strict=True):
            assert x.shape == y.shape and x.dtype == y.dtype
            np.testing.assert_allclose(x, y, rtol=1e-5, atol=1e-5)


ERRORS = {
    "training mode": (lambda: nn.Affine(8, 3), X, r"training mode; call model.eval\(\)"),
    "a layer in training mode": (
        lambda: nn.Dropout(0.5).__call__,
        X,
        "'dropped' cannot be exported: it belongs to training",
    ),
    "an operation that ONNX lacks": (
        lambda: lambda x: np.cumprod(x, axis=1),
        X,
        "'cumprod' cannot be .* no counterpart",
    ),
    "an index computed from values": (
        lambda: lambda x: x[:, np.argmax(x.data[0], 0)],
        X,
        "'getitem' .* 'index' depends on the input",
    ),
    "an array computed from zeros": (
        lambda: lambda x: x * (x.data + 1).mean(),
        0 * X,
        "'multiply' .* no operation was seen to compute",
    ),
    "a sum over no axis": (lambda: lambda x: np.sum(x, axis=()), X, r"'sum' cannot be exported: its axis is \(\)"),
    "a softmax over two axes": (lambda: lambda x: softmax(x, axis=(1, 2)), X, "'softmax' .* its axis is"),
    "an index that is true": (lambda: lambda x: x[True], X, "'getitem' .* the index True"),
    "the same integers twice": (
        lambda: lambda a, b: nn.Embedding(9, 2)(a) + nn.Embedding(9, 2)(b),
        (np.array([[1, 2]]), np.array([[1, 2]])),
        "'embedding' .* hold the same integers; give examples that differ",
    ),
    "NumPy's work on .data": (lambda: lambda x: x * x.data.mean(), X, "'multiply' .* no operation was seen to compute"),
    "a result without a history": (lambda: lambda x: x > 0, X, "output depends on the input, but no operation"),
    "a loop over the batch": (lambda: lambda x: sum(x[i] for i in range(len(x))), X, "a batch of another size"),
    "no array": (lambda: lambda x: "text", X, "returns a str"),
    "booleans": (lambda: nn.ReLU().eval(), X > 0, "given an input of dtype bool"),
}


@pytest.mark.parametrize("case", ERRORS)
def test_what_cannot_be_exported_is_named_and_leaves_no_file(case, tmp_path):
    make, inputs, message = ERRORS[case]
    with pytest.raises(ExportError, match=message):
        save_onnx(make(), tmp_path / "model.onnx", inputs)
    assert list(tmp_path.iterdir()) == []


def test_a_function_of_tensors_is_a_model(tmp_path):
    path = save_onnx(lambda x: ((x * 2)[:, ::-1, None, [3, 1]], x[0, 1:].sum()), tmp_path / "a.onnx", X)
    found = runtime.InferenceSession(path).run(None, {"input": X})
    np.testing.assert_allclose(found[0], (X * 2)[:, ::-1, None, [3, 1]])
    np.testing.assert_allclose(found[1], X[0, 1:].sum(), rtol=1e-5)


def test_names_fixed_sizes_and_frozen_weights(tmp_path):
    model = LanguageModel().eval().freeze("emb*")
    tokens = integers(11, 2, 6)
    settings = {"input_names": ["tokens"], "output_names": ["logits"], "batch_axes": None}
    path = save_onnx(model, tmp_path / "a.onnx", tokens, **settings)
    session = runtime.InferenceSession(path)
    assert [(x.name, x.shape) for x in session.get_inputs()] == [("tokens", [2, 6])]
    assert [(x.name, x.shape) for x in session.get_outputs()] == [("logits", [2, 6, 11])]
    assert not model.emb.W.requires_grad and model.norm.gamma.requires_grad
    np.testing.assert_allclose(session.run(None, {"tokens": tokens})[0], model(tokens).data, rtol=1e-5, atol=1e-5)
    names = {x.name for x in onnx.load(path).graph.initializer}
    assert {"emb.W", "norm.gamma", "blocks.0.feed_forward.layers.0.W"} <= names
    with pytest.raises(ValueError, match="given the input names"):
        save_onnx(model, tmp_path / "a.onnx", tokens, input_names=["a", "b"])


def test_states_have_their_batch_elsewhere(tmp_path):
    gru = nn.GRU(5, 4, 2, seed=0).eval()
    path = save_onnx(gru, tmp_path / "a.onnx", (floats(3, 6, 5), floats(2, 3, 4)), batch_axes=(0, 1))
    x, h = floats(5, 6, 5), floats(2, 5, 4)
    found = runtime.InferenceSession(path).run(None, {"input_0": x, "input_1": h})
    for a, b in zip(found, flat(gru(x, h)), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-5)


class Segments(nn.NN):
    """Tokens and segments, the latter zeros if not given."""

    def __init__(self):
        self.tokens, self.segments = nn.Embedding(9, 4, seed=0), nn.Embedding(5, 4, seed=1)

    def predict(self, tokens, segments=None):
        return self.tokens(tokens) + self.segments(np.zeros_like(tokens) if segments is None else segments)


@pytest.mark.parametrize("count", [1, 2])
@pytest.mark.parametrize("example", [0, 1])
@pytest.mark.parametrize("batch_axes", [0, None])
def test_equal_integers_in_the_example_are_told_from_constants(tmp_path, count, example, batch_axes):
    model = Segments().eval()
    tokens = np.full((2, 3), example)
    path = save_onnx(model, tmp_path / "a.onnx", (tokens,) * count, batch_axes=batch_axes)
    assert (tokens == example).all()
    session = runtime.InferenceSession(path)
    given = [integers(5, 2, 3, seed=i) for i in range(count)]
    found = session.run(None, {i.name: x for i, x in zip(session.get_inputs(), given, strict=True)})
    np.testing.assert_allclose(found[0], model(*given).data, rtol=1e-5)


@pytest.mark.parametrize("dtype", ["u1", "i2", "i4", "u4", "u8"])
def test_integers_of_any_dtype_are_looked_up(tmp_path, dtype):
    model = nn.Embedding(9, 4, seed=0).eval()
    tokens = integers(9, 2, 3).astype(dtype)
    session = runtime.InferenceSession(save_onnx(model, tmp_path / "a.onnx", tokens))
    np.testing.assert_array_equal(session.run(None, {"input": tokens})[0], model(tokens).data)


def test_names_never_clash(tmp_path):
    class Model(nn.NN):
        def __init__(self):
            for i, name in enumerate(["input", "output", "mul_0", "add_1", "constant_0"]):
                setattr(self, name, Parameter(np.full(8, i + 2.0)))

        def predict(self, x):
            return x * self.input + self.output * 3 + self.mul_0 * x + self.add_1 + self.constant_0 + 1

    model = Model().eval()
    for names in (None, ["mul_0"], ["constant_0"]):
        session = runtime.InferenceSession(save_onnx(model, tmp_path / "a.onnx", X, input_names=names))
        found = session.run(None, {session.get_inputs()[0].name: X})[0]
        np.testing.assert_allclose(found, model(X).data, rtol=1e-5)


@pytest.mark.parametrize(
    "settings, message",
    [
        ({"input_names": [""]}, "not empty"),
        ({"output_names": [3]}, "not empty"),
        ({"input_names": ["a"], "output_names": ["a"]}, "the name 'a' for an input and an output"),
        ({"batch_axes": 7}, r"the batch axis 7 of an input of shape \(3, 6, 8\)"),
        ({"batch_axes": [0, 0]}, "2 batch_axes for 1 inputs"),
    ],
)
def test_settings_that_cannot_be(tmp_path, settings, message):
    with pytest.raises(ValueError, match=message):
        save_onnx(nn.ReLU().eval(), tmp_path / "a.onnx", X, **settings)
    assert list(tmp_path.iterdir()) == []


def test_batch_axes_may_be_numpys_and_a_size_may_be_none(tmp_path):
    save_onnx(nn.ReLU().eval(), tmp_path / "a.onnx", X, batch_axes=np.int64(-3))
    path = save_onnx(lambda x: x * 2, tmp_path / "a.onnx", np.float32(3), batch_axes=None)
    assert runtime.InferenceSession(path).run(None, {"input": np.array(4, np.float32)})[0] == 8
