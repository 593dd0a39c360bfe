import json
import struct
from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from safetensors import SafetensorError, safe_open

from optimerge.checkpoint.headers import MOST_HEADER_BYTES, read_header
from optimerge.errors import CheckpointError

FUZZ = settings(
    max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
ONE = {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}


def refused(file: Path, *words: str) -> str:
    with pytest.raises(CheckpointError) as caught:
        read_header(file)
    message = str(caught.value)
    for word in (str(file), *words):
        assert word in message
    assert "\n" not in message
    return message


def judge(file: Path, content: bytes) -> bool:
    """Read bytes as a file: accepted files are accepted, and read alike, by safetensors."""
    file.write_bytes(content)
    try:
        found = read_header(file)
    except CheckpointError:
        return False
    with safe_open(str(file), framework="pt") as opened:
        assert set(opened.keys()) == set(found)
        for name, info in found.items():
            view = opened.get_slice(name)
            assert tuple(view.get_shape()) == info.shape
            assert view.get_dtype() == info.dtype
            assert 8 <= info.start <= info.end <= len(content)
    return True


def test_reads_where_tensors_lie(model, tensors):
    file = model() / "model.safetensors"
    found = read_header(file)
    content = file.read_bytes()
    assert set(found) == set(tensors)
    for name, info in found.items():
        assert info.name == name
        assert info.file == file
        assert info.dtype == "BF16"
        assert info.shape == tuple(tensors[name].shape)
        assert info.parameters == tensors[name].numel()
        assert info.bytes == 2 * tensors[name].numel()
        values = tensors[name].view(torch.int16).numpy().tobytes()
        assert content[info.start : info.end] == values


def test_missing_file(tmp_path):
    refused(tmp_path / "no.safetensors", "No such file")


@pytest.mark.parametrize(
    ("entry", "data", "words"),
    [
        ({**ONE, "dtype": "F33"}, 4, ["'a'", "unknown dtype 'F33'"]),
        ({**ONE, "dtype": ["F32"]}, 4, ["unknown dtype"]),
        ({**ONE, "shape": [2]}, 4, ["(F32, [2])", "64 bits", "data_offsets 32"]),
        ({**ONE, "shape": [True]}, 4, ["impossible shape"]),
        ({**ONE, "shape": 1}, 4, ["impossible shape"]),
        ({**ONE, "data_offsets": [4, 0]}, 4, ["impossible data_offsets"]),
        ({**ONE, "data_offsets": [0, 4, 8]}, 4, ["impossible data_offsets"]),
        ({**ONE, "data_offsets": [4, 8]}, 8, ["leaves a gap"]),
        ({"dtype": "F32"}, 4, ["must have dtype, shape and data_offsets"]),
        ([], 4, ["must have dtype"]),
        ({"dtype": "F4", "shape": [3], "data_offsets": [0, 1]}, 1, ["12 bits"]),
    ],
)
def test_entries_that_cannot_be(raw, entry, data, words):
    file = raw({"a": entry}, bytes(data))
    refused(file, "copy or download it again", *words)
    assert_safetensors_refuses(file)


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ({**ONE, "shape": [0, 2**60], "data_offsets": [0, 0]}, "impossible shape"),
        ({**ONE, "shape": [0], "data_offsets": [0, 0], "extra": 1}, "nothing else"),
        ({**ONE, "shape": [0] * 65, "data_offsets": [0, 0]}, "impossible shape"),
    ],
)
def test_stricter_than_safetensors(raw, entry, words):
    file = raw({"a": entry})
    refused(file, words)
    with safe_open(str(file), framework="pt") as opened:
        assert list(opened.keys()) == ["a"]


def assert_safetensors_refuses(file: Path) -> None:
    with pytest.raises(SafetensorError), safe_open(str(file), framework="pt"):
        pass


def test_overlapping_tensors(raw):
    file = raw({"a": ONE, "b": {**ONE, "data_offsets": [2, 6]}}, bytes(6))
    refused(file, "'b' overlaps", f"byte {file.stat().st_size - 2} is expected")
    assert_safetensors_refuses(file)


@pytest.mark.parametrize(("data", "words"), [(3, "it is cut"), (5, "bytes follow")])
def test_data_of_another_length(raw, data, words):
    file = raw({"a": ONE}, bytes(data))
    size = file.stat().st_size
    refused(file, words, f"{size - data + 4} bytes are expected, {size} found")
    assert_safetensors_refuses(file)


@pytest.mark.parametrize(
    "header",
    [
        b"",
        b"[]",
        b"{",
        b"\xff\xfe{}",
        b"\xef\xbb\xbf{}",
        b'{"a": NaN}',
        b'{"__metadata__": {"a": 1}}',
        b'{"__metadata__": []}',
        b'{"__metadata__": {"a": "\\ud800"}}',
        b'{"\\ud800": {"dtype":"F32","shape":[1],"data_offsets":[0,4]}}',
        b'{"a":{"dtype":"F32","shape":[1],"data_offsets":[-0,4]}}',
        b'{"a":{"dtype":"F32","shape":[1.0],"data_offsets":[0,4]}}',
        b'{"a":{"dtype":"F32","dtype":"F32","shape":[1],"data_offsets":[0,4]}}',
        b'{"a":{"dtype":"F32","shape":[%s],"data_offsets":[0,4]}}' % (b"9" * 5000),
        b"[" * 200_000,
        b'{"a":' * 100_000,
    ],
)
def test_headers_that_are_no_header(raw, header):
    file = raw(header, bytes(4))
    refused(file, "its ")
    assert_safetensors_refuses(file)


def test_same_name_twice(raw):
    one = json.dumps(ONE)
    refused(raw(f'{{"a": {one}, "a": {one}}}'.encode(), bytes(4)), "'a' stands there twice")


def test_header_longer_than_the_file_or_the_limit(raw):
    refused(raw({}, length=100), "cut", "byte 108", "10 bytes found")
    refused(raw({}, length=MOST_HEADER_BYTES + 1), "more than 100000000")
    refused(raw({}, length=2**64 - 1), "18446744073709551615 bytes")


def test_every_cut_is_noticed(model, tmp_path):
    content = (model() / "model.safetensors").read_bytes()
    file = tmp_path / "cut.safetensors"
    assert judge(file, content)
    for length in range(len(content)):
        file.write_bytes(content[:length])
        refused(file, "it is cut", f"{length} " if length >= 8 else f"{length} found")


@FUZZ
@given(st.binary(max_size=200))
@example(b"")
def test_random_bytes(tmp_path, content):
    judge(tmp_path / "f.safetensors", content)


@FUZZ
@given(st.binary(max_size=120), st.binary(max_size=20))
def test_random_headers(tmp_path, header, data):
    judge(tmp_path / "f.safetensors", struct.pack("<Q", len(header)) + header + data)


numbers = st.one_of(st.integers(0, 12), st.sampled_from([-1, 2**31, 2**56, 2**63, 2**64, 10**30]))
entries = st.fixed_dictionaries(
    {
        "dtype": st.sampled_from(["F32", "BF16", "U8", "F4", "F6_E2M3", "F8_E8M0", "C64", "X"]),
        "shape": st.lists(numbers, max_size=3),
        "data_offsets": st.lists(numbers, min_size=2, max_size=2),
    }
)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=6,
)


@FUZZ
@given(st.dictionaries(st.text(max_size=4), entries | json_values, max_size=3), st.binary())
def test_random_entries(tmp_path, header, data):
    text = json.dumps(header).encode()
    judge(tmp_path / "f.safetensors", struct.pack("<Q", len(text)) + text + data)


@FUZZ
@given(
    sizes=st.lists(st.integers(0, 5), min_size=1, max_size=4),
    metadata=st.none() | st.dictionaries(st.text(max_size=3), st.text(max_size=3), max_size=2),
    padding=st.integers(0, 9),
)
def test_whole_files_are_accepted(tmp_path, sizes, metadata, padding):
    header, end = {"__metadata__": metadata}, 0
    for n, size in enumerate(sizes):
        offsets = [end, end + 2 * size]
        header[f"é{n}"] = {"dtype": "BF16", "shape": [size], "data_offsets": offsets}
        end += 2 * size
    text = json.dumps(header).encode() + b" " * padding
    assert judge(tmp_path / "f.safetensors", struct.pack("<Q", len(text)) + text + bytes(end))


@FUZZ
@given(st.data())
def test_one_changed_byte(tmp_path, data):
    text = json.dumps({"a": ONE, "b": {**ONE, "data_offsets": [4, 8]}}).encode()
    content = bytearray(struct.pack("<Q", len(text)) + text + bytes(8))
    at = data.draw(st.integers(0, len(content) - 1))
    content[at] = data.draw(st.integers(0, 255))
    judge(tmp_path / "f.safetensors", bytes(content))
