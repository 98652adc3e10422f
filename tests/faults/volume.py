"""A small disk for each process's local state, where the machine lets us mount: a tmpfs in a mount namespace of ours.

Whatever way this process ends, its mounts end with it.  Where mounting is refused, `mounted` is False and the disk
faults make the system refuse writes in another way (kinds.disk).
"""

import ctypes
import os
from pathlib import Path

_CLONE_NEWNS = 0x00020000
_MS_RDONLY, _MS_REMOUNT, _MS_REC, _MS_PRIVATE = 1, 32, 16384, 1 << 18
_MNT_DETACH = 2
_FILL = 1024 * 1024
_libc = ctypes.CDLL(None, use_errno=True)


def own_namespace() -> bool:
    """Give this process a mount namespace of its own; whether that worked.  Before any thread is started."""
    if _libc.unshare(_CLONE_NEWNS) != 0:
        return False
    return _mount(b"none", b"/", None, _MS_REC | _MS_PRIVATE, None)


def laid_over(directory: Path, over: Path) -> bool:
    """Show a directory's files in another one too, for this process and its children; in a namespace of our own."""
    return _mount(b"overlay", bytes(over), b"overlay", _MS_RDONLY, f"lowerdir={directory}:{over}".encode())


class Volume:
    """A directory on a disk of its own."""

    def __init__(self, path: Path, megabytes: int, *, mount: bool) -> None:
        self.path = path
        self._options = f"size={megabytes}m,mode=700".encode()
        path.mkdir(parents=True, exist_ok=True)
        self.mounted = mount and _mount(b"tmpfs", bytes(path), b"tmpfs", 0, self._options)

    @property
    def _filler(self) -> Path:
        return self.path / "filler"

    def read_only(self) -> bool:
        """Refuse all writes; False while somebody has a file open for writing."""
        return _mount(b"tmpfs", bytes(self.path), b"tmpfs", _MS_REMOUNT | _MS_RDONLY, self._options)

    def writable(self) -> None:
        """Take writes again."""
        if not _mount(b"tmpfs", bytes(self.path), b"tmpfs", _MS_REMOUNT, self._options):
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), str(self.path))

    def fill(self) -> None:
        """Leave no byte free."""
        size = _FILL
        with self._filler.open("ab", buffering=0) as filler:
            while size:
                try:
                    filler.write(bytes(size))
                except OSError:
                    size //= 2

    def empty(self) -> None:
        """Take away what `fill` put there."""
        self._filler.unlink(missing_ok=True)

    def unmount(self) -> None:
        """Give the disk back."""
        if self.mounted:
            _libc.umount2(bytes(self.path), _MNT_DETACH)


def _mount(source: bytes, target: bytes, kind: bytes | None, flags: int, options: bytes | None) -> bool:
    return bool(_libc.mount(source, target, kind, flags, options) == 0)
