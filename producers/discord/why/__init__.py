"""Why a decision was made, and what came of it, in plain words.

`known` finds the decision that somebody asks about and what is known of it, `told` says it, `cog` is /why and the menu.
"""
