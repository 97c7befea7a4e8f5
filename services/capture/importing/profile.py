"""What the first rows tell of a column: how long its numbers are, and whether they begin with zeros."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

SAMPLE_ROWS: Final = 500
_FEWEST: Final = 3
_MOST: Final = 0.8
_HALF: Final = 0.5
_SHORTEST_CODE: Final = 5


@dataclass(frozen=True, slots=True)
class _Digits:
    """Of cells that are digits only: how many, of what length most are, how many begin with a zero."""

    cells: int
    usual_length: int
    usual_cells: int
    zeros: int


@dataclass(frozen=True, slots=True)
class Profile:
    """Digits by column; of columns without any there is nothing to say."""

    columns: Mapping[str, _Digits] = field(default_factory=dict)

    def lost_zeros(self, name: str, text: str, place: str) -> bool:
        """Whether a number seems to have lost its leading zeros, by what the column's other numbers are like."""
        found = self.columns.get(name)
        if found is None or not text.isdigit() or text[0] == "0":
            return False
        if place == "phones":
            return found.zeros > _HALF * found.cells
        usual = found.usual_length >= _SHORTEST_CODE and found.usual_cells >= _MOST * found.cells
        return len(text) < found.usual_length and usual


def profile_of(names: Sequence[str], rows: Sequence[Sequence[str]]) -> Profile:
    """The profile of columns by sample rows, each of as many cells as there are names."""
    found: dict[str, _Digits] = {}
    for place, name in enumerate(names):
        cells = [text for row in rows if (text := row[place].strip()).isdigit()]
        if len(cells) >= _FEWEST:
            ((length, usual),) = Counter(map(len, cells)).most_common(1)
            found[name] = _Digits(len(cells), length, usual, sum(text[0] == "0" for text in cells))
    return Profile(found)
