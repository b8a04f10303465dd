"""A real TURN server (coturn), with the kind of credentials that [webrtc] ice_servers makes from a secret, or with fixed ones."""
import pathlib
import socket

from .process import HOME, Process, run, wait_for

PORT = 3478
TLS_PORT = 5349
SECRET = "north"


class TurnServer:
    def __init__(self, folder, place=HOME, user=None, tls=False):
        """`user`: "name:password"; None: credentials made from SECRET. `tls`: with a certificate of its own, in `certificate`."""
        self.folder, self.place, self.user = pathlib.Path(folder) / "turn", place, user
        self.folder.mkdir(parents=True, exist_ok=True)
        self.process = None
        self.certificate = self.folder / "certificate.pem" if tls else None

    def url(self, transport="tcp"):
        if transport == "tls":
            return f"turns:{self.place.url_host}:{TLS_PORT}"
        return f"turn:{self.place.url_host}:{PORT}?transport={transport}"

    def stun_url(self):
        return f"stun:{self.place.url_host}:{PORT}"

    def start(self):
        here = self.place.address
        words = ["--use-auth-secret", f"--static-auth-secret={SECRET}"] if self.user is None else ["--lt-cred-mech", f"--user={self.user}"]
        secure = ["--no-tls"]
        if self.certificate:
            key = self.folder / "key.pem"
            run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", "/CN=turn",
                 "-addext", f"subjectAltName=IP:{here}", "-keyout", key, "-out", self.certificate])
            secure = [f"--tls-listening-port={TLS_PORT}", f"--cert={self.certificate}", f"--pkey={key}"]
        with self.place.inside():
            self.process = Process(
                ["turnserver", "-n", f"--listening-ip={here}", f"--relay-ip={here}", f"--listening-port={PORT}", "--no-dtls", *secure,
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
