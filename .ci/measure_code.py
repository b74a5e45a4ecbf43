"""Print figures about the source code: names, docstrings, comments, helpers, the recipe.

    python .ci/measure_code.py [--names | --docstrings | --helpers | --stages] [FOLDER]

FOLDER is the root of a checkout; without it, the current folder. With an option, what a figure
counts is listed: public names that are defined more than once, docstrings that begin with no verb,
short private helpers that are used once, modules that know the stages of a restoration.
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
accept activate add adopt advise align allow animate answer append apply approximate arrange ask
assemble assert assess assign attach average balance begin bin bound branch break build bundle
calculate call cancel change check choose clamp classify clean clear climb close cluster collect
combine compare compile complete compress compute concatenate configure connect construct
continue contract convert copy correct count cover create cut decide declare decode decorate
define delete derive describe detect determine digest discard display divide do download draw
drop duplicate embed encode end enforce ensure enumerate escape estimate evaluate exclude
execute expand explain export extend extract fetch fill filter find finish fit fix fold follow
force form format forward gather generate get give go group guard guess guide halve hand hash
hide hold identify ignore import include index infer initialise initialize inpaint insert
inspect install interpolate invert iterate join judge keep kill know label launch lay leave let
lift limit link list load locate log look lower make map mark mask match measure merge move
multiply name normalise normalize note notice offer open optimise optimize order pad parse pass
permute pick place plan plot point poll predict prepare print process project propose prove
provide pull put query quote raise rank read rearrange rebuild recognise reconstruct record
recover reduce refer refine refuse register reject relax release remember remove rename render
renumber reorder repair repeat replace report request require resample reset resolve restart
restore restrict resubmit resume retrieve return reuse rotate round run sample save say scale
scan score search see select send serialise serialize set settle share shift shorten show sift
skip solve sort specify split stack start state stop store stream strip submit substitute sum
summarise support swap symmetrise take tell test tile train transform translate traverse treat
trim try turn undo unfold unite unpack unroll unwrap update upload use validate vary verify
visit wait walk warn watch weigh wrap write yield
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


def find_repeated_names(root: Path) -> dict[str, list[str]]:
    """Return the public top-level names that more than one module defines, and these modules."""
    homes: dict[str, set[str]] = defaultdict(set)
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
                    homes[name].add(str(path.relative_to(root)))
    return {name: sorted(paths) for name, paths in sorted(homes.items()) if len(paths) > 1}


def find_docstrings(root: Path) -> tuple[int, list[str]]:
    """Return the number of docstrings of functions, and those that begin with no verb.

    Properties are named and described like attributes, so that they do not count.
    """
    found, verbless = 0, []
    for path, _, tree in modules(root):
        for node in functions(tree):
            text = ast.get_docstring(node)
            if not text or any("property" in ast.unparse(one) for one in node.decorator_list):
                continue
            found += 1
            if re.split(r"[\s,.:]", text, maxsplit=1)[0].lower() not in VERBS:
                first = text.splitlines()[0]
                verbless.append(f"{path.relative_to(root)}:{node.lineno} {node.name}: {first}")
    return found, verbless


def find_single_use_helpers(root: Path) -> tuple[int, list[str]]:
    """Return how many private functions are named once in their module, and the short ones."""
    single, short = 0, []
    for path, _, tree in modules(root):
        used = Counter(node.id for node in ast.walk(tree) if isinstance(node, ast.Name))
        for node in tree.body:
            if not isinstance(node, ast.FunctionDef) or not node.name.startswith("_"):
                continue
            if node.decorator_list or node.name.startswith("__") or used[node.name] != 1:
                continue
            single += 1
            body = node.body[1:] if ast.get_docstring(node) else node.body
            if body and (node.body[-1].end_lineno or 0) - body[0].lineno + 1 <= SHORT:
                short.append(f"{path.relative_to(root)}:{node.lineno} {node.name}")
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
    return [name for name in found if "/settings/" not in f"/{name}"]


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
    docstrings, verbless = find_docstrings(root)
    single, short = find_single_use_helpers(root)
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
        "public names defined more than once": len(find_repeated_names(root)),
        "docstrings of functions": docstrings,
        "... that begin with a verb, %": round(100 * (1 - len(verbless) / docstrings)),
        "functions": len(lengths),
        "... median length, lines": lengths[len(lengths) // 2],
        "top-level functions of one word, %": round(100 * one_word / len(top)),
        "private helpers used once": single,
        f"... of at most {SHORT} lines": len(short),
        "comments in 100 lines": round(100 * comments / lines, 2),
    }


def main(arguments: list[str]) -> None:
    """Print the figures of a checkout and of what revision, or what a figure counts."""
    wanted = arguments[0] if arguments and arguments[0].startswith("--") else ""
    root = Path(arguments[-1] if arguments[bool(wanted) :] else ".").resolve()
    if wanted == "--names":
        for name, homes in find_repeated_names(root).items():
            print(f"{name}: {', '.join(homes)}")
    elif wanted == "--docstrings":
        print(*find_docstrings(root)[1], sep="\n")
    elif wanted == "--helpers":
        print(*find_single_use_helpers(root)[1], sep="\n")
    elif wanted == "--stages":
        print(*files_that_know_the_stages(root), sep="\n")
    else:
        git = ["git", "-C", str(root), "rev-parse", "--short", "HEAD"]
        done = subprocess.run(git, capture_output=True, text=True, check=False)
        print(f"revision {done.stdout.strip()}")
        for name, value in measure(root).items():
            print(f"{name:40} {value}")


if __name__ == "__main__":
    main(sys.argv[1:])
