"""The unified transformer: text and image tokens in one sequence."""

from unif2ace.nets.transformer.unified import UnifiedNet

__all__ = ["UnifiedNet"]
