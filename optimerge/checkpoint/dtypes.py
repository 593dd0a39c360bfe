"""Number types of safetensors files: how wide they are and what torch calls them."""

_TYPES = {
    "F64": (64, "float64"),
    "F32": (32, "float32"),
    "F16": (16, "float16"),
    "BF16": (16, "bfloat16"),
    "F8_E4M3": (8, "float8_e4m3fn"),
    "F8_E4M3FNUZ": (8, "float8_e4m3fnuz"),
    "F8_E5M2": (8, "float8_e5m2"),
    "F8_E5M2FNUZ": (8, "float8_e5m2fnuz"),
    "F8_E8M0": (8, "float8_e8m0fnu"),
    "F6_E2M3": (6, "float6_e2m3"),
    "F6_E3M2": (6, "float6_e3m2"),
    "F4": (4, "float4_e2m1fn_x2"),
    "C64": (64, "complex64"),
    "I64": (64, "int64"),
    "I32": (32, "int32"),
    "I16": (16, "int16"),
    "I8": (8, "int8"),
    "U64": (64, "uint64"),
    "U32": (32, "uint32"),
    "U16": (16, "uint16"),
    "U8": (8, "uint8"),
    "BOOL": (8, "bool"),
}

BITS = {name: bits for name, (bits, _) in _TYPES.items()}
"""Bits of one element, by the name in the file."""

TORCH_NAMES = {name: torch_name for name, (_, torch_name) in _TYPES.items()}
"""torch's name, by the name in the file; the 6-bit floats have none: theirs are for messages."""

FILE_NAMES = {torch_name: name for name, torch_name in TORCH_NAMES.items()}
"""The name in the file, by torch's name."""

FLOATS = frozenset({"F64", "F32", "F16", "BF16"})
"""The types that a merge computes with."""
