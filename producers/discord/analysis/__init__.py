"""Long posts, links and text files in channels where a guild has switched it on: whether to summarise, and how deeply.

`material` finds what there is to read in a post, `fetching` and `reading` get its text (`addresses` says which links
may be followed at all), `prompts` asks a model, `parsing` reads its answer, `rendering` says it.
"""
