"""Capabilities of the machine."""

from __future__ import annotations

import torch

from unif2ace.errors import ConfigError


def fast_bfloat16(device: str) -> bool:
    """Whether matrix products in bfloat16 are fast on a type of device.

    CPUs without native bfloat16 (only AVX2, or AVX-512 without BF16) are ten times slower in bfloat16 than in float32.
    The result depends on reported capabilities, not on timing, so that all processes of a run agree.

    Args:
        device: Device type such as ``cpu`` or ``cuda``. Types other than these two return False.
    """
    if device == "cuda":
        return torch.cuda.is_available() and torch.cuda.is_bf16_supported(including_emulation=False)
    if device != "cpu":
        return False
    told = getattr(torch.cpu, "get_capabilities", None)  # not in torch 2.11
    arm = told is not None and told().get("bf16", False)
    return bool(torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported() or arm)


def check_device(name: str, key: str = "device") -> torch.device:
    """Returns the PyTorch device with a name, after checking that this machine has the device.

    Args:
        name: Name of the device, such as ``cpu``, ``cuda`` or ``cuda:1``.
        key: Configuration key of the name, for the error message.

    Raises:
        ConfigError: If the name is invalid, or this machine does not have the device.
    """
    here = {"cpu": 1}
    if torch.accelerator.is_available():
        here[str(torch.accelerator.current_accelerator())] = torch.accelerator.device_count()
    known = ", ".join(d for kind, n in here.items() for d in (kind, *(f"{kind}:{i}" for i in range(n) if n > 1)))
    try:
        device = torch.device(name)
    except (RuntimeError, TypeError) as error:
        raise ConfigError(f"{key}={name}: not a PyTorch device; choose one of {known}") from error
    if device.type not in here or (device.index or 0) >= here[device.type]:
        raise ConfigError(f"{key}={name}: this machine has no such device; choose one of {known}")
    return device
