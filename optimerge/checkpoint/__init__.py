"""Hugging Face checkpoints: find, open, compare, read and write them.

Everything up to comparing two models reads configs and safetensors headers only: neither torch
nor numpy is imported. Tensors come in by `read` and go out by `write`.
"""
