"""What the panel has to know of orders and of its cards' places, without a widget."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Generic, Protocol, TypeVar

from ntp_studio.core.decoding.orders import orders_of, place_for, without_always
from ntp_studio.core.types import DecodingSettings, StageSetting

REMEMBERED = 8  # arrangements; a frame is hardly more than one behind


def present_order(stages: Sequence[StageSetting], chosen: str | None) -> str | None:
    """In whose order the stages stand: the one chosen last as long as that is true, else one that holds for the stages
    that are off as well, else the first that fits; None where a person has mixed them."""
    fitting = orders_of(DecodingSettings(tuple(stages)))
    if chosen in fitting:
        return chosen
    whole = orders_of(DecodingSettings(tuple(replace(stage, enabled=True) for stage in stages)))
    return next((name for name in fitting if name in whole), next(iter(fitting), None))


def with_usual(stages: Sequence[StageSetting], usual: Iterable[str], chosen: str | None) -> list[StageSetting]:
    """The listed stages in their order, with the usual ones that are not among them, switched off: at their places
    where the listed ones stand in an order, else behind them."""
    result = list(stages)
    whole = orders_of(DecodingSettings(tuple(replace(stage, enabled=True) for stage in stages)))
    order = chosen if chosen in whole else next(iter(whole), None)
    listed = DecodingSettings(tuple(stages))
    own = without_always(listed, order) if order is not None else listed
    for name in usual:
        if any(stage.name == name for stage in own.stages):
            continue
        place = len(result) if order is None else place_for(DecodingSettings(tuple(result)), name, order)
        result.insert(place, StageSetting(name, (), enabled=False))
    return result


class Named(Protocol):
    @property
    def name(self) -> str: ...


Card = TypeVar("Card", bound=Named)


class ReportMatcher(Generic[Card]):
    """Tells which card a report is about. Reports carry the stage's name alone, several cards may have the same, and a
    frame may have been made before the last change: so the last arrangements of active cards are remembered."""

    def __init__(self) -> None:
        self._recent: deque[tuple[Card, ...]] = deque(maxlen=REMEMBERED)

    def arranged(self, active: Iterable[Card]) -> None:
        """The active cards stand so from now on."""
        cards = tuple(active)
        if not self._recent or self._recent[-1] != cards:
            self._recent.append(cards)

    def match(self, names: Sequence[str]) -> list[Card | None]:
        """The card of each report; None where that cannot be told."""
        wanted = tuple(names)
        for cards in reversed(self._recent):
            if tuple(card.name for card in cards) == wanted:
                return list(cards)
        # Nothing of the kind was on view: by name, where there are as many cards of it as reports.
        now = self._recent[-1] if self._recent else ()
        there, asked = Counter(card.name for card in now), Counter(wanted)
        left = {name: [card for card in now if card.name == name] for name in asked}
        return [left[name].pop(0) if there[name] == asked[name] else None for name in wanted]
