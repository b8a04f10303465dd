"""Fixtures: each test gets a folder of its own below build/e2e, and everything it started is ended, whatever happened."""
import contextlib
import pathlib
import shutil
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))

from support import media  # noqa: E402
from support.baresip import Baresip  # noqa: E402
from support.browser import Browser  # noqa: E402
from support.gateway import Gateway  # noqa: E402
from support.process import HOME, ROOT, handed_out  # noqa: E402
from support.rtmp import RtmpServer  # noqa: E402
from support.stalls import Stalls  # noqa: E402
from support.wire import Wire  # noqa: E402


def pytest_configure(config):
    config.addinivalue_line("markers", "long: takes twenty seconds or more for one thing that unit tests look at, too; scripts/test leaves it out, scripts/test e2e does not")


@pytest.fixture(scope="session", autouse=True)
def reels():
    """All media is made before the first test: encoding it in the middle of one would starve what is being judged."""
    for name in media.PARTIES:
        media.video_file(name)
        media.y4m_file(name)
        media.wav_file(name)
    media.video_file("alice", busy=True)
    media.y4m_file("carol", "1280x720")
    media.flash_and_beep()


@pytest.fixture
def folder(request):
    # Short: baresip cuts file names of more than 128 characters.
    path = ROOT / "build/e2e" / request.node.name.replace("[", "-").rstrip("]").removeprefix("test_")[:48]
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir(parents=True)
    return path


class Stage:
    """Starts peers and ends them in the opposite order."""

    def __init__(self, folder):
        self.folder = folder
        self.exits = contextlib.ExitStack()
        handed_out.clear()
        self.stalls = self.keep(Stalls(folder))

    def keep(self, thing):
        self.exits.callback(thing.stop)
        return thing

    def gateway(self, settings=None, **kwargs):
        gateway = Gateway(self.folder, settings, **kwargs)
        self.exits.callback(gateway.stop)
        return gateway.start()

    def phone(self, name, **kwargs):
        return self.keep(Baresip(self.folder, name, **kwargs)).start()

    def wire(self, **kwargs):
        """Two places with a bad link between them; skips the test where that is not permitted."""
        return self.keep(Wire(**kwargs)).start()

    def browser(self, name, gateway=None, room=None, sees_picture=True, place=HOME, trusted=(), camera="640x360", sound=None):
        """A browser; joined to the room by the join page if one is given. `trusted`: as if these origins were https."""
        browser = self.keep(Browser(self.folder, name, place, [gateway.url] if gateway else trusted, camera, sound)).start()
        if gateway:
            browser.open(f"{gateway.url}/?room={room}&name={name}")
            browser.join(sees_picture)
        return browser

    def rtmp(self):
        return self.keep(RtmpServer(self.folder)).start()


@pytest.fixture
def stage(folder):
    stage = Stage(folder)
    try:
        yield stage
    finally:
        stage.exits.close()
