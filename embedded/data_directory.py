"""Data directory of the embedded stack: one stack at a time, secrets for their owner only."""

import fcntl
import json
import os
import stat
import tempfile
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from embedded.processes import ServerError

DEFAULT_DIRECTORY: Final = Path(".iris")


@dataclass(frozen=True, slots=True)
class DataDirectory:
    """Files of an embedded stack.

    Attributes:
        path: the directory.
    """

    path: Path

    @property
    def stack_file(self) -> Path:
        """File in which a running stack describes itself."""
        return self.path / "stack.json"

    @property
    def logs(self) -> Path:
        """Directory of the logs."""
        return self.path / "logs"

    @property
    def run(self) -> Path:
        """Directory of the process ids."""
        return self.path / "run"

    def fresh_log(self, name: str) -> Path:
        """Create an empty log; the log of the previous run becomes `.log.1`."""
        self.logs.mkdir(exist_ok=True)
        log = self.logs / f"{name}.log"
        if log.exists():
            log.replace(log.with_suffix(".log.1"))
        return log


_EPHEMERAL_PREFIX: Final = "iris-stack-"


def ephemeral_directories() -> list[Path]:
    """Directories of this user's running `--ephemeral` stacks."""
    found = sorted(Path(tempfile.gettempdir()).glob(f"{_EPHEMERAL_PREFIX}*"))
    return [directory for directory in found if _is_ours(directory) and is_held(directory)]


def _is_ours(directory: Path) -> bool:
    """Whether only this user can have created or changed a directory: the temporary directory is open to everybody."""
    try:
        status = directory.lstat()
    except OSError:
        return False
    return stat.S_ISDIR(status.st_mode) and status.st_uid == os.getuid() and status.st_mode & 0o077 == 0


def is_held(directory: Path) -> bool:
    """Whether a stack runs in a directory."""
    try:
        with (directory / "lock").open() as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


@contextmanager
def open_data_directory(path: Path, *, ephemeral: bool) -> Generator[DataDirectory]:
    """Open the stack's directory and lock it until the end of the block.

    Args:
        path: the persistent directory.
        ephemeral: whether to use a temporary directory instead, and remove it at the end.

    Raises:
        ServerError: another stack uses the directory, or it is not writable.
    """
    if ephemeral:
        with tempfile.TemporaryDirectory(prefix=_EPHEMERAL_PREFIX) as temporary, _locked(Path(temporary) / "lock"):
            yield DataDirectory(Path(temporary))
        return
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        (path / "lock").touch()
    except OSError as error:
        raise ServerError(f"{path} cannot hold the stack's files: {error.strerror}") from None
    with _locked(path.resolve() / "lock"):
        yield DataDirectory(path.resolve())


@contextmanager
def _locked(lock: Path) -> Generator[None]:
    with lock.open("a+") as file:  # a kernel lock: it ends with the process, so it is never stale
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            raise ServerError(
                f"Iris already runs in {lock.parent} (process {file.read()}): stop it, or choose another --data-dir"
            ) from None
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield


def write_private(path: Path, content: Mapping[str, Any]) -> None:
    """Write a JSON file that only its owner can read; readers see all of it or nothing."""
    with tempfile.NamedTemporaryFile("w", dir=path.parent, prefix=path.name, delete=False) as file:  # mode 0600
        json.dump(content, file, indent=2)
    Path(file.name).replace(path)
