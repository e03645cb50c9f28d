"""The hash of the code that a stage can reach, blind to docstrings, comments and layout.

A stage depends on its own such hash (data/code/NAME.txt, which the stage `check` writes), and results carry it as provenance. Code is
read here and never run.
"""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

from audiosae.errors import AudiosaeError
from audiosae.files.whole import file_hash

PACKAGE = "audiosae"

ROOT = Path(__file__).parents[2]
"""The folder that holds the package."""


class CodeError(AudiosaeError):
    """Code cannot be followed: it does not parse, or does not write out the whole name of a module that it imports."""


class _Read(NamedTuple):
    """What is needed of a file: its hash, the names that it imports, and its strings that could name a file."""

    digest: str
    imports: frozenset[str]
    words: frozenset[str]


def digest(entries: Iterable[str | Path], root: Path = ROOT) -> str:
    """Hash what runs when modules, such as "audiosae.sections.probing", and scripts, by path, run.

    Returns
    -------
    SHA-256 over the syntax trees, without docstrings, of the entries and of all modules of the package that they import, and over
    the data files that lie beside a module and are named in it. Names of modules count; where the project lies does not.
    """
    lines = []
    for name, path in sorted(closure(entries, root).items()):
        read = _read(path)
        lines.append(f"{name} {read.digest}\n")
        data = sorted(word for word in read.words if (path.parent / word).is_file())
        lines += [f"{name} {word} {file_hash(path.parent / word)}\n" for word in data]
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def closure(entries: Iterable[str | Path], root: Path = ROOT) -> dict[str, Path]:
    """Modules that run, by name: the entries, what they import from this package, and so on.

    A package counts with its ``__init__`` and, if it is an entry, its ``__main__``.

    Raises
    ------
    CodeError
        If a file does not parse, or an import's name is relative or computed.
    """
    found: dict[str, Path] = {}
    waiting: list[tuple[str, Path]] = []
    for entry in map(str, entries):
        if entry.endswith(".py"):
            waiting.append((Path(entry).name, root / entry))
        else:
            waiting += [*_files(root, entry), *_files(root, f"{entry}.__main__")]
    while waiting:
        name, path = waiting.pop()
        if name not in found:
            found[name] = path
            for imported in _read(path).imports:
                waiting += _files(root, imported)
    return found


@cache
def _files(root: Path, name: str) -> tuple[tuple[str, Path], ...]:
    """Modules that run when one of this name is imported: itself, and the packages that hold it; none for other packages."""
    parts = name.split(".")
    if parts[0] != PACKAGE:
        return ()
    names = [".".join(parts[:end]) for end in range(1, len(parts) + 1)]
    paths = [(name, root.joinpath(*name.split("."))) for name in names]
    return tuple((name, file) for name, path in paths for file in (path / "__init__.py", path.with_suffix(".py")) if file.is_file())


@cache
def _read(path: Path) -> _Read:
    """Read a file once a process, so that results tell of the code that ran and not of what was edited meanwhile."""
    try:
        tree = ast.parse(path.read_text(encoding="utf-8"))
    except (OSError, SyntaxError, UnicodeDecodeError) as error:
        raise CodeError(f"{path} cannot be read as Python ({error}); mend it.") from error
    words = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    names = frozenset(word for word in words if "." in word and len(word) < 100 and word.isprintable() and not word.endswith(".py"))
    return _Read(hashlib.sha256(_told(tree).encode()).hexdigest(), frozenset(_imports(path, tree)), names)


def _told(node: object) -> str:
    """A syntax tree as text, without strings that stand alone: docstrings, and what describes a constant above it.

    Fields that are empty are left out, since versions of Python differ in which a node has.
    """
    if isinstance(node, ast.AST):
        fields = [f"{name}={_told(value)}" for name, value in ast.iter_fields(node) if value is not None and value != []]
        return f"{type(node).__name__}({','.join(fields)})"
    if isinstance(node, list):
        return f"[{','.join([_told(each) for each in node if not _is_text(each)])}]"
    return repr(node)


def _is_text(node: object) -> bool:
    """Whether a node is a string that stands alone."""
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


def _imports(path: Path, tree: ast.AST) -> Iterator[str]:
    """Names that a file imports anywhere in it; blocks under ``TYPE_CHECKING`` never run."""
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.If) and _last_name(node.test) == "TYPE_CHECKING":
            waiting += node.orelse
            continue
        waiting += ast.iter_child_nodes(node)
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield from (node.module, *(f"{node.module}.{alias.name}" for alias in node.names))
        elif isinstance(node, ast.ImportFrom) or (isinstance(node, ast.Call) and _last_name(node.func) in ("import_module", "__import__")):
            raise CodeError(
                f"{path}, line {node.lineno}: the name of the imported module is relative or computed, so its code cannot be followed; "
                "write an import of the whole name."
            )


def _last_name(node: ast.AST) -> str:
    """`name` of both ``name`` and ``module.name``; nothing for other expressions."""
    return node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""
