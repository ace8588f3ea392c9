"""Whether the book's totals are those of the verdicts that the journal has."""

from collections import Counter

from afterword import names
from afterword_sidecar.journal import shapes
from afterword_sidecar.verifying.findings import Position, Problem, Report


class Sums:
    """Counted from verdicts and openings, by the keys of ``shapes.Commit.totals``."""

    def __init__(self, report: Report) -> None:
        self._report = report
        self._counted: Counter[str] = Counter()
        self._offset: dict[str, float] = {}
        """What the book had counted where the journal begins, or more than was counted since."""
        self._begun = False
        self.unsure = False
        """Records are missing since the last comparison of all."""
        self.scheduled = 0
        self.rolled_up: dict[str, int] = {}

    def pronounced(self, said: shapes.Verdict, before: str) -> None:
        """A verdict; ``before`` it the book said ``outcome/reason``, or nothing."""
        now = f"{said.outcome}/{said.reason}"
        if before != now:
            self._counted[f"settled/{now}/{said.basis}"] += 1
            if before:
                self._counted[f"amended/{before}/{now}"] += 1

    def value(self, key: str) -> float:
        """What the book should have."""
        counted = float(self._counted[key])
        if key == "scheduled":
            counted += self.scheduled
        elif key.startswith("settled/") and key.endswith("/" + names.OBSERVED):
            pair = key.removeprefix("settled/").removesuffix("/" + names.OBSERVED)
            counted += self.rolled_up.get(pair, 0)
        return counted + self._offset.get(key, 0.0)

    def keys(self) -> set[str]:
        """All that was counted."""
        pairs = {f"settled/{pair}/{names.OBSERVED}" for pair in self.rolled_up}
        return {"scheduled", *self._counted, *self._offset, *pairs}

    def compare(
        self, totals: dict[str, float], where: Position | str, *, whole: bool, book: str = "book"
    ) -> None:
        """With the book's: all of them (``whole``), or those that changed."""
        keys = self.keys() | set(totals) if whole else set(totals)
        for key in sorted(keys):
            there, here = totals.get(key, 0.0), self.value(key)
            if there == here:
                continue
            if self._begun and not self.unsure:
                what = f"{key}: the {book} has counted {there:g}, the journal {here:g}"
                self._report.tell(Problem("totals", str(where), what))
            self._offset[key] = self._offset.get(key, 0.0) + there - here
        if whole:
            self._begun, self.unsure = True, False
