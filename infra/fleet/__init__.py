"""The fleet prior: `gather` reads what opted-in tenants learned from, `publish` puts their noisy sum into a topic,
`take` makes of it what a new tenant begins with.  What is protected by that, and what is not: docs/fleet.md.
"""
