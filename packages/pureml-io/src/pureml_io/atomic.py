"""Writing a file so that nobody ever sees half of it."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

try:
    import fcntl
except ImportError:  # Windows, where nobody can delete a file that is open
    fcntl = None  # type: ignore[assignment]


@contextlib.contextmanager
def replacing(target: Path) -> Iterator[IO[bytes]]:
    """A new file in place of `target`: whole and on disk when the block ends, or else never there.

    The block writes a temporary file in the same folder, which is then flushed to disk and renamed over the target.
    If the block raises, the old file stays and the temporary one goes. Of several writers at once the last one to
    finish wins. The new file has the permissions of the old one. What writers of this target left behind when they were
    killed is removed; a temporary file whose writer lives is locked and left alone.

    Raises:
        FileNotFoundError: the folder does not exist.
        IsADirectoryError: the target is a folder.
    """
    target = Path(os.path.realpath(target))  # a link stays, what it points to is replaced
    if not target.parent.is_dir():
        raise FileNotFoundError(errno.ENOENT, "no such folder to write into", str(target.parent))
    if target.is_dir():
        raise IsADirectoryError(errno.EISDIR, "is a folder, needed a file name", str(target))
    prefix = f".{target.name[:40]}~"
    remove_leftovers(target.parent, prefix)
    file, temporary = _locked_file(target.parent, prefix)
    try:
        with file:
            yield file
            file.flush()
            _keep_mode(temporary, target)
            os.fsync(file.fileno())
            if fcntl is not None:  # still locked: nobody takes it for a leftover before it has its name
                os.replace(temporary, target)
        if fcntl is None:
            os.replace(temporary, target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    _sync_folder(target.parent)


def _keep_mode(temporary: Path, target: Path) -> None:
    """The permissions of the file that is replaced: what was private stays so."""
    with contextlib.suppress(FileNotFoundError):
        mode = stat.S_IMODE(target.stat().st_mode)
        if mode != stat.S_IMODE(temporary.stat().st_mode):
            temporary.chmod(mode)


def _locked_file(folder: Path, prefix: str) -> tuple[IO[bytes], Path]:
    while True:
        path = folder / f"{prefix}{secrets.token_hex(8)}.tmp"
        file = open(path, "xb")  # noqa: SIM115 - the caller closes it
        # Between these two steps another writer may have taken it for a leftover: then try again.
        try:
            mine = _lock(file)
        except OSError:
            mine = True  # a file system without locks: nobody can lock a leftover there, so none is removed either
        if mine and path.exists():
            return file, path
        file.close()


def remove_leftovers(folder: Path, prefix: str) -> None:
    """Remove temporary files with names that begin so, whose writers have died."""
    for entry in os.scandir(folder):
        if entry.name.startswith(prefix) and entry.name.endswith(".tmp"):
            # Gone meanwhile, or not ours: whatever cannot be removed does not hinder us.
            with contextlib.suppress(OSError):
                if fcntl is None:
                    os.unlink(entry.path)  # refused by Windows while its writer has it open
                    continue
                with open(entry.path, "r+b") as file:  # NFS locks what may be written; a pipe is no reason to wait
                    if _lock(file):
                        os.unlink(entry.path)


def _lock(file: IO[Any]) -> bool:
    """Take the lock that goes when its holder dies; False if another process has it."""
    if fcntl is None:
        return True
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _sync_folder(folder: Path) -> None:
    """Put the new name itself on disk."""
    if fcntl is None:
        return  # Windows cannot open a folder; NTFS journals the rename
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
