"""Fetching over a real connection to a server of our own that can break off."""

import hashlib
import http.server
import threading

import pytest

from striate.errors import FileError
from striate.zoo import download as module
from striate.zoo.download import check_digest, download

CONTENT = bytes(range(256)) * 20_000  # 5 MB
SHA256 = hashlib.sha256(CONTENT).hexdigest()


class Server(http.server.BaseHTTPRequestHandler):
    """Serves CONTENT; each entry of `breaks` ends one answer after so many bytes."""

    breaks: list[int] = []  # noqa: RUF012  # set anew by every test
    asked: list[str | None] = []  # noqa: RUF012
    ranges = True

    def do_GET(self):
        wanted = self.headers.get("Range")
        type(self).asked.append(wanted)
        if self.path == "/absent":
            self.send_error(404)
            return
        if self.path == "/busy":
            self.send_error(503)
            return
        start = int(wanted[len("bytes=") : -1]) if wanted and self.ranges else 0
        if start >= len(CONTENT):
            self.send_error(416)
            return
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(CONTENT) - start))
        self.end_headers()
        end = start + self.breaks.pop(0) if self.breaks else len(CONTENT)
        self.wfile.write(CONTENT[start:end])

    def log_message(self, *_):
        pass


@pytest.fixture
def address():
    Server.breaks, Server.asked, Server.ranges = [], [], True
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Server)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_file_is_fetched_once(address, tmp_path):
    seen = []
    path = tmp_path / "deep" / "weights.pth"
    for _ in range(2):
        assert download(f"{address}/x", path, f"sha256:{SHA256}", lambda *p: seen.append(p)) == path
    assert path.read_bytes() == CONTENT
    assert Server.asked == [None]
    assert seen[-1] == (len(CONTENT), len(CONTENT))
    assert [each.name for each in path.parent.iterdir()] == ["weights.pth"]


def test_a_broken_connection_is_taken_up_where_it_broke(address, tmp_path):
    Server.breaks = [1_000_000, 500_000]
    download(f"{address}/x", tmp_path / "w", f"sha256:{SHA256[:8]}")
    assert Server.asked == [None, "bytes=1000000-", "bytes=1500000-"]
    assert (tmp_path / "w").read_bytes() == CONTENT


def test_a_stopped_program_goes_on_where_it_was(address, tmp_path):
    def stop(here, _):
        if here >= 2_000_000:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        download(f"{address}/x", tmp_path / "w", on_progress=stop)
    kept = (tmp_path / "w.part").stat().st_size
    assert 2_000_000 <= kept < len(CONTENT)
    download(f"{address}/x", tmp_path / "w", f"sha256:{SHA256}")
    assert Server.asked[-1] == f"bytes={kept}-"


def test_a_server_that_knows_no_ranges_is_asked_again_from_the_start(address, tmp_path):
    Server.ranges, Server.breaks = False, [1_000_000]
    download(f"{address}/x", tmp_path / "w", f"sha256:{SHA256}")
    assert (tmp_path / "w").read_bytes() == CONTENT


def test_a_whole_part_needs_no_more_bytes(address, tmp_path):
    (tmp_path / "w.part").write_bytes(CONTENT)
    download(f"{address}/x", tmp_path / "w", f"sha256:{SHA256}")
    assert (tmp_path / "w").read_bytes() == CONTENT


def test_other_bytes_than_the_published_are_refused_and_forgotten(address, tmp_path):
    with pytest.raises(FileError, match=f"SHA256 begins with {SHA256[:8]}, not 00000000") as found:
        download(f"{address}/x", tmp_path / "w", "sha256:00000000")
    assert found.value.code == "zoo-wrong-checksum"
    assert [*tmp_path.iterdir()] == []


def test_a_file_put_there_by_hand_is_checked_too(address, tmp_path):
    (tmp_path / "w").write_bytes(CONTENT)
    assert download(f"{address}/x", tmp_path / "w", f"sha256:{SHA256}").read_bytes() == CONTENT
    assert Server.asked == []
    (tmp_path / "w").write_bytes(CONTENT[1:])
    with pytest.raises(FileError, match="not the file that was published"):
        download(f"{address}/x", tmp_path / "w", f"sha256:{SHA256}")


def test_md5_is_known_too(tmp_path):
    (tmp_path / "w").write_bytes(b"abc")
    check_digest(tmp_path / "w", "md5:900150983cd24fb0")
    with pytest.raises(FileError, match="MD5 begins with 90, not 91"):
        check_digest(tmp_path / "w", "md5:91")


@pytest.mark.parametrize(
    ("page", "code", "said"),
    [("absent", "zoo-not-there", "404"), ("busy", "zoo-offline", "503")],
)
def test_refusals_are_told_apart(address, tmp_path, page, code, said):
    with pytest.raises(FileError, match=said) as found:
        download(f"{address}/{page}", tmp_path / "w")
    assert found.value.code == code
    assert str(tmp_path / "w") in found.value.fix
    assert len(Server.asked) == (1 if page == "absent" else module.TRIES)


def test_offline_tells_which_file_to_put_where(tmp_path):
    with pytest.raises(FileError, match="cannot be fetched") as found:
        download("http://127.0.0.1:9/weights.pth", tmp_path / "weights.pth")
    assert found.value.code == "zoo-offline"
    assert f"put it here: {tmp_path / 'weights.pth'}" in found.value.fix


def test_what_arrived_is_told_when_the_connection_stays_away(address, tmp_path):
    Server.breaks = [1000] * module.TRIES
    with pytest.raises(FileError, match=f"{1000 * module.TRIES:,} bytes are kept"):
        download(f"{address}/x", tmp_path / "w")
