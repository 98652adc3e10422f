"""How throughput, memory and state grow: a module for each part of `python -m benchmarks.scale`."""
