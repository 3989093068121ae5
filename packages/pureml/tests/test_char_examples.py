"""The examples that learn to write, in a tiny setting: they learn, and they write."""

import subprocess
import sys
from pathlib import Path

EXAMPLES = Path(__file__).parents[1] / "examples"


def run(example: str, *arguments: str) -> list[str]:
    command = [sys.executable, "-W", "error", str(EXAMPLES / example), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True, encoding="utf-8").stdout.splitlines()


def losses(lines: list[str]) -> list[float]:
    return [float(line.partition("loss ")[2].split(",")[0]) for line in lines if "loss " in line]


def test_the_transformer_learns_and_writes() -> None:
    settings = "--steps 60 --width 32 --layers 1 --context 16 --batch-size 16 --lr 0.01 --sample 20"
    lines = run("char_transformer.py", *settings.split(), "--beginning", "Python")
    first, *_, last, unseen = losses(lines)
    assert first > 3 > last and unseen < 3.2
    assert lines[-1].startswith("Python") or any(line.startswith("Python") for line in lines[-10:])


def test_the_lstm_learns_and_writes() -> None:
    settings = "--epochs 2 --limit 40000 --width 16 --hidden 32 --length 32 --batch-size 16 --lr 0.01 --sample 20"
    lines = run("char_lstm.py", *settings.split(), "--beginning", "Python")
    first, last, unseen = losses(lines)
    assert 3.5 > first > last and unseen < 3.1
    assert any(line.startswith("Python") for line in lines[-20:])
