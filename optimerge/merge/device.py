"""The device that is used where none is named."""


def default_device() -> str:
    """Return "cuda" if there is one, else "cpu"."""
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"
