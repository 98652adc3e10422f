"""What there is in the local Discord: accounts, guilds, channels, messages, polls, interactions, and what changes them.

Nothing here knows HTTP or websockets: `World` holds everything, the other modules change it, and each change is told
to `World.emit`, which the gateway listens to.
"""
