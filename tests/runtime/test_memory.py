"""Memory that is given back is not missed."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROGRAM = """
import numpy as np, psutil
from numba import njit
from stream_workers.columnar.checksum import crc32c
from stream_workers.runtime.memory import put_compiler_away

def twice(x):
    return 2 * x

first = njit(cache=False)(twice)(3)
before = psutil.Process().memory_info().rss
size = put_compiler_away()
after = psutil.Process().memory_info().rss
data = np.frombuffer(bytearray(b"123456789"), np.uint8)
print(size, before - after, first, crc32c(data, 0, 9), njit(cache=False)(lambda x: 3 * x)(7))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="it is done by Linux's madvise")
def test_a_compiler_that_was_put_away_compiles_when_it_is_needed():
    """Its pages are gone, tens of MB of them, and kernels run and are compiled afterwards as before."""
    told = subprocess.run([sys.executable, "-c", PROGRAM], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    size, freed, first, checksum, later = map(int, told.split())
    assert size > 0
    assert freed > 10e6
    assert (first, checksum, later) == (6, 0xE3069283, 21)
