"""Print figures about the source code: names, docstrings, comments, helpers, the recipe.

    python .ci/measure_code.py [FOLDER]

FOLDER is the root of a checkout; without it, the current folder.
"""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tokenize
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path

PACKAGE = "aiida_hpaint"
STAGES = ("sample", "score", "relax_inserted", "relax_all")
SHORT = 5
"""Lines of a helper, without its docstring, up to which it is short."""

_VERBS = """
accept add adopt advise align allow animate answer append apply approximate ask assemble assert
assess assign attach average balance begin bin bound branch break build bundle calculate call
cancel check choose clamp classify clean clear climb close cluster collect combine compare
compile complete compress compute configure connect construct contract convert copy correct
count cover create cut decide declare decode define delete derive describe detect determine
discard display divide do download draw drop duplicate embed encode end enforce ensure enumerate
escape estimate evaluate exclude execute expand explain export extend extract fetch fill filter
find finish fit fold follow force form format forward gather generate get give go group guard
guess guide halve hand hash hide hold identify ignore import include index infer initialise
initialize insert inspect install interpolate invert iterate join judge keep know label launch
lay leave let lift limit link list load locate look lower make map mark mask match measure merge
move name normalise normalize note notice offer open optimise optimize order parse pass permute
pick place plan plot point poll predict prepare print process project propose prove provide pull
put query raise rank read rearrange rebuild recognise reconstruct record recover reduce refer
refine refuse register reject relax release remove rename render renumber reorder repair repeat
replace report request require resample resolve restart restore resubmit resume retrieve return
reuse rotate round run sample save say scale scan score search see select send serialise
serialize set share shift shorten show sift skip solve sort specify split start state stop store
stream strip submit sum summarise support swap symmetrise take tell test tile train transform
translate traverse treat trim try turn undo unfold unite unpack unroll unwrap update upload use
validate vary verify visit wait walk warn watch weigh wrap write yield
"""
VERBS = frozenset(_VERBS.split())


def modules(root: Path, folder: str = PACKAGE) -> Iterator[tuple[Path, str, ast.Module]]:
    """Yield path, text and syntax tree of each module below a folder."""
    for path in sorted((root / folder).rglob("*.py")):
        text = path.read_text("utf-8")
        yield path, text, ast.parse(text)


def functions(tree: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Yield all functions and methods of a tree."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def count_repeated_names(root: Path) -> int:
    """Count the public top-level names that more than one module of the package defines."""
    homes: dict[str, set[Path]] = defaultdict(set)
    for path, _, tree in modules(root):
        for node in tree.body:
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                names = [node.name]
            elif isinstance(node, ast.Assign):
                names = [target.id for target in node.targets if isinstance(target, ast.Name)]
            elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
                names = [node.target.id]
            else:
                continue
            for name in names:
                if not name.startswith("_"):
                    homes[name].add(path)
    return sum(len(paths) > 1 for paths in homes.values())


def measure_docstrings(root: Path) -> tuple[int, int]:
    """Count docstrings of functions and methods, and those that begin with a verb.

    Properties are named and described like attributes, so that they do not count.
    """
    found = verbs = 0
    for _, _, tree in modules(root):
        for node in functions(tree):
            text = ast.get_docstring(node)
            if not text or any("property" in ast.unparse(one) for one in node.decorator_list):
                continue
            found += 1
            verbs += re.split(r"[\s,.:]", text, maxsplit=1)[0].lower() in VERBS
    return found, verbs


def count_single_use_helpers(root: Path) -> tuple[int, int]:
    """Count private top-level functions that are named once in their module, and the short ones."""
    single = short = 0
    for _, _, tree in modules(root):
        used = Counter(node.id for node in ast.walk(tree) if isinstance(node, ast.Name))
        for node in tree.body:
            if not isinstance(node, ast.FunctionDef) or not node.name.startswith("_"):
                continue
            if node.decorator_list or node.name.startswith("__") or used[node.name] != 1:
                continue
            single += 1
            body = node.body[1:] if ast.get_docstring(node) else node.body
            if body and (node.body[-1].end_lineno or 0) - body[0].lineno + 1 <= SHORT:
                short += 1
    return single, short


def count_comments(path: Path) -> int:
    """Count the lines of a file that hold a comment."""
    with tokenize.open(path) as stream:
        tokens = tokenize.generate_tokens(stream.readline)
        return len({token.start[0] for token in tokens if token.type == tokenize.COMMENT})


def files_that_know_the_stages(root: Path) -> list[str]:
    """Return the modules that name stages in code: `relax_inserted` beside another stage.

    Comments and docstrings do not count, nor do the settings, which have a field for each stage.
    """
    found = []
    for path, _, tree in modules(root):
        names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
        names |= {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
        names |= {node.arg for node in ast.walk(tree) if isinstance(node, ast.keyword) if node.arg}
        names |= {
            node.value
            for node in ast.walk(tree)
            if isinstance(node, ast.Constant) and isinstance(node.value, str)
        }
        if "relax_inserted" in names and len(names & set(STAGES)) > 1:
            found.append(str(path.relative_to(root)))
    return [name for name in found if not name.endswith("settings.py")]


def measure(root: Path) -> dict[str, object]:
    """Return all figures by name."""
    sources = list(modules(root))
    lines = sum(len(text.splitlines()) for _, text, _ in sources)
    comments = sum(count_comments(path) for path, _, _ in sources)
    every = [node for _, _, tree in sources for node in functions(tree)]
    lengths = sorted((node.end_lineno or 0) - node.lineno + 1 for node in every)
    top = [
        node.name
        for _, _, tree in sources
        for node in tree.body
        if isinstance(node, ast.FunctionDef)
    ]
    one_word = sum("_" not in name.strip("_") for name in top)
    docstrings, verbs = measure_docstrings(root)
    single, short = count_single_use_helpers(root)
    knowing = files_that_know_the_stages(root)
    siblings = [
        path.name
        for path in (root / PACKAGE).iterdir()
        if (path.is_dir() and path.name != "__pycache__")
        or (path.suffix == ".py" and path.stem != "__init__")
    ]
    return {
        "files in the package": len(sources),
        "lines in the package": lines,
        "top-level siblings": len(siblings),
        "files that know the stages": len(knowing),
        "public names defined more than once": count_repeated_names(root),
        "docstrings of functions": docstrings,
        "... that begin with a verb, %": round(100 * verbs / docstrings),
        "functions": len(lengths),
        "... median length, lines": lengths[len(lengths) // 2],
        "top-level functions of one word, %": round(100 * one_word / len(top)),
        "private helpers used once": single,
        f"... of at most {SHORT} lines": short,
        "comments in 100 lines": round(100 * comments / lines, 2),
    }


def main(arguments: list[str]) -> None:
    """Print the figures of a checkout, and of what revision."""
    root = Path(arguments[0] if arguments else ".").resolve()
    revision = subprocess.run(
        ["git", "-C", str(root), "rev-parse", "--short", "HEAD"],
        capture_output=True,
        text=True,
        check=False,
    ).stdout.strip()
    print(f"revision {revision}")
    for name, value in measure(root).items():
        print(f"{name:40} {value}")
    for name in files_that_know_the_stages(root):
        print(f"    knows the stages: {name}")


if __name__ == "__main__":
    main(sys.argv[1:])
