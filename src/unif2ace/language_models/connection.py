"""A running connection to an endpoint: an event loop in a thread, shared by all threads that ask."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import Future

from unif2ace.language_models.chat import ChatReply, ChatRequest
from unif2ace.language_models.conversation import ChatConversation, Failed
from unif2ace.language_models.session import Session
from unif2ace.language_models.settings import EndpointSettings


class Connection:
    """Runs conversations in an event loop of its own; all methods may be called from any thread.

    Args:
        settings: The endpoint.

    Raises:
        ConfigError: If the key is missing.
    """

    def __init__(self, settings: EndpointSettings) -> None:
        self._session = Session(settings, settings.read_key())
        self._conversation = ChatConversation(settings, self._session)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True, name="language model")
        self._thread.start()

    def submit(self, request: ChatRequest) -> Future[ChatReply | Failed]:
        """Starts a request."""
        return asyncio.run_coroutine_threadsafe(self._conversation.reply(request), self._loop)

    def close(self) -> None:
        """Cancels what is in flight, closes the connections, and ends the thread."""
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
