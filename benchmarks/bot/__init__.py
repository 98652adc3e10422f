"""How many messages a second the bot answers, and what it adds to the wait for a model: `python -m benchmarks.bot`."""
