"""Suppresses uninformative messages of other packages."""

from __future__ import annotations

import logging
import warnings


def hush() -> None:
    """Suppresses messages that other packages print at every start and that need no action."""
    for message in (
        ".*set_vital.*",
        ".*LeafSpec.*",
        ".*does not have many workers.*",
        ".*exists and is not empty.*",
        ".*WeightAveraging callback.*",
        r".*recommended to use `self\.log\(.*sync_dist=True.*",  # what a validation logs is equal on all ranks already
    ):
        warnings.filterwarnings("ignore", message=message)
    no_tips = logging.Filter()
    no_tips.filter = lambda record: "Tip:" not in record.getMessage()  # type: ignore[method-assign]
    logging.getLogger("lightning.pytorch.utilities.rank_zero").addFilter(no_tips)
    for name in ("lightning", "lightning.pytorch", "lightning.fabric"):
        logging.getLogger(name).handlers.clear()  # their messages reach the root's handlers as well
