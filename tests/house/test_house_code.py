"""The package runs nothing that it reads: no eval, no pickle but between its own processes."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import optimerge

ROOT = Path(optimerge.__file__).parent

BUILT_IN = {"eval", "exec", "compile", "__import__"}
MODULES = {"pickle", "cPickle", "_pickle", "dill", "cloudpickle", "joblib", "marshal", "shelve"}
MODULES |= {"runpy", "code", "codeop", "pdb"}
NAMES = {"ForkingPickler", "exec_module", "import_module", "read_pickle", "unsafe_load"}
NAMES |= {"full_load", "unsafe_load_all", "full_load_all", "FullLoader", "UnsafeLoader"}
NAMES |= {"system", "popen", "get_class_from_dynamic_module"}

ALLOWED = {
    # Between the search and the process that it started itself, through a pipe.
    ("search/helper.py", "pickle"),
    ("search/helper.py", "ForkingPickler"),
    # Laws for samplers, which are tests: a sampler is handed to another process.
    ("testing/sampler_cases.py", "pickle"),
    ("testing/optuna_suite.py", "pickle"),
    ("testing/named_objectives.py", "pickle"),
    # The user's own Python, with --allow-code.
    ("objectives/imports.py", "exec_module"),
    ("objectives/imports.py", "import_module"),
    # The user's own command at the end of a search; of a space's only with --allow-code.
    ("search/hooks.py", "shell=True"),
    # The package's own public names, when they are asked for.
    ("__init__.py", "import_module"),
    # Its own commands, by the names of `cli.sections`.
    ("cli/group.py", "import_module"),
    # Optuna's samplers, the package's own methods.
    ("search/samplers/external.py", "import_module"),
    ("methods/registry.py", "import_module"),
    # The package's own file, in the process that has vLLM.
    ("objectives/generation/remote/worker.py", "exec_module"),
}


def findings(source: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Import(names=names):
                yield from (n.name for n in names if n.name.partition(".")[0] in MODULES)
            case ast.ImportFrom(module=str(module), names=names):
                if module.partition(".")[0] in MODULES:
                    yield module
                yield from (n.name for n in names if n.name in NAMES)
            case ast.Attribute(attr=name) if name in NAMES:
                yield name
            case ast.Call(func=ast.Name(id=name)) if name in BUILT_IN:
                yield name
            case ast.Call(
                func=ast.Attribute(value=ast.Name(id=of), attr="load" | "load_all"), keywords=given
            ):
                if of in ("np", "numpy") and not says(given, "allow_pickle", False):
                    yield "numpy.load without allow_pickle=False"
                elif of == "torch":
                    yield "torch.load"
                elif of == "yaml" and not safe(node):
                    yield "yaml.load without a SafeLoader"
        if isinstance(node, ast.Call):
            for name in ("shell", "trust_remote_code", "allow_pickle"):
                if says(node.keywords, name, True):
                    yield f"{name}=True"


def says(given: list[ast.keyword], name: str, value: bool) -> bool:
    return any(
        k.arg == name and isinstance(k.value, ast.Constant) and k.value.value is value
        for k in given
    )


def safe(call: ast.Call) -> bool:
    return len(call.args) == 2 and ast.unparse(call.args[1]) in ("_Loader", "yaml.SafeLoader")


def test_nothing_that_is_read_is_run() -> None:
    found = {
        (file.relative_to(ROOT).as_posix(), each)
        for file in ROOT.rglob("*.py")
        for each in findings(file.read_text(encoding="utf-8"))
    }
    assert found == ALLOWED


def test_the_loader_of_recipes_is_a_safe_one() -> None:
    import yaml

    from optimerge.recipe.read import _Loader

    assert issubclass(_Loader, yaml.SafeLoader)


@pytest.mark.parametrize(
    "source",
    [
        "eval('1')",
        "exec(text)",
        "import pickle",
        "from pickle import loads",
        "import marshal.x",
        "torch.load(file)",
        "np.load(file)",
        "np.load(file, allow_pickle=True)",
        "yaml.load(text, yaml.Loader)",
        "yaml.load(text)",
        "yaml.unsafe_load(text)",
        "subprocess.run(text, shell=True)",
        "os.system(text)",
        "AutoModel.from_pretrained(x, trust_remote_code=True)",
        "pd.read_pickle(file)",
        "__import__(name)",
    ],
)
def test_the_probe_above_sees_it(source: str) -> None:
    assert list(findings(source))


@pytest.mark.parametrize(
    "source",
    ["model.eval()", "np.load(f, allow_pickle=False)", "re.compile(x)", "json.load(f)"],
)
def test_the_probe_above_sees_nothing_else(source: str) -> None:
    assert not list(findings(source))
