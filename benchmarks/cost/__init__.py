"""What routing saves at equal quality, on recorded traffic: `python -m benchmarks.cost`."""
