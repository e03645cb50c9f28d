"""The faults that `benchmarks/faults.py` plants: each can still be planted, and leaves code that runs."""

from __future__ import annotations

import importlib.util
import shutil
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[1]


def faults() -> ModuleType:
    spec = importlib.util.spec_from_file_location("faults", ROOT / "benchmarks/faults.py")
    assert spec and spec.loader
    module = sys.modules["faults"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", ["alpha", "row", "edge", "leak"])
def test_a_fault_changes_one_line_of_today_s_code(tmp_path: Path, name: str) -> None:
    fault = faults().FAULTS[name]
    copy = tmp_path / fault.file
    copy.parent.mkdir(parents=True)
    shutil.copy(ROOT / fault.file, copy)
    fault.plant(tmp_path)
    assert copy.read_text() != (ROOT / fault.file).read_text()
    compile(copy.read_text(), fault.file, "exec")
    with pytest.raises(SystemExit, match=f"{fault.what}: (?s:.*) bring this fault up to date"):  # it is no longer there
        copy.write_text("")
        fault.plant(tmp_path)
