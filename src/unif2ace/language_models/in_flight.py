"""Many requests at once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait

from unif2ace.errors import DataError
from unif2ace.language_models.chat import ChatReply, ChatRequest, LanguageModel


def replies(model: LanguageModel, requests: Iterable[ChatRequest]) -> Iterator[ChatReply]:
    """The replies to many requests, in the order of their arrival.

    ``model.concurrency`` requests are kept in flight. Requests are read as slots become free, and a slot becomes free
    when the caller asks for the next reply: no more than that number are unanswered, or answered but not yet handled.
    If the caller stops or an error ends the work, the requests in flight are cancelled.

    Args:
        model: Replies.
        requests: Requests with different keys.

    Raises:
        ConfigError: If the endpoint refuses every request, such as for a wrong key.
        DataError: If the model keeps failing, or two requests have the same key.
    """
    unread, keys = iter(requests), set[str]()
    pool = ThreadPoolExecutor(model.concurrency, thread_name_prefix="request")
    running: set[Future[ChatReply]] = set()
    ended = False
    try:
        while True:
            while len(running) < model.concurrency and (request := next(unread, None)) is not None:
                if request.key in keys:
                    raise DataError(f"two requests have the key {request.key!r}: give each its own")
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
    """All replies by the keys of their requests, sorted as the requests are.

    Args:
        model: Replies.
        requests: Requests with different keys.

    Raises:
        ConfigError: If the endpoint refuses every request, such as for a wrong key.
        DataError: If the model keeps failing, or two requests have the same key.
    """
    order: list[str] = []

    def noted() -> Iterator[ChatRequest]:
        for request in requests:
            order.append(request.key)
            yield request

    found = {reply.key: reply for reply in replies(model, noted())}
    return {key: found[key] for key in order}
