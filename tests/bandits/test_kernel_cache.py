"""A cached kernel is used as long as nothing it is compiled from has changed, and no longer."""

import shutil
import subprocess
import sys
from pathlib import Path

from stream_workers.bandits import kernel_cache
from stream_workers.learning import many

CALLEE = """
from .kernel import kernel

@kernel()
def step(x: int) -> int:
    return x + {}
"""
CALLER = """
from .kernel import kernel
from .callee import step

@kernel("i8(i8)")
def twice(x: int) -> int:
    return step(step(x))
"""
ASK = "from stream_workers.bandits.caller import twice; print(twice(0), sum(twice.stats.cache_hits.values()))"


def _ask(directory: Path) -> str:
    return subprocess.run(
        [sys.executable, "-c", ASK], cwd=directory, check=True, capture_output=True, text=True
    ).stdout.strip()


def test_a_kernel_is_compiled_again_when_its_callee_in_another_file_changes(tmp_path: Path) -> None:
    """What a worker runs after an upgrade in place is the new code: nothing of the old is left in any kernel."""
    package = tmp_path / "stream_workers" / "bandits"
    package.mkdir(parents=True)
    (package.parent / "__init__.py").touch()
    (package / "__init__.py").touch()
    for name in ("kernel.py", "kernel_cache.py"):
        shutil.copy(kernel_cache.ROOT / "bandits" / name, package / name)
    (package / "caller.py").write_text(CALLER)
    (package / "callee.py").write_text(CALLEE.format(1))
    assert _ask(tmp_path) == "2 0"
    assert _ask(tmp_path) == "2 1", "nothing changed, and yet it was compiled again"
    (package / "callee.py").write_text(CALLEE.format(7))
    assert _ask(tmp_path) == "14 0"


def test_what_a_module_imports_is_found_however_it_is_written() -> None:
    """The stamp of a kernel's file covers the modules of this package that it needs, and theirs."""
    root = kernel_cache.ROOT
    file = Path(many.__file__)
    loaded = {
        Path(module.__file__)
        for name, module in list(sys.modules.items())
        if name in _names_used_by(many) and module.__file__ is not None
    }
    assert loaded, "the module is expected to import something of this package"
    assert loaded <= kernel_cache.imported(file)
    assert root / "bandits" / "kernel_cache.py" in kernel_cache.imported(root / "bandits" / "kernel.py")


def _names_used_by(module: object) -> set[str]:
    """The modules of this package where what a module has in it was defined."""
    return {
        origin
        for value in vars(module).values()
        if (origin := getattr(value, "__module__", None) or getattr(value, "__name__", "")).startswith(
            "stream_workers."
        )
        and origin != getattr(module, "__name__", "")
    }
