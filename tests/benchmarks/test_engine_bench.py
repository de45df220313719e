"""What a step costs against the bare model. Run with `pytest tests/benchmarks --benchmark-only`; nothing here fails on
time, the figures and their bounds stand in the report's extra columns (`--benchmark-json`) and on standard output."""

from __future__ import annotations

from pathlib import Path

import pytest

from ntp_studio import bench
from ntp_studio.core import checkpoints
from ntp_studio.core.decoding import settings_from_names
from ntp_studio.core.model import LanguageModel


@pytest.fixture(scope="module")
def smol(real_model: Path) -> LanguageModel:
    return checkpoints.load(real_model, device="cpu", dtype="float32")


@pytest.mark.real_model
def test_bare_forward(benchmark, smol: LanguageModel) -> None:
    bare = bench.Bare(smol, smol.tokens.encode(bench.PROMPT))
    benchmark.pedantic(bare, rounds=40, warmup_rounds=3)


@pytest.mark.real_model
def test_step(benchmark, smol: LanguageModel) -> None:
    driven = bench.Driven(smol, smol.tokens.encode(bench.PROMPT), settings_from_names(bench.USUAL))
    benchmark.pedantic(driven, rounds=40, warmup_rounds=3)


def test_redraw_after_a_setting(benchmark) -> None:
    benchmark.pedantic(bench.redraw_time, kwargs={"changes": 1}, rounds=20)
    benchmark.extra_info["ms"] = bench.redraw_time()
    benchmark.extra_info["bound ms"] = 16.0


@pytest.mark.parametrize("values", [bench.TEN, bench.TEN_WIDE], ids=["ten", "ten wide"])
def test_ten_stages_at_a_large_vocabulary(benchmark, values: dict[str, float]) -> None:
    benchmark.pedantic(bench.Decoding(bench.LARGE_VOCABULARY, values).chain, rounds=30, warmup_rounds=2)
    benchmark.extra_info["bound ms"] = 16.0


@pytest.mark.parametrize("values", [bench.USUAL, bench.TEN], ids=["usual", "ten"])
def test_decoding_of_a_step(benchmark, values: dict[str, float]) -> None:
    benchmark.pedantic(bench.Decoding(bench.SMOL_VOCABULARY, values).step, rounds=30, warmup_rounds=2)
    benchmark.extra_info["bound ms"] = 5.0


@pytest.mark.real_model
def test_ratios(benchmark, real_model: Path) -> None:
    rows = benchmark.pedantic(lambda: list(bench.run_all(str(real_model), "cpu", "float32", tokens=40)), rounds=1)
    for row in rows:
        print(row.line())
        benchmark.extra_info[row.name] = row.value
