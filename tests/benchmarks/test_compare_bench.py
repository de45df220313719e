"""Scoring against the bare chunked forward, and columns together against their single steps. As ratios; nothing here
fails on time."""

from __future__ import annotations

from pathlib import Path

import pytest

from ntp_studio import assets, bench, compare_bench
from ntp_studio.core import checkpoints
from ntp_studio.core.decoding import settings_from_names
from ntp_studio.core.model import LanguageModel


@pytest.fixture(scope="module")
def bundled() -> LanguageModel:
    path = assets.bundled_model()
    assert path is not None
    return checkpoints.load(path, device="cpu", dtype="float32")


@pytest.fixture(scope="module")
def smol(real_model: Path) -> LanguageModel:
    return checkpoints.load(real_model, device="cpu", dtype="float32")


def scoring(benchmark, model: LanguageModel, rounds: int) -> None:
    bare, ours = benchmark.pedantic(compare_bench.scoring_times, args=(model, 4000, rounds), rounds=1)
    benchmark.extra_info["speed of the bare forward"] = bare / ours
    benchmark.extra_info["bound"] = 0.9
    print(f"{model.info.name}: scoring 4,000 tokens at {bare / ours:.3f} of the bare forward's speed (bound 0.9)")
    print(f"  bare {bare:.2f} s, scored {ours:.2f} s")


def test_scoring_with_the_bundled_model(benchmark, bundled: LanguageModel) -> None:
    scoring(benchmark, bundled, 7)


@pytest.mark.real_model
def test_scoring_with_the_real_model(benchmark, smol: LanguageModel) -> None:
    scoring(benchmark, smol, 3)


def together(benchmark, models: list[LanguageModel]) -> None:
    usual = settings_from_names(bench.USUAL)
    alone, steps, compared = benchmark.pedantic(compare_bench.lockstep_times, args=(models, usual), rounds=1)
    benchmark.extra_info["together over alone"] = steps / alone
    benchmark.extra_info["bound"] = 1.05
    print(f"{' + '.join(m.info.name for m in models)}: together {steps / alone:.3f} × alone (bound 1.05)")
    print(f"  alone {alone * 1000:.2f} ms, together {steps * 1000:.2f} ms, and compared {compared * 1000:.2f} ms")


def test_two_columns_on_the_bundled_model(benchmark, bundled: LanguageModel) -> None:
    together(benchmark, [bundled, bundled])


@pytest.mark.real_model
def test_two_columns_on_the_real_model(benchmark, smol: LanguageModel) -> None:
    together(benchmark, [smol, smol])


@pytest.mark.real_model
def test_columns_of_unequal_vocabularies(benchmark, smol: LanguageModel, bundled: LanguageModel) -> None:
    together(benchmark, [smol, bundled])
