"""What consumes and keeps state.  The way in: `topology` (who reads and writes what), then `runtime.stage`."""
