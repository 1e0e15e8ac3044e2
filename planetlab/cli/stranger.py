"""The stranger of a demo: someone outside who gets packets, answers a web request, and takes datagrams in silence."""

import asyncio
import signal
import sys

from planetlab.cli.traffic import PROBES_PORT, WEB_PORT

PAGE = b"HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n\r\nWho are you?\n"
PATIENCE = 5.0  # seconds for a visitor to ask


async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer one visitor."""
    try:
        await asyncio.wait_for(reader.read(4096), PATIENCE)
        writer.write(PAGE)
        await writer.drain()
    except (TimeoutError, ConnectionError):
        pass  # whoever asked has gone, and nothing of it is kept
    finally:
        writer.close()


async def serve(address: str) -> None:
    """Listen on ``address`` until told to end."""
    loop = asyncio.get_running_loop()
    await loop.create_datagram_endpoint(asyncio.DatagramProtocol, local_addr=(address, PROBES_PORT))
    server = await asyncio.start_server(answer, address, WEB_PORT)
    ended = asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, ended.set)
    async with server:
        await ended.wait()


if __name__ == "__main__":
    asyncio.run(serve(sys.argv[1]))
