"""Queues: messages are brought to functions as Azure's host brings them.

A message that a function has is hidden, and stays so as long as it works; where the host dies, it comes
back once the lease is over. What succeeds is deleted. What fails comes back after ``visibilityTimeout``,
and after ``maxDequeueCount`` times goes into the queue with ``-poison`` behind its name. Up to
``batchSize`` messages are fetched as soon as not more than ``newBatchThreshold`` are left, and an empty
queue is asked less and less often. Sources: QueueListener.cs and QueueProcessor.cs of
Azure/azure-sdk-for-net, Microsoft.Azure.WebJobs.Extensions.Storage.Queues.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import contextlib
import logging
import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from tools.local_host.settings import QueueSettings, SettingsError
from tools.local_host.worker import Function, FunctionFailed, QueueMessage, Worker

#: Seconds after which an empty queue is asked again at first.
FIRST_PAUSE = 0.1

log = logging.getLogger("tools.local_host")


def listeners(worker: Worker, settings: QueueSettings) -> Iterator[Listener]:
    """One for each function that a queue triggers."""
    for function in worker.functions:
        if function.queue is not None:
            yield Listener(worker, function, settings)


class Listener:
    """Brings the messages of one queue to one function."""

    def __init__(self, worker: Worker, function: Function, settings: QueueSettings) -> None:
        """Raises SettingsError where the function's connection is none that can be opened."""
        self._worker = worker
        self._function = function
        self._settings = settings
        self._queue = _opened(function, str(function.queue))
        self._poison = _opened(function, f"{function.queue}-poison")
        self._running: set[asyncio.Task[None]] = set()

    async def listen(self) -> None:
        """Until cancelled; what is in a function's hands by then is waited for."""
        pause = FIRST_PAUSE
        try:
            while True:
                if len(self._running) > self._settings.new_batch_threshold:
                    await asyncio.wait(self._running, return_when=asyncio.FIRST_COMPLETED)
                    continue
                if found := await self._fetched():
                    pause = FIRST_PAUSE
                    for message in found:
                        task = asyncio.create_task(self._bring(message))
                        self._running.add(task)
                        task.add_done_callback(self._running.discard)
                else:
                    await asyncio.sleep(pause)
                    pause = min(2 * pause, self._settings.max_polling_interval)
        finally:
            if self._running:
                await asyncio.wait(self._running)

    async def _fetched(self) -> list[Any]:
        def fetch() -> list[Any]:
            pages = self._queue.receive_messages(
                messages_per_page=min(32, self._settings.batch_size),
                max_messages=self._settings.batch_size,
                visibility_timeout=int(self._settings.lease),
            )
            return list(pages)

        try:
            return await asyncio.to_thread(fetch)
        except Exception as error:
            log.warning("Queue %s: %s", self._function.queue, str(error).partition("\n")[0])
            return []

    async def _bring(self, message: Any) -> None:
        if message.dequeue_count > self._settings.max_dequeue_count:  # its host died each time
            await self._give_up(message)
            return
        hidden = asyncio.create_task(self._keep_hidden(message))
        try:
            await self._worker.deliver(self._function.name, self._decoded(message))
            failed = None
        except (FunctionFailed, ValueError) as error:
            failed = error
        finally:
            hidden.cancel()
            await asyncio.gather(hidden, return_exceptions=True)
        try:
            if failed is None:
                await asyncio.to_thread(self._queue.delete_message, message)
            else:
                log.error("%s failed: %s", self._function.name, failed)
                await self._returned(message)
        except Exception as error:  # the message comes back by itself
            log.warning("Queue %s: %s", self._function.queue, str(error).partition("\n")[0])

    async def _returned(self, message: Any) -> None:
        if message.dequeue_count >= self._settings.max_dequeue_count:
            await self._give_up(message)
            return
        await asyncio.to_thread(
            self._queue.update_message,
            message,
            visibility_timeout=int(self._settings.visibility_timeout),
        )

    async def _give_up(self, message: Any) -> None:
        log.error("Message %s goes to %s-poison.", message.id, self._function.queue)
        with contextlib.suppress(Exception):
            await asyncio.to_thread(self._poison.create_queue)
        await asyncio.to_thread(self._poison.send_message, message.content, time_to_live=-1)
        await asyncio.to_thread(self._queue.delete_message, message)

    async def _keep_hidden(self, message: Any) -> None:
        while True:
            await asyncio.sleep(self._settings.lease / 2)
            renewed = await asyncio.to_thread(
                self._queue.update_message, message, visibility_timeout=int(self._settings.lease)
            )
            message.pop_receipt = renewed.pop_receipt

    def _decoded(self, message: Any) -> QueueMessage:
        text = message.content
        if self._settings.base64:
            try:
                text = base64.b64decode(text, validate=True).decode()
            except (binascii.Error, UnicodeDecodeError) as error:
                raise ValueError(f"A message is no base64 of a text: {error}.") from error
        now = datetime.now(UTC)
        return QueueMessage(
            message.id,
            text,
            message.dequeue_count,
            message.pop_receipt,
            message.inserted_on or now,
            message.expires_on or now,
            message.next_visible_on or now + timedelta(seconds=self._settings.lease),
        )


def _opened(function: Function, name: str) -> Any:
    """By identity, as the settings that begin with the connection's name say."""
    address = os.environ.get(f"{function.connection}__queueServiceUri", "")
    if not address:
        raise SettingsError(
            f"{function.name} wants the queue {name}; set {function.connection}__queueServiceUri."
        )
    from azure.storage.queue import QueueClient

    from model_store.identity import identity

    for logger in ("azure.core", "azure.identity", "msal"):
        logging.getLogger(logger).setLevel(logging.WARNING)  # each request is a page of INFO
    return QueueClient(address, name, credential=identity())
