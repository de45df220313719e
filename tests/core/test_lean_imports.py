"""What is left out of a start stays within reach, and changes no figure."""

from __future__ import annotations

import importlib.util
import json
import marshal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from torch import nn

from ntp_studio.core import compiler_on_demand, lean_imports
from ntp_studio.core.checkpoints.blank import blank_weights
from tests import checkpoint_makers as make

HEAVY = ("sympy", "torch._dynamo.utils", "torch._inductor", "torch.distributed.tensor")
LEAN = "from ntp_studio.core import libraries; libraries.bring_in()\n"
PLAIN = "import torch, transformers.modeling_utils, transformers.models.auto.modeling_auto\n"
FIRST_STEPS = """
import json, sys
from ntp_studio.core import checkpoints
for path in sys.argv[1:]:
    session = checkpoints.load(path).start("The cat", seed=7)
    frames = [session.frame(), *(session.step() for _ in range(4))]
    print(json.dumps([[[c.token.id, c.probability, c.logit] for c in frame.candidates] for frame in frames]))
"""


def python(code: str, *arguments: object) -> list[str]:
    """The lines that a fresh Python prints, with nothing imported yet."""
    command = [sys.executable, "-W", "ignore", "-c", code, *map(str, arguments)]
    ended = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout.splitlines()


# -- a start -----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    place = tmp_path_factory.mktemp("models")
    kinds = ("gpt2", "llama", "qwen2", "gpt_neox", "mistral")
    return [make.make_hf(place / kind, kind) for kind in kinds] + [make.make_gguf(place / "gguf")]


@pytest.mark.parametrize(("models", "needed"), [(slice(0, 1), set()), (slice(1, None), {"sympy"})])
def test_the_first_bars_need_no_compiler(folders: list[Path], models: slice, needed: set[str]) -> None:
    """Nor sympy, for GPT-2; the others number their places on tensors without memory, for which torch wants it."""
    tell = f"print(json.dumps(sorted(set(sys.modules) & set({HEAVY!r}))))"
    *frames, heavy = python(FIRST_STEPS + tell, *folders[models])
    assert len(frames) == len(folders[models])
    assert set(json.loads(heavy)) <= needed


def test_no_figure_depends_on_what_was_left_out(folders: list[Path]) -> None:
    filled = (
        "import contextlib\n"
        "from ntp_studio.core import checkpoints\n"
        "checkpoints.blank_weights = contextlib.nullcontext\n"
    )
    lean, plain = python(LEAN + FIRST_STEPS, *folders), python(PLAIN + filled + FIRST_STEPS, *folders)
    assert len(lean) == len(folders)
    assert lean == plain


def test_the_tests_run_with_what_the_program_runs_with() -> None:
    import transformers.utils.import_utils as imports

    assert imports.is_torch_distributed_available is lean_imports._no


# -- within reach ------------------------------------------------------------------------------------------------------

COMPILE = "import torch; print(float(torch.compile(lambda x: 2 * x + 1, backend='eager')(torch.ones(()))))\n"
KIND = "import sys; print(type(sys.modules['torch._dynamo']).__name__)\n"


def test_the_compiler_comes_when_it_is_asked_for() -> None:
    lines = python(
        LEAN + KIND + "before = sys.modules['torch._dynamo']\n" + COMPILE + KIND + "print(before is torch._dynamo)"
    )
    assert lines == ["CompilerOnDemand", "3.0", "module", "True"]


@pytest.mark.parametrize("name", ["utils", "variables.builder", "config", "decorators", "eval_frame"])
def test_a_module_of_the_compiler_is_run_once_and_after_its_package(name: str) -> None:
    code = f"""
import importlib
module = importlib.import_module("torch._dynamo.{name}")
print(module is sys.modules["torch._dynamo.{name}"], sys.modules["torch._dynamo"].{name} is module)
"""
    assert python(LEAN + KIND + code + KIND + COMPILE) == ["CompilerOnDemand", "True True", "module", "3.0"]


def test_a_mark_is_a_real_one_once_the_compiler_is_there() -> None:
    code = """
import torch
from ntp_studio.core.compiler_on_demand import MARKS
marks = [getattr(torch._dynamo, name) for name in MARKS]
torch._dynamo.reset()
print([name for name, mark in zip(MARKS, marks) if getattr(torch._dynamo, name) is mark])
"""
    assert python(LEAN + code) == ["[]"]


def test_threads_that_ask_at_once_get_the_same_compiler() -> None:
    code = """
import torch
from concurrent.futures import ThreadPoolExecutor
with ThreadPoolExecutor(4) as threads:
    found = list(threads.map(lambda name: getattr(torch._dynamo, name), ("optimize", "reset", "explain", "export")))
print(all(each.__module__.startswith("torch._dynamo") for each in found))
"""
    assert python(LEAN + code + COMPILE) == ["True", "3.0"]


def test_threads_that_wait_for_each_other_do_not_wait_for_ever() -> None:
    """One asks the package for a name; another imports one of its modules, which is itself in need of the package."""
    code = """
import threading, time
from ntp_studio.core import compiler_on_demand
compiler_on_demand.PATIENCE = 2.0
import torch
def ask():
    torch._dynamo.reset
def bring():
    try:
        import torch._dynamo.decorators
    except (ImportError, AttributeError):  # as in plain Python, where the same race is lost
        pass
one = threading.Thread(target=ask, daemon=True)
one.start()
time.sleep(DELAY)
two = threading.Thread(target=bring, daemon=True)
two.start()
one.join(60)
two.join(60)
print(one.is_alive(), two.is_alive())
import os, sys
sys.stdout.flush()
os._exit(0)
"""
    for delay in (0.0, 0.05, 0.2):
        assert python(LEAN + code.replace("DELAY", str(delay))) == ["False False"]


@pytest.mark.parametrize("kind", ["MambaConfig", "Lfm2Config"])
def test_the_first_step_of_a_recurrent_model_brings_in_nothing(kind: str) -> None:
    """Its caches are marked for the compiler in the first forward, whose time is shown."""
    code = f"""
import torch, transformers
config = transformers.{kind}(
    vocab_size=99, hidden_size=32, intermediate_size=32, num_hidden_layers=2, num_attention_heads=2,
    num_key_value_heads=2, full_attn_idxs=[1],
)
model = transformers.AutoModelForCausalLM.from_config(config).eval()
with torch.inference_mode():
    model(torch.tensor([[1, 2, 3]]), use_cache=True)
"""
    assert python(LEAN + code + KIND) == ["CompilerOnDemand"]


def test_an_optimizer_makes_the_same_update() -> None:
    code = """
import torch
torch.manual_seed(1)
layer = torch.nn.Linear(4, 3)
optimizer = torch.optim.AdamW(layer.parameters(), lr=0.1)
for _ in range(3):
    optimizer.zero_grad(); layer(torch.arange(4.0)).square().sum().backward(); optimizer.step()
print([value.hex() for value in layer.weight.flatten().tolist()])
"""
    *lean, kind = python(LEAN + code + KIND)
    assert lean == python(PLAIN + code)
    assert kind == "CompilerOnDemand", "an update that brings in the compiler is slow, and its speed is shown"


def test_parts_for_several_processes_are_found_when_asked_for() -> None:
    code = """
import torch
print(torch.distributed.tensor.DTensor.__name__, hasattr(torch.distributed, "no_such_part"))
"""
    assert python(LEAN + code) == ["DTensor False"]


def test_an_adapter_opens_in_a_program_that_has_done_nothing_else(tmp_path: Path) -> None:
    pytest.importorskip("peft")
    from ntp_studio import selftest_models

    base = selftest_models.make_folder(tmp_path / "base", "llama")
    adapter = selftest_models.make_adapter(tmp_path / "adapter", base)
    code = "import sys\nfrom ntp_studio.core import checkpoints\nprint(checkpoints.load(sys.argv[1]).info.format)"
    assert python(code, adapter) == ["adapter"]


def test_a_place_holder_that_cannot_be_filled_is_taken_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "broken.py").write_text("raise ImportError('broken')")
    spec = importlib.util.spec_from_file_location(compiler_on_demand.NAME, tmp_path / "broken.py")
    assert spec is not None
    module = compiler_on_demand.CompilerOnDemand(spec)
    monkeypatch.setitem(sys.modules, compiler_on_demand.NAME, module)
    assert not hasattr(module, "__wrapped__")
    with pytest.raises(ImportError, match="broken"):
        module.anything  # noqa: B018
    assert compiler_on_demand.NAME not in sys.modules
    assert not compiler_on_demand._running


# -- other versions of transformers ------------------------------------------------------------------------------------


def test_a_transformers_without_these_functions_is_left_alone() -> None:
    other = ModuleType("transformers.utils.import_utils")
    before = dict(vars(other))
    lean_imports._change(other)
    assert vars(other) == before


def test_preparing_again_and_after_the_import_changes_nothing() -> None:
    before = list(sys.meta_path)
    lean_imports.prepare()
    assert sys.meta_path == before
    code = """
import sys
from ntp_studio.core import lean_imports
before = len(sys.meta_path)
lean_imports.prepare()
lean_imports.prepare()
print(len(sys.meta_path) - before)
"""
    assert python(code) == ["1"]


# -- what transformers finds in its models -----------------------------------------------------------------------------


def read_models() -> tuple[Callable[[Any], Any], Path]:
    from transformers.utils import import_utils

    return import_utils.create_import_structure_from_path, Path(import_utils.__file__).parent.parent / "models"


def test_what_is_stored_is_what_would_be_read(tmp_path: Path) -> None:
    read, models = read_models()
    lean_imports.store_structure(tmp_path / lean_imports.STRUCTURE)
    (tmp_path / "__init__.py").touch()
    asked: list[Any] = []
    found = lean_imports._stored_or(asked.append)
    expected = read(str(models))
    assert len(expected) > 200
    assert expected["llama"][frozenset({"torch"})]["modeling_llama"] >= {"LlamaForCausalLM"}
    assert found(tmp_path) == found(str(tmp_path / "__init__.py")) == expected
    assert asked == []


def test_it_is_the_same_file_each_time(tmp_path: Path) -> None:
    files = [tmp_path / "one", tmp_path / "two"]
    for file in files:
        lean_imports.store_structure(file)
    assert files[0].read_bytes() == files[1].read_bytes()
    assert marshal.loads(files[0].read_bytes())


def test_a_folder_without_it_is_read(tmp_path: Path) -> None:
    asked: list[Any] = []
    lean_imports._stored_or(asked.append)(tmp_path)
    assert asked == [tmp_path]


# -- weights without values --------------------------------------------------------------------------------------------


def test_only_tensors_without_memory_stay_blank() -> None:
    with torch.device("meta"):
        blank = nn.Linear(3, 3)
    real = torch.zeros(1000)
    torch.manual_seed(5)
    with blank_weights():
        for fill in (nn.init.normal_, nn.init.uniform_, nn.init.kaiming_uniform_, nn.init.xavier_normal_):
            assert fill(blank.weight) is blank.weight
        nn.init.normal_(real, std=2.0)
    torch.manual_seed(5)
    assert torch.equal(real, nn.init.normal_(torch.zeros(1000), std=2.0))


def test_a_network_is_built_without_random_values() -> None:
    """What makes it worth while: the first random value brings in sympy."""
    code = """
import sys, torch
from ntp_studio.core.checkpoints.blank import blank_weights
with blank_weights(), torch.device("meta"):
    torch.nn.Embedding(9, 4); torch.nn.Linear(4, 4); torch.nn.LayerNorm(4)
print("sympy" in sys.modules)
with torch.device("meta"):
    torch.nn.Embedding(9, 4)
print("sympy" in sys.modules)
"""
    assert python(code) == ["False", "True"]
