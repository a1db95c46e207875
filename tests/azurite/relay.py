"""A relay between a client and a server, on which a network's faults can be switched on."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
import time

#: Closing a socket with this on sends a reset and no more data.
RESET = struct.pack("ii", 1, 0)


class Relay:
    """Listens on `port` and hands bytes on; safe to change while it runs.

    `down`: connections are reset, as where the server's process is gone. `cut_after`: so many bytes
    of an answer pass, then the connection is closed, or reset if `resets`. `pause`: seconds before
    each 16 KiB of an answer. `answers`: what every request is answered, in place of the server.
    `brought`: bytes of answers that have passed.
    """

    def __init__(self, target: int) -> None:
        self.target = target
        self.down = False
        self.cut_after: int | None = None
        self.resets = False
        self.pause = 0.0
        self.answers: bytes | None = None
        self.connections = 0
        self.brought = 0
        self._open: set[socket.socket] = set()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def kill(self) -> None:
        """Reset what is open, and whatever comes until `revive`."""
        self.down = True
        for end in list(self._open):
            _reset(end)

    def revive(self) -> None:
        """Hand everything on as at first."""
        self.down, self.cut_after, self.resets, self.pause, self.answers = (
            False,
            None,
            False,
            0,
            None,
        )

    def close(self) -> None:
        """Stop listening."""
        self.kill()
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            if self.down:
                _reset(client)
                continue
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        if (answers := self.answers) is not None:
            with contextlib.suppress(OSError), client:
                while client.recv(2**16):
                    client.sendall(answers)
            return
        try:
            server = socket.create_connection(("127.0.0.1", self.target))
        except OSError:
            _reset(client)
            return
        self._open |= {client, server}
        threading.Thread(target=self._hand_on, args=(client, server, False), daemon=True).start()
        self._hand_on(server, client, True)
        self._open -= {client, server}

    def _hand_on(self, source: socket.socket, target: socket.socket, answer: bool) -> None:
        passed = 0
        try:
            while data := source.recv(2**14):
                if answer and self.pause:
                    time.sleep(self.pause)
                if answer and self.cut_after is not None and passed + len(data) > self.cut_after:
                    target.sendall(data[: self.cut_after - passed])
                    break
                target.sendall(data)
                passed += len(data)
                if answer:
                    self.brought += len(data)
        except OSError:
            pass
        for end in (source, target):
            (_reset if answer and self.resets else _close)(end)


def _close(end: socket.socket) -> None:
    with contextlib.suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)
    end.close()


def _reset(end: socket.socket) -> None:
    with contextlib.suppress(OSError):
        end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        end.shutdown(socket.SHUT_RDWR)
    end.close()
