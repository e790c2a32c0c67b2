"""Who may ask: requests with the token, from the page itself, of bounded size.

The interface reads pictures on the user's machine, so pages of other sites must not
reach it. They cannot know the token. Host and Origin are checked too, against DNS
rebinding (Jackson et al., Protecting browsers from DNS rebinding attacks, 2007).
"""

import contextlib
import hashlib
import ipaddress
import secrets
from collections.abc import Awaitable, Callable
from urllib.parse import urlsplit

from fastapi import Request, Response
from fastapi.responses import JSONResponse
from starlette.requests import ClientDisconnect

from digits import UserError

PARAMETER = "token"  # of the address
LARGEST_BODY = 32 << 20  # bytes
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; "
    "style-src 'self'; img-src 'self' data: blob:; connect-src 'self'; "
    "media-src blob:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}

Next = Callable[[Request], Awaitable[Response]]


class Guard:
    """Answers requests that may not pass; host: the name that the page is served at."""

    def __init__(self, token: str, host: str):
        self.token, self.host = token, host.lower()
        # Browsers send a host's cookies to all its ports: each server has its own.
        self.cookie = f"token-{hashlib.sha256(token.encode()).hexdigest()[:16]}"

    async def __call__(self, request: Request, call_next: Next) -> Response:
        """Return the response of the application, or a refusal."""
        problem = self.problem_of(request)
        if problem:
            response = JSONResponse({"error": problem}, 403)
        else:
            response = await call_next(request)
        response.headers.update(HEADERS)
        return response

    def problem_of(self, request: Request) -> str | None:
        """Return why a request may not pass, or None."""
        host = request.headers.get("host", "")
        if not self._is_known(_address(f"//{host}").hostname or ""):
            return "the Host of the request is not this page's"
        origin = request.headers.get("origin")
        if origin and _address(origin).netloc != host:
            return "the request comes from another page"
        if not any(self._is_token(given) for given in self._tokens_of(request)):
            return "the token is missing or wrong; open the address that was printed"
        return None

    def _is_known(self, name):
        """Tell whether a host is a number or ours: only names can be rebound."""
        with contextlib.suppress(ValueError):
            ipaddress.ip_address(name)
            return True
        return name in ("localhost", self.host)

    def _tokens_of(self, request):
        """Yield what may be the token: of the address, the cookie, the header."""
        yield request.query_params.get(PARAMETER, "")
        yield request.cookies.get(self.cookie, "")
        yield request.headers.get("authorization", "").removeprefix("Bearer ")

    def _is_token(self, given):
        return secrets.compare_digest(given.encode(), self.token.encode())


def _address(text):
    """Return a split address, an empty one where `text` is none."""
    try:
        return urlsplit(text)
    except ValueError:
        return urlsplit("")


async def body_of(request: Request) -> bytes:
    """Return a request's body.

    Raises UserError if it is larger than LARGEST_BODY, or does not come to its end.
    """
    content = bytearray()
    try:
        async for chunk in request.stream():
            content += chunk
            if len(content) > LARGEST_BODY:
                raise UserError(f"larger than {LARGEST_BODY >> 20} MiB")
    except ClientDisconnect as error:
        raise UserError("broken off") from error
    return bytes(content)
