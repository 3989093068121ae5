"""Where pureml's messages go: a file for each day, and the console."""

import logging
import os
from logging.handlers import TimedRotatingFileHandler
from pathlib import Path

from .util import current_time

__all__ = ["configure_logging"]


def configure_logging(
    logs_dir: str | os.PathLike[str], file_level: int = logging.DEBUG, console_level: int = logging.WARNING
) -> None:
    """Send the messages of the logger `pureml`, and of no other, to a file and to the console.

    The file `pureml_<time>.log` starts anew at midnight, and seven old ones are kept. If the logger has handlers
    already, nothing happens.

    Args:
        logs_dir: a folder, made if it is missing.
        file_level: the lowest level that goes to the file.
        console_level: the lowest level that goes to the console (standard error).

    Raises:
        OSError: the folder or the file cannot be written.
    """
    logger = logging.getLogger("pureml")
    if logger.handlers:
        return
    console = logging.StreamHandler()
    console.setLevel(console_level)
    lowest = min(console.level, logging.Handler(file_level).level)  # levels are checked before there is a file
    folder = Path(logs_dir)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"pureml_{current_time()}.log"
    file = TimedRotatingFileHandler(path, when="midnight", backupCount=7, encoding="utf-8")
    file.setLevel(file_level)
    for handler in (file, console):
        handler.setFormatter(logging.Formatter("%(asctime)s [%(levelname)s] %(name)s: %(message)s"))
        logger.addHandler(handler)
    logger.setLevel(lowest)
