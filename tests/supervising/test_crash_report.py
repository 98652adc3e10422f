"""What is left of a process that compiled code killed."""

import signal
import subprocess
import sys

CRASH = """
import os, signal
from infra.logs import configure_logs

def in_compiled_code():
    os.kill(os.getpid(), signal.{})

configure_logs("worker")
in_compiled_code()
"""


def test_a_process_that_crashes_says_where():
    """Its standard error, which the supervisor keeps in its log, ends with the function that each thread was in."""
    for which, told in ((signal.SIGSEGV, "Segmentation fault"), (signal.SIGFPE, "Floating point exception")):
        done = subprocess.run([sys.executable, "-c", CRASH.format(which.name)], capture_output=True, text=True)
        assert done.returncode == -which
        assert told in done.stderr
        assert "in in_compiled_code" in done.stderr
