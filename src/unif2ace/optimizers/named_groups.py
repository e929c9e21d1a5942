"""Named parameter groups of a configuration (`optimizer.groups`)."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable, Mapping
from fnmatch import fnmatchcase
from typing import Any

from torch import nn
from torch.optim import Optimizer

from unif2ace.errors import ConfigError
from unif2ace.optimizers.group_options import GroupOptions
from unif2ace.optimizers.parameter_groups import SETTINGS, by_kind

RATES = ("lr", "initial_lr", "max_lr", "min_lr")
"""Keys of a parameter group that are learning rates. Schedules such as `OneCycleLR` add some of these keys."""


class NamedGroups:
    """Sets optimiser options for parts of the trained networks, or freezes these parts.

    A parameter belongs to the first group with a pattern that matches its name. Names are as in the weights file, such
    as ``blocks.0.attention.qkv.weight``. Names of a second trained network have its name as a prefix, such as
    ``discriminator.``. Parameters that match no pattern form one group for each kind of weights, see
    `parameter_groups`.

    Args:
        groups: Options of each group by its name, see `GroupOptions`. If several groups match a parameter, the first
            one is used.

    Raises:
        ConfigError: If a name or an option is invalid.
    """

    def __init__(self, groups: Mapping[str, Mapping[str, Any]] | None = None) -> None:
        self.options = {name: GroupOptions.of(name, given) for name, given in (groups or {}).items()}
        for name in self.options:
            if not re.fullmatch(r"[A-Za-z_][\w-]*", name):
                raise ConfigError(
                    f"optimizer.groups.{name}: a group name must start with a letter or _, and contain only letters, "
                    "digits, _ and -"
                )
        if taken := SETTINGS.keys() & self.options.keys():
            raise ConfigError(
                f"optimizer.groups.{min(taken)}: this name is reserved for the parameters that are in no named group; "
                "use another name"
            )

    def freeze_(self, nets: Mapping[str, nn.Module]) -> None:
        """Freezes the parameters of the groups with ``frozen: true``, in place.

        Args:
            nets: Trained networks by name. Parameter names of the network ``net`` have no prefix.
        """
        for name, parameters in self._members(nets).items():
            if name and self.options[name].frozen:
                for parameter in parameters.values():
                    parameter.requires_grad_(False)

    def of(self, nets: Mapping[str, nn.Module]) -> list[dict[str, Any]]:
        """Builds the parameter groups of an optimiser: first the parameters in no named group, then the named groups.

        Args:
            nets: As in `freeze_`.

        Raises:
            ConfigError: If a pattern matches no parameter, a group has no parameters, or all parameters are frozen.
        """
        members = self._members(nets)
        self._check(members)
        found: list[dict[str, Any]] = []
        for prefix, net in nets.items():
            own = {id(p) for p in net.parameters()}
            rest = [p for p in members[""].values() if id(p) in own]
            groups = by_kind(net, rest)
            found += [g if prefix == "net" else {**g, "name": f"{prefix}/{g['name']}"} for g in groups]
        everything = nn.ModuleList(nets.values())
        for name, options in self.options.items():
            for group in by_kind(everything, members[name].values(), name):
                found.append({**group, **options.given()})
        if not found:
            raise ConfigError("optimizer.groups: all parameters are frozen; remove frozen=true from some groups")
        return found

    def set_rates(self, optimizer: Optimizer) -> None:
        """Sets the learning rates of a new optimiser. Call this before building a learning-rate schedule.

        Raises:
            ConfigError: If a learning rate does not apply to this optimiser or group.
        """
        defaults = optimizer.defaults
        for name, options in self.options.items():
            groups = [g for g in optimizer.param_groups if re.fullmatch(rf"{re.escape(name)}(/\w+)?", g["name"])]
            adam = [g for g in groups if not g.get("orthogonal", True)]
            two = "adam_ratio" in defaults
            if options.adam_lr is not None and not two:
                raise ConfigError(f"optimizer.groups.{name}.adam_lr: only optimizer=muon uses adam_lr; set lr instead")
            if two and options.lr is not None and adam == groups:
                raise ConfigError(
                    f"optimizer.groups.{name}.lr={options.lr}: Muon updates all parameters of this group with AdamW; "
                    f"set optimizer.groups.{name}.adam_lr instead"
                )
            for group in groups:
                base = defaults["lr"] * (1.0 if options.lr_factor is None else options.lr_factor)
                group["lr"] = base if options.lr is None else options.lr
                if two and not group["orthogonal"]:  # so that the logged rate is the one that is used
                    scaled = group["lr"] * group["adam_ratio"]
                    group["lr"], group["adam_ratio"] = scaled if options.adam_lr is None else options.adam_lr, 1.0
                if options.schedule == "constant":
                    group["constant_lr"] = group["lr"]

    def scheduled(self, optimizer: Optimizer, make: Callable[[Optimizer], Any]) -> Any:
        """Builds a learning-rate schedule.

        A schedule such as `OneCycleLR` sets the same peak for all groups. This method then rescales each group, so that
        its ratio to the optimiser's learning rate stays the same.

        Args:
            optimizer: A new optimiser, after `set_rates`.
            make: Builds the schedule from the optimiser.
        """
        own, default = [group["lr"] for group in optimizer.param_groups], optimizer.defaults.get("lr")
        schedule = make(optimizer)
        for lr, group in zip(own, optimizer.param_groups, strict=True):
            for key in RATES if default and lr != default and "max_lr" in group else ():
                if key in group:
                    group[key] *= lr / default
        self.hold(optimizer)
        return schedule

    @staticmethod
    def hold(optimizer: Optimizer) -> None:
        """Resets the learning rates of groups with ``schedule: constant``. Call this after each step of a schedule."""
        for group in optimizer.param_groups:
            if group.get("constant_lr") is not None:
                group["lr"] = group["constant_lr"]

    def _members(self, nets: Mapping[str, nn.Module]) -> dict[str, dict[str, nn.Parameter]]:
        """Parameters of each group by name. The empty group name holds the parameters that match no group."""
        found: dict[str, dict[str, nn.Parameter]] = {"": {}, **{name: {} for name in self.options}}
        for prefix, net in nets.items():
            for key, parameter in net.named_parameters():
                name = key if prefix == "net" else f"{prefix}.{key}"
                matches = (group for group, options in self.options.items() if options.matches(name))
                found[next(matches, "")][name] = parameter
        return found

    def _check(self, members: Mapping[str, Mapping[str, nn.Parameter]]) -> None:
        names = [name for group in members.values() for name in group]
        for group, options in self.options.items():
            for pattern in options.patterns:
                if not any(fnmatchcase(name, pattern) for name in names):
                    raise ConfigError(
                        f"optimizer.groups.{group}.patterns: {pattern!r} matches no parameter{near(pattern, names)}"
                    )
            if not members[group]:
                raise ConfigError(
                    f"optimizer.groups.{group} has no parameters: earlier groups match all its parameters; put this "
                    "group before the other groups"
                )


def near(pattern: str, names: Iterable[str], most: int = 3) -> str:
    """A hint for error messages with the parameter names most similar to a pattern; layer numbers are shown as ``*``.

    Args:
        pattern: The pattern.
        names: Names of all parameters.
        most: Maximum number of names in the hint.
    """
    forms = list(dict.fromkeys(re.sub(r"(?<=\.)\d+(?=\.)", "*", name) for name in names))
    pieces = {piece for form in forms for piece in form.split(".")}
    wanted = [piece for piece in re.split(r"[.*?\[\]]+", pattern) if piece]
    close = [difflib.get_close_matches(piece, pieces, n=1) for piece in wanted]
    scores = {form: sum(bool(c) and c[0] in form.split(".") for c in close) for form in forms}
    best = sorted((form for form in forms if scores[form]), key=lambda form: -scores[form]) or forms
    return f"; available names: {', '.join(best[:most])}{' ...' if len(best) > most else ''}"
