"""An SFU on a WebRTC stack that is not ours (pion, from Debian's packages), in place of the embedded one. It knows no hooks: the test
says what SRS would say."""
import json
import os
import pathlib
import subprocess
import urllib.request

from .media import layer_file
from .process import HOME, ROOT, Process, free_port, port_block, run, wait_for
from .sip import Phone, media_ports

SOURCE = ROOT / "tests/e2e/peers/pion-sfu"


def build(program):
    """GOPATH mode: Debian's Go packages resolve only so; needs no network."""
    binary = ROOT / "build/e2e" / program
    package = program.replace("-", "")
    if not binary.exists() or binary.stat().st_mtime < (SOURCE / "src" / package / "main.go").stat().st_mtime:
        binary.parent.mkdir(parents=True, exist_ok=True)
        run(["go", "build", "-o", binary, package], timeout=300, cwd=SOURCE,
            env={**os.environ, "GO111MODULE": "off", "GOPATH": f"{SOURCE}:/usr/share/gocode", "GOFLAGS": "", "CGO_ENABLED": "0",
                 "GOCACHE": str(ROOT / "build/e2e/gocache")})
    return binary


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
        binary = build("pion-sfu")
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


class PionPublisher:
    """Publishes a party's picture by WHIP in three sizes at once (h, m, l), which costs next to nothing: it was encoded before."""

    def __init__(self, folder, name, url):
        self.folder, self.name, self.url = pathlib.Path(folder), name, url
        self.process = None

    def start(self):
        layers = [f"{rid}={layer_file(self.name, size)}" for rid, size in (("h", "1280x720"), ("m", "640x360"), ("l", "320x180"))]
        self.process = Process([build("pion-publisher"), "-url", self.url, *layers], self.folder / f"pion-{self.name}.log")
        wait_for(lambda: "connected" in self.process.text(), 15, f"{self.name} to publish")
        return self

    def stop(self):
        if self.process:
            self.process.stop(3)


class PionPhone(Phone):
    """A phone with one medium whose RTP and RTCP are pion's. `attributes`: lines of its SDP beside those that name the codec."""

    CODECS = {"audio": ("0", "a=rtpmap:0 PCMU/8000"),
              "video": ("97", "a=rtpmap:97 H264/90000\r\na=fmtp:97 packetization-mode=1;profile-level-id=42e01f")}

    def __init__(self, gateway, room, folder, kind, attributes, profile="RTP/AVP", user="pion"):
        super().__init__(gateway, room, user)
        self.folder, self.kind, self.media_port = pathlib.Path(folder), kind, port_block(2)
        number, rtpmap = self.CODECS[kind]
        self.sdp = "\r\n".join(["v=0", "o=- 1 1 IN IP4 127.0.0.1", "s=-", "c=IN IP4 127.0.0.1", "t=0 0",
                                f"m={kind} {self.media_port} {profile} {number}", rtpmap, *attributes]) + "\r\n"
        self.process = None

    def call(self, *arguments):
        """`arguments`: pion-phone's."""
        answer = self.invite(self.sdp)
        assert answer.status == 200, answer.first
        self.answer = answer.body
        port = media_ports(self.answer)[self.kind]
        self.process = Process([build("pion-phone"), "-port", self.media_port, "-to", f"127.0.0.1:{port}", "-rtcp", f"127.0.0.1:{port + 1}", *arguments],
                               self.folder / f"{self.user}.log", stdin=subprocess.PIPE)
        return self

    def tell(self, command):
        self.process.popen.stdin.write(command.encode() + b"\n")
        self.process.popen.stdin.flush()

    def events(self, name):
        lines = self.process.text().splitlines(keepends=True)
        return [event for event in (json.loads(line) for line in lines if line.startswith("{") and line.endswith("\n")) if event["event"] == name]

    def rate(self, seconds):
        """Bits a second that came in the last so many, RTP headers included; 0 before."""
        counts = self.events("received")
        before = next((event for event in reversed(counts) if counts[-1]["seconds"] - event["seconds"] >= seconds), None)
        return (counts[-1]["bytes"] - before["bytes"]) * 8 / (counts[-1]["seconds"] - before["seconds"]) if before else 0

    def stop(self):
        if self.process:
            self.process.popen.stdin.close()
            self.process.stop(3)
            try:
                self.bye()
            except AssertionError:
                pass
        self.close()
