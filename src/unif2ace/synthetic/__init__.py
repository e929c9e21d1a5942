"""Renders synthetic faces from attributes and a seed. Images are bit-identical in any batch and process."""

from unif2ace.synthetic.render import render
from unif2ace.synthetic.sampling import RENDERER_VERSION, Face, sample_face

__all__ = ["RENDERER_VERSION", "Face", "render", "sample_face"]
