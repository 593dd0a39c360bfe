"""Messages between the search and a worker: a line of JSON, then raw bytes. Nothing is pickled.

    8 bytes length of the header, 8 bytes length of the body (big-endian), header, body

Plain Python: the worker, whose Python has no optimerge, loads this file by its path.
"""

import json
import socket
import struct
from typing import Any

LENGTHS = struct.Struct(">QQ")
MOST = 1 << 40
"""Bytes of a part of a message; more is not a message of ours."""


class Closed(Exception):  # noqa: N818 - not always an error
    """The other side is gone."""


def send(link: socket.socket, header: Any, parts: Any = ()) -> None:
    """Send a header (a dictionary) and the bytes of a body, in parts that are not copied."""
    text = json.dumps(header).encode()
    views = [memoryview(part).cast("B") for part in parts]
    try:
        link.sendall(LENGTHS.pack(len(text), sum(view.nbytes for view in views)) + text)
        for view in views:
            link.sendall(view)
    except (BrokenPipeError, ConnectionResetError) as error:
        raise Closed(str(error)) from None


def receive(link: socket.socket) -> Any:
    """Return the header and the body (a bytearray) of the next message.

    Closed if the other side went away, TimeoutError if the socket has a timeout and it passed.
    """
    header, body = LENGTHS.unpack(_exactly(link, LENGTHS.size))
    if header > MOST or body > MOST:
        raise Closed("what came is no message")
    return json.loads(_exactly(link, header)), _exactly(link, body)


def _exactly(link: socket.socket, count: int) -> bytearray:
    data = bytearray(count)
    view, done = memoryview(data), 0
    while done < count:
        try:
            got = link.recv_into(view[done:])
        except ConnectionResetError as error:
            raise Closed(str(error)) from None
        if not got:
            raise Closed("the connection ended")
        done += got
    return data
