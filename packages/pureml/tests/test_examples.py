"""The examples: the paper's program is the paper's, and the others show what they promise."""

import hashlib
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[1] / "examples"
PAPER = "5d40f8f6e156a7a3a0d45259ad569481727e6869100e6fc0714601ea5dd5bb8a"  # of the program that the paper prints


def run(*arguments: str, example: str = "mnist.py", check: bool = True) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-W", "error", str(EXAMPLES / example), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=check)


def test_the_papers_program_is_word_for_word_the_papers() -> None:
    assert hashlib.sha256((EXAMPLES / "paper.py").read_bytes()).hexdigest() == PAPER


def test_mnist_trains_and_leaves_a_model(tmp_path: Path) -> None:
    lines = run("--epochs", "1", "--batch-size", "500", "--seed", "3", "--out", str(tmp_path)).stdout.splitlines()
    assert lines[0] == "seed 3"
    assert lines[1].startswith("epoch 1/1: loss 0.") and "samples/s" in lines[1]
    assert lines[2].startswith("test accuracy: ") and float(lines[2].split()[2]) > 90
    assert (tmp_path / "mnist.pureml.zip").is_file()
    assert (tmp_path / "mnist-wrong.png").is_file() or "matplotlib is missing" in lines[4]


def test_a_convolutional_network_learns_digits() -> None:
    done = run("--images", "1920", "--epochs", "1", example="mnist_cnn.py").stdout.splitlines()
    assert done[0].startswith("epoch 1: loss ") and float(done[1].split()[2]) > 70


def test_a_differential_equation_is_solved() -> None:
    done = run("--steps", "1000", example="pinn.py").stdout.splitlines()
    assert len(done) == 7 and float(done[-1].partition("π]: ")[2].split()[0]) < 0.02


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--epochs", "0"], "argument --epochs: given 0, needed 1 or more"),
        (["--batch-size", "many"], "argument --batch-size: given 'many', needed a whole number"),
        (["--seed", "-1"], "argument --seed: given -1, needed 0 or more"),
        (["--out", __file__], "argument --out: cannot make the folder"),
    ],
)
def test_mnist_refuses_bad_arguments(arguments: list[str], message: str) -> None:
    done = run(*arguments, check=False)
    assert done.returncode == 2 and message in done.stderr
