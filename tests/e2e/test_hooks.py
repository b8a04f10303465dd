"""The operator's own hooks beside ours: what they refuse, however late, never reaches a room."""
import http.server
import json
import threading
import time
import urllib.error
import urllib.request

from support.process import ROOT, wait_for
from support.sip import Phone
from test_calls import PCMU


class Hook:
    """Keeps what it is told; `refused`: streams that it refuses, after a second of thought."""

    def __init__(self):
        self.told, self.refused = [], set()
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                outer.told.append(body)
                no = body["action"] == "on_publish" and body["stream"] in outer.refused
                if no:
                    time.sleep(1)
                answer = json.dumps({"code": 403, "msg": "no ticket for this room"} if no else {"code": 0}).encode()
                self.send_response(403 if no else 200)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()


def publish(gateway, room, stream):
    """Status and answer of a WHIP offer."""
    offer = (ROOT / "tests/data/sdp/chromium-offer.sdp").read_text().replace("a=sendrecv", "a=sendonly")
    request = urllib.request.Request(f"{gateway.url}/whip/{room}/{stream}", data=offer.encode(), headers={"Content-Type": "application/sdp"})
    try:
        with urllib.request.urlopen(request, timeout=15) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def test_whom_a_hook_refuses_late_never_was_in_the_room(stage):
    hook = stage.keep(Hook())
    gateway = stage.gateway({"sfu": {"hook_urls": [hook.url]}})
    phone = Phone(gateway, "ticket")
    assert phone.invite(PCMU.format(port=40000)).status == 200
    wait_for(lambda: gateway.room("ticket")["mixing"], 5, "the room to be mixed")
    hook.refused.add("mallory")

    answers = []
    asking = threading.Thread(target=lambda: answers.append(publish(gateway, "ticket", "mallory")))
    asking.start()
    while asking.is_alive():
        room = gateway.room("ticket")
        assert [leg["name"] for leg in room["legs"]] == ["script"] and room["streams"] == [], room
        time.sleep(0.1)
    status, text = answers[0]
    assert status == 403 and "no ticket for this room" in text, answers
    wait_for(lambda: [event["action"] for event in hook.told if event["stream"] == "mallory"] == ["on_publish", "on_unpublish"], 5,
             lambda: f"the hook to be told that nothing came of it; now {hook.told}")
    time.sleep(0.3)
    assert len(gateway.room("ticket")["legs"]) == 1 and "mallory" not in str(gateway.room("ticket"))
    assert " joined: mallory" not in gateway.process.text()

    hook.refused.clear()
    assert publish(gateway, "ticket", "mallory")[0] == 201, "and the name is free"
    wait_for(lambda: sorted(leg["name"] for leg in gateway.legs("ticket")) == ["mallory", "script"], 5, "who is let in to be pulled")
    phone.bye()
