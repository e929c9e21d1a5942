"""The planned module with fake weights, and a batch to train on.

Small integers (ids, masks, roles) are real, so that all shapes that depend on them are those of a run. All other
tensors are fake. Shapes: B samples, T text ids, N image tokens.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

from omegaconf import DictConfig, OmegaConf

from unif2ace.engine.instantiate import instantiate, instantiate_slots
from unif2ace.errors import ConfigError, Unif2aceError
from unif2ace.planning.components import FACTOR, features, image_tokenizer, staying, visual_encoder
from unif2ace.planning.meter import Meter

if TYPE_CHECKING:
    from torch import nn

    from unif2ace.types import Batch

PHI_IDS, SYNTHETIC_IDS = 50295, 2048
"""Vocabulary sizes used if there is no text tokenizer yet: Phi-1.5's, and that of the synthetic faces."""


@dataclass(slots=True)
class Subject:
    """The planned module and its settings.

    Attributes:
        module: The module, with fake weights.
        make: Creates the module again, not yet configured.
        mode: The fake-tensor mode.
        rows: Global batch size and task id of each task in a micro-batch, by name.
        image_size: Image side in pixels.
        max_text: Maximum number of text tokens.
        gpu: Whether the plan is for a GPU.
        precision: The Trainer's precision.
        reads_pictures: Whether images are encoded to tokens in each step.
        frozen: Frozen networks, by name.
        notes: Assumptions.
    """

    module: Any
    make: Callable[[], Any]
    mode: Any
    rows: dict[str, tuple[int, int]]
    image_size: int
    max_text: int
    gpu: bool
    precision: str
    reads_pictures: bool
    frozen: dict[str, nn.Module] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def batch(self, ranks: int) -> Batch:
        """The batch of one data-parallel rank, with all texts at maximum length.

        Raises:
            ConfigError: If the batch cannot be divided evenly.
        """
        import torch

        from unif2ace.attributes import TAXONOMY
        from unif2ace.types import Batch, Task

        for task, (rows, _) in self.rows.items():
            if rows % ranks:
                raise ConfigError(
                    f"task.{task}.batch_size={rows} cannot be divided evenly among {ranks} ranks: "
                    f"use a multiple of {ranks}"
                )
        pairs = sorted((task, rows // ranks) for rows, task in self.rows.values())
        task_B = torch.tensor([task for task, rows in pairs for _ in range(rows)], dtype=torch.int8)
        count, text = len(task_B), dict[str, Any]()
        with self.mode:
            image = torch.empty(count, 3, self.image_size, self.image_size, dtype=torch.uint8)
        if any(task != Task.IMAGE for task, _ in pairs):
            text_BT = torch.ones(count, self.max_text, dtype=torch.int64)
            answers_B1 = (task_B != Task.TEXT_TO_IMAGE)[:, None]
            text |= {
                "image_ids": torch.zeros(count, self.module.net.num_image_tokens, dtype=torch.int64),
                "text": text_BT,
                "text_length": torch.full((count,), self.max_text),
                "text_loss": (torch.arange(self.max_text) >= 2) & answers_B1,
            }
        attributes = torch.zeros(count, len(TAXONOMY.labels) + len(TAXONOMY.details), dtype=torch.int8)
        return Batch(
            task_B, torch.arange(count), torch.ones(count, dtype=torch.bool), image, attributes=attributes, **text
        )

    def cut(self, sharding: Any) -> nn.Module:
        """The network once more, without storage, sharded as a strategy does it.

        Args:
            sharding: A `unif2ace.nets.sharding.Sharding`.
        """
        import torch

        module = self.make()
        module.trainer.strategy.sharding = sharding
        with torch.device("meta"):
            module.configure_model()
        net: nn.Module = module.net
        return net

    def frozen_work(self, batch: Batch) -> dict[str, int]:
        """Floating-point operations of the frozen networks on a batch, by name."""
        import torch

        from unif2ace.types import Task

        found: dict[str, int] = {}
        image: Any = batch.image
        rows_U = (batch.task == Task.UNDERSTANDING).nonzero()[:, 0]
        for name, net in self.frozen.items():
            if name == "features" or (name == "image_tokenizer" and not self.reads_pictures):
                continue  # features are part of the step; the tokenizer is not run
            meter = Meter(net)
            with torch.no_grad(), meter.counting():
                cast(Any, net).encode(image) if name == "image_tokenizer" else net(image[rows_U])
            found[name] = meter.work
        return found


def subject(config: DictConfig, gpu: bool | None = None) -> Subject:
    """The planned module of a configuration.

    Args:
        config: Composed from ``train.yaml``.
        gpu: Whether the plan is for a GPU; None for the configured accelerator, or what this machine has.

    Raises:
        ConfigError: If it cannot be built.
    """
    import torch

    allow, notes = config.engine.allow, list[str]()
    tasks = instantiate_slots(config.data.tasks, "task", allow=allow)
    accelerator, mode = config.trainer.accelerator, _mode()
    if gpu is None:
        gpu = accelerator in ("gpu", "cuda") or (accelerator == "auto" and torch.cuda.is_available())
    text = _text_tokenizer(config, notes) if any(task.needs_text for task in tasks.values()) else None
    trainer = _trainer(config, text)
    given, frozen = _components(config, trainer, mode, notes)

    def make() -> Any:
        module = instantiate(config.module, allow=allow)
        module._compile, module.trainer = (
            False,
            SimpleNamespace(**vars(trainer), strategy=SimpleNamespace(sharding=None)),
        )
        for name, value in given.items():
            setattr(module, name, value)
        return module

    module = make()
    module._make_net = staying(module._make_net)
    with mode, _weights_of(str(config.trainer.precision)):
        module.configure_model()
    at_most(module.train())
    return Subject(
        module=module,
        make=make,
        mode=mode,
        rows={name: (task.batch_size, int(task.task)) for name, task in tasks.items()},
        image_size=config.image_size,
        max_text=config.data.max_text_tokens,
        gpu=gpu,
        precision=str(config.trainer.precision),
        reads_pictures=config.data.inputs == "pixels"
        or not all(d.get("tokens") for d in config.data.datasets.values()),
        frozen=frozen,
        notes=notes,
    )


def _mode() -> Any:
    """The mode of fake tensors, which asks for GPUs once instead of at each operation."""
    from torch._subclasses.fake_tensor import FakeTensorMode

    class Mode(FakeTensorMode):  # type: ignore[no-untyped-call]
        @cached_property
        def avoid_device_init(self) -> bool:
            return bool(super().avoid_device_init)

    return Mode(allow_non_fake_inputs=True)


def _trainer(config: DictConfig, text: Any) -> Any:
    """A stand-in for the module's Trainer, at a step at which every loss is active."""
    losses = list(instantiate_slots(config.get("loss"), "loss", allow=config.engine.allow).values())
    data = SimpleNamespace(text_tokenizer=text)
    trainer = SimpleNamespace(callbacks=losses, datamodule=data, world_size=1, global_step=sys.maxsize)
    for loss in losses:
        loss.on_train_batch_start(trainer, None, None, 0)
    return trainer


def _components(
    config: DictConfig, trainer: Any, mode: Any, notes: list[str]
) -> tuple[dict[str, Any], dict[str, nn.Module]]:
    """Attributes that give a module its frozen networks, and the networks that can be counted, by name."""
    allow, node = config.engine.allow, OmegaConf.to_container(config.module, resolve=True)
    assert isinstance(node, dict)
    if node.get("features") and any("features" in loss.reads for loss in trainer.callbacks):
        net = staying(lambda: features(node["features"], allow, mode))()
        return {"_make_features": lambda: net}, {"features": net}
    if "image_tokenizer" not in node:
        return {}, {}
    path, frozen = node["image_tokenizer"]["path"], dict[str, "nn.Module"]()
    whole, known = image_tokenizer(path, config.quantizer, allow, mode)
    if whole is None:
        codes = f"{known.quantizer.num_codes:,} codes of {type(known.quantizer).__name__}"
        notes.append(f"no image tokenizer at {path}: {codes}, {FACTOR} pixels a token")
    else:
        frozen["image_tokenizer"] = whole
    used = {"image_tokenizer": known}
    for name, part in (node.get("visual_encoders") or {}).items():
        vectors = (config.image_size // known.factor) ** 2
        encoder, used[name] = visual_encoder(part, allow, mode, vectors)
        if encoder is None:
            notes.append(f"visual encoder {name} is not counted, and gives {vectors} vectors a picture")
        else:
            frozen[name] = encoder
    module = instantiate(config.module, allow=allow)
    module._frozen = used
    codes_KF = module._code_features()  # their number depends on the values of the codes
    return {"_frozen": used, "_code_features": lambda: codes_KF}, frozen


@contextmanager
def _weights_of(precision: str) -> Iterator[None]:
    """Inside the context, weights are created in the dtype that Lightning would use."""
    import torch

    types = {"64-true": torch.float64, "bf16-true": torch.bfloat16, "16-true": torch.float16}
    before = torch.get_default_dtype()
    torch.set_default_dtype(types.get(precision, torch.float32))
    try:
        yield
    finally:
        torch.set_default_dtype(before)


def _text_tokenizer(config: DictConfig, notes: list[str]) -> Any:
    """The text tokenizer, or a stand-in with a vocabulary size."""
    from unif2ace.data.text_tokenizer import TextTokenizer

    first: Any = next(iter(config.data.datasets.values()))
    place = config.data.text_tokenizer or (None if OmegaConf.is_missing(first, "folder") else first.folder)
    try:
        return TextTokenizer(place or "")
    except Unif2aceError:
        drawn = str(first.get("_target_", "")).endswith(".SyntheticDataset")
        ids, what = (
            (SYNTHETIC_IDS, "as asked for") if drawn else (PHI_IDS, "as Phi-1.5's; another: data.text_tokenizer=FILE")
        )
        notes.append(f"no text tokenizer found: {ids:,} ids, {what}")
        return SimpleNamespace(vocab_size=ids, eos_id=ids - 1)


def at_most(module: Any) -> None:
    """Disables dropout of conditions and masks every image token: an upper bound of the compute of a step.

    Args:
        module: The module; changed in place.
    """
    import torch

    for share in ("guidance_dropout", "visual_dropout"):
        if hasattr(module, share):
            setattr(module, share, 0.0)
    process = getattr(module, "forward_process", None)
    if process is not None and process.name == "absorbing":
        corrupt = process.corrupt

        def all_masked(sample: Any, x0: Any, noise: Any, num_codes: int) -> Any:
            corrupted = corrupt(sample, x0, noise, num_codes)
            return replace(corrupted, xt=torch.full_like(corrupted.xt, num_codes))

        process.corrupt = all_masked
