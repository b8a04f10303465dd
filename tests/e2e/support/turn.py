"""A real TURN server (coturn), with the kind of credentials that [webrtc] ice_servers makes from a secret, or with fixed ones."""
import pathlib
import socket

from .process import HOME, Process, wait_for

PORT = 3478
SECRET = "north"


class TurnServer:
    def __init__(self, folder, place=HOME, user=None):
        """`user`: "name:password"; None: credentials made from SECRET."""
        self.folder, self.place, self.user = pathlib.Path(folder) / "turn", place, user
        self.folder.mkdir(parents=True, exist_ok=True)
        self.process = None

    def url(self, transport="tcp"):
        return f"turn:{self.place.url_host}:{PORT}?transport={transport}"

    def start(self):
        here = self.place.address
        words = ["--use-auth-secret", f"--static-auth-secret={SECRET}"] if self.user is None else ["--lt-cred-mech", f"--user={self.user}"]
        with self.place.inside():
            self.process = Process(
                ["turnserver", "-n", f"--listening-ip={here}", f"--relay-ip={here}", f"--listening-port={PORT}", "--no-tls", "--no-dtls",
                 "--realm=partyline.test", "--fingerprint", "--no-cli", "--no-multicast-peers", "--min-port=30000", "--max-port=30999",
                 "--log-file=stdout", "--simple-log", "-v", f"--pidfile={self.folder}/pid", f"--userdb={self.folder}/users", *words],
                self.folder / "log", cwd=self.folder)

        def listening():
            assert self.process.running, self.process.text()[-1000:]
            with self.place.inside(), socket.create_connection((here, PORT), 0.5):
                return True
        wait_for(listening, 10, "coturn to listen")
        return self

    def stop(self):
        if self.process:
            self.process.stop(3)
