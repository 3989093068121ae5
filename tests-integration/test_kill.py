"""Kill -9 in the middle of save_state: the old file or the new one, never half of one."""

import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from pureml_nn import Affine, Sequential

# Saves for ever: every file holds one number, one more than the file before it.
SAVER = """
import sys
from itertools import count
from pureml_nn import Affine, Sequential

model = Sequential(Affine(500, 500), Affine(500, 10))
for n in count():
    for tensor in model.parameters:
        tensor.data = 0 * tensor.data + n
    model.save_state(sys.argv[1])
    print(n, flush=True)
"""


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="this system has no kill -9")
def test_a_killed_save_leaves_a_whole_file(tmp_path: Path) -> None:
    rng = random.Random(0)
    for attempt in range(10):
        with subprocess.Popen([sys.executable, "-c", SAVER, str(tmp_path / "model")], stdout=subprocess.PIPE) as saver:
            assert saver.stdout is not None
            saver.stdout.readline()  # the first save is done
            time.sleep(rng.uniform(0, 0.15))
            saver.kill()
            saved = 0 if (rest := saver.stdout.read().split()) == [] else int(rest[-1])
        again = Sequential(Affine(500, 500), Affine(500, 10)).load_state(tmp_path / "model.pureml.zip")
        values = {float(value) for tensor in again.parameters for value in np.unique(tensor.data)}
        assert values <= {float(saved), float(saved + 1)} and len(values) == 1, attempt
    again.save_state(tmp_path / "model")
    assert [path.name for path in tmp_path.iterdir()] == ["model.pureml.zip"], "no litter after the next save"
