"""Transforms of images: what they may do to a pixel, that every image draws for itself, and that a seed is enough."""

import copy

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pureml_core import Tensor, set_seed
from pureml_data import (
    Compose,
    Cutout,
    DataLoader,
    GaussianNoise,
    MappedDataset,
    Mixup,
    Normalize,
    RandomCrop,
    RandomHorizontalFlip,
    RandomRotation,
    RandomShift,
    RandomVerticalFlip,
    TensorDataset,
    one_hot,
)

RNG = np.random.default_rng(0)
BATCH = RNG.random((40, 3, 6, 5), dtype=np.float32) + 1
MAKE = {
    "crop": lambda **k: RandomCrop((4, 3), padding=1, **k),
    "horizontal flip": lambda **k: RandomHorizontalFlip(**k),
    "vertical flip": lambda **k: RandomVerticalFlip(**k),
    "rotation": lambda **k: RandomRotation(30, **k),
    "shift": lambda **k: RandomShift((2, 1), **k),
    "noise": lambda **k: GaussianNoise(0.1, **k),
    "cutout": lambda **k: Cutout(3, **k),
}
every = pytest.mark.parametrize("name", MAKE)
GEOMETRIC = [name for name in MAKE if name not in ("rotation", "noise")]


@every
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("shape", [(6, 5), (3, 6, 5), (4, 3, 6, 5), (0, 3, 6, 5), (1, 1, 6, 5)])
def test_shapes_dtypes_and_kinds(name, dtype, shape):
    x = RNG.random(shape).astype(dtype)
    kept = x.copy()
    y = MAKE[name](seed=1)(x)
    assert type(y) is np.ndarray and y.dtype == dtype
    assert y.shape == (*shape[:-2], *((4, 3) if name == "crop" else (6, 5)))
    np.testing.assert_array_equal(x, kept)
    assert not np.shares_memory(x, y)
    tensor = MAKE[name](seed=1)(Tensor(x))
    assert type(tensor) is Tensor
    np.testing.assert_array_equal(tensor.data, y)


@every
def test_every_image_draws_for_itself_and_its_channels_share_it(name):
    same = np.broadcast_to(np.arange(30, dtype=np.float32).reshape(6, 5) + 1, (40, 3, 6, 5))
    y = MAKE[name](seed=2)(same)
    assert len(np.unique(y.reshape(40, -1), axis=0)) > 1
    if name != "noise":
        np.testing.assert_array_equal(y, np.broadcast_to(y[:, :1], y.shape))


@every
def test_grey_images_in_a_batch_are_not_taken_for_channels(name):
    grey = np.broadcast_to(np.arange(30, dtype=np.float32).reshape(6, 5) + 1, (40, 6, 5))
    with pytest.raises(ValueError, match=r"shape \(40, 6, 5\): 40 channels of one image, or 40 grey images"):
        MAKE[name](seed=2)(grey)
    y = MAKE[name](seed=2, channels=False)(grey)
    np.testing.assert_array_equal(y, MAKE[name](seed=2)(grey[:, None])[:, 0])
    one = MAKE[name](seed=2, channels=True)(grey)
    assert name == "noise" or len(np.unique(one.reshape(40, -1), axis=0)) == 1
    for channels, shape in [(True, (6, 5)), (False, (5,)), (None, (2, 2, 2, 6, 5)), (None, (5,))]:
        with pytest.raises(ValueError, match="needed"):
            MAKE[name](channels=channels)(np.ones(shape))
    np.testing.assert_array_equal(MAKE[name](seed=2, channels=np.False_)(grey), y)
    assert MAKE[name](channels=True)(np.ones((2, 2, 2, 6, 5))).shape[:3] == (2, 2, 2)


@every
def test_a_seed_is_enough_and_a_state_goes_on(name):
    a, b = MAKE[name](seed=3), MAKE[name](seed=3)
    np.testing.assert_array_equal(a(BATCH), b(BATCH))
    assert not np.array_equal(a(BATCH), MAKE[name](seed=4)(BATCH))
    state = a.state()
    following = [a(BATCH) for _ in range(2)]
    fresh = MAKE[name](seed=9)
    assert fresh.restore(state) == []
    for y in following:
        np.testing.assert_array_equal(fresh(BATCH), y)
    with pytest.raises(ValueError, match="given a state of"):
        fresh.restore(Mixup().state())
    set_seed(1)
    first = MAKE[name]()(BATCH)
    set_seed(1)
    np.testing.assert_array_equal(MAKE[name]()(BATCH), first)


@pytest.mark.parametrize("name", GEOMETRIC)
def test_bytes_stay_bytes(name):
    x = RNG.integers(0, 256, (5, 3, 6, 5), dtype=np.uint8)
    y = MAKE[name](seed=1)(x)
    assert y.dtype == np.uint8
    np.testing.assert_array_equal(y, MAKE[name](seed=1)(x.astype(np.float32)))


@pytest.mark.parametrize("make", [lambda: RandomRotation(5), lambda: GaussianNoise(1), lambda: Normalize(0, 1)])
def test_new_values_need_floating_images(make):
    with pytest.raises(TypeError, match=r"floating images, given uint8; x\.astype\(np\.float32\) / 255"):
        make()(np.zeros((2, 2), np.uint8))


@given(
    h=st.integers(1, 5), w=st.integers(1, 5), top=st.integers(0, 3), left=st.integers(0, 3), data=st.data(),
    seed=st.integers(0, 99),
)  # fmt: skip
def test_a_crop_is_a_window_of_the_padded_image(h, w, top, left, data, seed):
    size = data.draw(st.tuples(st.integers(1, h + 2 * top), st.integers(1, w + 2 * left)))
    x = np.arange(2.0 * h * w).reshape(2, 1, h, w)
    y = RandomCrop(size, (top, left), fill=-1, seed=seed)(x)
    padded = np.pad(x, ((0, 0), (0, 0), (top, top), (left, left)), constant_values=-1)
    windows = np.lib.stride_tricks.sliding_window_view(padded, size, axis=(2, 3))
    for i in range(2):
        assert (windows[i, 0] == y[i, 0]).all(axis=(-1, -2)).any()


def test_every_window_comes():
    x = np.arange(9.0).reshape(1, 1, 3, 3).repeat(300, axis=0)
    corners, counts = np.unique(RandomCrop(2, seed=0)(x)[:, 0, 0, 0], return_counts=True)
    assert corners.tolist() == [0, 1, 3, 4] and (abs(counts - 75) < 35).all()
    with pytest.raises(ValueError, match="3 × 3 with a padding of \\(0, 1\\), needed at least 4 × 4"):
        RandomCrop(4, (0, 1))(x)


def test_a_shift_moves_whole_pixels():
    x = np.zeros((200, 1, 5, 5))
    x[:, 0, 2, 2] = 1
    y = RandomShift((1, 2), fill=0, seed=0)(x)
    _, _, rows, columns = np.nonzero(y)
    assert set(rows) == {1, 2, 3} and set(columns) == {0, 1, 2, 3, 4} and y.sum() == 200
    assert (RandomShift(0)(BATCH) == BATCH).all()
    assert (RandomShift((9, 0), fill=7, seed=0)(x) == 7).any()


@pytest.mark.parametrize(("make", "axis"), [(RandomHorizontalFlip, -1), (RandomVerticalFlip, -2)])
def test_flips(make, axis):
    turned = np.flip(BATCH, axis)
    np.testing.assert_array_equal(make(1.0)(BATCH), turned)
    np.testing.assert_array_equal(make(0)(BATCH), BATCH)
    y = make(0.25, seed=0)(np.tile(BATCH, (10, 1, 1, 1)))
    which = (y == np.tile(turned, (10, 1, 1, 1))).all(axis=(1, 2, 3))
    assert 60 < which.sum() < 140  # of 400: σ = 8.7
    np.testing.assert_array_equal(y[~which], np.tile(BATCH, (10, 1, 1, 1))[~which])


@pytest.mark.parametrize(("degrees", "turns"), [(0, 0), (90, 1), (180, 2), (-90, 3)])
def test_right_angles(degrees, turns):
    square = BATCH[..., :5, :5]
    y = RandomRotation((degrees, degrees))(square)
    assert y.dtype == np.float32
    np.testing.assert_allclose(y, np.rot90(square, turns, axes=(2, 3)), atol=1e-5)


def test_rotation_between_pixels():
    """A linear image stays linear under bilinear interpolation; what comes from outside is the fill."""
    h, w = 21, 17
    rows, columns = np.mgrid[:h, :w].astype(np.float64)
    y = RandomRotation((30, 30), fill=-99)((2 * rows - columns)[None])[0]
    angle = np.deg2rad(30)
    down, right = rows - (h - 1) / 2, columns - (w - 1) / 2
    source = right * np.sin(angle) + down * np.cos(angle) + 10, right * np.cos(angle) - down * np.sin(angle) + 8
    inside = (source[0] >= 0) & (source[0] <= h - 1) & (source[1] >= 0) & (source[1] <= w - 1)
    np.testing.assert_allclose(y[inside], (2 * source[0] - source[1])[inside], atol=1e-9)
    assert y[0, 0] == -99
    angles = RandomRotation((10, 20), seed=0)(BATCH)
    assert np.isfinite(angles).all()


def test_noise():
    x = np.full((50, 1, 20, 20), 0.5, np.float32)
    y = GaussianNoise(0.1, seed=0)(x)
    assert abs(y.mean() - 0.5) < 0.005 and abs(y.std() - 0.1) < 0.005
    assert (GaussianNoise(0)(x) == x).all()
    clipped = GaussianNoise(1, clip=(0, 1), seed=0)(x)
    assert clipped.min() == 0 and clipped.max() == 1


def test_cutout_blots_out_a_rectangle():
    y = Cutout((3, 2), fill=-1, seed=0)(np.ones((300, 2, 6, 5)))
    cut = y == -1
    np.testing.assert_array_equal(cut[:, 0], cut[:, 1])
    sizes = cut[:, 0].any(axis=2).sum(axis=1), cut[:, 0].any(axis=1).sum(axis=1)
    assert set(sizes[0]) == {2, 3} and set(sizes[1]) == {1, 2}  # smaller at an edge
    np.testing.assert_array_equal(cut[:, 0].sum(axis=(1, 2)), sizes[0] * sizes[1])
    assert cut.any(axis=0).all()
    assert 50 < (Cutout(3, p=0.25, seed=0)(np.ones((300, 1, 6, 5))) == 0).any(axis=(1, 2, 3)).sum() < 105
    with pytest.raises(ValueError, match=r"Cutout: fill: given the value 0\.5 for uint8"):
        Cutout(1, fill=0.5)(np.ones((2, 2), np.uint8))
    with pytest.raises(ValueError, match=r"RandomShift: fill: given the value 300\.0 for uint8"):
        RandomShift(1, fill=300)(np.ones((2, 2), np.uint8))
    with pytest.raises(ValueError, match="RandomCrop: given images of 2 × 2 with a padding of"):
        RandomCrop(4)(np.ones((2, 2), np.uint8))


def test_normalize():
    mean, std = [1.0, 1.5, 2.0], np.array([0.5, 1.0, 2.0])
    normalize = Normalize(mean, std)
    y = normalize(BATCH)
    assert y.dtype == np.float32
    np.testing.assert_allclose(y[:, 2], (BATCH[:, 2] - 2) / 2, rtol=1e-6)
    np.testing.assert_array_equal(normalize(BATCH[0]), y[0])
    np.testing.assert_allclose(normalize.inverse(y), BATCH, rtol=1e-6)
    assert Normalize(0.5, 0.5)(Tensor(np.ones((2, 2), np.float32))).data.tolist() == [[1, 1], [1, 1]]
    for wrong in (BATCH[:, :2], BATCH[0, 0]):
        with pytest.raises(ValueError, match=r"for 3 channels, needed \(\.\.\., C, H, W\)"):
            normalize(wrong)
    for m, s in [(0, 0), (np.nan, 1), ([[0]], 1), ([], 1), (0, [1, -1])]:
        with pytest.raises(ValueError, match="must be a finite number"):
            Normalize(m, s)


def test_mixup():
    x, y = BATCH, one_hot(4, np.arange(40) % 4, dtype=np.float32)
    mix = Mixup(1.0, seed=0)
    mixed, labels = mix((x, Tensor(y)))
    assert mixed.dtype == np.float32 and type(labels) is Tensor and labels.dtype == np.float32
    np.testing.assert_allclose(labels.data.sum(axis=1), 1, rtol=1e-6)
    share = labels.data.max()  # of an image mixed with one of another class
    rng = np.random.default_rng(0)
    share, other = rng.beta(1, 1), rng.permutation(40)
    np.testing.assert_allclose(mixed, share * x + (1 - share) * x[other], rtol=1e-5)
    np.testing.assert_allclose(labels.data, share * y + (1 - share) * y[other], rtol=1e-5)
    for batch, error, says in [
        ((x, np.arange(40)), TypeError, "y must be floating, given int64; one_hot"),
        ((x, y[:3]), ValueError, "equally many"),
        (x, TypeError, "needs a pair"),
    ]:
        with pytest.raises(error, match=says):
            mix(batch)
    with pytest.raises(ValueError, match="alpha must be above 0"):
        Mixup(0)


@pytest.mark.parametrize(
    ("make", "error", "says"),
    [
        (lambda: RandomCrop(0), ValueError, "RandomCrop: size must be at least 1"),
        (lambda: RandomCrop(2.5), TypeError, "size must be an integer"),
        (lambda: RandomCrop(2, -1), ValueError, "padding must be at least 0"),
        (lambda: RandomCrop(2, channels=3), TypeError, "channels must be True, False or None"),
        (lambda: RandomHorizontalFlip(1.5), ValueError, "RandomHorizontalFlip: p must be a finite number from 0 to 1"),
        (lambda: RandomRotation(-5), ValueError, "degrees must be"),
        (lambda: RandomRotation("a"), TypeError, "degrees must be a number, given 'a'"),
        (lambda: GaussianNoise(-1), ValueError, "std must be a finite number from 0"),
        (lambda: GaussianNoise(1, clip=(1, 0)), ValueError, "clip must be"),
        (lambda: GaussianNoise(1, clip=1), ValueError, "clip must be a pair, given 1"),
        (lambda: GaussianNoise(1, clip=(0, 1, 2)), ValueError, "clip must be a pair"),
        (lambda: RandomCrop((1, 2, 3)), ValueError, r"size must be a pair, given \(1, 2, 3\)"),
        (lambda: RandomRotation((1, 2, 3)), ValueError, "degrees must be a pair"),
        (lambda: RandomRotation([1, -1]), ValueError, r"degrees must be \(low, high\)"),
        (lambda: Normalize("0.5", 1), TypeError, "mean must be numbers"),
        (lambda: Normalize(0, [True]), TypeError, "std must be numbers, given bool"),
        (lambda: Normalize(0, 1j), TypeError, "std must be numbers, given complex"),
        (lambda: RandomShift(1, seed=-1), ValueError, "seed"),
    ],
)
def test_settings_that_are_refused(make, error, says):
    with pytest.raises(error, match=says):
        make()


@pytest.mark.parametrize("make", [RandomCrop, RandomShift, Cutout, RandomRotation])
@pytest.mark.parametrize(
    ("dtype", "fill"), [("u1", 256), ("u1", -1), ("i4", 1e30), ("u1", np.float32(300)), ("f2", 1e6)], ids=str
)
def test_a_fill_that_the_images_cannot_hold(make, dtype, fill):
    if make is RandomRotation and dtype != "f2":
        return
    size = {} if make is not RandomCrop else {"padding": 1}
    with pytest.raises(ValueError, match=f"given the value .* for {np.dtype(dtype)}, which has no such value"):
        make(1, fill=fill, **size)(np.ones((2, 2), dtype))


@pytest.mark.parametrize("settings", [{}, {"prefetch": 2}])
def test_a_loader_augments_whole_batches_alike_on_every_run(settings):
    y = one_hot(2, np.arange(40) % 2, dtype=np.float32)
    augment = Compose(RandomCrop((6, 5), padding=1), RandomHorizontalFlip(), GaussianNoise(0.1))
    data = MappedDataset(
        MappedDataset(TensorDataset(BATCH, y), augment, batched=True, field=0), Mixup(0.4), batched=True
    )
    loader = DataLoader(data, 16, shuffle=True, seed=5, **settings)
    first, second = ([x.data for x, _ in loader] for _ in range(2))
    assert first[0].dtype == np.float32 and first[0].shape == (16, 3, 6, 5)
    assert not np.array_equal(first[0], second[0])
    again = DataLoader(copy.deepcopy(data), 16, shuffle=True, seed=5)
    for epoch in (first, second):
        for a, (b, _) in zip(epoch, again, strict=True):
            np.testing.assert_array_equal(a, b.data)
