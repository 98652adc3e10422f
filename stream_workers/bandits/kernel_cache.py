"""When a cached kernel is still the one of the sources: when nothing that its module imports has changed either.

numba asks only whether the file of a kernel is the same.  But a kernel has in it whatever it calls, from other files
too: after an upgrade in place a worker would go on with the machine code of the version before, and a kernel whose
callee no longer compiles would seem to work.  So a cached kernel is stamped with its file and with every module of this
package that the file imports, directly or through others.
"""

import re
from functools import cache
from hashlib import sha256
from importlib.util import resolve_name
from pathlib import Path
from typing import Any

from numba import config
from numba.core.caching import InTreeCacheLocator, UserProvidedCacheLocator, UserWideCacheLocator

THEIRS = "UserProvidedCacheLocator,InTreeCacheLocator,UserWideCacheLocator,IPythonCacheLocator,ZipCacheLocator"
ROOT = Path(__file__).resolve().parents[1]  # of the package
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
