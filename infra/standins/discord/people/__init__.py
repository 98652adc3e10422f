"""Simulated people, and what they can do in Discord's own app."""
