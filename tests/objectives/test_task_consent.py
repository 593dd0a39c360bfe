"""Python that a local task file names does not run unless the user allowed it."""

from pathlib import Path

import pytest
from jinja2.exceptions import SecurityError, UndefinedError

from optimerge.errors import TaskError
from optimerge.objectives.loading import TaskLibrary
from optimerge.objectives.tasks import check_tasks
from optimerge.space.objectives import TaskObjective

TASK = """\
task: coded
dataset_path: json
dataset_kwargs: {{data_files: {{test: {data}}}}}
output_type: loglikelihood
test_split: test
doc_to_text: "{{{{q}}}}"
doc_to_target: "{{{{a}}}}"
metric_list: [{{metric: acc, aggregation: mean, higher_is_better: true}}]
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    data = tmp_path / "data.jsonl"
    data.write_text('{"q": "a", "a": "b"}\n' * 3)
    (tmp_path / "coded.yaml").write_text(TASK.format(data=data))
    (tmp_path / "helper.py").write_text(
        f"import pathlib\npathlib.Path({str(tmp_path / 'ran')!r}).touch()\n"
        "def docs(dataset):\n    return dataset\n"
    )
    return tmp_path


def tag(folder: Path, file: str = "coded.yaml") -> None:
    with (folder / file).open("a") as yaml:
        yaml.write("process_docs: !function helper.docs\n")


def test_a_task_without_code_needs_no_consent(folder: Path) -> None:
    assert check_tasks([TaskObjective(task="coded")], folder)["coded"].documents == 3


def test_code_does_not_run_without_consent(folder: Path) -> None:
    tag(folder)
    with pytest.raises(TaskError, match=r"coded\.yaml names Python code.*--allow-code"):
        check_tasks([TaskObjective(task="coded")], folder)
    assert not (folder / "ran").exists()


def test_code_in_an_included_file_does_not_run_either(folder: Path) -> None:
    (folder / "coded.yaml").rename(folder / "_base_yaml")
    tag(folder, "_base_yaml")
    (folder / "coded.yaml").write_text("include: _base_yaml\ntask: coded\n")
    with pytest.raises(TaskError, match="names Python code"):
        check_tasks([TaskObjective(task="coded")], folder)
    assert not (folder / "ran").exists()


def test_code_runs_with_consent(folder: Path) -> None:
    tag(folder)
    check_tasks([TaskObjective(task="coded")], folder, allow_code=True)
    assert (folder / "ran").exists()


@pytest.mark.parametrize(
    "written",
    [
        "process_docs: !%66unction helper.docs\n",
        "process_docs: !<!function> helper.docs\n",
        "process_docs: !<%21function> helper.docs\n",
        'process_docs: &a !function\n  "helper.docs"\n',
    ],
)
def test_code_is_seen_however_its_tag_is_written(folder: Path, written: str) -> None:
    with (folder / "coded.yaml").open("a") as yaml:
        yaml.write(written)
    with pytest.raises(TaskError, match=r"coded\.yaml names Python code.*--allow-code"):
        check_tasks([TaskObjective(task="coded")], folder)
    assert not (folder / "ran").exists()


def test_a_tag_that_is_put_together_by_a_directive_is_seen(folder: Path) -> None:
    text = (folder / "coded.yaml").read_text()
    start = "%TAG !e! !func\n---\n"
    (folder / "coded.yaml").write_text(f"{start}{text}process_docs: !e!tion helper.docs\n")
    with pytest.raises(TaskError, match=r"coded\.yaml names Python code.*--allow-code"):
        check_tasks([TaskObjective(task="coded")], folder)
    assert not (folder / "ran").exists()


def test_the_word_in_a_text_is_no_code(folder: Path) -> None:
    with (folder / "coded.yaml").open("a") as yaml:
        yaml.write('description: "a !function is"  # !function\n')
    assert check_tasks([TaskObjective(task="coded")], folder)["coded"].documents == 3


ESCAPES = [
    "{{ cycler.__init__.__globals__.os.system('touch MARKER') }}",
    "{{ q.__class__.__mro__[1].__subclasses__() }}",
    "{{ q|attr('__class__') }}",
    "{{ q['__class__'] }}",
    "{{ '{0.__class__}'.format(q) }}",
    "{{ lipsum.__globals__['os'].system('touch MARKER') }}",
]


@pytest.mark.parametrize("template", ESCAPES)
@pytest.mark.parametrize("key", ["doc_to_text", "doc_to_target"])
def test_templates_do_not_reach_python(folder: Path, template: str, key: str) -> None:
    written = template.replace("MARKER", str(folder / "ran"))
    text = (folder / "coded.yaml").read_text().replace(f"{key}: ", f"{key}: {written!r}  # ")
    (folder / "coded.yaml").write_text(text)
    library = TaskLibrary(folder)
    with pytest.raises((TaskError, SecurityError, UndefinedError)):
        task, _ = library.load(TaskObjective(task="coded"))
        getattr(task, key)(task.eval_docs[0])
    assert not (folder / "ran").exists()


def test_templates_of_a_trusted_folder_are_lm_eval_s_own_again(folder: Path) -> None:
    text = (folder / "coded.yaml").read_text()
    (folder / "coded.yaml").write_text(text.replace("{{q}}", "{{ q.__class__.__name__ }}"))
    task, _ = TaskLibrary(folder, allow_code=True).load(TaskObjective(task="coded"))
    assert task.doc_to_text(task.eval_docs[0]) == "str"
    TaskLibrary(folder)
    with pytest.raises(SecurityError):
        task.doc_to_text(task.eval_docs[0])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a: " + "[" * 200_000, "nested deeper than 50"),
        ("- " * 100_000, "nested deeper than 50"),
        (
            "a0: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]\n"
            + "".join(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]\n" for i in range(1, 9)),
            "more than 1000000 values",
        ),
        ("a: &a [*a]", "inside itself"),
        ("#" * 10_000_001, "more than 10000000 bytes"),
    ],
)
@pytest.mark.parametrize("included", [False, True])
def test_task_files_are_read_within_bounds(
    folder: Path, text: str, words: str, included: bool
) -> None:
    (folder / ("_base" if included else "other.yaml")).write_text(text)
    if included:
        (folder / "other.yaml").write_text("include: _base\ntask: other\n")
    with pytest.raises(TaskError, match=words):
        check_tasks([TaskObjective(task="coded")], folder)


def test_a_task_file_that_is_no_yaml_stops_no_other(folder: Path) -> None:
    (folder / "broken.yaml").write_text("a: [")
    (folder / "list.yaml").write_text("- a\n")
    (folder / "cycle.yaml").write_text("include: cycle.yaml\ntask: cycle\n")
    (folder / "gone.yaml").write_text("include: nothing.yaml\ntask: gone\n")
    assert check_tasks([TaskObjective(task="coded")], folder)["coded"].documents == 3
