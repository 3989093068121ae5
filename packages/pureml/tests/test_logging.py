"""Logging is configured for pureml, and for nobody else."""

import logging

import pytest
from pureml.logging_util import configure_logging


@pytest.fixture
def logger():
    """The logger as it is before anybody configures it."""
    logger = logging.getLogger("pureml")
    before, level = logger.handlers[:], logger.level
    logger.handlers[:] = []
    yield logger
    for handler in logger.handlers:
        handler.close()
    logger.handlers[:] = before
    logger.setLevel(level)


def test_only_the_logger_of_pureml(logger, tmp_path, capsys):
    root = logging.getLogger()
    before = root.handlers[:], root.level
    configure_logging(str(tmp_path / "deep" / "logs"))
    assert (root.handlers[:], root.level) == before
    logging.getLogger("pureml.models").debug("to the file é")
    logging.getLogger("pureml").warning("to both")
    logging.getLogger("another").warning("to neither")
    (path,) = (tmp_path / "deep" / "logs").iterdir()
    lines = path.read_text(encoding="utf-8").splitlines()
    assert path.name.startswith("pureml_2") and path.suffix == ".log"
    assert [line.partition(" [")[2] for line in lines] == [
        "DEBUG] pureml.models: to the file é",
        "WARNING] pureml: to both",
    ]
    console = capsys.readouterr().err
    assert "to both" in console and "to the file" not in console


def test_once(logger, tmp_path):
    configure_logging(tmp_path / "a", file_level=logging.INFO, console_level=logging.ERROR)
    handlers = logger.handlers[:]
    assert [h.level for h in handlers] == [logging.INFO, logging.ERROR] and logger.level == logging.INFO
    assert (handlers[0].when, handlers[0].backupCount, handlers[0].encoding) == ("MIDNIGHT", 7, "utf-8")
    configure_logging(tmp_path / "b")
    assert logger.handlers == handlers and not (tmp_path / "b").exists()


def test_a_wrong_level_changes_nothing(logger, tmp_path):
    for levels in ({"file_level": "LOUD"}, {"console_level": 1.5}):
        with pytest.raises((ValueError, TypeError)):
            configure_logging(tmp_path / "a", **levels)
    assert logger.handlers == [] and not (tmp_path / "a").exists()
