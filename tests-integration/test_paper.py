"""The paper's program, with one epoch for five."""

from collections.abc import Callable
from pathlib import Path

import pytest


@pytest.mark.slow
def test_the_papers_program_reaches_its_accuracy(root: Path, run_python: Callable[..., str]) -> None:
    program = (root / "packages/pureml/examples/paper.py").read_text(encoding="utf-8")
    assert program.count("range(5)") == 1
    printed = run_python(program.replace("range(5)", "range(1)")).splitlines()
    assert printed[0].startswith("Time taken: ")
    assert float(printed[1].removeprefix("Test accuracy: ")) > 94
