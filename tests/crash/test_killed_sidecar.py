"""The sidecar killed with -9 under load (``make crashes N=100`` does it a hundred times)."""

from pathlib import Path

from worlds.crashes.run import crash


async def test_everything_acknowledged_is_counted_and_nothing_twice(tmp_path: Path) -> None:
    """Five kills at seeded moments: the book holds exactly the tasks that were acknowledged."""
    result = await crash(tmp_path, kills=5, seed=20261123)
    assert result.kills == 5
    assert result.sent_again > 0, "no request was cut off: nothing was tested"
