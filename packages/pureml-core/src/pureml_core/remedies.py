"""What to write instead, where a function of NumPy's would cut a tensor from its history."""

from __future__ import annotations

from .registry import NUMPY

LOOP = "write it with broadcasting, or loop over the slices and join the results by np.stack"
UPDATE = "make a new tensor by t.at[i].set(v) or np.where(mask, v, t)"
VALUES = "its result does not vary smoothly"
POLYNOMIAL = "write it on the coefficients by arithmetic and np.convolve"

# The function by NumPy's name -> what to write. An operation of another name, if there is one.
FUNCTIONS = {
    "np.asarray": "write np.stack([t, ...]) to join tensors; a function made by np.vectorize, with broadcasting",
    "__dlpack__": "hand over .detach()",
    "np.apply_along_axis": LOOP,
    "np.apply_over_axes": "call the function once for each axis",
    "np.piecewise": "write np.where(condition, f(x), g(x)), or np.select for several",
    "np.linspace": "write start + (stop - start) * np.linspace(0.0, 1.0, n)",
    "np.logspace": "write base ** (start + (stop - start) * np.linspace(0.0, 1.0, n))",
    "np.geomspace": "write start * (stop / start) ** np.linspace(0.0, 1.0, n)",
    "np.vander": "write x[:, None] ** np.arange(n)[::-1]",
    "np.polyfit": "write np.linalg.lstsq(x[:, None] ** np.arange(degree, -1, -1), y)[0]",
    "np.polymul": "write np.convolve(a, b)",
    "np.polyadd": "write a + b, the shorter one filled up by np.pad(a, (len(b) - len(a), 0))",
    "np.polysub": "write a - b, the shorter one filled up by np.pad(a, (len(b) - len(a), 0))",
    "np.polyder": "write p[:-1] * np.arange(len(p) - 1, 0, -1)",
    "np.polyint": "write p / np.arange(len(p), 0, -1), and append the constant",
    "np.polydiv": POLYNOMIAL,
    "np.poly": POLYNOMIAL,
    "np.roots": "write np.linalg.eigvals of the companion matrix",
    "np.sort_complex": "write np.sort(t)",
    "np.nextafter": VALUES,
    "np.spacing": VALUES,
    "np.copyto": UPDATE,
    "np.put": UPDATE,
    "np.put_along_axis": UPDATE,
    "np.place": UPDATE,
    "np.putmask": UPDATE,
    "np.fill_diagonal": "make a new tensor by np.where(np.eye(n, dtype=bool), v, t)",
    "np.add.at": "make a new tensor by t.at[i].add(v)",
    "np.multiply.at": "make a new tensor by t.at[i].multiply(v)",
    "np.maximum.at": "make a new tensor by t.at[i].max(v)",
    "np.minimum.at": "make a new tensor by t.at[i].min(v)",
    "np.logaddexp.reduce": "write pureml_core.logsumexp(t, axis)",
    "np.add.reduceat": "write np.cumsum and differences of its entries",
    "np.save": "save .numpy()",
    "np.savez": "save .numpy()",
    "np.savetxt": "save .numpy()",
}

METHODS = {
    "at": UPDATE,
    "reduce": "loop over the axis",
    "accumulate": "loop over the axis, and np.stack",
    "reduceat": "loop over the slices, and np.stack",
}

KEYWORDS = {
    "out": "use the result, y = {name}(...), instead of out=",
    "where": "choose before or after by np.where(mask, ...), instead of where=",
    "dtype": "convert by t.astype(dtype), instead of dtype=",
    "initial": "combine the result with the initial value, instead of initial=",
}


def remedy(name: str, keyword: str | None = None) -> str:
    """What to write in place of the NumPy function `name`, or of a keyword of it that the operation lacks."""
    if keyword is not None:
        return KEYWORDS.get(keyword, f"leave {keyword}= out").format(name=name)
    name = name.partition("(")[0]
    if name in FUNCTIONS:
        return FUNCTIONS[name]
    *_, method = name.split(".")
    if name.count(".") > 1 and method in METHODS:
        return METHODS[method]
    from difflib import get_close_matches  # here, so that importing the library does not load it

    differentiable = {f.__name__ for f, call in NUMPY.items() if hasattr(call, "op")}
    close = (
        [method]
        if method in differentiable and name != f"np.{method}"
        else get_close_matches(method, differentiable - {method}, 1, 0.75)
    )
    return f"np.{close[0]} has a derivative; did you mean it?" if close else ""
