"""In which order programs apply the stages: pure data, and what arranges a chain by it.

Each order lists every stage, so that any chain can be arranged; `own` are those that the program has. Sources:
transformers 5.23 generation/utils.py; llama.cpp common/sampling.cpp; koboldcpp gpttype_adapter.cpp with its default
sampler_order [6,0,1,3,4,2,5]; text-generation-webui modules/sampler_hijack.py.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from ntp_studio.core.decoding.stages import STAGES
from ntp_studio.core.types import DecodingSettings, SettingError, StageSetting

_HISTORY = ("repetition_penalty", "presence_frequency", "dry")
_BANS = ("no_repeat_ngram_size", "bans", "min_length")
_HEAT = ("temperature", "dynamic_temperature", "smoothing")
_WEBUI = (
    "bias", *_HISTORY, "bans", "min_length", "top_n_sigma", *_HEAT, "top_h", "top_k", "top_p", "typical_p",
    "epsilon_cutoff", "eta_cutoff", "tail_free", "top_a", "min_p", "adaptive_p", "mirostat", "xtc",
    "no_repeat_ngram_size", "stop",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Order:
    """An order of all stages by name. `always` are stages that the program applies whatever is set, with where they
    stand: right before the stage named."""

    label: str
    summary: str
    names: tuple[str, ...]
    own: frozenset[str]
    always: tuple[tuple[str, StageSetting], ...] = ()


ORDERS: dict[str, Order] = {
    "transformers": Order(
        "transformers",
        "Penalties and bans, temperature, then the cuts: what generate() does. Stages that it lacks stand where they "
        "belong among them.",
        tuple(STAGES),
        frozenset({
            "bias", "repetition_penalty", *_BANS, "temperature", "top_h", "top_k", "top_p", "min_p", "typical_p",
            "epsilon_cutoff", "eta_cutoff", "stop",
        }),
    ),
    "llama.cpp": Order(
        "llama.cpp",
        "Penalties, DRY, then the cuts, and the temperature last: what the cuts keep does not depend on it.",
        (
            "bias", *_HISTORY, *_BANS, "top_n_sigma", "top_h", "top_k", "typical_p", "epsilon_cutoff", "eta_cutoff",
            "top_a", "tail_free", "top_p", "min_p", "xtc", *_HEAT, "adaptive_p", "mirostat", "stop",
        ),
        frozenset({
            "bias", *_HISTORY, "top_n_sigma", "top_k", "typical_p", "top_p", "min_p", "xtc", "temperature",
            "dynamic_temperature", "adaptive_p", "mirostat", "stop",
        }),
    ),
    "koboldcpp": Order(
        "koboldcpp",
        "DRY first, only the 3,000 most likely from then on, penalties, cuts, temperature, and top-nσ after it.",
        (
            "bias", "dry", *_BANS, "repetition_penalty", "presence_frequency", "top_h", "top_k", "top_a", "tail_free",
            "typical_p", "epsilon_cutoff", "eta_cutoff", "top_p", "min_p", *_HEAT, "top_n_sigma", "xtc", "adaptive_p",
            "mirostat", "stop",
        ),
        frozenset({
            "bias", *_HISTORY, "bans", "top_k", "top_a", "tail_free", "typical_p", "top_p", "min_p", *_HEAT,
            "top_n_sigma", "xtc", "adaptive_p", "mirostat", "stop",
        }),
        # It stands before the penalties, and before the bans, which koboldcpp makes part of its grammar.
        always=(("no_repeat_ngram_size", StageSetting("top_k", (("top_k", 3000.0),))),),
    ),
    "webui": Order(
        "text-generation-webui",
        "Penalties, temperature, then the cuts in an order of its own; XTC and the n-gram ban stand after "
        "adaptive-p and mirostat, where they have no effect once one of these chooses.",
        _WEBUI,
        frozenset(STAGES) - {"top_h"},
    ),
    "webui-temperature-last": Order(
        "text-generation-webui, temperature last",
        "The same with its switch \"temperature last\": temperature, dynamic temperature and smoothing come after "
        "everything else, so that the cuts do not depend on them. After adaptive-p or mirostat they have no effect.",
        (*(name for name in _WEBUI if name not in (*_HEAT, "stop")), *_HEAT, "stop"),
        frozenset(STAGES) - {"top_h"},
    ),
}  # fmt: skip


def order_called(name: str) -> Order:
    """Raises SettingError for a name that no order has."""
    if name not in ORDERS:
        raise SettingError(f"There is no order called {name}; there are {', '.join(ORDERS)}.")
    return ORDERS[name]


def arranged(settings: DecodingSettings, order: str, *, always: bool = False) -> DecodingSettings:
    """The same stages in this order; several of one name stay together as they were. With `always`, also what the
    program applies on its own account.

    Raises:
        SettingError: no such order.
    """
    chosen = order_called(order)
    places = _places(chosen)
    fixed = [(places[before] - 0.5, setting) for before, setting in chosen.always if always]
    listed = [(places.get(stage.name, float(len(places))), stage) for stage in settings.stages]
    stages = sorted([*fixed, *listed], key=lambda pair: pair[0])
    return replace(settings, stages=tuple(stage for _, stage in stages))


def without_always(settings: DecodingSettings, order: str) -> DecodingSettings:
    """The same without what the program of this order applies on its own account, where that is listed and on.

    Raises:
        SettingError: no such order.
    """
    kept = list(settings.stages)
    for _, setting in order_called(order).always:
        if setting in kept:
            kept.remove(setting)  # the first one: a person's own comes after it
    return replace(settings, stages=tuple(kept))


def place_for(settings: DecodingSettings, name: str, order: str) -> int:
    """The index at which a further stage of this name belongs, where the listed ones stand in this order or nearly so.

    Raises:
        SettingError: no such order.
    """
    chosen = order_called(order)
    places = _places(chosen)
    fixed = {setting: places[before] - 0.5 for before, setting in chosen.always}
    wanted = places.get(name, float(len(places)))
    for index, stage in enumerate(settings.stages):
        place = fixed.pop(stage) if stage in fixed else places.get(stage.name, float(len(places)))
        if place > wanted:
            return index
    return len(settings.stages)


def orders_of(settings: DecodingSettings) -> tuple[str, ...]:
    """Every order that these stages, those that are on, stand in; none if a person has mixed them. What a program
    applies on its own account has to be among them for its order."""
    on = replace(settings, stages=tuple(stage for stage in settings.stages if stage.enabled))
    return tuple(name for name in ORDERS if arranged(without_always(on, name), name, always=True) == on)


def order_of(settings: DecodingSettings) -> str | None:
    """The first order that these stages, those that are on, stand in; None if a person has mixed them."""
    return next(iter(orders_of(settings)), None)


def _places(order: Order) -> dict[str, float]:
    return {name: float(place) for place, name in enumerate(order.names)}
