"""The bot on a stage: the real `croupier bot` in a process of its own, at a local Discord with simulated people.

`croupier demo`, `benchmarks.bot` and `tests.survival` play it, each with its own people and faults:

    async with staged(home) as stage:                          # local Discord and local models, each its own process
        async with BotProcess(stage, servers, home) as bot:    # the bot
            ...
"""
