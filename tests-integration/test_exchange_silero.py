"""A network that others trained: Silero's voice activity detector, in our layers, beside the same in onnxruntime.

Its wheel carries weights as safetensors, and the network as ONNX with weights of a later training (those of the two
differ in 6.2.1 to 6.2.3, the first to have both). So each set of weights is put into both: into our layers and into
the graph. `hatch run exchange:test` installs the wheel without its dependencies, of which none is needed.
"""

import importlib.util
from pathlib import Path

import numpy as np
import pytest
from pureml_core import no_grad
from pureml_io import from_torch_state_dict, load_safetensors, save_onnx, to_torch_state_dict
from pureml_nn import NN, Conv1D, LSTMCell, relu, sigmoid

onnx = pytest.importorskip("onnx")
runtime = pytest.importorskip("onnxruntime")
pytest.importorskip("safetensors")
found = importlib.util.find_spec("silero_vad")  # which would import torch
if found is None or found.origin is None:
    pytest.skip("needs the files of silero-vad", allow_module_level=True)
DATA = Path(found.origin).parent / "data"
GRAPH = DATA / "silero_vad_16k_op15.onnx"

RATE, CHUNK, CONTEXT = 16000, 512, 64

NAMES = {  # of our layers and in the graph
    "stft_conv.weight": "model.stft.forward_basis_buffer",
    **{f"conv{i + 1}": f"model.encoder.{i}.reparam_conv" for i in range(4)},
    "lstm_cell": "model.decoder.rnn",
    "final_conv": "model.decoder.decoder.2",
}


class SileroVAD(NN):
    """Is somebody speaking? (B, 64 + 512) samples, the first of them from the chunk before -> (B, 1), and the state."""

    def __init__(self):
        self.stft_conv = Conv1D(1, 258, 256, stride=128, use_bias=False)  # cosines and sines of 129 frequencies
        self.conv1 = Conv1D(129, 128, 3, padding=1)
        self.conv2 = Conv1D(128, 64, 3, stride=2, padding=1)
        self.conv3 = Conv1D(64, 64, 3, stride=2, padding=1)
        self.conv4 = Conv1D(64, 128, 3, padding=1)
        self.lstm_cell = LSTMCell(128, 128)
        self.final_conv = Conv1D(128, 1, 1)

    def predict(self, x, h, c):
        x = self.stft_conv(np.pad(x, ((0, 0), (0, 64)), "reflect")[:, None])
        x = np.sqrt(x[:, :129] ** 2 + x[:, 129:] ** 2)
        for conv in (self.conv1, self.conv2, self.conv3, self.conv4):
            x = relu(conv(x))
        h, c = self.lstm_cell(x[..., 0], (h, c))
        y = sigmoid(self.final_conv(relu(h)[..., None]))
        return y[..., 0], h, c


def speech(seconds, rng):
    """Something like a voice: pulses of the glottis through two formants, syllables, pauses."""
    t = np.arange(int(seconds * RATE)) / RATE
    pitch = 120 + 20 * np.sin(2 * np.pi * 0.7 * t)
    phase = 2 * np.pi * np.cumsum(pitch) / RATE
    voice = sum(
        np.sin(k * phase) * sum(np.exp(-(((k * pitch - f) / 150) ** 2)) for f in (600 + 200 * np.sin(5 * t), 1500))
        for k in range(1, 25)
    )
    syllables = np.clip(np.sin(2 * np.pi * 3 * t), 0, 1) * (np.sin(2 * np.pi * 0.4 * t) > -0.3)
    return 0.2 * voice * syllables + 0.002 * rng.standard_normal(len(t))


def audio(kind):
    rng = np.random.default_rng(0)
    noise = 0.1 * rng.standard_normal((2, 20 * CHUNK))
    whole = noise if kind == "noise" else np.stack([speech(1.6, rng), speech(1.6, rng)[::-1]])
    return whole.astype(np.float32)


def weights(source):
    """By the names of our layers."""
    if source == "safetensors":
        return load_safetensors(DATA / "silero_vad_16k.safetensors")
    model = SileroVAD()
    there = {x.name: onnx.numpy_helper.to_array(x) for x in onnx.load(GRAPH).graph.initializer}
    names = to_torch_state_dict(model, rename=NAMES)
    assert from_torch_state_dict(model, {name: there[name] for name in names}, rename=NAMES) == []
    return to_torch_state_dict(model)


def graph_with(arrays):
    """Their graph with these weights."""
    model = SileroVAD()
    from_torch_state_dict(model, arrays)
    arrays = to_torch_state_dict(model, rename=NAMES)
    graph = onnx.load(GRAPH)
    for x in graph.graph.initializer:
        if (array := arrays.pop(x.name, None)) is not None:
            assert tuple(x.dims) == array.shape
            x.CopyFrom(onnx.numpy_helper.from_array(array, x.name))
    assert not arrays
    return runtime.InferenceSession(graph.SerializeToString())


def run(step, whole):
    """The probabilities and states of all chunks, the state being carried over."""
    state = np.zeros((2, len(whole), 128), np.float32)
    padded = np.pad(whole, ((0, 0), (CONTEXT, 0)))
    made = []
    for start in range(0, whole.shape[1] - CHUNK + 1, CHUNK):
        y, state = step(padded[:, start : start + CONTEXT + CHUNK], state)
        made.append((y, state))
    return [np.stack(parts) for parts in zip(*made, strict=True)]


@pytest.mark.parametrize("kind", ["noise", "speech"])
@pytest.mark.parametrize("source", ["safetensors", "onnx"])
def test_the_trained_network_agrees_with_onnxruntime(source, kind, tmp_path):
    model, whole = SileroVAD().eval(), audio(kind)
    assert from_torch_state_dict(model, weights(source)) == []
    theirs = graph_with(weights(source)) if source == "safetensors" else runtime.InferenceSession(GRAPH)
    examples = np.zeros((2, CONTEXT + CHUNK)), np.zeros((2, 128)), np.zeros((2, 128))
    exported = runtime.InferenceSession(save_onnx(model, tmp_path / "ours.onnx", examples))

    def reference(x, state):
        return theirs.run(None, {"input": x, "state": state, "sr": np.array(RATE)})

    def ours(x, state):
        with no_grad():
            y, h, c = model(x, *state)
        return y.data, np.stack([h.data, c.data])

    def ours_exported(x, state):
        y, h, c = exported.run(None, {"input_0": x, "input_1": state[0], "input_2": state[1]})
        return y, np.stack([h, c])

    expected = run(reference, whole)
    assert np.ptp(expected[0]) > (0.9 if kind == "speech" else 0.01)  # it does not answer the same for everything
    for step in (ours, ours_exported):
        for a, b in zip(run(step, whole), expected, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-5)


def test_the_weights_go_back_as_they_came():
    model, there = SileroVAD(), weights("safetensors")
    from_torch_state_dict(model, there)
    back = to_torch_state_dict(model)
    assert there.keys() == back.keys()
    assert all(np.array_equal(x, back[name]) for name, x in there.items())
