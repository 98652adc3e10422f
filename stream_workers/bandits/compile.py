"""Compile every kernel into numba's cache, so that workers start fast: `python -m stream_workers.bandits.compile`.

Kernels have signatures and compile when their module is imported; this imports every module that has some.
"""

import importlib
import pkgutil
from timeit import default_timer  # how long this took, for the person who waits; no learner sees a clock

import stream_workers

PACKAGES = ("bandits", "evaluation", "honesty", "columnar", "learning", "routing", "joining")


def modules() -> list[str]:
    """The modules with kernels, by import."""
    names = []
    for package in PACKAGES:
        path = f"{stream_workers.__path__[0]}/{package}"
        names += [f"stream_workers.{package}.{each.name}" for each in pkgutil.iter_modules([path])]
    return names


def main() -> None:
    """Import them and say how long it took."""
    start = default_timer()
    for name in modules():
        if name != __spec__.name:
            importlib.import_module(name)
    print(f"kernels ready in {default_timer() - start:.1f} s")  # noqa: T201 - a command


if __name__ == "__main__":
    main()
