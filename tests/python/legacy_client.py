"""A client of the systems before meetcast, as their users wrote it, with Debian's python3-websockets (10.4).

    legacy_client.py send  URL SOURCE SAMPLE_RATE PCM_FILE SPEED_UP
    legacy_client.py watch URL PING_SECONDS

Prints one JSON object a line: each text frame as {"text": ...}, at the end {"closed": code}.
`watch` leaves after the meeting's `ended`.
"""

import asyncio
import json
import sys

import websockets

FRAME_BYTES = 4096
FRAME_SECONDS = 0.1


def tell(**fields):
    print(json.dumps(fields), flush=True)


async def read(socket):
    async for text in socket:
        tell(text=text)


async def send(url, source, sample_rate, pcm_file, speed_up):
    with open(pcm_file, "rb") as file:
        pcm = file.read()
    async with websockets.connect(url) as socket:
        await socket.send(
            json.dumps(
                {
                    "type": "handshake",
                    "source": source,
                    "sample_rate": int(sample_rate),
                    "channels": 1,
                    "language": "tr",
                    "ai_mode": "standard",
                    "device_id": None,
                    "session_id": None,
                    "resume": None,
                    "title": None,
                    "encoding": None,
                    "app_version": "1.4.2",
                }
            )
        )
        reading = asyncio.ensure_future(read(socket))
        for at in range(0, len(pcm), FRAME_BYTES):
            await socket.send(pcm[at : at + FRAME_BYTES])
            await asyncio.sleep(FRAME_SECONDS / float(speed_up))
        await socket.send(json.dumps({"type": "finalize"}))
        await reading
        tell(closed=socket.close_code)


async def watch(url, ping_seconds):
    async with websockets.connect(url) as socket:

        async def ping():
            while True:
                await socket.send("ping")
                await asyncio.sleep(float(ping_seconds))

        pinging = asyncio.ensure_future(ping())
        pongs = 0
        ended = False
        async for text in socket:
            tell(text=text)
            pongs += text == "pong"
            if text != "pong":
                event = json.loads(text)
                ended = ended or event["type"] == "status" and event["status"] == "ended"
            if ended and pongs:
                break
        pinging.cancel()
    tell(closed=socket.close_code)


command, *arguments = sys.argv[1:]
asyncio.get_event_loop().run_until_complete({"send": send, "watch": watch}[command](*arguments))
