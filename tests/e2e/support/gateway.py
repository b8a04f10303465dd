"""The gateway under test, on free ports of 127.0.0.1 or of another place."""
import json
import os
import pathlib
import re
import urllib.error
import urllib.request

from .process import HOME, ROOT, Process, free_port, port_block, wait_for

RELEASE = ROOT / "build/release/partyline"


def toml(value):
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(key)} = {toml(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(toml(item) for item in value) + "]"
    return json.dumps(value)


class Gateway:
    def __init__(self, folder, settings=None, binary=None, place=HOME):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.place = place
        with place.inside():
            self.sip_port = free_port()
            self.http_port = free_port()
            self.media_port = free_port()
            self.rtp_first = port_block(400)
        self.binary = binary or os.environ.get("PARTYLINE_BINARY") or RELEASE
        self.settings = {
            "log": {"level": "debug"},
            "http": {"address": place.address, "port": self.http_port},
            "sip": {"address": place.address, "port": self.sip_port, "rtp_first_port": self.rtp_first,
                    "rtp_last_port": self.rtp_first + 399},
            "webrtc": {"address": place.address, "port": self.media_port},
            "mixer": {"governor": False, "pass_through": False},  # mixes are judged, whatever else the machine has to do
        }
        if place is not HOME:  # without a token the API answers 127.0.0.1 only
            self.settings["api"] = {"token": "operator"}
        for table, values in (settings or {}).items():
            self.settings.setdefault(table, {}).update(values)
        self.process = None

    @property
    def url(self):
        return f"http://{self.place.url_host}:{self.http_port}"

    def sip_uri(self, room):
        return f"sip:{room}@{self.place.url_host}:{self.sip_port}"

    def start(self):
        config = self.folder / "partyline.toml"
        with open(config, "w") as out:
            for table, values in self.settings.items():
                out.write(f"[{table}]\n")
                for key, value in values.items():
                    out.write(f"{key} = {toml(value)}\n")
        with self.place.inside():
            self.process = Process([self.binary, "--config", config], self.folder / "gateway.log")

        def healthy():
            assert self.process.running, "the gateway ended:\n" + self.process.text()[-2000:]
            return self.request("GET", "/healthz")[0] == 200
        wait_for(healthy, 10, "the gateway to be healthy")
        return self

    def stop(self):
        """Returns the exit code: 0 when it ended as asked. A sanitizer's finding is an error."""
        if not self.process:
            return None
        # Looking for leaks takes a while at the end of a program built to do so.
        code = self.process.stop(patience=15 if self.binary == RELEASE else 60)
        log = self.process.text()
        found = re.search("(ERROR: (Address|Leak)|WARNING: Thread)Sanitizer|runtime error: ", log)
        assert not found, f"found by a sanitizer:\n{log[found.start():][:8000]}"
        return code

    def request(self, method, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        headers = {} if body is None else {"Content-Type": "application/json"}
        if self.place is not HOME:
            headers["Authorization"] = "Bearer operator"
        request = urllib.request.Request(self.url + path, data=data, method=method, headers=headers)
        try:
            with self.place.inside(), urllib.request.urlopen(request, timeout=10) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            return error.code, error.read()

    def api(self, method, path, body=None):
        status, text = self.request(method, "/api/v1" + path, body)
        return status, json.loads(text) if text else None

    def room(self, name):
        status, body = self.api("GET", f"/rooms/{name}")
        return body if status == 200 else None

    def figure(self, name, room):
        """Of /metrics."""
        text = self.request("GET", "/metrics")[1].decode()
        return int(re.search(rf'^{name}{{room="{room}"}} (\d+)$', text, re.M).group(1))

    def legs(self, room, state=None):
        found = self.room(room)
        return [leg for leg in (found or {"legs": []})["legs"] if state is None or leg["state"] == state]

    def wait_legs(self, room, count, seconds=15, state="connected"):
        return wait_for(lambda: (lambda legs: legs if len(legs) == count else None)(self.legs(room, state)), seconds,
                        lambda: f"{count} {state} legs in {room}; now {self.room(room)}")

    def wait_pictures(self, room, count, seconds=15):
        """`count` legs whose video has been decoded."""
        return wait_for(lambda: sum(1 for leg in self.legs(room) if leg.get("width", 0) > 0) == count, seconds,
                        lambda: f"{count} legs with a picture in {room}; now {self.room(room)}")
