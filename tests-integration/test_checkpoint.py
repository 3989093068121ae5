"""A training run that is killed again and again ends as one that never was, to the last bit."""

import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.parametrize("options", [(), ("--background",)], ids=["", "background"])
def test_killed_runs_end_with_the_same_weights(root: Path, options: tuple[str, ...]) -> None:
    command = [sys.executable, str(root / "tools" / "kill_training.py"), "--kills", "2", *options]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert "equal to the last bit" in done.stdout, done.stdout + done.stderr
