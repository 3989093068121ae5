"""The operations of the table in PyTorch's words: `IN_TORCH[name]` takes the inputs and settings of a row.

`NOT_IN_TORCH` says of each of the others why it is missing. A function that raises `Incomparable` has no counterpart
for these inputs or settings. What PyTorch lacks but a line or two of its operations say is put in terms of them.
"""

import functools
import math
import operator

import numpy as np
import pytest

torch = pytest.importorskip("torch")
F = torch.nn.functional


class Incomparable(Exception):
    """PyTorch has the function, but not for these inputs or settings, or gives something else. Says why."""


# ---- translations

NAMES = {"axis": "dim", "axes": "dim", "keepdims": "keepdim", "ddof": "correction", "shift": "shifts"}


def same_type(*xs):
    xs = [torch.as_tensor(x) for x in xs]
    return [x.to(functools.reduce(torch.promote_types, [x.dtype for x in xs])) for x in xs]


def renamed(f, **names):
    """f with the settings that NumPy names otherwise."""
    names = NAMES | names
    return lambda *xs, **settings: f(*xs, **{names.get(k, k): v for k, v in settings.items()})


def of_tensors(f):
    """f that takes no Python numbers."""
    return lambda *xs, **settings: f(*(x if x is None else torch.as_tensor(x) for x in xs), **settings)


def real_only(f, why="torch has it for real numbers only"):
    def call(*xs, **settings):
        if any(torch.is_tensor(x) and x.is_complex() for x in xs):
            raise Incomparable(why)
        return f(*xs, **settings)

    return call


def dims(x, axis):
    """The axes, counted from 0."""
    axes = range(x.ndim) if axis is None else np.atleast_1d(axis).tolist()
    return tuple(i % x.ndim for i in axes) if x.ndim else ()


def over(f, **fixed):
    """A reduction that takes several axes at once, all of them by name."""

    def call(x, axis=None, keepdims=False, **settings):
        return f(x, dim=dims(x, axis), keepdim=keepdims, **fixed, **settings)

    return call


def last(x, axis):
    """x with `axis`, one, several or all, merged into one last axis."""
    axes = dims(x, axis)
    rest = [i for i in range(x.ndim) if i not in axes]
    shape = [x.shape[i] for i in rest]
    return x.permute(rest + list(axes)).reshape([*shape, math.prod(x.shape[i] for i in axes)])


def kept(x, axis):
    """The shape of x after a reduction that keeps its axes."""
    axes = dims(x, axis)
    return [1 if i in axes else n for i, n in enumerate(x.shape)]


def one_axis(f):
    """A reduction of the last axis made one of any axes."""

    def call(x, axis=None, keepdims=False, **settings):
        y = f(last(x, axis), dim=-1, **settings)
        return y.reshape(kept(x, axis)) if keepdims else y

    return call


def along(f, **fixed):
    """A function along one axis, or of all entries in a row without it."""

    def call(x, axis=None, **settings):
        return f(x.reshape(-1) if axis is None else x, dim=0 if axis is None else axis, **fixed, **settings)

    return call


def joined(f):
    """A function of a sequence, called with its members."""
    return lambda *xs, **settings: f(xs, **{NAMES.get(k, k): v for k, v in settings.items()})


def adjoint(f, x, g):
    """What a linear f gives back for g: differentiable by g, for PyTorch differentiates its gradients."""
    x = torch.zeros(x, dtype=g.dtype, requires_grad=True)
    return torch.autograd.grad(f(x), x, g, create_graph=True)[0]


# ---- elementwise

SAME = (
    *("abs", "add", "copysign", "divide", "multiply", "negative", "positive", "reciprocal", "sqrt", "square"),
    *("subtract", "float_power", "exp", "exp2", "expm1", "log", "log10", "log1p", "log2", "logaddexp", "logaddexp2"),
    *("sigmoid", "erf", "erfc", "arccos", "arccosh", "arcsin", "arcsinh", "arctan", "arctan2", "arctanh", "cos"),
    *("cosh", "deg2rad", "hypot", "rad2deg", "sin", "sinh", "tan", "tanh", "ceil", "floor", "trunc", "fmod"),
    *("remainder", "frexp", "fmax", "fmin", "maximum", "minimum"),
)

ELEMENTWISE = {
    **{name: of_tensors(getattr(torch, name)) for name in SAME},
    "alias": torch.clone,
    "astype": lambda x, dtype: x.to(torch.from_numpy(np.zeros(0, dtype)).dtype),
    "cbrt": lambda x: torch.sign(x) * torch.abs(x) ** (1 / 3),
    "conjugate": torch.conj,
    "divmod": lambda a, b: (torch.div(a, b, rounding_mode="floor"), torch.remainder(a, b)),
    "fabs": torch.abs,
    "floor_divide": functools.partial(torch.div, rounding_mode="floor"),
    "full_like": lambda x, fill_value, dtype=None, shape=None: fill_value.expand(x.shape if shape is None else shape),
    "ldexp": lambda x, e: torch.ldexp(x, e.double()),  # with integers, its gradient rounds 2^e
    "masked": lambda x, mask: torch.where(mask, x, 0),
    "modf": lambda x: (torch.frac(x), torch.trunc(x)),
    "nan_to_num": real_only(torch.nan_to_num),
    "power": torch.pow,
    "real": lambda x: torch.real(x) if x.is_complex() else x.clone(),
    "rint": torch.round,
    "round": torch.round,
    "sign": torch.sgn,
}


def angle(x, deg=False):
    y = torch.angle(x)
    return torch.rad2deg(y) if deg else y


def imag(x):
    return torch.imag(x) if x.is_complex() else torch.zeros_like(x)


def clamp(x, *limits, min=None, max=None):
    low, high = limits or (min, max)
    if low is None and high is None:
        return x.clone()
    given = [limit if limit is None else torch.as_tensor(limit, dtype=x.dtype) for limit in (low, high)]
    return torch.clamp(x, *given)


def where(condition, *ab):
    return torch.where(condition.bool(), *same_type(*ab)) if ab else torch.where(condition)


def interp(x, xp, fp, left=None, right=None, period=None):
    if period is not None or len(xp) < 2:
        raise Incomparable("the usual call alone is put in terms of torch.searchsorted")
    i = torch.searchsorted(xp, x.detach()).clamp(1, len(xp) - 1)
    slope = (fp[i] - fp[i - 1]) / (xp[i] - xp[i - 1])
    y = fp[i - 1] + slope * (x - xp[i - 1])
    y = torch.where(x < xp[0], fp[0] if left is None else left, y)
    return torch.where(x > xp[-1], fp[-1] if right is None else right, y)


def sinc(x):
    if torch.any((x.abs() < 1e-6) & (x != 0)):
        raise Incomparable("torch's gradient near 0 is a difference of two like numbers over x²: rounding errors")
    return torch.sinc(x)


ELEMENTWISE |= {
    "angle": angle,
    "clip": clamp,
    "clamped": clamp,
    "imag": imag,
    "interp": interp,
    "sinc": sinc,
    "where": where,
}


# ---- reductions, cumulative sums, order


def amax(f):
    return real_only(over(f), "torch does not order complex numbers")


def ptp(x, axis=None, keepdims=False):
    return amax(torch.amax)(x, axis, keepdims) - torch.amin(x, dims(x, axis), keepdims)


def without_nan(f, filler):
    return lambda x, **settings: f(torch.where(torch.isnan(x), filler, x), **settings)


def nanvar(x, axis=None, keepdims=False, ddof=0):
    given = ~torch.isnan(x)
    count = given.sum(dims(x, axis), keepdim=True)
    x = torch.where(given, x, 0)
    centred = torch.where(given, x - x.sum(dims(x, axis), keepdim=True) / count, 0)
    y = (centred * centred.conj()).real.sum(dims(x, axis), keepdim=True) / (count - ddof)
    return y if keepdims else y.squeeze(dims(x, axis))


def nanstd(x, **settings):
    var = nanvar(x, **settings)
    zero = var == 0
    return torch.where(zero, 0, torch.sqrt(torch.where(zero, 1, var)))  # as torch.std: where it is 0, no gradient


def quantile(f):
    def call(x, q=0.5, axis=None, method="linear", keepdims=False):
        if not x.numel():
            raise Incomparable("torch refuses quantiles of nothing")
        if method not in ("linear", "lower", "higher", "midpoint", "nearest"):
            raise Incomparable("torch has five methods for quantiles")
        q = torch.as_tensor(q, dtype=x.dtype)
        if not q.numel():
            raise Incomparable("torch refuses no quantiles at all")
        y = f(last(x, axis), q.reshape(-1), dim=-1, interpolation=method)
        return y.reshape([*q.shape, *(kept(x, axis) if keepdims else y.shape[1:])])

    return call


def percentile(f):
    return lambda x, q, **settings: quantile(f)(x, np.asarray(q) / 100, **settings)


def average(x, axis=None, weights=None, returned=False, *, keepdims=False):
    w = torch.ones_like(x) if weights is None else weights
    if w.shape != x.shape:  # its axes are those of `axis`, in their order
        axes = dims(x, axis)
        w = w.permute(np.argsort(axes).tolist()).reshape([x.shape[i] if i in axes else 1 for i in range(x.ndim)])
        w = w.expand(x.shape)
    total = w.sum(dims(x, axis), keepdim=keepdims)
    y = (x * w).sum(dims(x, axis), keepdim=keepdims) / total
    return (y, total.to(y.dtype)) if returned else y


def cov(m, y=None, rowvar=True, bias=False, ddof=None, fweights=None, aweights=None):
    x = variables(m, y, rowvar)
    correction = (0 if bias else 1) if ddof is None else ddof
    fweights = None if fweights is None else torch.as_tensor(fweights)
    aweights = None if aweights is None else torch.as_tensor(aweights, dtype=torch.float64)
    return torch.cov(x, correction=correction, fweights=fweights, aweights=aweights)


def variables(m, y, rowvar):
    parts = [x if rowvar or x.ndim < 2 else x.T for x in (m, y) if x is not None]
    return parts[0] if len(parts) == 1 else torch.cat([torch.atleast_2d(x) for x in parts])


def cumulative(f, initial):
    def call(x, axis=-1, include_initial=False):
        y = f(x, dim=axis)
        return torch.cat([torch.full_like(y.narrow(axis, 0, 1), initial), y], axis) if include_initial else y

    return call


def linear_recurrence(a, b):
    y = []
    for a_t, b_t in zip(a, b, strict=True):
        y.append(a_t * y[-1] + b_t if y else b_t)
    return torch.stack(y) if y else b.clone()


def sort(x, axis=-1, kind=None, stable=None):
    return along(lambda x, dim: torch.sort(x, dim=dim, stable=True).values)(x, axis)


def partition(x, kth, axis=-1):
    n = x.numel() if axis is None else x.shape[axis]
    if not set(range(n - 1)) <= set(np.atleast_1d(kth).tolist()):
        raise Incomparable("torch has partition only as sort")
    return sort(x, axis)


def unpermute(x, indices, axis):
    return torch.zeros_like(x).scatter(axis, torch.as_tensor(indices), x)


def diff(x, n=1, axis=-1, prepend=None, append=None):
    def ends(value):
        if value is None or torch.is_tensor(value):
            return value
        return torch.full(kept(x, axis), value, dtype=x.dtype)

    return torch.diff(x, n, axis, ends(prepend), ends(append))


def ediff1d(x, to_end=None, to_begin=None):
    return torch.cat([part for part in (to_begin, torch.diff(x.reshape(-1)), to_end) if part is not None])


def gradient(f, *steps, axis=None, edge_order=1):
    if any(torch.is_tensor(h) and h.requires_grad for h in steps):
        raise Incomparable("torch.gradient gives no gradient to places")
    axes = dims(f, axis)
    if any(map(torch.is_tensor, steps)):
        steps = [
            h if torch.is_tensor(h) else h * torch.arange(f.shape[i], dtype=f.dtype)
            for h, i in zip(steps, axes, strict=True)
        ]
    spacing = {"spacing": tuple(steps)} if steps else {}
    y = torch.gradient(f, **spacing, dim=axes, edge_order=edge_order)
    return y[0] if len(y) == 1 else y


def trapezoid(y, x=None, dx=1.0, axis=-1):
    return torch.trapezoid(y, dx=dx, dim=axis) if x is None else torch.trapezoid(y, x, dim=axis)


def softmax(f):
    def call(x, axis=-1):
        axes = dims(x, axis)
        rest = [i for i in range(x.ndim) if i not in axes]
        order = [*rest, *axes]
        y = f(last(x, axis), dim=-1).reshape([x.shape[i] for i in order])
        return y.permute([order.index(i) for i in range(x.ndim)])

    return real_only(call)


REDUCTIONS = {
    "average": average,
    "corrcoef": lambda x, y=None, rowvar=True: torch.corrcoef(variables(x, y, rowvar)),
    "cov": cov,
    "cumprod": along(torch.cumprod),
    "cumsum": along(torch.cumsum),
    "cumulative_prod": cumulative(torch.cumprod, 1.0),
    "cumulative_sum": cumulative(torch.cumsum, 0.0),
    "diff": diff,
    "difference": renamed(torch.diff),
    "ediff1d": ediff1d,
    "gradient": gradient,
    "linear_recurrence": linear_recurrence,
    "log_softmax": softmax(torch.log_softmax),
    "logcumsumexp": along(torch.logcumsumexp),
    "logsumexp": lambda x, axis=-1, keepdims=False: real_only(over(torch.logsumexp))(x, axis, keepdims),
    "max": amax(torch.amax),
    "mean": over(torch.mean),
    "median": quantile(torch.quantile),
    "min": amax(torch.amin),
    "nancumprod": without_nan(along(torch.cumprod), 1.0),
    "nancumsum": without_nan(along(torch.cumsum), 0.0),
    "nanmax": without_nan(over(torch.amax), -torch.inf),
    "nanmean": real_only(over(torch.nanmean)),
    "nanmedian": quantile(torch.nanquantile),
    "nanmin": without_nan(over(torch.amin), torch.inf),
    "nanpercentile": percentile(torch.nanquantile),
    "nanprod": without_nan(one_axis(torch.prod), 1.0),
    "nanquantile": quantile(torch.nanquantile),
    "nanstd": nanstd,
    "nansum": real_only(over(torch.nansum)),
    "nanvar": nanvar,
    "partition": partition,
    "percentile": percentile(torch.quantile),
    "permute": lambda x, indices, axis: torch.take_along_dim(x, torch.as_tensor(indices), axis),
    "prod": one_axis(torch.prod),
    "ptp": ptp,
    "quantile": quantile(torch.quantile),
    "softmax": softmax(torch.softmax),
    "sort": real_only(sort, "torch does not order complex numbers"),
    "std": lambda x, ddof=0, correction=0, **s: over(torch.std, correction=ddof or correction)(x, **s),
    "sum": over(torch.sum),
    "topk": lambda x, k, axis=-1, largest=True: tuple(torch.topk(x, k, axis, largest)),
    "trapezoid": trapezoid,
    "unpermute": unpermute,
    "var": lambda x, ddof=0, correction=0, **s: over(torch.var, correction=ddof or correction)(x, **s),
}


# ---- linear algebra


def dot(a, b):
    if a.ndim == 0 or b.ndim == 0:
        return a * b
    return torch.tensordot(a, b, ([-1], [max(b.ndim - 2, 0)]))


def tensordot(a, b, axes=2):
    if np.ndim(axes) > 0 or isinstance(axes, tuple | list):
        axes = [np.atleast_1d(part).tolist() for part in axes]
    return torch.tensordot(a, b, axes)


def cross(a, b, axisa=-1, axisb=-1, axisc=-1, axis=None):
    if axis is not None:
        axisa = axisb = axisc = axis
    a, b = torch.broadcast_tensors(*same_type(a.movedim(axisa, -1), b.movedim(axisb, -1)))
    return torch.linalg.cross(a, b).movedim(-1, axisc)


def vecdot(a, b, axis=-1):
    return torch.linalg.vecdot(*torch.broadcast_tensors(*same_type(a, b)), dim=axis)


def on_diagonal(values, shape, offset, axis1, axis2):
    return adjoint(lambda x: torch.diagonal(x, offset, axis1, axis2), shape, values)


def diag(v, k=0):
    return torch.diag(v, k) if v.numel() else torch.zeros((abs(k), abs(k)), dtype=v.dtype)


def triangle(f):
    def call(x, k=0):
        return f(x.expand(len(x), -1) if x.ndim == 1 else x, k)

    return call


def norm(x, ord=None, axis=None, keepdims=False):
    axis = axis[0] if isinstance(axis, tuple) and len(axis) == 1 else axis
    return torch.linalg.norm(x, ord, axis, keepdims)


def lstsq(a, b, rcond=None):
    columns = b[:, None] if b.ndim == 1 else b
    x, _, rank, s = torch.linalg.lstsq(a, columns, rcond=rcond, driver="gelsd")
    full = len(a) > a.shape[1] == rank
    residuals = (torch.matmul(a, x) - columns).abs().square().sum(0) if full else s[:0].detach()
    return x[:, 0] if b.ndim == 1 else x, residuals, rank, torch.linalg.svdvals(a)


def solve(a, b):
    return torch.linalg.solve(a, b[..., None])[..., 0] if b.ndim == 1 else torch.linalg.solve(a, b)


def cond(x, p=None):
    if p in (None, 2, -2):
        return torch.linalg.cond(x, p)
    return torch.linalg.matrix_norm(x, p) * torch.linalg.matrix_norm(torch.linalg.inv(x), p)


def svd(a, full_matrices=True, compute_uv=True, hermitian=False):
    return tuple(torch.linalg.svd(a, full_matrices=False)) if compute_uv else torch.linalg.svdvals(a)


def qr(a, mode="reduced"):
    Q, R = torch.linalg.qr(a, "reduced" if mode == "r" else mode)
    return R if mode == "r" else (Q, R)


def det(a):
    if a.numel() and torch.any(torch.linalg.matrix_rank(a.detach()) < a.shape[-1]):
        raise Incomparable("torch moves a singular matrix a little: its gradient is 0 or rounding errors")
    return torch.linalg.det(a)


def eig(a):
    w, V = torch.linalg.eig(a)
    return (w.real, V.real) if not a.is_complex() and not w.imag.any() else (w, V)


LINEAR_ALGEBRA = {
    "cholesky": torch.linalg.cholesky,
    "cond": cond,
    "contraction": lambda *xs, subscripts: torch.einsum(subscripts, *xs),
    "cross": cross,
    "det": det,
    "diag": diag,
    "diagflat": lambda x, k=0: torch.diagflat(x, k),
    "diagonal": lambda x, offset=0, axis1=0, axis2=1: torch.diagonal(x, offset, axis1, axis2),
    "dot": dot,
    "eig": eig,
    "eigh": lambda a, UPLO="L": tuple(torch.linalg.eigh(a, UPLO)),
    "eigvals": lambda a: eig(a)[0],
    "eigvalsh": lambda a, UPLO="L": torch.linalg.eigvalsh(a, UPLO),
    "einsum": lambda *args, optimize=False: torch.einsum(*args),
    "inner": torch.inner,
    "inv": torch.linalg.inv,
    "kron": lambda a, b: torch.kron(a.contiguous(), b.contiguous()),
    "lstsq": lstsq,
    "matmul": torch.matmul,
    "matrix_norm": lambda x, keepdims=False, ord="fro": torch.linalg.matrix_norm(x, ord, keepdim=keepdims),
    "matrix_power": torch.linalg.matrix_power,
    "matrix_transpose": operator.attrgetter("mT"),
    "matvec": lambda a, x: torch.matmul(a, x[..., None])[..., 0],
    "multi_dot": joined(torch.linalg.multi_dot),
    "norm": norm,
    "on_diagonal": on_diagonal,
    "outer": lambda a, b: torch.outer(a.reshape(-1), b.reshape(-1)),
    "pinv": lambda a, rcond=None, hermitian=False: torch.linalg.pinv(a, rtol=rcond, hermitian=hermitian),
    "qr": qr,
    "slogdet": lambda a: tuple(torch.linalg.slogdet(a)),
    "solve": solve,
    "svd": svd,
    "svdvals": torch.linalg.svdvals,
    "tensordot": tensordot,
    "tensorinv": torch.linalg.tensorinv,
    "tensorsolve": lambda a, b, axes=None: torch.linalg.tensorsolve(a, b, axes),
    "trace": lambda x, offset=0, axis1=0, axis2=1: torch.diagonal(x, offset, axis1, axis2).sum(-1),
    "tril": triangle(torch.tril),
    "triu": triangle(torch.triu),
    "vdot": lambda a, b: torch.vdot(*same_type(a.reshape(-1), b.reshape(-1))),
    "vecdot": vecdot,
    "vecmat": lambda x, a: torch.matmul(x.conj()[..., None, :], a)[..., 0, :],
    "vector_norm": lambda x, axis=None, keepdims=False, ord=2: torch.linalg.vector_norm(x, ord, axis, keepdims),
}


# ---- shape


def sections(f):
    return lambda x, indices_or_sections, **settings: f(x, indices_or_sections, **settings)


def split(x, indices_or_sections, axis=0):
    return torch.tensor_split(x, indices_or_sections, axis)


def joined_blocks(arrays):
    """Blocks as in np.block: innermost lists along the last axis."""

    def depth(a):
        return 1 + depth(a[0]) if isinstance(a, list) else 0

    def leaves(a):
        return [leaf for part in a for leaf in leaves(part)] if isinstance(a, list) else [a]

    ndim = max(depth(arrays), *(x.ndim for x in leaves(arrays)))

    def join(a, axis):
        if not isinstance(a, list):
            return a.reshape((1,) * (ndim - a.ndim) + a.shape)
        return torch.cat([join(part, axis + 1) for part in a], axis)

    return join(arrays, -depth(arrays))


def append(x, values, axis=None):
    return torch.cat([x.reshape(-1), values.reshape(-1)] if axis is None else [x, values], axis or 0)


def delete(x, obj, axis=None):
    x = x.reshape(-1) if axis is None else x
    axis = 0 if axis is None else axis
    obj = np.asarray(obj) if isinstance(obj, list) and not obj else obj
    obj = obj.astype(int) if isinstance(obj, np.ndarray) and not obj.size else obj
    return x.index_select(axis, torch.as_tensor(np.delete(np.arange(x.shape[axis]), obj)))


def pad(x, pad_width, mode="constant", constant_values=0.0):
    pairs = np.broadcast_to(np.asarray(pad_width), (x.ndim, 2))
    widths = [int(w) for pair in pairs[::-1] for w in pair]
    if mode == "constant" and np.ndim(constant_values) == 0:
        return F.pad(x, widths, value=constant_values)
    names = {"edge": "replicate", "reflect": "reflect", "wrap": "circular"}
    limits = {"edge": np.inf, "reflect": 0, "wrap": 1}
    if (
        mode not in names
        or not x.numel()
        or any(max(p) >= n + limits[mode] for p, n in zip(pairs, x.shape, strict=True))
    ):
        raise Incomparable("torch has neither symmetric padding nor several constants, and pads once around")
    return F.pad(x[None, None], widths, names[mode])[0, 0]


def unpad(y, width, mode):
    shape = [n - sum(pair) for n, pair in zip(y.shape, width, strict=True)]
    return adjoint(lambda x: pad(x, width, mode), shape, y)


def repeat(x, repeats, axis=None):
    repeats = repeats if isinstance(repeats, int) else torch.as_tensor(repeats)
    return torch.repeat_interleave(x.reshape(-1) if axis is None else x, repeats, 0 if axis is None else axis)


def tile(x, reps):
    return torch.tile(x, tuple(np.atleast_1d(np.asarray(reps, int)).tolist()))


def roll(x, shift, axis=None):
    return torch.roll(x, shift, axis) if x.ndim else x.clone()


def flatten(x, keep_batch=True, sample_ndim=None):
    axes = x.ndim - (1 if keep_batch else 0) if sample_ndim is None else sample_ndim
    start = x.ndim - axes
    return x.reshape([*x.shape[:start], math.prod(x.shape[start:])]) if start < x.ndim else x.clone()


def expand_dims(x, axis):
    ndim = x.ndim + np.size(axis)
    for i in sorted(i % ndim for i in np.atleast_1d(axis).tolist()):
        x = x.unsqueeze(i)
    return x


def rollaxis(x, axis, start=0):
    axis, start = axis % x.ndim, start + x.ndim if start < 0 else start
    return x.movedim(axis, start - (axis < start))


def meshgrid(*xs, indexing="xy", sparse=False, copy=True):
    if sparse:
        raise Incomparable("torch has no sparse grids")
    return torch.meshgrid(*(x.reshape(-1) for x in xs), indexing=indexing)


def reshape(x, shape, order="C"):
    if order != "C":
        raise Incomparable("torch has C order only")
    return x.reshape(shape)


def ravel(x, order="C"):
    return reshape(x, (x.numel(),), order)


def atleast(f):
    return lambda *xs: f(*xs) if len(xs) == 1 else f(xs)


SHAPE = {
    "append": append,
    "array_split": split,
    "ascontiguousarray": lambda x: x.reshape(1) if x.ndim == 0 else x.contiguous(),
    "asfortranarray": lambda x: x.reshape(1) if x.ndim == 0 else x.clone(),
    **{f"atleast_{k}d": atleast(getattr(torch, f"atleast_{k}d")) for k in (1, 2, 3)},
    "block": joined_blocks,
    "broadcast_arrays": torch.broadcast_tensors,
    "broadcast_to": lambda x, shape: torch.broadcast_to(x, (shape,) if isinstance(shape, int) else shape),
    "column_stack": joined(torch.column_stack),
    "concatenate": lambda *xs, axis=0: torch.cat(
        [x.reshape(-1) for x in xs] if axis is None else xs, 0 if axis is None else axis
    ),
    "copy": torch.clone,
    "delete": delete,
    "dsplit": sections(torch.dsplit),
    "dstack": joined(torch.dstack),
    "expand_dims": expand_dims,
    "flatten": flatten,
    "flip": lambda x, axis=None: torch.flip(x, dims(x, axis)),
    "fliplr": torch.fliplr,
    "flipud": torch.flipud,
    "hsplit": sections(torch.hsplit),
    "hstack": joined(torch.hstack),
    "meshgrid": meshgrid,
    "moveaxis": torch.movedim,
    "pad": pad,
    "ravel": ravel,
    "repeat": repeat,
    "reshape": reshape,
    "roll": roll,
    "rollaxis": rollaxis,
    "rot90": lambda x, k=1, axes=(0, 1): torch.rot90(x, k, axes),
    "split": split,
    "squeeze": lambda x, axis=None: torch.squeeze(x) if axis is None else torch.squeeze(x, axis),
    "stack": joined(torch.stack),
    "swapaxes": lambda x, axis1, axis2: torch.swapaxes(x, axis1, axis2),
    "tile": tile,
    "transpose": lambda x, axes=None: x.permute(tuple(range(x.ndim))[::-1] if axes is None else axes),
    "unpad": unpad,
    "unstack": renamed(torch.unbind),
    "vsplit": sections(torch.vsplit),
    "vstack": joined(torch.vstack),
}


# ---- indexing


def torch_index(index):
    """NumPy's index in PyTorch's words, where integers beside arrays select first instead of broadcasting."""
    parts = index if isinstance(index, tuple) else (index,)
    parts = [np.asarray(p) if isinstance(p, list | range | np.bool_ | bool) else p for p in parts]
    parts = [p.astype(int) if isinstance(p, np.ndarray) and not p.size and p.dtype.kind == "f" else p for p in parts]
    advanced = any(isinstance(p, np.ndarray) and p.ndim for p in parts)

    def translated(p):
        if isinstance(p, slice) and (p.step or 1) < 0:
            raise Incomparable("torch has no slices with negative steps")
        if isinstance(p, np.ndarray):
            if p.ndim or p.dtype == bool:
                return torch.as_tensor(p)
            p = int(p)
        return torch.tensor([p]) if advanced and isinstance(p, int | np.integer) else p

    return tuple(translated(p) for p in parts)


def places(shape, index):
    """Of the entries that an index picks, their numbers in C order."""
    return torch.as_tensor(np.arange(math.prod(np.atleast_1d(shape).tolist())).reshape(shape)[index])


def picked(x, index, v):
    """x in a row, the places that an index picks, and the values for them."""
    i = places(tuple(x.shape), index)
    v = torch.as_tensor(v, dtype=x.dtype)
    return x.reshape(-1), i.reshape(-1), v.expand(i.shape).reshape(-1)


def scatter_add(v, index, shape):
    return index_add(torch.zeros(shape, dtype=v.dtype), v, index)


def index_add(x, v, index):
    flat, i, v = picked(x, index, v)
    return flat.index_add(0, i, v).reshape(x.shape)


def index_set(x, v, index):
    flat, i, v = picked(x, index, v)
    last_of_each = {place: k for k, place in enumerate(i.tolist())}
    k = torch.tensor(list(last_of_each.values()), dtype=torch.int64)
    return flat.index_put((i[k],), v[k]).reshape(x.shape)


def index_reduce(how):
    def call(x, v, index):
        flat, i, v = picked(x, index, v)
        return flat.scatter_reduce(0, i, v, how).reshape(x.shape)

    return call


def take(x, indices, axis=None, mode="raise"):
    if axis is None:
        x, axis = x.reshape(-1), 0
    n = x.shape[axis]
    i = np.asarray(indices)
    i = np.clip(i, 0, n - 1) if mode == "clip" else i % max(n, 1)
    y = x.movedim(axis, 0).index_select(0, torch.as_tensor(i.reshape(-1)))
    return torch.movedim(
        y.reshape([*i.shape, *y.shape[1:]]), tuple(range(i.ndim)), tuple(range(axis % x.ndim, axis % x.ndim + i.ndim))
    )


def take_along_axis(x, indices, axis=-1):
    if axis is None:
        return torch.take_along_dim(x, torch.as_tensor(indices))
    return torch.take_along_dim(x, torch.as_tensor(indices % max(x.shape[axis], 1)), axis)


def put_along_axis(x, indices, values, axis):
    at = np.arange(x.numel()).reshape(x.shape)
    at = at.reshape(-1)[indices] if axis is None else np.take_along_axis(at, np.asarray(indices), axis)
    return index_set(x.reshape(-1), values, at).reshape(x.shape)


def compress(condition, x, axis=None):
    i = torch.as_tensor(np.flatnonzero(np.asarray(condition)))
    return x.reshape(-1).index_select(0, i) if axis is None else x.index_select(axis, i)


def extract(condition, x):
    return torch.masked_select(x, torch.as_tensor(condition, dtype=torch.bool))


def select(condlist, choicelist, default=0):
    y = torch.as_tensor(default, dtype=torch.float64)
    for condition, choice in reversed(list(zip(condlist, choicelist, strict=True))):
        y = torch.where(torch.as_tensor(condition), choice, y)
    return y


def choose(a, choices, mode="raise"):
    a = a.clamp(0, len(choices) - 1) if mode == "clip" else a % len(choices)
    choices = torch.stack([c.expand(torch.broadcast_shapes(a.shape, c.shape)) for c in choices])
    return torch.gather(choices, 0, a.expand(choices.shape[1:])[None])[0]


INDEXING = {
    "choose": choose,
    "compress": compress,
    "extract": extract,
    "getitem": lambda x, index: x[torch_index(index)],
    "index_add": index_add,
    "index_max": index_reduce("amax"),
    "index_min": index_reduce("amin"),
    "index_multiply": index_reduce("prod"),
    "index_set": index_set,
    "put_along_axis": put_along_axis,
    "scatter_add": scatter_add,
    "select": select,
    "take": take,
    "take_along_axis": take_along_axis,
}


# ---- windows, resampling, Fourier transforms


def unfold(x, size, stride=1, dilation=1, axes=None):
    size = np.atleast_1d(np.asarray(size, int))
    axes = np.arange(x.ndim - len(size), x.ndim) if axes is None else np.atleast_1d(axes) % x.ndim
    for axis, k, s, d in zip(axes, *(np.broadcast_to(v, axes.shape) for v in (size, stride, dilation)), strict=True):
        x = x.unfold(int(axis), int(d * (k - 1) + 1), int(s))[..., :: int(d)]
    return x


def fold(y, shape, **settings):
    return adjoint(lambda x: unfold(x, **settings), shape, y)


def interpolate(x, size=None, scale=None, mode="nearest", align_corners=False, axes=None):
    if not x.numel():
        raise Incomparable("torch resamples no empty arrays")
    given = size if scale is None else scale
    count = np.size(given if axes is None else axes)
    axes = range(x.ndim - count, x.ndim) if axes is None else dims(x, axes)
    given = np.broadcast_to(given, count).tolist()
    order = [i for i in range(x.ndim) if i not in axes] + list(axes)
    moved = x.permute(order)
    y = F.interpolate(
        moved.reshape(1, -1, *moved.shape[x.ndim - count :]),
        size=None if size is None else given,
        scale_factor=None if scale is None else given,
        mode=mode if mode == "nearest" else ["linear", "bilinear", "trilinear"][count - 1],
        align_corners=None if mode == "nearest" else align_corners,
    )
    y = y.reshape(*moved.shape[: x.ndim - count], *y.shape[2:])
    return y.permute([order.index(i) for i in range(x.ndim)])


def weighted_take(x, taps, axis):
    y = 0.0
    for index, w in taps:
        part = x.index_select(axis, torch.as_tensor(index))
        w = torch.ones(len(index)) if w is None else torch.as_tensor(w)
        y = y + part * w.reshape([-1 if i == axis else 1 for i in range(x.ndim)])
    return y


def convolve(a, b, mode="full"):
    a, b = same_type(*(x.reshape(-1) for x in (a, b)))
    a, b = (a, b) if len(a) >= len(b) else (b, a)
    n, m = len(a), len(b)
    y = F.conv1d(a[None, None], b.flip(0)[None, None], padding=m - 1)[0, 0]
    return {"full": y, "valid": y[m - 1 : n], "same": y[(m - 1) // 2 : (m - 1) // 2 + n]}[mode]


def correlate(a, v, mode="valid"):
    if len(a) < len(v):
        return correlate(v, a, mode).flip(0).conj()
    return convolve(a, v.flip(0).conj(), mode)


def polyval(p, x):
    y = 0.0
    for a in p:
        y = y * x + a
    return y.expand(x.shape)


def transform(f):
    def call(x, **settings):
        if not x.numel():
            raise Incomparable("torch transforms no empty arrays")
        return renamed(f)(x, **settings)

    return call


FOURIER = {
    **{
        name: transform(getattr(torch.fft, name))
        for name in (
            *("fft", "fft2", "fftn", "fftshift", "hfft", "ifft", "ifft2", "ifftn", "ifftshift", "ihfft", "irfft"),
            *("irfft2", "irfftn", "rfft", "rfft2", "rfftn"),
        )
    },
    "convolve": convolve,
    "correlate": correlate,
    "fold": fold,
    "interpolate": real_only(interpolate),
    "polyval": polyval,
    "unfold": unfold,
    "weighted_take": weighted_take,
}

IN_TORCH = {**ELEMENTWISE, **REDUCTIONS, **LINEAR_ALGEBRA, **SHAPE, **INDEXING, **FOURIER}

NOT_IN_TORCH = {
    "bincount": "torch.bincount gives its weights no gradient",
    "heaviside": "torch.heaviside has no derivative",
    "insert": "nothing like it",
    "real_if_close": "nothing like it",
    "resize": "np.resize repeats the entries; torch.resize_ leaves new ones undefined",
    "trim_zeros": "nothing like it",
    "unwrap": "nothing like it",
}
