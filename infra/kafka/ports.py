"""TCP ports on the loopback interface."""

import errno
import random
import socket

#: Below every system's ephemeral range (Linux starts at 32768), so that no outgoing connection takes a port between
#: our looking and the broker's binding, or while a broker is restarted.
_RANGE = range(20_000, 32_000)
_TRIES = 200


def is_free(port: int) -> bool:
    """Whether a server could listen on 127.0.0.1:`port` now."""
    with socket.socket() as candidate:
        candidate.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as the broker does: TIME_WAIT is no obstacle
        try:
            candidate.bind(("127.0.0.1", port))
            candidate.listen(1)
        except OSError as error:
            if error.errno in (errno.EADDRINUSE, errno.EACCES):
                return False
            raise
    return True


def free_port() -> int:
    """A port that is free now, at random so that processes starting together rarely choose the same."""
    for _ in range(_TRIES):
        port = random.SystemRandom().choice(_RANGE)
        if is_free(port):
            return port
    raise OSError(errno.EADDRINUSE, f"no free port found between {_RANGE.start} and {_RANGE.stop} in {_TRIES} tries")
