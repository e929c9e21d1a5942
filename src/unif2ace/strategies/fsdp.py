"""FSDP2: shards weights, gradients and optimiser state over all processes, on GPUs or CPU cores."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from lightning.pytorch.strategies import ModelParallelStrategy
from torch import Tensor
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import CPUOffloadPolicy, FSDPModule, MixedPrecisionPolicy
from torch.optim import Optimizer

from unif2ace.checkpoints.sharded import load_sharded, save_sharded
from unif2ace.errors import ConfigError
from unif2ace.nets.sharding import Sharding
from unif2ace.strategies.launching import end_former_run, use_job_launcher


class FSDPStrategy(ModelParallelStrategy):
    """Shards the network with FSDP2 while the network is built, see `unif2ace.nets.sharding`.

    Frozen components are not sharded. Other trained networks, such as a discriminator, are replicated on each process,
    and their gradients are averaged.

    Args:
        timeout: Timeout of collective operations, in seconds.
        backend: ``nccl`` or ``gloo``; None for the default of the device.
        reshard_after_forward: Whether the gathered weights of a unit are freed after its forward pass and gathered
            again for the backward pass. This saves memory and needs 50 % more communication.
        param_dtype: Dtype in which the weights of blocks are gathered; None for the dtype of the weights. ``bfloat16``
            halves the communication. Needs a GPU and trainer.precision=bf16-mixed or 16-mixed.
        reduce_dtype: Dtype in which gradients are averaged; None for the dtype of the gradients.
        cpu_offload: Whether weights and optimiser state are kept in CPU memory during training on GPUs.
        tensor_parallel_size: Number of processes that share each layer, see `FSDPTPStrategy`.

    Raises:
        ConfigError: If a dtype is unknown, or the device does not support an option.
    """

    def __init__(
        self,
        timeout: float = 600.0,
        backend: str | None = None,
        reshard_after_forward: bool = True,
        param_dtype: str | None = None,
        reduce_dtype: str | None = None,
        cpu_offload: bool = False,
        tensor_parallel_size: int = 1,
    ) -> None:
        end_former_run()
        super().__init__(
            tensor_parallel_size=tensor_parallel_size,
            process_group_backend=backend,
            timeout=timedelta(seconds=timeout),
        )
        self.reshard_after_forward, self.cpu_offload = reshard_after_forward, cpu_offload
        self.param_dtype = _dtype("param_dtype", param_dtype)
        self.reduce_dtype = _dtype("reduce_dtype", reduce_dtype)
        self.sharding: Sharding | None = None

    def _configure_launcher(self) -> None:
        use_job_launcher(self)

    def setup_environment(self) -> None:
        """Initialises the process group and the device mesh.

        Raises:
            ConfigError: If `tensor_parallel_size` does not divide the number of processes.
        """
        processes, tensor = self.num_processes * self.num_nodes, int(self._tensor_parallel_size)
        if tensor < 1 or processes % tensor:
            raise ConfigError(
                f"strategy.tensor_parallel_size={tensor} does not divide the {processes} processes: change "
                "strategy.tensor_parallel_size, trainer.devices or trainer.num_nodes"
            )
        self._data_parallel_size = processes // tensor
        super().setup_environment()
        self.sharding = self._sharding()

    def _sharding(self) -> Sharding:
        kind = self.root_device.type
        if kind == "cpu" and (self.cpu_offload or self.param_dtype is not None):
            raise ConfigError(
                "strategy.cpu_offload and strategy.param_dtype need a GPU: set strategy.cpu_offload=false and "
                "strategy.param_dtype=null on a CPU"
            )
        if self.param_dtype is not None and not str(self.precision_plugin.precision).endswith("mixed"):
            raise ConfigError(
                f"strategy.param_dtype={self.param_dtype} with trainer.precision={self.precision_plugin.precision}: "
                "weights and inputs of a layer would have different dtypes; set trainer.precision=bf16-mixed"
            )
        data, tensor = self.device_mesh["data_parallel"], self.device_mesh["tensor_parallel"]
        every = data if tensor.size() == 1 else init_device_mesh(kind, (self.world_size,), mesh_dim_names=("every",))
        for mesh in (data, tensor, every):
            _set_timeout(mesh.get_group(), self._timeout)
        offload: dict[str, Any] = {"offload_policy": CPUOffloadPolicy()} if self.cpu_offload else {}
        root = {"mp_policy": self._precision(None), **offload}
        units = {"mp_policy": self._precision(self.param_dtype), **offload}
        return Sharding(data, tensor, every, root, {**units, "reshard_after_forward": self.reshard_after_forward})

    def _precision(self, param_dtype: torch.dtype | None) -> MixedPrecisionPolicy:
        # inputs keep their precision: autocast casts where needed, and the residual stream stays in float32
        return MixedPrecisionPolicy(param_dtype=param_dtype, reduce_dtype=self.reduce_dtype, cast_forward_inputs=False)

    def tensor_init_context(self, empty_init: bool | None = None) -> Any:
        """Initialises weights directly on the device, so that their values are the same as with other strategies."""
        return super(ModelParallelStrategy, self).tensor_init_context(empty_init=False)

    def model_to_device(self) -> None:
        """Moves the model to the device, except for weights that are offloaded to CPU memory."""
        assert self.model is not None
        if not self.cpu_offload:
            super().model_to_device()
            return
        assert self.lightning_module is not None
        self.lightning_module._device = self.root_device
        for child in self.model.children():
            if isinstance(child, FSDPModule):
                for buffer in child.buffers():
                    buffer.data = buffer.to(self.root_device)
            else:
                child.to(self.root_device)

    def backward(self, closure_loss: Tensor, optimizer: Optimizer | None, *args: Any, **kwargs: Any) -> Tensor:
        """Runs the backward pass, averages the gradients of replicated weights, and returns the loss, float ()."""
        loss = super().backward(closure_loss, optimizer, *args, **kwargs)
        assert self.sharding is not None
        assert self.lightning_module is not None
        self.sharding.even_out(self.lightning_module.parameters())
        return loss

    def validation_step(self, *args: Any, **kwargs: Any) -> Any:
        """Runs the step, then frees the gathered weights, because weight averaging may replace the weights."""
        output = super().validation_step(*args, **kwargs)
        self.reshard()
        return output

    def test_step(self, *args: Any, **kwargs: Any) -> Any:
        """Runs the step, then frees the gathered weights, as in `validation_step`."""
        output = super().test_step(*args, **kwargs)
        self.reshard()
        return output

    def reshard(self) -> None:
        """Frees all gathered weights, after which `parameters()` returns the shards of this rank."""
        assert self.model is not None
        for module in self.model.modules():
            if isinstance(module, FSDPModule):
                module.reshard()

    def save_checkpoint(
        self, checkpoint: dict[str, Any], filepath: str | Path, storage_options: Any | None = None
    ) -> None:
        """Writes a sharded checkpoint. All processes must call this method, and each writes its own shards."""
        save_sharded(checkpoint, Path(self.broadcast(filepath)))

    def load_checkpoint(self, checkpoint_path: str | Path, weights_only: bool | None = None) -> dict[str, Any]:
        """Loads a checkpoint of any strategy into the model and the optimisers.

        Args:
            checkpoint_path: Checkpoint on a file system that all processes share.
            weights_only: Ignored: code from a checkpoint is never executed.

        Returns:
            The other entries of the checkpoint, see `load_sharded`.
        """
        assert self.model is not None
        assert self.lightning_module is not None
        path, optimizers = Path(self.broadcast(checkpoint_path)), list(self.optimizers)
        return load_sharded(path, self.model, optimizers, strict=self.lightning_module.strict_loading)


def _set_timeout(group: dist.ProcessGroup, timeout: timedelta | None) -> None:
    """Sets the timeout of a process subgroup, which would otherwise have PyTorch's default."""
    inner = dist.distributed_c10d
    set_timeout = getattr(dist, "set_timeout", None) or getattr(inner, "_set_pg_timeout", None)  # it was renamed
    if set_timeout is not None and timeout is not None:
        set_timeout(timeout, group)


def _dtype(name: str, value: str | None) -> torch.dtype | None:
    if value is None:
        return None
    found = getattr(torch, value, None)
    if not isinstance(found, torch.dtype) or not found.is_floating_point:
        raise ConfigError(f"strategy.{name}={value!r}: must be bfloat16, float16, float32 or null")
    return found
