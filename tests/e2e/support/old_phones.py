"""Phones of the time before RTP/AVPF, who know no RTCP feedback: H.264 over RTP with gaps on command, and a real phone whose RTCP is cut off."""
import re
import select
import socket
import threading
import time

PICTURES_A_SECOND = 25


def udp_pair():
    """Sockets for RTP and RTCP, on an even port and the next."""
    for _ in range(200):
        rtp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        rtp.bind(("127.0.0.1", 0))
        port = rtp.getsockname()[1]
        rtcp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            if port % 2 == 0:
                rtcp.bind(("127.0.0.1", port + 1))
                return rtp, rtcp
        except OSError:
            pass
        rtp.close()
        rtcp.close()
    raise RuntimeError("no pair of ports")


def is_keyframe(packet):
    """Whether an H.264 packet (RFC 6184) holds an IDR slice, or the beginning of one."""
    if len(packet) < 14:
        return False
    payload = packet[12 + 4 * (packet[0] & 15):]  # no extension is negotiated with phones
    kind = payload[0] & 31
    if kind == 28:
        return payload[1] & 0x80 != 0 and payload[1] & 31 == 5
    if kind == 24:
        at = 1
        while at + 2 < len(payload):
            if payload[at + 2] & 31 == 5:
                return True
            at += 2 + int.from_bytes(payload[at:at + 2], "big")
    return kind == 5


class Listener(threading.Thread):
    """Receives video and keeps when keyframes came (time.time()), the RTP times of the pictures, and how many packets in all."""

    def __init__(self):
        super().__init__(daemon=True)
        self.sockets = udp_pair()
        self.port = self.sockets[0].getsockname()[1]
        self.keyframes, self.pictures, self.packets = [], [], 0
        self.ended = False
        self.start()

    def run(self):
        while not self.ended:
            for ready in select.select(self.sockets, [], [], 0.2)[0]:
                packet = ready.recv(2048)
                if ready is not self.sockets[0]:
                    continue
                self.packets += 1
                if packet[1] & 0x80:  # the last one of a picture
                    self.pictures.append(int.from_bytes(packet[4:8], "big"))
                if is_keyframe(packet):
                    self.keyframes.append(time.time())

    def stop(self):
        self.ended = True
        self.join(2)
        for each in self.sockets:
            each.close()


class PictureSender(threading.Thread):
    """Sends an H.264 file (Annex B, a slice a picture, a keyframe at its beginning only) from `listener`'s port, in a loop."""

    def __init__(self, file, payload_type=97):
        super().__init__(daemon=True)
        self.sockets = udp_pair()
        self.port = self.sockets[0].getsockname()[1]
        self.payload_type, self.sequence, self.time = payload_type, 0xFFF0, 0xFFFF0000
        self.pictures, picture = [], []
        for nal in re.split(b"\x00\x00\x00?\x01", file.read_bytes())[1:]:
            picture.append(nal)
            if nal[0] & 31 in (1, 5):
                self.pictures.append(picture)
                picture = []
        self.at, self.losing, self.ended, self.to = 0, 0, False, None

    def send_to(self, port):
        self.to = ("127.0.0.1", port)
        self.start()

    def lose(self, pictures):
        """That many get numbers and never arrive."""
        self.losing = pictures

    def keyframe(self):
        self.at = 0

    def packets(self, picture):
        for i, nal in enumerate(picture):
            last = i + 1 == len(picture)
            if len(nal) <= 1200:
                yield last, nal
                continue
            head = nal[0] & 0xE0 | 28
            for begin in range(1, len(nal), 1190):
                end = begin + 1190 >= len(nal)
                yield last and end, bytes([head, (begin == 1) << 7 | end << 6 | nal[0] & 31]) + nal[begin:begin + 1190]

    def run(self):
        due = time.monotonic()
        while not self.ended:
            picture = self.pictures[self.at % len(self.pictures)]
            self.at += 1
            for marker, payload in self.packets(picture):
                header = bytes([0x80, marker << 7 | self.payload_type]) + self.sequence.to_bytes(2, "big") + self.time.to_bytes(4, "big") + b"old!"
                if self.losing == 0:
                    self.sockets[0].sendto(header + payload, self.to)
                self.sequence = self.sequence + 1 & 0xFFFF
            self.losing = max(0, self.losing - 1)
            self.time = self.time + 90000 // PICTURES_A_SECOND & 0xFFFFFFFF
            due += 1 / PICTURES_A_SECOND
            time.sleep(max(0.0, due - time.monotonic()))

    def stop(self):
        self.ended = True
        if self.to:
            self.join(2)
        for each in self.sockets:
            each.close()


class Forgetter(threading.Thread):
    """Between a real phone and the gateway: takes rtcp-fb out of the SDP and lets video's RTP through, but not its RTCP. Dial its port."""

    def __init__(self, gateway):
        super().__init__(daemon=True)
        self.gateway = ("127.0.0.1", gateway.sip_port)
        self.sip = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sip.bind(("127.0.0.1", 0))
        self.port = self.sip.getsockname()[1]
        self.video = udp_pair()
        self.phone = None
        self.ends = {}  # "phone", "gateway": where their video is
        self.losing = self.swallowed = 0
        self.ended = False
        self.start()

    def lose(self, packets):
        """The next ones of the phone's."""
        self.losing = packets

    def forget(self, data, end):
        head, _, body = data.decode().partition("\r\n\r\n")
        video = re.search(r"^m=video (\d+)", body, re.M)
        if not video:
            return data
        self.ends[end] = ("127.0.0.1", int(video.group(1)))
        port = self.video[0].getsockname()[1]
        body = re.sub(r"^m=video \d+", f"m=video {port}", body, flags=re.M)
        sections = re.split(r"(?=^m=)", body, flags=re.M)
        body = "".join(re.sub(r"^a=(rtcp-fb|rtcp|rtcp-mux)\b.*\r\n", "", each, flags=re.M) if each.startswith("m=video") else each for each in sections)
        head = re.sub(r"(?mi)^content-length:\s*\d+", f"Content-Length: {len(body)}", head)
        return (head + "\r\n\r\n" + body).encode()

    def run(self):
        while not self.ended:
            for ready in select.select([self.sip, *self.video], [], [], 0.2)[0]:
                data, whence = ready.recvfrom(65536)
                if ready is self.sip:
                    if whence == self.gateway:
                        self.sip.sendto(self.forget(data, "gateway"), self.phone)
                    else:
                        self.phone = whence
                        self.sip.sendto(self.forget(data, "phone"), self.gateway)
                elif ready is self.video[1]:
                    self.swallowed += 1
                elif whence == self.ends.get("gateway"):
                    ready.sendto(data, self.ends["phone"])
                elif self.losing:
                    self.losing -= 1
                elif "gateway" in self.ends:
                    ready.sendto(data, self.ends["gateway"])

    def stop(self):
        self.ended = True
        self.join(2)
        for each in (self.sip, *self.video):
            each.close()
