"""Language of faces: captions and questions that a grammar generates from an attribute record."""

from unif2ace.language.balance import measure_rates
from unif2ace.language.captions import STYLES, Caption, Style, compose_caption, write_caption
from unif2ace.language.questions import ask_questions
from unif2ace.language.rates import SYNTHETIC_RATES

__all__ = [
    "STYLES",
    "SYNTHETIC_RATES",
    "Caption",
    "Style",
    "ask_questions",
    "compose_caption",
    "measure_rates",
    "write_caption",
]
