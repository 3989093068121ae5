"""The graph network of the examples finds the clubs from two labelled members, whatever its first weights."""

import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("networkx")

EXAMPLE = Path(__file__).parents[1] / "examples" / "karate.py"


@pytest.mark.parametrize("seed", range(3))
def test_all_but_one_or_two_members_are_found(seed: int) -> None:
    command = [sys.executable, "-W", "error", str(EXAMPLE), "--seed", str(seed)]
    *steps, last = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    assert len(steps) == 4
    assert last.startswith("accuracy on the other nodes: ")
    assert float(last.split()[5].rstrip("%")) >= 94
