"""A scripted SIP phone over UDP: says exactly what a test wants said, and keeps what it got. Its media is ffmpeg's."""
import pathlib
import random
import re
import socket
import string
import time

from .process import PATIENCE, Process, port_block


def token(n=10):
    return "".join(random.choices(string.ascii_lowercase + string.digits, k=n))


class Message:
    def __init__(self, data):
        head, _, self.body = data.decode(errors="replace").partition("\r\n\r\n")
        self.first, *lines = head.split("\r\n")
        self.headers = [tuple(part.strip() for part in line.split(":", 1)) for line in lines if ":" in line]
        self.status = int(self.first.split()[1]) if self.first.startswith("SIP/2.0") else 0
        self.method = "" if self.status else self.first.split()[0]

    def get(self, name, otherwise=""):
        return next((v for k, v in self.headers if k.lower() == name.lower()), otherwise)

    def all(self, name):
        return [v for k, v in self.headers if k.lower() == name.lower()]


class Phone:
    def __init__(self, gateway, room, user="script"):
        self.gateway, self.room, self.user = gateway, room, user
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        self.call_id, self.from_tag, self.to = f"{token()}@127.0.0.1", token(), f"<sip:{room}@127.0.0.1:{gateway.sip_port}>"
        self.cseq, self.target = 0, f"sip:{room}@127.0.0.1:{gateway.sip_port}"
        self.got, self.branch = [], ""
        self.requests = []

    def send(self, method, body="", headers=(), cseq=None, branch=None, content_type="application/sdp"):
        if cseq is None:
            self.cseq += 1
            cseq = self.cseq
        self.branch = branch or "z9hG4bK" + token()
        lines = [f"{method} {self.target} SIP/2.0", f"Via: SIP/2.0/UDP 127.0.0.1:{self.port};branch={self.branch};rport",
                 "Max-Forwards: 70", f"From: \"{self.user}\" <sip:{self.user}@127.0.0.1:{self.port}>;tag={self.from_tag}",
                 f"To: {self.to}", f"Call-ID: {self.call_id}", f"CSeq: {cseq} {method}",
                 f"Contact: <sip:{self.user}@127.0.0.1:{self.port}>", *headers]
        if body:
            lines.append(f"Content-Type: {content_type}")
        lines.append(f"Content-Length: {len(body)}")
        data = ("\r\n".join(lines) + "\r\n\r\n" + body).encode()
        self.socket.sendto(data, ("127.0.0.1", self.gateway.sip_port))

    def receive(self, seconds):
        self.socket.settimeout(max(seconds, 0.01))
        try:
            data, _ = self.socket.recvfrom(65536)
        except (TimeoutError, socket.timeout):
            return None
        message = Message(data)
        (self.requests if message.method else self.got).append(message)
        return message

    def reply(self, request, status="200 OK"):
        lines = [f"SIP/2.0 {status}"] + [f"{k}: {v}" for k, v in request.headers
                                         if k.lower() in ("via", "from", "to", "call-id", "cseq")]
        self.socket.sendto(("\r\n".join(lines) + "\r\nContent-Length: 0\r\n\r\n").encode(), ("127.0.0.1", self.gateway.sip_port))

    def final(self, method, seconds=5):
        """The final response to the newest request of that method."""
        end = time.monotonic() + seconds * PATIENCE
        while time.monotonic() < end:
            message = self.receive(end - time.monotonic())
            if message and message.status >= 200 and message.get("CSeq") == f"{self.cseq} {method}":
                return message
        raise AssertionError(f"no final response to {method}; got {[m.first for m in self.got]}")

    def request_from_gateway(self, method, seconds=5):
        end = time.monotonic() + seconds * PATIENCE
        while time.monotonic() < end:
            for message in self.requests:
                if message.method == method:
                    return message
            self.receive(end - time.monotonic())
        raise AssertionError(f"the gateway sent no {method}")

    def invite(self, sdp="", headers=(), ack_sdp=None, seconds=5):
        """INVITE, its final response, and the ACK. `ack_sdp`: a function of the offer in the 200 for a delayed offer."""
        self.send("INVITE", sdp, headers)
        branch = self.branch
        answer = self.final("INVITE", seconds)
        self.to = answer.get("To")
        if answer.status == 200:
            contact = re.search(r"<([^>]+)>", answer.get("Contact"))
            self.target = contact.group(1) if contact else self.target
            self.send("ACK", ack_sdp(answer.body) if ack_sdp else "", cseq=self.cseq)
        else:
            self.send("ACK", cseq=self.cseq, branch=branch)
        return answer

    def bye(self):
        self.send("BYE")
        return self.final("BYE")

    def close(self):
        self.socket.close()


def media_ports(sdp):
    """kind → port of an SDP."""
    return {kind: int(port) for kind, port in re.findall(r"^m=(\w+) (\d+)", sdp, re.M)}


class FfmpegPhone(Phone):
    """A phone whose voice and picture come from a file, with RTCP sender reports from one clock (ffmpeg), and which records what
    it gets. Opus 96, H.264 97 (packetization-mode 1), unless another `codec` or `profile` (RTP/AVP, RTP/AVPF) is wanted."""

    AUDIO = {"opus": ("opus/48000/2", 96, ["libopus", "-b:a", "64k"]), "g722": ("G722/8000", 9, ["g722", "-ar", "16000", "-ac", "1"]),
             "pcmu": ("PCMU/8000", 0, ["pcm_mulaw", "-ar", "8000", "-ac", "1"]), "pcma": ("PCMA/8000", 8, ["pcm_alaw", "-ar", "8000", "-ac", "1"])}

    def __init__(self, gateway, room, folder, source, user="reel", video=True, codec="opus", profile="RTP/AVP"):
        super().__init__(gateway, room, user)
        self.folder = pathlib.Path(folder) / user
        self.folder.mkdir(parents=True, exist_ok=True)
        self.source, self.video, self.profile = source, video, profile
        self.rtpmap, self.payload_type, self.encoder = self.AUDIO[codec]
        self.base = port_block(20)
        self.sender = self.recorder = None

    def sdp(self, direction="sendrecv", audio=None):
        """`audio`: its direction, if it is another one."""
        lines = ["v=0", f"o=- {self.base} {self.cseq + 1} IN IP4 127.0.0.1", "s=-", "c=IN IP4 127.0.0.1", "t=0 0",
                 f"m=audio {self.base} {self.profile} {self.payload_type}", f"a=rtpmap:{self.payload_type} {self.rtpmap}",
                 f"a={audio or direction}"]
        if self.video:
            lines += [f"m=video {self.base + 2} RTP/AVPF 97", "a=rtpmap:97 H264/90000",
                      "a=fmtp:97 packetization-mode=1;profile-level-id=42e01f;level-asymmetry-allowed=1", "a=rtcp-fb:97 nack pli",
                      f"a={direction}"]
        return "\r\n".join(lines) + "\r\n"

    def call(self):
        answer = self.invite(self.sdp())
        assert answer.status == 200, answer.first
        self.answer = answer.body
        ports = media_ports(answer.body)
        there = lambda kind, here: f"rtp://127.0.0.1:{ports[kind]}?localrtpport={here}&localrtcpport={here + 1}"  # noqa: E731
        # It sends from ports of its own: the gateway keeps sending to those of the SDP only until it has latched (symmetric RTP),
        # so the recorder could not share them; a second socket on the SDP's ports would get nothing.
        arguments = ["ffmpeg", "-v", "error", "-re", "-stream_loop", "-1", "-i", self.source, "-map", "0:a", "-c:a", *self.encoder,
                     "-payload_type", str(self.payload_type), "-f", "rtp", there("audio", self.base)]
        if self.video:
            arguments += ["-map", "0:v", "-c:v", "copy", "-bsf:v", "h264_mp4toannexb", "-payload_type", "97", "-f", "rtp", there("video", self.base + 2)]
        self.sender = Process(arguments, self.folder / "sender.log")
        return self

    def vanish(self):
        """No BYE, no packet any more."""
        if self.sender:
            self.sender.kill()
            self.sender = None

    def stop(self):
        if self.sender:
            self.sender.stop(2)
            self.sender = None
            try:
                self.bye()
            except AssertionError:
                pass
        self.close()
