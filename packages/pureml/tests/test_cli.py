"""The command `pureml`."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest
from pureml.cli import main
from pureml_core import State
from pureml_io import save


@pytest.fixture
def paths(tmp_path):
    return [str(save(State("demo/1", {"W": np.full(3, i)}), tmp_path / f"{i}")) for i in range(2)]


def test_inspect(paths, capsys):
    assert main(["inspect", paths[0]]) == 0
    assert "state of demo/1" in capsys.readouterr().out
    assert main(["inspect", "--json", "--no-check", paths[0]]) == 0
    assert json.loads(capsys.readouterr().out)["arrays"][0]["name"] == "W"


def test_diff(paths, capsys):
    assert main(["diff", paths[0], paths[0]]) == 0
    assert main(["diff", *paths]) == 1
    assert "0 arrays are the same, 1 are not" in capsys.readouterr().out
    assert main(["diff", "--json", *paths]) == 1
    assert json.loads(capsys.readouterr().out)["arrays"][0]["max_abs"] == 1.0


def test_what_cannot_be_done(paths, capsys):
    assert main(["inspect", "none"]) == 2
    assert main(["inspect", paths[0], "--max-bytes", "5"]) == 2
    assert capsys.readouterr().err.count("pureml inspect: ") == 2
    with pytest.raises(SystemExit):
        main([])


@pytest.mark.parametrize("number", [0, 1])
def test_a_reader_who_goes_away(paths, number):
    command = [sys.executable, "-m", "pureml.cli", *(["inspect", paths[0]], ["diff", *paths])[number]]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == number


def test_a_terminal_without_the_letters(tmp_path):
    path = save(State("demo/1", {"größe": np.ones(1)}), tmp_path / "a")
    command = [sys.executable, "-m", "pureml.cli", "inspect", str(path)]
    done = subprocess.run(command, capture_output=True, check=True, env={**os.environ, "PYTHONIOENCODING": "ascii"})
    assert b"gr\\xf6\\xdfe" in done.stdout


def test_as_a_module(paths):
    command = [sys.executable, "-m", "pureml.cli", "inspect", paths[0]]
    assert "W" in subprocess.run(command, capture_output=True, text=True, check=True).stdout
