"""Sequence numbers: what was seen, and what is missing."""

from hypothesis import given
from hypothesis import strategies as st

from afterword_sidecar.ledger.sequences import SequenceSet

NUMBERS = st.integers(1, 60)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("see"), NUMBERS, st.just(0)),
        st.tuples(st.just("range"), NUMBERS, st.integers(0, 12)),
        st.tuples(st.just("expect"), NUMBERS, st.just(0)),
    ),
    max_size=40,
)


@given(STEPS)
def test_it_behaves_like_a_plain_set_of_numbers(steps: list[tuple[str, int, int]]) -> None:
    """Whatever comes in whatever order: membership, novelty and holes are those of a set."""
    numbers = SequenceSet()
    model: set[int] = set()
    given_out = 0
    for step, low, length in steps:
        if step == "expect":
            numbers.expect(low)
            given_out = max(given_out, low)
        elif step == "see":
            assert numbers.see(low) == (low not in model)
            model.add(low)
        else:
            span = set(range(low, low + length))
            assert numbers.see_range(low, low + length - 1) == len(span - model)
            model |= span
        top = max(given_out, *model, 0)
        assert numbers.highest == top
        assert [n for n in range(-1, 80) if n in numbers] == sorted(model)
        assert numbers.missing() == top - len(model)
        assert numbers.missing(5, 20) == len(set(range(5, min(20, top) + 1)) - model)
        assert numbers.missing(20, 5) == 0
        later = sorted(set(range(8, top + 1)) - model)
        assert numbers.missing_after(7) == ((later[0], later[-1]) if later else (0, 0))
        assert all(a[1] + 1 < b[0] for a, b in zip(numbers.holes, numbers.holes[1:], strict=False))
        restored = SequenceSet(numbers.highest, tuple(numbers.holes))
        assert [n for n in range(80) if n in restored] == sorted(model)


@given(STEPS, st.integers(0, 5))
def test_giving_up_the_oldest_holes_bounds_them(
    steps: list[tuple[str, int, int]], keep: int
) -> None:
    """However many holes there are, only so many are remembered; the rest count as seen."""
    numbers = SequenceSet()
    for _, low, length in steps:
        numbers.see_range(low, low + length)
    missing = numbers.missing()
    forgotten = numbers.close_oldest(keep)
    assert len(numbers.holes) <= keep
    assert numbers.missing() == missing - forgotten
