"""`python -m benchmarks.local_discord` counts what was posted and answered."""

from benchmarks import local_discord


async def test_every_post_is_answered_and_timed():
    """No more posts than the rate asks for, an answer each, and a time for each."""
    found = await local_discord.measure(guilds=4, rate=40, seconds=0.5)
    assert 1 <= found["posted"] <= 20
    assert found["answered"] == found["posted"]
    assert 0 < found["round_trip_ms_p50"] <= found["round_trip_ms_p99"] < 10_000
