"""Language models behind one protocol: an OpenAI-compatible endpoint, and recorded replies.

`ChatRequest` and `ChatReply` are plain data. `Endpoint`, `Recording` and `Recorded` implement the protocol
`LanguageModel`.
"""

from unif2ace.language_models.chat import ChatReply, ChatRequest, LanguageModel
from unif2ace.language_models.endpoint import Endpoint
from unif2ace.language_models.in_flight import replies, replies_by_key
from unif2ace.language_models.prices import Prices, Usage
from unif2ace.language_models.recorded import Recorded
from unif2ace.language_models.recording import Recording

__all__ = [
    "ChatReply",
    "ChatRequest",
    "Endpoint",
    "LanguageModel",
    "Prices",
    "Recorded",
    "Recording",
    "Usage",
    "replies",
    "replies_by_key",
]
