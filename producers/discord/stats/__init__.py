"""A guild's own figures, in words and as a picture.

`told` puts `Figures.guild` into words, `picture` draws it, `cog` answers /stats.
"""
