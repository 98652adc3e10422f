"""Where downloads are kept between runs, and how two processes take turns there."""

import contextlib
import fcntl
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from .progress import Progress


def cache_directory(environment: Mapping[str, str] = os.environ) -> Path:
    """Per-user cache: `$CROUPIER_CACHE`, else `$XDG_CACHE_HOME/croupier`, else `~/.cache/croupier`."""
    if chosen := environment.get("CROUPIER_CACHE"):
        return Path(chosen).expanduser()
    if shared := environment.get("XDG_CACHE_HOME"):
        return Path(shared).expanduser() / "croupier"
    return Path.home() / ".cache" / "croupier"


@contextlib.contextmanager
def exclusive(path: Path, progress: Progress, waiting_for: str) -> Iterator[None]:
    """Hold the lock file `path`; while another process holds it, say so once and wait.

    The kernel frees the lock when its holder ends, however it ends, so nobody waits for the dead.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            progress(waiting_for)
            fcntl.flock(file, fcntl.LOCK_EX)
        yield
