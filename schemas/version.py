"""The release: what /status of a process says of itself, so that a rolling upgrade can be followed."""

from typing import Final

#: The same as in pyproject.toml (tests/upgrades/test_rolling_restart.py).
VERSION: Final = "0.1.0"
