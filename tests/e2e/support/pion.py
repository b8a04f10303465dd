"""An SFU on a WebRTC stack that is not ours (pion, from Debian's packages), in place of the embedded one. It knows no hooks: the test
says what SRS would say."""
import json
import os
import pathlib
import urllib.request

from .process import HOME, ROOT, Process, free_port, run, wait_for

SOURCE = ROOT / "tests/e2e/peers/pion-sfu"
BINARY = ROOT / "build/e2e/pion-sfu"


def build():
    """GOPATH mode: Debian's Go packages resolve only so; needs no network."""
    if not BINARY.exists() or BINARY.stat().st_mtime < (SOURCE / "src/pionsfu/main.go").stat().st_mtime:
        BINARY.parent.mkdir(parents=True, exist_ok=True)
        run(["go", "build", "-o", BINARY, "pionsfu"], timeout=300, cwd=SOURCE,
            env={**os.environ, "GO111MODULE": "off", "GOPATH": f"{SOURCE}:/usr/share/gocode", "GOFLAGS": "", "CGO_ENABLED": "0",
                 "GOCACHE": str(ROOT / "build/e2e/gocache")})
    return BINARY


class PionSfu:
    def __init__(self, folder, place=HOME, links=()):
        """`links`: Link headers of its answers."""
        self.folder, self.place, self.links = pathlib.Path(folder), place, links
        with place.inside():
            self.port = free_port()
        self.url = f"http://{place.url_host}:{self.port}"
        self.process = None
        self.clients = 0

    def settings(self):
        """What the gateway's configuration says to use it."""
        return {"embedded": False, "whip_url": self.url + "/whip/{room}.{stream}", "whep_url": self.url + "/whep/{room}.{stream}"}

    def start(self):
        listen = f"{self.place.url_host}:{self.port}"
        binary = build()
        with self.place.inside():
            self.process = Process([binary, "-listen", listen, "-ip", self.place.address, "-video", "h264", "-links", "\n".join(self.links)],
                                   self.folder / "pion.log")

        def up():
            with self.place.inside(), urllib.request.urlopen(self.url + "/stats", timeout=1) as answer:
                return answer.status == 200
        wait_for(up, 10, "the SFU to listen")
        return self

    def stats(self):
        with self.place.inside(), urllib.request.urlopen(self.url + "/stats", timeout=5) as answer:
            return json.loads(answer.read())

    def hook(self, gateway, action, room, stream, client):
        body = {"action": action, "client_id": client, "app": room, "stream": stream, "param": f"app={room}&stream={stream}",
                "server_id": "pion", "service_id": str(self.process.popen.pid)}
        status, text = gateway.request("POST", "/hooks/srs", body)
        assert status == 200 and json.loads(text)["code"] == 0, text

    def meet(self, gateway, browser, room):
        """The browser publishes here and plays its own mix of a room that one other is in."""
        browser.open(self.url + "/stats")
        browser.publish(f"/whip/{room}.{browser.name}", f"/whep/{room}.mix~{browser.name}")
        self.hook(gateway, "on_publish", room, browser.name, "c1")
        self.hook(gateway, "on_play", room, f"mix~{browser.name}", "c2")
        gateway.wait_legs(room, 2)
        browser.evaluate("() => window.playMix()")
        browser.wait("() => document.getElementById('mix').videoWidth > 0", 20)
        gateway.wait_pictures(room, 2)

    def stop(self):
        if self.process:
            self.process.stop(3)
