"""Kernels kept in files: each is the one of the sources, of its types and its processor, whole or not there.

When is a cached kernel still the one of the sources?  numba asks only whether the file of a kernel is the same.  But a
kernel has in it whatever it calls, from other files too: after an upgrade in place a worker would go on with the
machine code of the version before, and a kernel whose callee no longer compiles would seem to work.  So a cached kernel
is stamped with its file and with every module of this package that the file imports, directly or through others.

And which file is it in?  numba keeps an index of numbered files, writes it before the file it names, and takes a
number without asking who else does.  Of two processes that compile at the same time (other types first, or another
target) one can be led to the other's machine code, and one that is killed in between leaves the new sources with the
old file: wrong code in every process from then on (tests/bandits/test_kernel_cache.py does both).  So here a kernel's
file is named after everything it depends on, comes into being at once, and has a checksum.
"""

import os
import pickle
import re
from contextlib import suppress
from functools import cache
from glob import escape
from hashlib import sha256
from importlib.util import resolve_name
from pathlib import Path
from typing import Any, Final

import numba
from numba import config
from numba.core.caching import FunctionCache, InTreeCacheLocator, UserProvidedCacheLocator, UserWideCacheLocator
from numba.core.serialize import dumps

THEIRS = "UserProvidedCacheLocator,InTreeCacheLocator,UserWideCacheLocator,IPythonCacheLocator,ZipCacheLocator"
ROOT = Path(__file__).resolve().parents[1]  # of the package
_SUFFIX: Final = ".kernel"
_CHECKSUM_BYTES: Final = 32
_FROM = re.compile(r"^\s*from\s+([.\w]+)\s+import\s+(\([^)]*\)|[^\n]*)", re.MULTILINE)
_IMPORT = re.compile(rf"^\s*import\s+({ROOT.name}[.\w]*)", re.MULTILINE)


def _file_of(module: str) -> Path | None:
    path = ROOT.parent.joinpath(*module.split("."))
    return next((each for each in (path.with_suffix(".py"), path / "__init__.py") if each.is_file()), None)


@cache
def imported(file: Path) -> frozenset[Path]:
    """The files of this package that a file of it imports."""
    text = file.read_text()
    package = ".".join(file.relative_to(ROOT.parent).parent.parts)
    modules = set(_IMPORT.findall(text))
    for origin, names in _FROM.findall(text):
        module = resolve_name(origin, package)
        modules.add(module)
        modules |= {f"{module}.{name}" for name in re.findall(r"\w+", names)}
    files = (_file_of(module) for module in modules if module.split(".")[0] == ROOT.name)
    return frozenset(each for each in files if each is not None)


@cache
def stamp(file: Path) -> bytes:
    """What a kernel of a file of this package is compiled from: 32 bytes that change when any of it changes."""
    met, left = {file}, [file]
    while left:
        new = imported(left.pop()) - met
        met |= new
        left += new
    digest = sha256()
    for each in sorted(met):
        digest.update(str(each.relative_to(ROOT)).encode() + b"\0" + sha256(each.read_bytes()).digest())
    return digest.digest()


class _Stamped:
    """Where the kernels of this package are cached, and with which stamp; other packages' are left to numba."""

    _py_file: str

    def get_source_stamp(self) -> bytes:
        return stamp(Path(self._py_file).resolve())

    @classmethod
    def from_function(cls, py_func: Any, py_file: str) -> Any:
        """Numba's way to ask whether this class is for a function."""
        ours = ROOT in Path(py_file).resolve().parents
        return super().from_function(py_func, py_file) if ours else None  # type: ignore[misc]


class Given(_Stamped, UserProvidedCacheLocator):
    """In the directory that NUMBA_CACHE_DIR names."""


class Beside(_Stamped, InTreeCacheLocator):
    """In __pycache__ beside the module."""


class AtHome(_Stamped, UserWideCacheLocator):
    """In the user's cache, for a package installed where the user cannot write."""


def install() -> None:
    """Let numba ask these first."""
    theirs = config.CACHE_LOCATOR_CLASSES or THEIRS
    ours = ",".join(f"{each.__module__}.{each.__qualname__}" for each in (Given, Beside, AtHome))
    if not theirs.startswith(ours):
        config.CACHE_LOCATOR_CLASSES = f"{ours},{theirs}"


class KernelFiles:
    """The files of one function, in place of numba's `IndexDataCacheFile`: one for each key and stamp.

    A key says types, processor and the function's own code; whatever else its machine code depends on is the stamp.
    """

    def __init__(self, directory: str, base: str, stamp: bytes) -> None:
        self._directory = Path(directory)
        self._base = base
        self._stamp = sha256(numba.__version__.encode() + b"\0" + stamp).hexdigest()

    def load(self, key: object) -> Any:
        """What was saved under a key, None if nothing was or it is damaged."""
        try:
            data = self._file(key).read_bytes()
        except OSError:
            return None
        if data[:_CHECKSUM_BYTES] != sha256(data[_CHECKSUM_BYTES:]).digest():
            return None
        stamp, known, kernel = pickle.loads(data[_CHECKSUM_BYTES:])  # noqa: S301 - written by us, beside our sources
        return kernel if (stamp, known) == (self._stamp, key) else None

    def save(self, key: object, kernel: object) -> None:
        """Keep it, and forget what the function was under other stamps."""
        data = dumps((self._stamp, key, kernel))
        file = self._file(key)
        new = file.with_name(f"{file.name}.{os.getpid()}-{os.urandom(4).hex()}")
        try:
            new.write_bytes(sha256(data).digest() + data)
            new.replace(file)
        except BaseException:
            new.unlink(missing_ok=True)
            raise
        self._forget(of_others=True)

    def flush(self) -> None:
        """Forget everything."""
        self._forget(of_others=False)

    def _file(self, key: object) -> Path:
        name = sha256(repr(key).encode()).hexdigest()[:24]
        return self._directory / f"{self._of_stamp()}{name}{_SUFFIX}"

    def _of_stamp(self) -> str:
        return f"{self._base}.{self._stamp[:12]}."

    def _forget(self, *, of_others: bool) -> None:
        for each in self._directory.glob(f"{escape(self._base)}.*{_SUFFIX}*"):
            if not (of_others and each.name.startswith(self._of_stamp())):
                each.unlink(missing_ok=True)


class KernelCache(FunctionCache):
    """Numba's cache of a function over `KernelFiles`.  A disk that takes none costs compiling, and nothing else."""

    def __init__(self, function: Any) -> None:
        super().__init__(function)
        locator = self._impl.locator
        self._cache_file = KernelFiles(locator.get_cache_path(), self._impl.filename_base, locator.get_source_stamp())

    def save_overload(self, sig: Any, data: Any) -> None:
        """See numba."""
        with suppress(OSError):
            super().save_overload(sig, data)


def keep(kernel: Any) -> None:
    """Keep what a dispatcher's function is compiled to, and use what was kept; to be said before it is compiled."""
    kernel._cache = KernelCache(kernel.py_func)
