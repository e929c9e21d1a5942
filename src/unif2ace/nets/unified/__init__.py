"""The unified transformer: text and image tokens in one sequence."""

from unif2ace.nets.unified.net import UnifiedNet

__all__ = ["UnifiedNet"]
