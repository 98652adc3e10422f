"""Prometheus, promtool and Alertmanager: those of the machine, else Debian's packages, unpacked without root."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Final, Literal

from infra.kafka.cache import cache_directory, exclusive
from infra.kafka.progress import Progress, to_stderr
from schemas.errors import CroupierError

Name = Literal["prometheus", "promtool", "alertmanager", "amtool"]

_PACKAGES: Final[Mapping[Name, str]] = {
    "prometheus": "prometheus",
    "promtool": "prometheus",
    "alertmanager": "prometheus-alertmanager",
    "amtool": "prometheus-alertmanager",
}
#: Debian calls them otherwise.
_FILES: Final[Mapping[Name, tuple[str, ...]]] = {
    "prometheus": ("prometheus",),
    "promtool": ("promtool",),
    "alertmanager": ("alertmanager", "prometheus-alertmanager"),
    "amtool": ("amtool",),
}
_SECONDS: Final = 120


class ProgramMissingError(CroupierError):
    """A program is not here, and can not be had."""


def program(name: Name, environment: Mapping[str, str] = os.environ, say: Progress = to_stderr) -> Path:
    """Where a program is.  ProgramMissingError: neither on the PATH, nor to be had by apt."""
    for file in _FILES[name]:
        if found := shutil.which(file, path=environment.get("PATH")):
            return Path(found)
    package = _PACKAGES[name]
    directory = cache_directory(environment) / "debian" / package
    with exclusive(directory.with_suffix(".lock"), say, f"another process unpacks {package}"):
        if not directory.exists():
            _unpack(package, directory, say)
    for file in _FILES[name]:
        if (path := directory / "usr" / "bin" / file).exists():
            return path
    raise ProgramMissingError(f"{directory} has no {name}: delete it, and it is made anew")


def _unpack(package: str, directory: Path, say: Progress) -> None:
    """Download a Debian package and put its files there."""
    if not shutil.which("apt-get") or not shutil.which("dpkg-deb"):
        raise ProgramMissingError(f"no {package} on the PATH, and no apt-get and dpkg-deb to get it with: install it")
    say(f"downloading the Debian package {package}")
    with tempfile.TemporaryDirectory(prefix="croupier-deb-") as made:
        temporary = Path(made)
        temporary.chmod(0o755)  # apt's own user reads there
        try:
            subprocess.run(
                ["apt-get", "download", package], cwd=temporary, check=True, capture_output=True, text=True,
                timeout=_SECONDS,
            )  # fmt: skip
        except (subprocess.SubprocessError, OSError) as error:
            told = getattr(error, "stderr", None) or str(error)
            raise ProgramMissingError(
                f"no {package} on the PATH, and apt-get download {package} failed: {told.strip()[-300:]}"
            ) from None
        (file,) = temporary.glob("*.deb")
        unpacked = directory.with_name(f"{directory.name}.{os.getpid()}")
        subprocess.run(["dpkg-deb", "-x", str(file), str(unpacked)], check=True, capture_output=True, timeout=_SECONDS)
        unpacked.rename(directory)
