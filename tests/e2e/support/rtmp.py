"""A real RTMP server (nginx-rtmp), and what a viewer sees of it."""
import pathlib

from .process import Process, free_port, run, wait_for

CONFIG = """load_module /usr/lib/nginx/modules/ngx_rtmp_module.so;
master_process off; daemon off; pid {folder}/nginx.pid; error_log {folder}/error.log info;
events {{ worker_connections 256; }}
rtmp {{ server {{ listen 127.0.0.1:{port}; chunk_size 4096; application live {{ live on; record off; }} }} }}
"""


class RtmpServer:
    def __init__(self, folder):
        self.folder = pathlib.Path(folder) / "nginx"
        self.folder.mkdir(parents=True, exist_ok=True)
        self.port = free_port()
        self.process = None

    def start(self):
        (self.folder / "nginx.conf").write_text(CONFIG.format(folder=self.folder, port=self.port))
        self.process = Process(["nginx", "-p", self.folder, "-c", self.folder / "nginx.conf"], self.folder / "log")

        def listening():
            import socket
            with socket.create_connection(("127.0.0.1", self.port), 0.5):
                return True
        wait_for(listening, 10, "nginx to listen")
        return self

    def url(self, name):
        return f"rtmp://127.0.0.1:{self.port}/live/{name}"

    def record(self, name, seconds, path):
        """What a viewer gets in so many seconds, not re-encoded."""
        run(["ffmpeg", "-v", "error", "-y", "-rw_timeout", "15000000", "-i", self.url(name), "-t", str(seconds), "-c", "copy",
             path], timeout=seconds + 40)
        return path

    def recorder(self, name, path):
        """A viewer that records until it is stopped."""
        return Process(["ffmpeg", "-v", "error", "-y", "-rw_timeout", "15000000", "-i", self.url(name), "-c", "copy",
                        "-flush_packets", "1", "-f", "flv", path], pathlib.Path(path).with_suffix(".log"))

    def stop(self):
        if self.process:
            self.process.stop(3)
