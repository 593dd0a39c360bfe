"""What is shipped: the version is the tag's, the wheel has what runs and nothing else."""

import shutil
import subprocess
import sys
import tarfile
import zipfile
from email.parser import Parser
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
GIT = ("git", "-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false")


def git(folder: Path, *words: str) -> None:
    subprocess.run([*GIT, "-C", str(folder), *words], check=True, capture_output=True)


def version_of(folder: Path) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "setuptools_scm"],
        cwd=folder, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return done.stdout.strip()


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Return a folder with the project file alone, under no version control."""
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def test_the_version_is_the_tag_s(tree: Path) -> None:
    git(tree, "init", "-q")
    git(tree, "add", "-A")
    git(tree, "commit", "-qm", "one")
    assert version_of(tree).startswith("0.1.dev1+g")  # no tag yet
    git(tree, "tag", "-a", "v1.2.3", "-m", "v1.2.3")
    assert version_of(tree) == "1.2.3"
    (tree / "more").touch()
    git(tree, "add", "-A")
    git(tree, "commit", "-qm", "two")
    assert version_of(tree).startswith("1.2.4.dev1+g")


def test_a_tree_without_git_has_the_fallback(tree: Path) -> None:
    assert version_of(tree) == "0.1.dev0"


def test_the_command_and_the_package_say_the_installed_version() -> None:
    from importlib.metadata import version

    import optimerge

    done = subprocess.run(
        [sys.executable, "-m", "optimerge", "--version"], capture_output=True, text=True, check=True
    )
    assert done.stdout == f"optimerge, version {version('optimerge')}\n"
    assert optimerge.__version__ == version("optimerge")


def test_to_import_optimerge_reads_no_metadata() -> None:
    code = "import sys, optimerge; print('importlib.metadata' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the sdist of this tree, and of the sdist the wheel; version 9.8.7."""
    folder = tmp_path_factory.mktemp("package")
    listed = subprocess.run(
        ["git", "-C", str(ROOT), "ls-files", "-co", "--exclude-standard", "-z"],
        capture_output=True, text=True, check=True,
    ).stdout.split("\0")  # fmt: skip
    for name in filter(None, listed):
        if (ROOT / name).is_file():
            (folder / "tree" / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / "tree" / name)
    tree = folder / "tree"
    git(tree, "init", "-q")
    git(tree, "add", "-A")
    git(tree, "commit", "-qm", "all")
    git(tree, "tag", "v9.8.7")
    subprocess.run(
        [sys.executable, "-m", "build", "--no-isolation", "-o", str(folder / "dist"), str(tree)],
        check=True, capture_output=True,
    )  # fmt: skip
    return folder / "dist"


def wheel_names(built: Path) -> list[str]:
    [wheel] = built.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        return archive.namelist()


@pytest.mark.slow
def test_the_wheel_has_what_runs_and_nothing_else(built: Path) -> None:
    names = wheel_names(built)
    assert {name.partition("/")[0] for name in names} == {"optimerge", "optimerge-9.8.7.dist-info"}
    package = ROOT / "optimerge"
    ours = [f for f in package.rglob("*") if f.is_file() and f.suffix not in (".pyc", ".so")]
    wanted = {str(f.relative_to(ROOT)) for f in ours if f.parent.name != "native"}
    found = {name for name in names if name.startswith("optimerge/")}
    compiled = {name for name in found if "/kernels/compiled." in name}
    assert found - compiled == wanted
    assert len(compiled) == 1 or shutil.which("c++") is None
    assert {"optimerge/py.typed", "optimerge/report/page.html"} <= found
    assert "optimerge/dashboard/static/index.html" in found
    assert "optimerge-9.8.7.dist-info/licenses/LICENSE" in names


@pytest.mark.slow
def test_the_wheel_says_who_it_is(built: Path) -> None:
    [wheel] = built.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        text = archive.read("optimerge-9.8.7.dist-info/METADATA").decode()
        points = archive.read("optimerge-9.8.7.dist-info/entry_points.txt").decode()
    found = Parser().parsestr(text)
    assert (found["Name"], found["Version"]) == ("optimerge", "9.8.7")
    assert (found["License-Expression"], found["License-File"]) == ("Apache-2.0", "LICENSE")
    assert found["Requires-Python"] == ">=3.11"
    assert points == "[console_scripts]\noptimerge = optimerge.cli.main:main\n"


@pytest.mark.slow
def test_the_sdist_builds_the_kernels_and_tests_nothing(built: Path) -> None:
    [sdist] = built.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    native = {str(f.relative_to(ROOT)) for f in ROOT.glob("optimerge/merge/kernels/native/*")}
    assert native <= names
    assert {"LICENSE", "README.md", "CHANGELOG.md", "CITATION.cff", "SECURITY.md"} <= names
    tops = {name.partition("/")[0] for name in names if "/" in name}
    assert tops <= {"optimerge", "optimerge.egg-info"}


def test_the_lowest_versions_that_are_tested_are_those_that_are_allowed() -> None:
    import re
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    text = (ROOT / "constraints-lowest.txt").read_text().lower().replace("_", "-")
    pins = dict(line.split("==") for line in text.splitlines() if "==" in line and line[0] != "#")
    for requirement in project["dependencies"]:
        name, lowest = re.split(r"(?:\[.*\])?>=", requirement)
        if name != "torch":  # CI has one: see the head of the file
            assert pins[name].startswith(lowest.partition(",")[0]), name
    assert pins["torch"] == "2.13.0"
