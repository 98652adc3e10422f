"""Runs one program and makes sure that it does not outlive whoever started this, however that ends.

    python lifeline.py [--remove DIRECTORY] -- PROGRAM ARGUMENT...

Standard output: `started PID`, and when the program has ended, `ended STATUS` (negative: killed by that signal).
Standard input takes commands, a line each: `stop` (terminate; kill after 30 s) and `kill`.  When standard input ends
without either, or the parent changes, the parent is gone: the program is stopped and DIRECTORY (a temporary one) is
removed.  Should this process itself be killed, Linux kills the program (PR_SET_PDEATHSIG).

PDEATHSIG alone, set by the process that wants the broker, would not do: it is tied to the thread that forked, and
that thread may end earlier.  Here the main thread forks, and lives until the end.  Standard library only, so that it
starts at once and stays small.
"""

import contextlib
import ctypes
import functools
import os
import select
import shutil
import signal
import subprocess
import sys
import threading
import time

GRACE_SECONDS = 30.0
_PARENT_CHECK_SECONDS = 0.5
_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None


def main(arguments: list[str]) -> int:
    """Run what follows `--` and return when it has ended."""
    split = arguments.index("--")
    options, command = arguments[:split], arguments[split + 1 :]
    temporary = options[1] if options[:1] == ["--remove"] else None
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # meant for the parent, which will tell us
    parent = os.getppid()
    # The program writes to standard error, which the parent made a log file; standard output is the channel.
    program = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=sys.stderr,
        preexec_fn=functools.partial(_die_with, os.getpid()),  # noqa: PLW1509  there is one thread yet
    )
    signal.signal(signal.SIGTERM, lambda *_: program.terminate())
    _say(f"started {program.pid}")
    ended_read, ended_write = os.pipe()

    def wait() -> None:
        program.wait()
        os.close(ended_write)

    threading.Thread(target=wait, daemon=True).start()
    orphaned = _serve(program, parent, ended_read)
    if temporary is not None and orphaned:
        shutil.rmtree(temporary, ignore_errors=True)
    _say(f"ended {program.returncode}")
    return 0


def _serve(program: "subprocess.Popen[bytes]", parent: int, ended: int) -> bool:
    """Obey commands until the program has ended; whether the parent was lost meanwhile."""
    orphaned, commands, deadline = False, [0], None
    while True:
        readable, _, _ = select.select([ended, *commands], [], [], _PARENT_CHECK_SECONDS)
        if ended in readable:
            return orphaned
        lines = os.read(0, 4096) if 0 in readable else None
        if lines and b"kill" in lines:
            program.kill()
        elif lines and b"stop" in lines:
            program.terminate()
            deadline = deadline or time.monotonic() + GRACE_SECONDS
        if lines == b"" or (not orphaned and os.getppid() != parent):
            orphaned, commands = True, []
            program.terminate()
            deadline = deadline or time.monotonic() + GRACE_SECONDS
        if deadline is not None and time.monotonic() > deadline:
            program.kill()


def _die_with(parent: int) -> None:
    """Runs in the forked child: have the kernel kill it when `parent` ends."""
    if _LIBC is not None:
        _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # it ended before the line above
            os._exit(1)


def _say(line: str) -> None:
    with contextlib.suppress(BrokenPipeError):  # nobody is left to hear it
        os.write(1, f"{line}\n".encode())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
