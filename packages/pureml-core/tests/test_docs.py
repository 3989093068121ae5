"""The pages under docs: what they show runs; and operations in a notebook, whose cells run twice."""

import doctest
import subprocess
import sys
from pathlib import Path

import pureml_core as pm
import pytest

DOCS = Path(__file__).resolve().parents[1] / "docs"
WRITTEN = [path for path in sorted(DOCS.glob("*.md")) if path.name not in ("operations.md", "coverage.md")]


@pytest.fixture
def registry():
    """What a page registers is forgotten after it."""
    tables = pm.OPS, pm.COMPOSED, pm.NUMPY
    before = [dict(table) for table in tables]
    yield
    for table, old in zip(tables, before, strict=True):
        table.clear()
        table.update(old)


@pytest.mark.usefixtures("registry")
@pytest.mark.parametrize("page", WRITTEN, ids=lambda path: path.name)
def test_what_a_page_shows_runs(page):
    assert doctest.testfile(str(page), module_relative=False, encoding="utf-8").failed == 0


def test_the_pages_are_found():
    assert {"index.md", "custom-operations.md"} <= {path.name for path in WRITTEN}


# Operations that are in no file.

NOTEBOOK = '''
import numpy as np
from pureml_core import COMPOSED, NUMPY, OPS, Tensor, check_vjp, composed, op

same, ninth_power = np.frompyfunc(float, 1, 1), np.frompyfunc(lambda x: x**9, 1, 1)  # ufuncs that nobody has bound

cell = """
@op(numpy=same, linear=True)
def identity(x, /):
    return np.array(x), lambda g: FACTOR * g

@op
def cube(x, /):
    return x * x * x, lambda g: g * 3 * x * x

@composed(ninth_power)
def ninth(x):
    return cube(cube(x))
"""

def run(factor):
    exec(compile(cell.replace("FACTOR", factor), "<ipython-input>", "exec"), globals())

run("2.0")
x = Tensor([1.0, 2.0], requires_grad=True)
old = same(x)
run("1.0")
same(x).backward()
assert x.grad.tolist() == [1.0, 1.0], "the second definition counts"
x.zero_grad()
old.backward()
assert x.grad.tolist() == [2.0, 2.0], "what was computed before keeps its derivative"
assert ninth_power(Tensor(2.0)).item() == 512.0
check_vjp(ninth, np.array([0.5, -1.0]), order=2)
assert NUMPY[same].op is OPS["__main__.identity"] and NUMPY[ninth_power].op is COMPOSED["__main__.ninth"]
'''


def test_a_cell_may_run_twice():
    run = subprocess.run([sys.executable, "-W", "error", "-c", NOTEBOOK], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr


@pytest.mark.usefixtures("registry")
def test_an_operation_without_a_file_behind_it():
    names = {"op": pm.op, "__name__": "__main__"}
    exec("@op\ndef square_in_a_cell(x, /):\n    'y = x²'\n    return x * x, lambda g: 2 * g * x", names)
    f = names["square_in_a_cell"]
    assert repr(f.op) and f.op.name == f.__name__ == "square_in_a_cell" and f.__doc__ == "y = x²"
    x = pm.Tensor(3.0, requires_grad=True)
    y = f(x)
    assert "square_in_a_cell" in repr(y)
    dy = pm.gradients(y, x, create_graph=True)
    assert (float(dy), float(pm.gradients(dy, x))) == (6.0, 2.0)
    with pytest.raises(TypeError, match="square_in_a_cell"):
        f(x, x)


@pytest.mark.usefixtures("registry")
def test_in_a_module_a_second_definition_is_an_error():
    cell = "@op\ndef f(x, /):\n    return x, lambda g: g"
    exec(cell, {"op": pm.op, "__name__": "some_module"})
    with pytest.raises(ValueError, match=r"there is an op some_module\.f already"):
        exec(cell, {"op": pm.op, "__name__": "some_module"})
