"""A real SIP phone without devices: Debian's baresip, driven over its control socket."""
import json
import pathlib
import shutil
import socket
import tempfile
import time

from .media import PARTIES, video_file
from .process import HOME, PATIENCE, Process, free_port, port_block, wait_for

MODULES = ["opus", "g722", "g711", "ausine", "aufile", "aubridge", "sndfile", "avcodec", "vp8", "avformat", "fakevideo", "snapshot"]


class Baresip:
    def __init__(self, folder, name, audio="opus/48000/2", video=None, transport="udp", with_video=True, extra=(), place=HOME, busy=False, source=None):
        """`video`: baresip's codec list ("h264" means packetization-mode 0 only, "vp8"); None: all it has. `busy`: its camera shows noise. `source`: of its sound, instead of its tone."""
        self.name = name
        self.folder = pathlib.Path(folder) / name
        (self.folder / "dump").mkdir(parents=True, exist_ok=True)
        self.place = place
        with place.inside():
            self.sip_port, self.control_port = free_port(), free_port()
            rtp = port_block(40)
        tone, _ = PARTIES[name]
        here = place.url_host
        account = f"<sip:{name}@{here}:{self.sip_port};transport={transport}>;regint=0;audio_codecs={audio}"
        if video:
            account += f";video_codecs={video}"
        (self.folder / "accounts").write_text(account + "\n")
        (self.folder / "contacts").write_text("")
        lines = ["poll_method epoll", f"sip_listen {here}:{self.sip_port}", "call_max_calls 4", "audio_player aubridge,null",
                 f"audio_source {source or f'ausine,{tone}'}", "audio_alert aubridge,alert", "ausrc_srate 48000", "auplay_srate 48000",
                 "ausrc_channels 2", "auplay_channels 2", "audio_txmode thread", "ausrc_format s16", "auplay_format s16",
                 "auenc_format s16", "audec_format s16", "video_size 640x360", "video_bitrate 700000", "video_fps 25.00",
                 "videnc_format yuv420p", "rtcp_mux no", "jitter_buffer_type fixed", "jitter_buffer_delay 5-10", "rtp_stats yes",
                 f"rtp_ports {rtp}-{rtp + 38}", f"net_interface {place.address}", "module_path /usr/lib/baresip/modules",
                 "module_tmp uuid.so", "module_tmp account.so", "module_app menu.so", "module_app ctrl_tcp.so",
                 f"ctrl_tcp_listen 127.0.0.1:{self.control_port}", f"snd_path {self.folder}/dump", "opus_bitrate 64000",
                 "opus_stereo yes", "opus_sprop_stereo yes", "avcodec_h264enc libx264", "avcodec_h264dec h264",
                 "menu_message_tone no", "ringback_disabled yes"]
        if with_video:
            lines += [f"video_source avformat,{video_file(name, busy=busy)}", "video_display fakevideo,nil"]
        lines += [f"module {m}.so" for m in MODULES if with_video or m not in ("avcodec", "vp8", "avformat", "fakevideo", "snapshot")]
        (self.folder / "config").write_text("\n".join([*lines, *extra]) + "\n")
        self.process = None

    def start(self):
        with self.place.inside():
            self.process = Process(["baresip", "-s", "-f", self.folder, "-v"], self.folder / "log")

        def listening():
            with self.place.inside(), socket.create_connection(("127.0.0.1", self.control_port), 0.5):
                return True
        wait_for(listening, 10, f"{self.name}'s phone to start")
        return self

    def command(self, word, parameters=""):
        body = json.dumps({"command": word, "params": parameters, "token": "t"}).encode()
        with self.place.inside(), socket.create_connection(("127.0.0.1", self.control_port), 5 * PATIENCE) as s:
            s.sendall(str(len(body)).encode() + b":" + body + b",")
            data = b""
            end = time.monotonic() + 5 * PATIENCE
            while time.monotonic() < end:
                more = s.recv(65536)
                if not more:
                    break
                data += more
                while b":" in data:
                    size, _, rest = data.partition(b":")
                    if len(rest) < int(size) + 1:
                        break
                    message, data = json.loads(rest[:int(size)]), rest[int(size) + 1:]
                    if message.get("response"):
                        return message.get("data", "")
        raise AssertionError(f"{self.name}'s phone did not answer '{word}'")

    def dial(self, uri, seconds=10):
        self.command("dial", uri)
        wait_for(lambda: "Call established" in self.process.text(), seconds, f"{self.name}'s call to be established")
        return self

    def snapshot(self, path):
        path = pathlib.Path(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory() as folder:  # baresip cuts file names of 100 characters
            short = pathlib.Path(folder) / "seen.png"
            self.command("snapshot_recv", str(short))
            wait_for(lambda: short.exists() and short.read_bytes().endswith(b"IEND\xaeB`\x82"), 8, f"a picture at {self.name}'s phone")
            shutil.copy(short, path)
        return path

    def received(self):
        """The newest recording of what the phone heard."""
        files = sorted((self.folder / "dump").glob("*-dec.wav"), key=lambda f: f.stat().st_mtime)
        assert files, f"{self.name}'s phone recorded nothing"
        return files[-1]

    def stop(self):
        if self.process and self.process.running:
            try:
                self.command("quit")
            except (OSError, AssertionError):
                pass
            self.process.stop(3)
