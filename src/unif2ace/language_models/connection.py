"""A connection to an endpoint: an event loop in its own thread, which all calling threads share."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import Future

from unif2ace.language_models.chat import ChatReply, ChatRequest
from unif2ace.language_models.conversation import ChatConversation, Failed
from unif2ace.language_models.session import Session
from unif2ace.language_models.settings import EndpointSettings


class Connection:
    """Runs requests in its own event loop. All methods are thread-safe.

    Args:
        settings: Settings of the endpoint.

    Raises:
        ConfigError: If the environment variable of the API key is not set.
    """

    def __init__(self, settings: EndpointSettings) -> None:
        self._session = Session(settings, settings.read_key())
        self._conversation = ChatConversation(settings, self._session)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True, name="language model")
        self._thread.start()

    def submit(self, request: ChatRequest) -> Future[ChatReply | Failed]:
        """Starts a request and returns a future of its reply."""
        return asyncio.run_coroutine_threadsafe(self._conversation.reply(request), self._loop)

    def close(self) -> None:
        """Cancels the running requests, closes the connections, and stops the thread."""
        if self._loop.is_closed():
            return
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _end(self) -> None:
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        await self._session.close()
