"""A real Kafka wherever we are (`broker`), and the topics of a deployment on it (`topics`).

`broker` decides where Kafka comes from and says so: the environment, Docker (`container`), or this machine's JVM.  The
last is made of `distribution` (the jars, checked against `kafka.lock.toml`), `settings` (the broker's), `local`
(format, start, stop) and `lifeline` (the small process that makes sure nothing outlives us).
"""

from .broker import RunningBroker, start_broker
from .progress import Progress

__all__ = ["Progress", "RunningBroker", "start_broker"]
