"""Adds metadata of a training run to its checkpoints, and writes its weights files."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from omegaconf import DictConfig, OmegaConf

from unif2ace.engine.adapters import save_adapters
from unif2ace.engine.checkpoint_reading import CONFIG, RECORD, read_checkpoint, record
from unif2ace.engine.provenance import code_provenance, data_provenance, plain_metrics
from unif2ace.engine.resuming import STOPPED_EARLY, check_sources
from unif2ace.engine.snapshot import typed_command
from unif2ace.engine.weights import FILE_NAME, find_weights, read_weights, save_weights
from unif2ace.errors import Unif2aceError

if TYPE_CHECKING:
    import lightning.pytorch as pl

    from unif2ace.data.datamodule import FaceDataModule

log = logging.getLogger(__name__)


class RunMetadata:
    """Kind, network, data and code of a run.

    Args:
        config: Configuration of the run.
        data: Data module of the run.
        kind: Kind of the trained network, see `TrainingModule.kind`.

    Attributes:
        components: Trained networks that the run loads, see the function `components`.
        kind: Kind of the trained network.
        commands: Typed commands, quoted for a shell. A resumed run lists the commands of its earlier parts first.
        started_from: Short fingerprint of the initial weights; empty if they were random. Kept on resuming.
    """

    def __init__(self, config: DictConfig, data: FaceDataModule, kind: str) -> None:
        self._module: Any = OmegaConf.to_container(config.module, resolve=True)
        self.components = components(self._module)
        self._seed, self._data = config.seed, data
        self._config: Any = OmegaConf.to_container(config, resolve=True)
        self.folder = Path(config.run_dir)
        self.kind = kind
        self.started_from = ""
        self.commands = [typed_command()]

    @cached_property
    def tree(self) -> dict[str, Any]:
        """The record as plain values. It is created on first access, because training start may build the data sets."""
        provenance = {**data_provenance(self._data.datasets), "seed": self._seed, "code": code_provenance()}
        if self.components:
            provenance["components"] = self.components
        return record(self._module, self.kind, provenance)

    def _complete(self, module: Any) -> dict[str, Any]:
        """The record, completed by the network arguments that depend on the data."""
        further = {k: v for k, v in self._module.items() if k not in ("net", "optimizer", "lr_scheduler", "metrics")}
        net = {**self.tree["net"], **getattr(module, "net_arguments", {})}
        started = {"started_from": self.started_from} if self.started_from else {}
        return {**self.tree, "net": net, "module": further, "commands": self.commands, **started}

    def callback(self) -> pl.Callback:
        """Makes a callback that adds the record to checkpoints and compares it with that of a resumed checkpoint."""
        import lightning.pytorch as pl

        def add(trainer: pl.Trainer, module: pl.LightningModule, checkpoint: dict[str, Any]) -> None:
            checkpoint[RECORD] = {**self._complete(module), CONFIG: self._config}

        def compare(trainer: pl.Trainer, module: pl.LightningModule, checkpoint: dict[str, Any]) -> None:
            before = checkpoint.get(RECORD) or {}
            check_sources(before, self.tree, bool(self._config.get("resume_changes")))
            self.started_from = before.get("started_from", "")
            self.commands = [*before.get("commands", []), typed_command()]

        def keep_text(trainer: pl.Trainer, module: pl.LightningModule) -> None:
            text = getattr(self._data, "text_tokenizer", None)  # a checkpoint of a stopped run needs it
            if text is not None and trainer.is_global_zero and not trainer.fast_dev_run:  # type: ignore[attr-defined]
                shutil.copyfile(text.path, self.folder / text.path.name)

        return pl.callbacks.LambdaCallback(on_fit_start=keep_text, on_save_checkpoint=add, on_load_checkpoint=compare)

    def finish(self, trainer: pl.Trainer, module: pl.LightningModule) -> Path | None:
        """Writes the weights file after training. With weight averaging these are the averaged weights.

        Returns:
            Path of the file; None with ``trainer.fast_dev_run``, or on ranks other than 0.
        """
        stopped = any(c.stopping_reason.value for c in trainer.early_stopping_callbacks if c is not None)
        return self.write(trainer, module, FILE_NAME, {STOPPED_EARLY: stopped})

    def write(
        self, trainer: pl.Trainer, module: pl.LightningModule, name: str, further: Mapping[str, Any]
    ) -> Path | None:
        """Writes the current weights of a module. All ranks must call it; rank 0 writes.

        Args:
            trainer: Trainer of the run.
            module: The module with the network `net`.
            name: File name in the run folder.
            further: Header entries besides the metadata, the steps and the metrics.

        Returns:
            Path of the file; None with ``trainer.fast_dev_run``, or on ranks other than 0.
        """
        from unif2ace.nets.sharding import whole

        net: Any = module.net
        if trainer.fast_dev_run or net is None:  # type: ignore[attr-defined]
            return None
        main = trainer.is_global_zero
        gathered = ((name, whole(value)) for name, value in net.state_dict().items())  # all processes take part
        state = {name: value.cpu() for name, value in gathered if main}
        if not main:
            return None
        steps, metrics = trainer.global_step, plain_metrics(trainer.callback_metrics)
        return self._write(state, self._complete(module), {"steps": steps, "metrics": metrics, **further}, name)

    def rescue(self, trainer: pl.Trainer) -> None:
        """Writes the weights file from the newest checkpoint after an interrupt, and logs how to resume."""
        if trainer.fast_dev_run or not trainer.is_global_zero:  # type: ignore[attr-defined]
            return
        try:
            self.recover()
        except Unif2aceError as error:
            log.warning("stopped; there is no checkpoint to continue from: %s", error)
            return
        log.info("stopped; continue with: run_dir=%s resume=auto", self.folder)

    def recover(self) -> Path:
        """Writes the weights file from the newest checkpoint, unless the existing file is newer.

        Returns:
            The file.

        Raises:
            DataError: If there is no checkpoint.
        """
        newest = find_weights(self.folder)
        if newest.name == FILE_NAME:
            return newest
        kind, net, state, header = read_checkpoint(newest)
        return self._write(state, {**header, "kind": kind, "net": net}, {"steps": header.get("steps")})

    def _write(
        self, state: Mapping[str, Any], tree: Mapping[str, Any], further: Mapping[str, Any], name: str = FILE_NAME
    ) -> Path:
        from unif2ace.nets.lora import merged, scale_of

        tree = {**tree, **further}
        provenance = {k: v for k, v in tree.items() if k not in ("kind", "net")}
        if name == FILE_NAME and (adapters := save_adapters(self.folder, state, tree)):
            log.info("adapters: %s", adapters)
        state, path = merged(state, scale_of(tree)), self.folder / name
        weights = save_weights(path, state, kind=tree["kind"], config=tree["net"], provenance=provenance)
        log.info("weights %s: %s", weights.short, path)
        return path


def components(node: Any) -> dict[str, dict[str, str]]:
    """Path and fingerprint, by kind, of each trained network that a module's configuration loads.

    Args:
        node: The configuration's `module` node, resolved.

    Raises:
        DataError: If a path has no weights.
    """
    found: dict[str, dict[str, str]] = {}
    for child in _mappings(node):
        if str(child.get("_target_", "")).endswith(".load_net"):
            used = read_weights(child["path"], child["kind"])
            found[child["kind"]] = {"path": str(child["path"]), "fingerprint": used.component_fingerprint}
    return found


def _mappings(node: Any) -> Iterator[Mapping[str, Any]]:
    if isinstance(node, Mapping):
        yield node
    children: Any = node.values() if isinstance(node, Mapping) else node if isinstance(node, list) else ()
    for child in children:
        yield from _mappings(child)
