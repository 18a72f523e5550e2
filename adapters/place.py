"""On what, and in which numbers, a network works."""

import torch

from harness.errors import AdapterError


def device_of(name: str) -> torch.device:
    """The device of that name; "auto" is CUDA where there is one, else the CPU."""
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    return torch.device(name)


def dtype_of(name: str, device: torch.device) -> torch.dtype:
    """The dtype of that name; "auto" is bfloat16 on CUDA and float32 on a CPU.

    Raises:
        AdapterError: torch has none of that name.
    """
    if name == "auto":
        return torch.bfloat16 if device.type == "cuda" else torch.float32
    dtype = getattr(torch, name, None)
    if not isinstance(dtype, torch.dtype):
        raise AdapterError(f"'{name}' is not a dtype; use auto, float32, bfloat16 or float16")
    return dtype
