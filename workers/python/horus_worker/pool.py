"""Threads for sync functions.

A task goes straight to a waiting thread; a new thread starts only when none waits, up to the limit. Unlike
`concurrent.futures` there is no future per call and nothing to join at exit: the thread that runs a function also
encodes and sends its response.
"""
from __future__ import annotations

import logging
import os
import queue
import threading
from collections import deque
from typing import Any, Callable, Deque, Optional

logger = logging.getLogger("horus_worker.pool")

SETTING = "PYTHON_THREADPOOL_THREAD_COUNT"


def thread_limit() -> int:
    """PYTHON_THREADPOOL_THREAD_COUNT, or what Python would choose itself."""
    default = min(32, (os.cpu_count() or 1) + 4)
    value = os.environ.get(SETTING)
    if value is None or not value.strip():
        return default
    try:
        limit = int(value)
    except ValueError:
        limit = 0
    if limit < 1:
        logger.warning("%s must be a whole number of at least 1, got %r; using %d", SETTING, value, default)
        return default
    return limit


class Pool:
    """Runs `work(item)` for each submitted item on one of at most `limit` threads. `submit` is for one thread only."""

    def __init__(self, work: Callable[[Any], None], limit: int) -> None:
        self._work = work
        self._limit = limit
        self._items: "queue.SimpleQueue[Optional[Any]]" = queue.SimpleQueue()
        # One token per thread that waits or is about to; deque operations are atomic.
        self._waiting: Deque[None] = deque()
        self._threads = 0

    @property
    def limit(self) -> int:
        """The most threads that may run at once."""
        return self._limit

    def submit(self, item: Any) -> None:
        """Queues one item; it starts at once unless `limit` items are running."""
        self._items.put(item)
        try:
            self._waiting.pop()
        except IndexError:
            if self._threads < self._limit:
                self._start()

    def _start(self) -> None:
        thread = threading.Thread(target=self._run, name="horus-sync-%d" % self._threads, daemon=True)
        try:
            thread.start()
        except RuntimeError as error:
            if self._threads == 0:
                raise
            # The system has no more threads; the running ones work the queue off.
            logger.warning("no further thread for sync functions beyond %d: %s", self._threads, error)
            self._limit = self._threads
            return
        self._threads += 1

    def stop(self) -> None:
        """Lets the threads end when the items before are done; used when the limit changes."""
        for _ in range(self._threads):
            self._items.put(None)

    def _run(self) -> None:
        get, work, waiting = self._items.get, self._work, self._waiting
        while True:
            item = get()
            if item is None:
                return
            work(item)
            item = None
            waiting.append(None)
