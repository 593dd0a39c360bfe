from conftest_checkpoint import model, raw, sharded, tensors

__all__ = ["model", "raw", "sharded", "tensors"]
