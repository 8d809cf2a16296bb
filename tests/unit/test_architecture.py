"""The rules of CONTRIBUTING.md that a program can check: floors, heavy imports, sizes, and what importing does."""

import ast
import graphlib
import subprocess
import sys
from collections.abc import Iterator
from fnmatch import fnmatch
from functools import cache
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[2] / "src" / "leanglot"
FILES = sorted(SOURCE.rglob("*.py"))

FLOORS = [
    {"cache", "config", "errors", "extras", "languages", "package_archive", "progress", "quiet", "techniques"},
    {"stats", "results", "numerics"},
    {"models", "data", "decide"},
    {"runtimes", "monitor"},
    {"train"},
    {"compress", "export", "measure", "charts"},
    {"report", "tune"},
    {"serve"},
    {
        "artifacts",
        "audit",
        "chains",
        "cli",
        "comparing",
        "demo",
        "distilling",
        "effects",
        "exam",
        "gating",
        "familiar",
        "importances",
        "judging",
        "learning_curves",
        "pipeline",
        "profiling",
        "pricing",
        "quantizers",
        "repairing",
        "searching",
        "retokenizing",
        "routing",
        "schooling",
        "shapers",
        "stages",
        "steps",
        "sweep",
        "translating",
        "trials",
    },
]

# The single files at the bottom and at the top may use each other; the folders between them may not.
SHARED_FLOORS = {0, len(FLOORS) - 1}

# Who may import what is slow to import or not always installed.
_TORCH = ("runtimes/pytorch.py", "runtimes/pytorch_seq2seq.py", "runtimes/torch_threads.py")
_MODELS = ("models/*", *_TORCH, "train/*", "compress/*", "export/*", "measure/*")
_DEMO = ("models/demo*", "data/demo*")
HEAVY = {
    "torch": _MODELS,
    "transformers": (*_MODELS, "quiet.py"),
    "onnxruntime": ("runtimes/onnxruntime.py", "runtimes/onnx_seq2seq.py", "compress/*"),
    "onnx": ("models/graph.py", "compress/*", "export/*", "measure/*"),
    "openvino": ("runtimes/openvino.py", "runtimes/openvino_seq2seq.py", "export/*", "compress/*", "models/*"),
    "nncf": ("compress/*",),
    "torchao": ("models/*", "compress/*"),
    "accelerate": ("train/*",),
    "peft": _DEMO,
    "hassil": _DEMO,
    "home_assistant_intents": _DEMO,
    "matplotlib": ("charts/*",),
    "optuna": ("searching/*",),
    "fastapi": ("serve/*",),
    "starlette": ("serve/*",),
    "uvicorn": ("serve/*",),
    "prometheus_client": ("serve/*",),
    "pandas": (),
}

# Files of cli/ whose public functions are subcommands.
SUBCOMMANDS = {
    *("runs", "measuring", "making", "profiling", "pruning", "quantizing", "searching", "training", "tuning"),
    *("gating", "comparing", "curves", "routing", "serving", "watching", "translating", "limiting"),
}

LONGEST_FILE = 400
LONGEST_FUNCTION = 60
MOST_PARAMETERS = 8


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def module_name(path: Path) -> str:
    parts = path.relative_to(SOURCE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_name(path): path for path in FILES}


def imports(path: Path) -> Iterator[tuple[int, str]]:
    """Line and dotted name of everything imported, also inside functions, for types only, and by name."""
    package = module_name(path).split(".") if path.name == "__init__.py" else module_name(path).split(".")[:-1]
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else []
            base = ".".join([*above, *([node.module] if node.module else [])])
            for alias in node.names:
                full = f"{base}.{alias.name}"
                yield node.lineno, full if full in MODULES else base
        elif isinstance(node, ast.Call) and called(node) in {"require", "import_module", "__import__"}:
            yield from ((node.lineno, arg.value) for arg in node.args[:1] if isinstance(arg, ast.Constant))


def called(node: ast.Call) -> str:
    return getattr(node.func, "id", getattr(node.func, "attr", ""))


def part_of(module: str) -> str:
    """The folder or top-level module: what has a floor."""
    return module.split(".")[1] if "." in module else ""


def floor_of(part: str) -> int | None:
    return next((number for number, parts in enumerate(FLOORS) if part in parts), None)


def place(path: Path, line: int) -> str:
    return f"{path.relative_to(SOURCE)}:{line}"


def upward_imports(path: Path) -> Iterator[str]:
    own = part_of(module_name(path))
    for line, name in imports(path):
        if name == "leanglot" or not name.startswith("leanglot."):
            continue
        other = part_of(name)
        beside = floor_of(other) == floor_of(own) and floor_of(own) in SHARED_FLOORS
        if other != own and floor_of(other) >= floor_of(own) and not beside:
            yield f"{place(path, line)} imports {name} (floor {floor_of(other)}, own floor {floor_of(own)})"


def test_every_part_has_a_floor():
    parts = {part_of(name) for name in MODULES} - {""}
    assert {part for part in parts if floor_of(part) is None} == set(), "give it a floor here and in CONTRIBUTING.md"


def test_modules_import_from_lower_floors_only():
    door = SOURCE / "__init__.py"
    assert [fault for path in FILES if path != door for fault in upward_imports(path)] == []


def test_nothing_imports_the_public_door():
    """Through it, any module could reach any other."""
    found = [
        place(path, line)
        for path in FILES
        for line, name in imports(path)
        if name == "leanglot" and part_of(module_name(path)) != "cli"
    ]
    assert found == []


def test_imports_have_no_cycles():
    graph = {
        name: {other for _, other in imports(path) if other in MODULES and other != name}
        for name, path in MODULES.items()
        if name != "leanglot"
    }
    assert list(graphlib.TopologicalSorter(graph).static_order())


@pytest.mark.parametrize("library", HEAVY)
def test_heavy_libraries_stay_where_they_belong(library):
    found = [
        place(path, line)
        for path in FILES
        for line, name in imports(path)
        if name.split(".")[0] == library
        and not any(fnmatch(str(path.relative_to(SOURCE)), pattern) for pattern in HEAVY[library])
    ]
    assert found == []


def loaded_after(statement: str) -> set[str]:
    """Top-level modules that a fresh process has loaded after a statement."""
    program = f"{statement}\nimport sys; print(*{{name.split('.')[0] for name in sys.modules}})"
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return set(result.stdout.split())


def test_importing_the_package_loads_nothing_heavy():
    loaded = loaded_after("import leanglot")
    assert "leanglot" in loaded
    assert loaded & set(HEAVY) == set()


def test_importing_the_command_line_loads_nothing_heavy():
    assert loaded_after("import leanglot.cli") & set(HEAVY) == set()


@pytest.mark.parametrize("folder", ["config", "decide", "stats", "results", "charts", "report", "monitor"])
def test_what_works_on_stored_results_loads_no_torch(folder):
    modules = [name for name in MODULES if part_of(name) == folder]
    loaded = loaded_after("".join(f"import {name}\n" for name in modules))
    assert loaded & {"torch", "transformers", "onnxruntime", "onnx", "pandas"} == set()


@pytest.mark.parametrize("path", FILES, ids=module_name)
def test_importing_a_module_does_nothing(path):
    """No call for its effect and no change of another object's state at the top level."""
    acting = []
    for node in tree(path).body:
        is_docstring = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        changes = any(isinstance(target, ast.Subscript | ast.Attribute) for target in targets)
        acts = isinstance(node, ast.Expr | ast.For | ast.While | ast.With | ast.Delete) and not is_docstring
        if acts or changes:
            acting.append(place(path, node.lineno))
    assert acting == []


@pytest.mark.parametrize("path", FILES, ids=module_name)
def test_every_module_says_what_it_is_for(path):
    assert ast.get_docstring(tree(path))


@pytest.mark.parametrize("path", FILES, ids=module_name)
def test_files_functions_and_parameter_lists_are_short(path):
    length = len(path.read_text(encoding="utf-8").splitlines())
    faults = [f"{length} lines"] if length > LONGEST_FILE else []
    for node in ast.walk(tree(path)):
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        # The options of a subcommand are its parameters, one on a line or two.
        options = node.body[0].lineno - node.lineno if is_subcommand(path, node) else 0
        if (lines := lines_of_code(node) - options) > LONGEST_FUNCTION:
            faults.append(f"{place(path, node.lineno)} {node.name} has {lines} lines")
        parameters = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
        # The parameters of a subcommand are the options of its command line.
        if len(parameters) > MOST_PARAMETERS and not is_subcommand(path, node):
            faults.append(f"{place(path, node.lineno)} {node.name} has {len(parameters)} parameters")
    assert faults == []


def lines_of_code(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines of a function without its docstring, which may be as long as the truth is."""
    docstring = node.body[0] if ast.get_docstring(node) is not None else None
    said = 0 if docstring is None else docstring.end_lineno - docstring.lineno + 1
    return node.end_lineno - node.lineno + 1 - said


def is_subcommand(path: Path, node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    return path.parent == SOURCE / "cli" and path.stem in SUBCOMMANDS and not node.name.startswith("_")


def test_no_module_is_a_drawer_for_everything():
    assert [place(path, 1) for path in FILES if path.stem in {"utils", "util", "helpers", "common", "misc"}] == []


def test_no_class_inherits_from_another_of_ours():
    """Exceptions excepted: their tree is what callers catch."""
    errors = {node.name for node in tree(SOURCE / "errors.py").body if isinstance(node, ast.ClassDef)}
    found = []
    for path in FILES:
        ours = names_of_ours(path)
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.ClassDef):
                bases = {base_name(base) for base in node.bases}
                found += [f"{place(path, node.lineno)} {node.name}({base})" for base in sorted(bases & ours - errors)]
    assert found == []


def names_of_ours(path: Path) -> set[str]:
    """Names that stand for classes of the package in a module: its own and the imported ones."""
    names = {node.name for node in ast.walk(tree(path)) if isinstance(node, ast.ClassDef)}
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.ImportFrom) and (node.level or (node.module or "").split(".")[0] == "leanglot"):
            names |= {alias.asname or alias.name for alias in node.names}
    return names


def base_name(base: ast.expr) -> str:
    """``Base`` of ``Base``, ``Base[int]`` and ``module.Base`` alike."""
    if isinstance(base, ast.Subscript):
        return base_name(base.value)
    return getattr(base, "id", getattr(base, "attr", ""))
