"""What the admins of a guild choose, and what the guild has spent.

`store` keeps both on disk, `cog` is the command `/settings`, `views` what it shows, `membership` sees to guilds that
the bot comes to and leaves.
"""

from .store import LocalSettings

__all__ = ["LocalSettings"]
