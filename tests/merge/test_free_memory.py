"""How much memory is free: within the machine's, within every limit of a cgroup, as people say."""

from pathlib import Path

import pytest

from optimerge.errors import OptimergeError
from optimerge.merge.free import MEMORY_VARIABLE, free_main, free_on, limit, size

MIB = 1 << 20


def system(root: Path, available: int = 1000 * MIB, groups: str = "") -> Path:
    (root / "proc/self").mkdir(parents=True)
    meminfo = f"MemTotal: 9 kB\nMemAvailable:   {available >> 10} kB\nCached: 5 kB\n"
    (root / "proc/meminfo").write_text(meminfo)
    (root / "proc/self/cgroup").write_text(groups)
    return root


def group(folder: Path, most: str, used: int, cached: int | None = None, *, old: bool) -> None:
    names = ("limit_in_bytes", "usage_in_bytes") if old else ("max", "current")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"memory.{names[0]}").write_text(f"{most}\n")
    (folder / f"memory.{names[1]}").write_text(f"{used}\n")
    word = "total_inactive_file" if old else "inactive_file"
    stat = "anon 5\n" if cached is None else f"anon 5\n{word} {cached}\n"
    (folder / "memory.stat").write_text(stat)


def test_without_limits_it_is_what_the_machine_has(tmp_path: Path) -> None:
    assert free_main(system(tmp_path)) == 1000 * MIB


def test_a_system_that_says_nothing_has_all_its_memory(tmp_path: Path) -> None:
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc/meminfo").write_text("MemTotal: 9 kB\n")
    everything = free_main(tmp_path)
    assert everything > MIB
    assert free_main(tmp_path / "nothing") == everything


def test_the_least_of_all_groups_counts_with_its_cached_files(tmp_path: Path) -> None:
    root = system(tmp_path, groups="0::/job/step\n")
    top = root / "sys/fs/cgroup"
    group(top / "job/step", "max", 7 * MIB, old=False)
    group(top / "job", str(300 * MIB), 120 * MIB, 20 * MIB, old=False)
    assert free_main(root) == 200 * MIB
    group(top / "job/step", str(100 * MIB), 40 * MIB, old=False)
    assert free_main(root) == 60 * MIB
    group(top, str(50 * MIB), 40 * MIB, old=False)
    assert free_main(root) == 10 * MIB
    group(top, str(30 * MIB), 40 * MIB, old=False)
    assert free_main(root) == 0


def test_groups_of_the_old_kind_are_those_of_memory(tmp_path: Path) -> None:
    root = system(tmp_path, groups="4:cpu,cpuacct:/other\n3:memory:/job\n")
    group(root / "sys/fs/cgroup/memory/job", str(90 * MIB), 50 * MIB, 5 * MIB, old=True)
    group(root / "sys/fs/cgroup/other", str(9 * MIB), 0, old=True)
    group(root / "sys/fs/cgroup/memory/other", str(9 * MIB), 0, old=True)
    assert free_main(root) == 45 * MIB


def test_a_group_that_cannot_be_read_limits_nothing(tmp_path: Path) -> None:
    root = system(tmp_path, groups="0::/gone\n")
    group(root / "sys/fs/cgroup", "3", 0, old=False)
    (root / "sys/fs/cgroup/memory.current").write_text("no number")
    assert free_main(root) == 1000 * MIB


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("", None),
        ("1000", 1000),
        ("2K", 2048),
        ("2KB", 2048),
        ("1.5M", 3 * MIB // 2),
        ("800MiB", 800 * MIB),
        ("20G", 20 << 30),
        ("1T", 1 << 40),
    ],
)
def test_the_environment_may_set_a_limit(
    text: str, wanted: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(MEMORY_VARIABLE, text)
    assert limit() == wanted
    if wanted is not None and wanted < MIB:
        assert free_on("cpu") == wanted


@pytest.mark.parametrize("text", ["much", "-3", "3X", "1e9", "3 G"])
def test_what_is_no_size_is_refused(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(MEMORY_VARIABLE, text)
    with pytest.raises(OptimergeError, match="is no size; give bytes, or a size as 800M or 20G"):
        limit()


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 B"),
        (1023, "1023 B"),
        (1024, "1.0 KiB"),
        (1536, "1.5 KiB"),
        (MIB, "1.0 MiB"),
        (1 << 30, "1.0 GiB"),
        (1 << 40, "1.0 TiB"),
        (5 << 50, "5120.0 TiB"),
    ],
)
def test_bytes_are_said_in_powers_of_1024(count: int, text: str) -> None:
    assert size(count) == text
