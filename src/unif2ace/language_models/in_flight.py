"""Sends many requests concurrently."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait

from unif2ace.errors import DataError
from unif2ace.language_models.chat import ChatReply, ChatRequest, LanguageModel


def replies(model: LanguageModel, requests: Iterable[ChatRequest]) -> Iterator[ChatReply]:
    """Yields the replies to many requests, in the order of their arrival.

    Up to ``model.concurrency`` requests run at the same time. The next request is read only when the caller asks for
    the next reply, so at most ``model.concurrency`` requests are running or have an unprocessed reply. If the caller
    stops iterating or an error occurs, the running requests are cancelled.

    Args:
        model: The language model.
        requests: Requests with unique keys.

    Raises:
        ConfigError: If the endpoint would reject every request, for example because of a wrong key.
        DataError: If too many consecutive requests fail, or two requests have the same key.
    """
    unread, keys = iter(requests), set[str]()
    pool = ThreadPoolExecutor(model.concurrency, thread_name_prefix="request")
    running: set[Future[ChatReply]] = set()
    ended = False
    try:
        while True:
            while len(running) < model.concurrency and (request := next(unread, None)) is not None:
                if request.key in keys:
                    raise DataError(f"two requests have the key {request.key!r}: give every request a unique key")
                keys.add(request.key)
                running.add(pool.submit(model.reply, request))
            if not running:
                ended = True
                return
            done, _ = wait(running, return_when=FIRST_COMPLETED)
            future = done.pop()
            yield future.result()
            running.discard(future)
    finally:
        if not ended:
            model.close()
        pool.shutdown(cancel_futures=True)


def replies_by_key(model: LanguageModel, requests: Iterable[ChatRequest]) -> dict[str, ChatReply]:
    """Returns all replies by the key of their request, in the order of the requests.

    Args:
        model: The language model.
        requests: Requests with unique keys.

    Raises:
        ConfigError: If the endpoint would reject every request, for example because of a wrong key.
        DataError: If too many consecutive requests fail, or two requests have the same key.
    """
    order: list[str] = []

    def noted() -> Iterator[ChatRequest]:
        for request in requests:
            order.append(request.key)
            yield request

    found = {reply.key: reply for reply in replies(model, noted())}
    return {key: found[key] for key in order}
