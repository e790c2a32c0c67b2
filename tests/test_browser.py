import asyncio
import json
import socket
import subprocess
import time
import urllib.parse
from pathlib import Path

import cv2
import numpy as np
import pytest
from fastapi.testclient import TestClient
from starlette.requests import ClientDisconnect

from conftest import ROOT, serving
from digits import UserError, labels
from digits.browser import app, corrections, guard
from digits.model import model_file
from digits.reading import formats, pipeline
from digits.terminal import cli

IMAGES = ROOT / "assets" / "images"
PAGE = (IMAGES / "page.jpg").read_bytes()
TOKEN = "secret"
GOOD = {"Authorization": f"Bearer {TOKEN}"}


@pytest.fixture(scope="module")
def networks():
    return pipeline.load_networks(model_file.SHIPPED)


@pytest.fixture
def client(networks, tmp_path, monkeypatch):
    monkeypatch.setattr(app, "CORRECTIONS", tmp_path / "corrections")
    application = app.application(networks, TOKEN, "127.0.0.1")
    return TestClient(application, base_url="http://127.0.0.1:8000")


def test_read_answers_what_json_prints(client, networks):
    answer = client.post("/read?top=2", content=PAGE, headers=GOOD)
    assert answer.status_code == 200
    (reading,) = pipeline.read_pictures([IMAGES / "page.jpg"], networks, 0.5)
    (line,) = formats.as_json(reading._replace(file="picture"), 2)
    assert answer.json() == [json.loads(line)]


def test_the_picture_as_it_was_read(client):
    (answer,) = client.post("/read?picture=true", content=PAGE, headers=GOOD).json()
    assert answer["picture"].startswith("data:image/jpeg;base64,")
    assert answer["scale"] == 1


@pytest.mark.parametrize(
    "query", ["top=0", "top=11", "threshold=nan", "threshold=2", "pages=0", "pages=21"]
)
def test_what_no_picture_is_read_with(client, query):
    answer = client.post(f"/read?{query}", content=PAGE, headers=GOOD)
    assert answer.status_code == 422


def test_pages_of_a_file(client):
    picture = cv2.imdecode(np.frombuffer(PAGE, np.uint8), cv2.IMREAD_COLOR)
    _, content = cv2.imencodemulti(".tiff", [picture, picture[:160], picture])
    for pages, expected in (("", [1, 2, 3]), ("?pages=2", [1, 2]), ("?pages=1", [1])):
        answer = client.post(f"/read{pages}", content=content.tobytes(), headers=GOOD)
        assert [page["page"] for page in answer.json()] == expected


def test_a_picture_that_is_not_to_be_turned(client):
    picture = cv2.imdecode(np.frombuffer(PAGE, np.uint8), cv2.IMREAD_COLOR)
    _, content = cv2.imencode(".png", cv2.rotate(picture, cv2.ROTATE_180))
    for turn, expected in (("true", 180), ("false", 0)):
        (answer,) = client.post(
            f"/read?turn={turn}", content=content.tobytes(), headers=GOOD
        ).json()
        assert answer["turned"] == expected


def test_a_bad_picture_is_an_error_of_its_own(client):
    answer = client.post("/read", content=b"text", headers=GOOD)
    assert answer.status_code == 200
    (found,) = answer.json()
    assert found["file"] == "picture" and "not a picture" in found["error"]
    assert client.post("/read", content=PAGE, headers=GOOD).status_code == 200


def test_a_body_too_large(client, monkeypatch):
    monkeypatch.setattr(guard, "LARGEST_BODY", 1 << 20)
    answer = client.post("/read", content=bytes(2 << 20), headers=GOOD)
    assert answer.status_code == 400
    assert answer.json() == {"error": "larger than 1 MiB"}


@pytest.mark.parametrize(
    "path", ["/", "/page/index.html", "/openapi.json", "/corrections"]
)
def test_nothing_without_the_token(client, path):
    assert client.get(path).status_code == 403
    for wrong in ("", "secre", "secret1", "géheim"):
        assert client.get(path, params={"token": wrong}).status_code == 403
    assert client.get(path, params={"token": TOKEN}).status_code == 200


def test_the_cookie_takes_over(client):
    assert client.get("/", params={"token": TOKEN}).url.path == "/page/index.html"
    assert client.get("/page/main.js").status_code == 200


def test_two_servers_of_one_host(client, networks):
    assert client.get("/", params={"token": TOKEN}).status_code == 200
    other = app.application(networks, "another", "127.0.0.1")
    second = TestClient(other, "http://127.0.0.1:9000", cookies=client.cookies)
    assert second.get("/", params={"token": "another"}).status_code == 200
    first = TestClient(client.app, "http://127.0.0.1:8000", cookies=second.cookies)
    assert first.get("/corrections").status_code == 200
    assert second.get("/corrections").status_code == 200


def test_a_failure_of_the_program(client, monkeypatch):
    def fail(*args, **kwargs):
        raise RuntimeError("of the program")

    monkeypatch.setattr(pipeline, "read_pictures", fail)
    quiet = TestClient(
        client.app, "http://127.0.0.1:8000", raise_server_exceptions=False
    )
    answer = quiet.post("/read", content=PAGE, headers=GOOD)
    assert answer.status_code == 500
    assert answer.json() == {"error": "failed; the terminal says more"}
    for name, value in guard.HEADERS.items():
        assert answer.headers[name] == value


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"Host": "evil.example"}, 403),
        ({"Host": ""}, 403),
        ({"Host": "[::1"}, 403),
        ({"Origin": "http://["}, 403),
        ({"Host": "localhost:8000"}, 200),
        ({"Host": "[::1]:8000"}, 200),
        ({"Origin": "http://127.0.0.1:8000"}, 200),
        ({"Origin": "http://127.0.0.1:9000"}, 403),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
    ],
)
def test_host_and_origin(client, headers, status):
    answer = client.get("/corrections", headers=GOOD | headers)
    assert answer.status_code == status
    assert ("error" in answer.json()) == (status == 403)


def test_the_name_of_the_host_in_any_case(networks):
    application = app.application(networks, TOKEN, "MyLaptop")
    client = TestClient(application, base_url="http://mylaptop:8000")
    assert client.get("/corrections", headers=GOOD).status_code == 200


def test_every_answer_has_the_headers(client):
    for found in (
        client.get("/page/main.js", headers=GOOD),
        client.get("/page/main.js"),
        client.post("/read", content=b"x", headers=GOOD),
    ):
        for name, value in guard.HEADERS.items():
            assert found.headers[name] == value


def test_no_file_of_the_machine_is_served(client):
    for path in ("/page/../app.py", "/page/%2e%2e/app.py", "/page//etc/passwd"):
        assert client.get(path, headers=GOOD).status_code in (404, 405)


def test_the_page_names_no_other_site():
    texts = [path.read_text("utf-8") for path in sorted(app.PAGE.iterdir())]
    assert len(texts) >= 6
    for text in texts:
        assert "//" not in text.replace("// ", "").replace(
            "http://www.w3.org/2000/svg", ""
        )
        assert "<script>" not in text and "style=" not in text and "onclick" not in text


def test_no_command_where_the_script_is_not_installed(client, monkeypatch):
    monkeypatch.setattr(cli, "ROOT", Path("nowhere"))
    answer = client.get("/corrections", headers=GOOD).json()
    assert answer == {"count": 0, "command": None}


def test_corrections_are_kept(client, tmp_path):
    answer = client.get("/corrections", headers=GOOD).json()
    script, arguments = str(ROOT / "tf_cnn.py"), "--own corrections --save_weights"
    command = f"python3 {script} {arguments} mine.hdf5"
    assert answer == {"count": 0, "command": command}
    for count, reading in enumerate(["12 3/45", ""], 1):
        answer = client.post(
            "/corrections", params={"reading": reading}, content=PAGE, headers=GOOD
        )
        assert answer.json() == {"count": count, "command": command}
    folder = tmp_path / "corrections"
    assert labels.read_table(folder) == [("000001.png", "12 3/45"), ("000002.png", "")]
    kept = cv2.imread(str(folder / "000001.png"))
    decoded = cv2.imdecode(np.frombuffer(PAGE, np.uint8), cv2.IMREAD_COLOR)
    np.testing.assert_array_equal(kept, decoded)


def test_a_correction_that_cannot_be_kept_leaves_nothing(tmp_path, monkeypatch):
    def refuse(path, text):
        raise UserError(f"{path}: is read-only")

    monkeypatch.setattr(corrections.files, "write_text", refuse)
    (tmp_path / "mine").mkdir()
    with pytest.raises(UserError, match="is read-only"):
        corrections.add(tmp_path / "mine", np.zeros((9, 9, 3), np.uint8), "7")
    assert list((tmp_path / "mine").iterdir()) == []


def test_an_upload_that_is_broken_off_is_no_failure():
    class Request:
        async def stream(self):
            yield b"half"
            raise ClientDisconnect

    with pytest.raises(UserError, match="broken off"):
        asyncio.run(guard.body_of(Request()))


@pytest.mark.parametrize(
    "reading", ["1a", "../x", "1\n2", "1//2", " 1", "=1", "1" * 1001]
)
def test_what_is_no_reading(client, tmp_path, reading):
    answer = client.post(
        "/corrections", params={"reading": reading}, content=PAGE, headers=GOOD
    )
    assert answer.status_code == 400 and "a reading has" in answer.json()["error"]
    assert not list((tmp_path / "corrections").glob("*.png"))


def test_no_correction_is_replaced(tmp_path):
    picture = np.zeros((9, 9, 3), np.uint8)
    (tmp_path / "000001.png").write_bytes(b"mine")
    assert corrections.add(tmp_path, picture, "1") == 1
    assert labels.read_table(tmp_path) == [("000002.png", "1")]
    assert (tmp_path / "000001.png").read_bytes() == b"mine"


def test_other_columns_stay(tmp_path):
    (tmp_path / "labels.csv").write_text("note,reading,file\nx,1,a.png")
    assert corrections.add(tmp_path, np.zeros((9, 9, 3), np.uint8), "2 3") == 2
    content = (tmp_path / "labels.csv").read_text()
    assert content == "note,reading,file\nx,1,a.png\n,2 3,000002.png\n"


def test_blanks_behind_commas_are_no_part_of_names(tmp_path):
    (tmp_path / "labels.csv").write_text("file, reading\na.png, 1\n")
    assert corrections.add(tmp_path, np.zeros((9, 9, 3), np.uint8), "2") == 2
    assert labels.read_table(tmp_path) == [("a.png", "1"), ("000002.png", "2")]


def test_labels_that_cannot_be_read(tmp_path):
    (tmp_path / "labels.csv").write_bytes(b"\xff\xfe")
    with pytest.raises(UserError, match=r"labels\.csv: no CSV file"):
        corrections.add(tmp_path, np.zeros((9, 9, 3), np.uint8), "1")


def test_the_interface_is_described(client):
    paths = client.get("/openapi.json", headers=GOOD).json()["paths"]
    assert set(paths) == {"/read", "/corrections"}
    body = paths["/read"]["post"]["requestBody"]["content"]
    assert "application/octet-stream" in body
    for path in ("/docs", "/redoc"):
        assert client.get(path, headers=GOOD).status_code == 404


@pytest.mark.slow
def test_an_upload_that_never_ends_does_not_keep_the_server(tmp_path):
    with serving(tmp_path, stderr=subprocess.PIPE) as (server, url):
        address = urllib.parse.urlsplit(url)
        token = urllib.parse.parse_qs(address.query)[guard.PARAMETER][0]
        head = (
            f"POST /read HTTP/1.1\r\nHost: {address.netloc}\r\n"
            f"Authorization: Bearer {token}\r\nContent-Length: 9\r\n\r\n1"
        )
        with socket.create_connection((address.hostname, address.port)) as upload:
            upload.sendall(head.encode())
            time.sleep(1)  # it is being read
            server.terminate()
            _, errors = server.communicate(timeout=60)
            assert "Traceback" not in errors
