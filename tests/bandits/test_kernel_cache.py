"""A cached kernel is used as long as nothing it is compiled from has changed, and no longer; and it is whole."""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from stream_workers.bandits import kernel_cache
from stream_workers.bandits.kernel_cache import KernelFiles
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


#: The same, killed at the n-th file that comes into being.
KILLED = """
import os, pathlib, signal
renames = iter(range({}, -1, -1))

def rename(path, *others, replace=os.replace):
    if not next(renames):
        os.kill(os.getpid(), signal.SIGKILL)
    replace(path, *others)

os.replace = pathlib.Path.replace = rename
"""


def _ask(directory: Path) -> str:
    return subprocess.run(
        [sys.executable, "-c", ASK], cwd=directory, check=True, capture_output=True, text=True
    ).stdout.strip()


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A package with two kernels, one of which calls the other in another file."""
    package = tmp_path / "stream_workers" / "bandits"
    package.mkdir(parents=True)
    (package.parent / "__init__.py").touch()
    (package / "__init__.py").touch()
    for name in ("kernel.py", "kernel_cache.py"):
        shutil.copy(kernel_cache.ROOT / "bandits" / name, package / name)
    (package / "caller.py").write_text(CALLER)
    (package / "callee.py").write_text(CALLEE.format(1))
    return package


def _kept(package: Path) -> list[Path]:
    return sorted(each for each in (package / "__pycache__").iterdir() if each.suffix != ".pyc")


def test_a_kernel_is_compiled_again_when_its_callee_in_another_file_changes(package: Path, tmp_path: Path) -> None:
    """What a worker runs after an upgrade in place is the new code: nothing of the old is left in any kernel, and no
    file of it in the cache."""
    assert _ask(tmp_path) == "2 0"
    assert _ask(tmp_path) == "2 1", "nothing changed, and yet it was compiled again"
    before = _kept(package)
    (package / "callee.py").write_text(CALLEE.format(7))
    assert _ask(tmp_path) == "14 0"
    after = _kept(package)
    assert len(after) == len(before)
    assert not {*after} & {*before}


@pytest.mark.parametrize("files", range(3))
def test_a_process_killed_while_it_keeps_kernels_leaves_nothing_wrong(
    files: int, package: Path, tmp_path: Path
) -> None:
    """Whichever file it had come to, the next process runs the code of the sources as they are.  (numba's own cache led
    to the machine code of the sources before.)"""
    assert _ask(tmp_path) == "2 0"
    (package / "callee.py").write_text(CALLEE.format(7))
    killed = subprocess.run([sys.executable, "-c", KILLED.format(files) + ASK], cwd=tmp_path, check=False)
    assert killed.returncode == (-signal.SIGKILL if files < 2 else 0), "one file for each kernel is expected"
    assert _ask(tmp_path).startswith("14 ")
    assert _ask(tmp_path) == "14 1"


def test_a_damaged_file_is_none(package: Path, tmp_path: Path) -> None:
    """Cut anywhere or changed in one bit, it is compiled again."""
    assert _ask(tmp_path) == "2 0"
    for damage in (lambda data: data[: len(data) // 2], lambda data: data[:-9] + bytes([data[-9] ^ 1]) + data[-8:]):
        for each in _kept(package):
            each.write_bytes(damage(each.read_bytes()))
        assert _ask(tmp_path) == "2 0"
        assert _ask(tmp_path) == "2 1"


def test_two_processes_that_keep_a_function_at_once_are_not_led_to_each_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Other types or another target: one saves while the other is about to bring its file into being, and each finds
    its own afterwards.  (numba's own gave both the same file: 3 of 2,000 that began at once.)"""
    keys = [("i8(i8)", ("x86_64", "host", "+avx512f")), ("i8(i8)", ("x86_64", "generic", ""))]
    one, other = (KernelFiles(str(tmp_path), "module.function-1.py311", b"stamp") for _ in keys)
    replace = Path.replace

    def meanwhile(path: Path, target: Path) -> Path:
        monkeypatch.setattr(Path, "replace", replace)
        other.save(keys[1], "generic code")
        return replace(path, target)

    monkeypatch.setattr(Path, "replace", meanwhile)
    one.save(keys[0], "host code")
    assert one.load(keys[1]) == other.load(keys[1]) == "generic code"
    assert one.load(keys[0]) == other.load(keys[0]) == "host code"
    assert KernelFiles(str(tmp_path), "module.function-1.py311", b"other stamp").load(keys[0]) is None


def test_a_disk_that_takes_no_file_costs_compiling_only(package: Path, tmp_path: Path) -> None:
    """A process that cannot keep its kernels has them all the same."""
    limited = f"import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0)); {ASK}"
    ignored = f"import signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN); {limited}"
    done = subprocess.run(
        [sys.executable, "-c", ignored], cwd=tmp_path, check=True, stdout=subprocess.PIPE, text=True,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
    )  # fmt: skip
    assert done.stdout.strip() == "2 0"
    assert _kept(package) == []


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
