"""The options of `leadstream import` that say on which list a file's people stand."""

from collections.abc import Sequence
from dataclasses import dataclass

from pydantic_core import PydanticCustomError

from services.capture.commands.ending import MISUSED, end
from services.capture.domain.submission import parse_money
from services.capture.importing.mapping import LIST_PARAM


@dataclass(frozen=True, slots=True)
class ListOptions:
    """The list as the command line says it; `targets`: its people were listed and have not responded."""

    name: str | None = None
    vendor: str | None = None
    cost: str | None = None
    params: Sequence[str] = ()
    targets: bool = False

    def constants(self) -> dict[str, str]:
        """What each row says of it. Ends the command where the options make no sense."""
        if self.name is None and (self.vendor or self.cost or self.params):
            end(MISUSED, "--vendor, --cost and --list-param are said of a list: name it with --list")
        if self.cost is not None and not _is_money(self.cost):
            end(MISUSED, "--cost is an amount and a currency, such as '500 EUR': what the whole list cost")
        said = {"list.name": self.name, "list.vendor": self.vendor, "list.cost": self.cost}
        params = dict(map(_param, self.params))
        state = {"state": "target"} if self.targets else {}
        return {name: value for name, value in said.items() if value} | params | state


def _is_money(cost: str) -> bool:
    try:
        parse_money(cost)
    except PydanticCustomError:
        return False
    return True


def _param(told: str) -> tuple[str, str]:
    name, equals, value = told.partition("=")
    if not (name and equals and value):
        end(MISUSED, "--list-param is a name and a value, such as seniority=c-level")
    return LIST_PARAM + name, value
