"""Round times under the charts stand where they are."""

from itertools import pairwise

import pytest

from afterword_sidecar.web.api_views import moment
from afterword_sidecar.web.page.time_axis import axis, ticks

MIDNIGHT = 1_700_006_400.0


@pytest.mark.parametrize(
    ("slots", "slot_seconds", "step_seconds", "first_words"),
    [
        (60, 10, 120, "23:52"),
        (60, 60, 600, "23:10"),
        (72, 300, 3_600, "19:00"),
        (72, 1_200, 14_400, "04:00"),
        (168, 3_600, 86_400, "09 Nov"),
    ],
)
def test_ticks_are_at_whole_times_and_where_these_are(
    slots: int, slot_seconds: int, step_seconds: int, first_words: str
) -> None:
    """For every range, whatever moment it begins at: the label is true of its place."""
    whole_seconds = slots * slot_seconds
    ends = MIDNIGHT + 7 * slot_seconds
    found = ticks(moment(ends - whole_seconds), slots, slot_seconds)
    places = [ends - whole_seconds + tick.place * whole_seconds for tick in found]
    assert [round(at % step_seconds, 3) % step_seconds for at in places] == [0] * len(found)
    assert {round(b - a) for a, b in pairwise(places)} == {step_seconds}
    assert found[0].words == first_words
    assert found[-1].words in {"00:00", "15 Nov"}
    assert 4 <= len(found) <= 7


def test_the_first_midnight_of_a_week_is_not_at_its_beginning() -> None:
    """A week that began at 03:00 has its first midnight 21 hours on, of 168."""
    began = moment(MIDNIGHT + 3 * 3_600)
    assert ticks(began, 168, 3_600)[0].place == pytest.approx(21 / 168)
    assert 'x="12.500%"' in str(axis(began, 168, 3_600))
