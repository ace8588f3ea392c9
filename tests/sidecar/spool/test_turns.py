"""Who is read first, and how much."""

from hypothesis import given
from hypothesis import strategies as st

from afterword_sidecar.spool.turns import STREAMS_PER_GROUP, Waiting, share

waiting_streams = st.lists(
    st.builds(Waiting, unread=st.integers(0, 5_000), served=st.integers(0, 50)), max_size=40
)


@given(waiting_streams, st.integers(2, 4_000), st.integers(1, 1_000))
def test_a_group_is_bounded_and_gets_somewhere(
    waiting: list[Waiting], budget: int, quantum: int
) -> None:
    """Never over budget, never more than is there, each stream once, and never nothing."""
    grants = share(waiting, budget=budget, quantum=quantum)
    assert sum(size for _, size in grants) <= budget
    assert all(0 <= size <= waiting[index].unread for index, size in grants)
    assert len({index for index, _ in grants}) == len(grants)
    unread = sum(each.unread for each in waiting)
    assert sum(size for _, size in grants) > 0 or not unread
    if unread <= budget // 2:
        assert sum(size for _, size in grants) == unread


def test_a_fresh_record_does_not_wait_behind_a_backlog() -> None:
    """The shortest goes first and whole, though the long one has waited since ever."""
    grants = share([Waiting(10**9, 0), Waiting(300, 7)], budget=1_000, quantum=500)
    assert grants == [(1, 300), (0, 500)]


def test_a_backlog_is_not_starved() -> None:
    """However many short ones come, the long one gets its share of every group."""
    short = [Waiting(400, 5)] * 100
    assert (0, 500) in share([Waiting(10**9, 4), *short], budget=1_000, quantum=500)


def test_streams_with_nothing_to_read_share_a_group_by_the_thousand() -> None:
    """Ends of streams cost no bytes, but a group is bounded in streams as well."""
    assert len(share([Waiting(0, 0)] * 5_000, budget=1_000, quantum=10)) == STREAMS_PER_GROUP
