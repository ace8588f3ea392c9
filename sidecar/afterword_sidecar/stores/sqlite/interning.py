"""One object per distinct value of what many records share; for the time of one load."""

from afterword_sidecar.ledger.facts import Source
from afterword_sidecar.ledger.records import Series


class Interned:
    """The values met so far. Without it a million loaded tasks hold a million task names."""

    def __init__(self) -> None:
        self._strings: dict[str, str] = {}
        self._sources: dict[Source, Source] = {}
        self._series: dict[Series, Series] = {}

    def string(self, value: str) -> str:
        """The first string met that equals ``value``."""
        return self._strings.setdefault(value, value)

    def source(self, value: Source) -> Source:
        """The first source met that equals ``value``."""
        known = self._sources.get(value)
        if known is None:
            known = Source(
                value.stream,
                self.string(value.service),
                self.string(value.instance),
                self.string(value.resource),
            )
            self._sources[known] = known
        return known

    def series(self, value: Series) -> Series:
        """The first series met that equals ``value``."""
        known = self._series.get(value)
        if known is None:
            known = Series(
                self.string(value.service),
                self.string(value.task),
                self.string(value.platform),
                self.string(value.origin),
            )
            self._series[known] = known
        return known
