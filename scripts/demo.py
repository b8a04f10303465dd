"""The demo's cast; scripts/demo installs and builds what it needs."""
import json
import pathlib
import shutil
import signal
import sys
import time
import urllib.error
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests/e2e"))
from support.baresip import Baresip  # noqa: E402
from support.process import Process, wait_for  # noqa: E402
from support.rtmp import RtmpServer  # noqa: E402

HTTP, SIP, ROOM = "http://127.0.0.1:8080", "127.0.0.1:5060", "demo"


def api(method, path, body=None):
    request = urllib.request.Request(HTTP + "/api/v1" + path, method=method, data=json.dumps(body).encode() if body else None,
                                     headers={"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=5) as answer:
        return json.loads(answer.read() or b"null")


def healthy(gateway):
    if not gateway.running:
        raise SystemExit("the gateway did not start:\n" + gateway.text()[-1500:])
    try:
        with urllib.request.urlopen(HTTP + "/healthz", timeout=1) as answer:
            return answer.status == 200
    except urllib.error.URLError:
        return False


def main():
    folder = ROOT / "build/demo"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    started = []
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        gateway = Process([ROOT / "build/release/partyline", "--config", ROOT / "conf/partyline.toml", *sys.argv[1:]],
                          folder / "gateway.log")
        started.append(gateway)
        wait_for(lambda: healthy(gateway), 10, "the gateway")
        rtmp = RtmpServer(folder)
        started.append(rtmp.start())
        for name, audio in (("alice", "opus/48000/2"), ("bob", "PCMU/8000/1")):
            phone = Baresip(folder, name, audio=audio)
            started.append(phone)
            phone.start().dial(f"sip:{ROOM}@{SIP}")
        output = api("POST", f"/rooms/{ROOM}/outputs", {"url": rtmp.url(ROOM)})
        wait_for(lambda: next(o for o in api("GET", f"/rooms/{ROOM}")["outputs"] if o["id"] == output["id"])["state"] == "live",
                 20, "the broadcast to be live")
        print(f"""
  Two phones are talking in room "{ROOM}", and the room is live.

    Join from a browser    {HTTP}/?room={ROOM}
    Join from a SIP phone  sip:{ROOM}@{SIP}
    Watch the broadcast    ffplay {rtmp.url(ROOM)}
    Ask the API            curl {HTTP}/api/v1/rooms/{ROOM}
    Logs                   {folder}

  Ctrl-C ends everything.
""", flush=True)
        while gateway.running:
            time.sleep(0.5)
        print("the gateway ended:\n" + gateway.text()[-1500:])
    except KeyboardInterrupt:
        print("\nending the demo")
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # an impatient second Ctrl-C must leave nobody behind
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        for thing in reversed(started):
            try:
                thing.stop()
            except OSError as error:
                print(f"{thing}: {error}")


main()
