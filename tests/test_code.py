"""The hash of code: which files it follows, and what changes it. That every stage depends on its own: test_check.py."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from audiosae.files import code

FILES = {
    "audiosae/__init__.py": "",
    "audiosae/errors.py": '"""Errors."""\nx = 1\n\ndef f(a):\n    """Say."""\n    return a  # a remark\n',
    "audiosae/unused.py": "",
    "audiosae/audio/__init__.py": "from audiosae.audio.io import read\n",
    "audiosae/audio/io.py": 'NAMES = "names.csv"\n\ndef read():\n    from audiosae.errors import x\n    return x\n',
    "audiosae/audio/names.csv": "a,b\n",
    "audiosae/audio/others.csv": "a,b\n",
    "audiosae/codecs/__init__.py": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from audiosae import unused\nelse:\n    import audiosae.errors\n",
    "audiosae/codecs/__main__.py": "from audiosae.codecs import small\n",
    "audiosae/codecs/small.py": "import audiosae.audio\n",
    "notebooks/01_a.py": "# %%\nfrom audiosae.codecs import small\n",
}
SMALL = {"audiosae", "audiosae.codecs", "audiosae.codecs.small", "audiosae.audio", "audiosae.audio.io", "audiosae.errors"}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


@pytest.mark.parametrize(("entries", "names"), [
    (["audiosae.audio.io"], {"audiosae", "audiosae.audio", "audiosae.audio.io", "audiosae.errors"}),
    (["audiosae.codecs.small"], SMALL),
    (["audiosae.codecs"], SMALL | {"audiosae.codecs.__main__"}),
    (["notebooks/01_a.py", "audiosae.unused"], SMALL | {"01_a.py", "audiosae.unused"}),
    (["numpy"], set()),
])  # fmt: skip
def test_imports_are_followed_wherever_they_stand(project: Path, entries: list[str], names: set[str]) -> None:
    assert code.closure(entries, project).keys() == names


@pytest.mark.parametrize(("name", "old", "new", "counts"), [
    ("audiosae/errors.py", '"""Errors."""', '"""Other words."""', False),
    ("audiosae/errors.py", '    """Say."""\n', "", False),
    ("audiosae/errors.py", "  # a remark", "", False),
    ("audiosae/errors.py", "def f(a):", "def f( a ):", False),
    ("audiosae/errors.py", "x = 1", "x = 1.0", True),
    ("audiosae/errors.py", "return a", "return 'a'", True),
    ("audiosae/errors.py", "def f(a)", "def f(a=None)", True),
    ("audiosae/unused.py", "", "x = 1", False),
    ("audiosae/audio/names.csv", "a,b", "a,c", True),
    ("audiosae/audio/others.csv", "a,b", "a,c", False),
])  # fmt: skip
def test_substance_counts_and_words_do_not(project: Path, name: str, old: str, new: str, counts: bool) -> None:
    before = code.digest(["notebooks/01_a.py"], project)
    assert old in FILES[name]
    (project / name).write_text(FILES[name].replace(old, new, 1))
    code._read.cache_clear()
    assert (code.digest(["notebooks/01_a.py"], project) != before) is counts


def test_a_process_tells_of_the_code_that_it_read_first(project: Path) -> None:
    before = code.digest(["notebooks/01_a.py"], project)
    (project / "audiosae/errors.py").write_text("x = 2")
    assert code.digest(["notebooks/01_a.py"], project) == before


def test_a_file_that_moves_with_its_name_counts(project: Path) -> None:
    before = code.digest(["audiosae.codecs.small"], project)
    (project / "audiosae/audio/io.py").rename(project / "audiosae/audio/file.py")
    (project / "audiosae/audio/__init__.py").write_text("from audiosae.audio.file import read\n")
    code._files.cache_clear()
    assert code.digest(["audiosae.codecs.small"], project) != before


@pytest.mark.parametrize(("text", "told"), [
    ("import importlib\nimportlib.import_module('audiosae.' + x)\n", "errors.py, line 2: the name of the imported module is relative or computed"),
    ("__import__(x)\n", "errors.py, line 1"),
    ("from . import audio\n", "errors.py, line 1"),
    ("from .audio import io\n", "errors.py, line 1"),
    ("def f(:\n", "errors.py cannot be read as Python"),
])  # fmt: skip
def test_code_that_cannot_be_followed_is_refused(project: Path, text: str, told: str) -> None:
    (project / "audiosae/errors.py").write_text(text)
    with pytest.raises(code.CodeError, match=re.escape(told)):
        code.digest(["audiosae.codecs"], project)
