"""Serve the page to draw on, and the REST interface that it uses.

    python3 load_model.py --browser

POST /read takes a picture and answers what `load_model.py --json` prints of it. It is
described at /openapi.json. Pictures stay on the machine, unless --host serves others.
"""

import asyncio
import base64
import json
import logging
import os
import secrets
import socket
import sys
import tempfile
import threading
import webbrowser
from pathlib import Path
from typing import Annotated, Any

import cv2
import uvicorn
from fastapi import FastAPI, Query, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse, RedirectResponse
from fastapi.staticfiles import StaticFiles

from digits import UserError, __version__, labels
from digits.browser import corrections, guard
from digits.reading import formats, pipeline
from digits.reading.result import Reading
from digits.terminal import cli

PAGE = Path(__file__).parent / "page"
CORRECTIONS = Path("corrections")
LEARN = "tf_cnn.py", "--own", CORRECTIONS, "--save_weights", "mine.hdf5"
DISPLAYS = {"DISPLAY", "WAYLAND_DISPLAY"}  # of a desktop on Linux
PICTURE = {
    "requestBody": {
        "required": True,
        "content": {
            "application/octet-stream": {
                "schema": {"type": "string", "format": "binary"}
            }
        },
    }
}  # OpenAPI's description of a body
QUALITY = 90  # of the JPEG that shows how a picture was read
MOST_PAGES = 20  # of a file that are read in one request
GRACE = 5  # seconds after Ctrl-C in which open requests may end
Threshold = Annotated[float, Query(ge=0, le=1, allow_inf_nan=False)]


class Service:
    """Reads pictures one at a time; networks: those of the model file."""

    def __init__(self, networks: pipeline.Networks):
        self.networks, self._lock = networks, threading.Lock()

    def read(
        self,
        content: bytes,
        most_pages: int,
        threshold: float = pipeline.THRESHOLD,
        single: bool = False,
        may_be_turned: bool = True,
    ) -> list[Reading]:
        """Return the Readings of the first pages in a picture file's content."""
        with tempfile.TemporaryDirectory() as folder, self._lock:
            path = Path(folder, "picture")
            path.write_bytes(content)
            found = pipeline.read_pictures(
                [path],
                self.networks,
                threshold,
                single,
                may_be_turned=may_be_turned,
                most_pages=most_pages,
            )
            return [reading._replace(file="picture") for reading in found]


def application(networks: pipeline.Networks, token: str, host: str) -> FastAPI:
    """Return the application: the page, POST /read, GET and POST /corrections."""
    service = Service(networks)
    app = FastAPI(
        title="Handwritten digits", version=__version__, docs_url=None, redoc_url=None
    )
    own_guard = guard.Guard(token, host)
    app.middleware("http")(own_guard)

    @app.exception_handler(UserError)
    async def refuse(request: Request, error: UserError) -> JSONResponse:
        return JSONResponse({"error": str(error)}, 400)

    @app.exception_handler(Exception)
    async def fail(request: Request, error: Exception) -> JSONResponse:
        # It is raised again, so that the terminal shows it.
        problem = {"error": "failed; the terminal says more"}
        return JSONResponse(problem, 500, guard.HEADERS)

    @app.get("/", include_in_schema=False)
    def page() -> Response:
        # The cookie takes over, so that the token stays out of the history. Lax: the
        # address may be opened from a link on another site.
        response = RedirectResponse("/page/index.html", 303)
        response.set_cookie(own_guard.cookie, token, httponly=True, samesite="lax")
        return response

    @app.post("/read", openapi_extra=PICTURE)
    async def read(
        request: Request,
        top: Annotated[int, Query(ge=1, le=10)] = 3,
        threshold: Threshold = pipeline.THRESHOLD,
        single: bool = False,
        pages: Annotated[int, Query(ge=1, le=MOST_PAGES)] = MOST_PAGES,
        turn: bool = True,
        picture: bool = False,
    ) -> list[dict[str, Any]]:
        """Read a picture: an object for each page, as load_model.py --json prints it.

        Of a file with more pages, the first `pages` are read. Without `turn`, the
        picture is upright as it is. With `picture`, each object also has the upright
        page as it was read, as a data URL, and `scale`: how many pixels of the file one
        of its pixels is wide.
        """
        content = await guard.body_of(request)
        readings = await run_in_threadpool(
            service.read, content, pages, threshold, single, turn
        )
        return [_as_json(reading, top, picture) for reading in readings]

    @app.get("/corrections")
    def count() -> dict[str, Any]:
        """Tell how many corrections were kept, and the command that learns them.

        The command is null where the script is not installed.
        """
        return _kept(len(labels.read_table(CORRECTIONS)))

    @app.post("/corrections", openapi_extra=PICTURE)
    async def correct(
        request: Request, reading: str, turn: bool = True
    ) -> dict[str, Any]:
        """Keep a picture with what it says.

        That is its digits, a space between two numbers or in place of a sign, and /
        between rows. `turn`: as for /read.
        """
        content = await guard.body_of(request)
        (first,) = await run_in_threadpool(
            service.read, content, most_pages=1, may_be_turned=turn
        )
        if first.picture is None:
            raise UserError(first.error or "no picture")
        return _kept(corrections.add(CORRECTIONS, first.picture, reading))

    app.mount("/page", StaticFiles(directory=PAGE))
    return app


def _kept(count):
    """Return what /corrections tells."""
    is_installed = (cli.ROOT / LEARN[0]).exists()
    command = cli.command_of(*LEARN) if is_installed else None
    return {"count": count, "command": command}


def _as_json(reading, top, picture):
    (line,) = formats.as_json(reading, top)
    answer = json.loads(line)
    if picture and reading.picture is not None:
        flags = [cv2.IMWRITE_JPEG_QUALITY, QUALITY]
        _, jpeg = cv2.imencode(".jpg", reading.picture, flags)
        url = base64.b64encode(jpeg.tobytes()).decode()
        answer["picture"] = f"data:image/jpeg;base64,{url}"
        answer["scale"] = reading.scale
    return answer


def serve(networks: pipeline.Networks, host: str, port: int) -> None:
    """Serve the page until Ctrl-C; print its address and open it.

    Raises UserError if the address is taken.
    """
    token = secrets.token_urlsafe(24)
    app = application(networks, token, host)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listening = socket.create_server((host, port), family=family)
    except OSError as error:
        reason = error.strerror or error
        raise UserError(
            f"{host}:{port}: {reason}; name another --port or --host"
        ) from error
    name = f"[{host}]" if ":" in host else host
    port = listening.getsockname()[1]
    address = f"http://{name}:{port}/?{guard.PARAMETER}={token}"
    print(address, flush=True)
    if sys.platform in ("win32", "darwin") or DISPLAYS & os.environ.keys():
        webbrowser.open(address)
    config = uvicorn.Config(
        app,
        log_level="warning",
        server_header=False,
        timeout_graceful_shutdown=GRACE,
    )
    logging.getLogger("uvicorn.error").addFilter(_is_failure)
    uvicorn.Server(config).run(sockets=[listening])


def _is_failure(record):
    """Return whether a log record is more than the end of a request after Ctrl-C."""
    return not record.exc_info or record.exc_info[0] is not asyncio.CancelledError
