"""The same room with an SFU written by others in place of the embedded one: nothing changes but two URLs."""
from support import judge
from support.pion import PionSfu
from support.process import wait_for

def test_the_same_room_with_an_sfu_written_by_others(stage, folder):
    sfu = stage.keep(PionSfu(folder)).start()
    gateway = stage.gateway({"sfu": sfu.settings()})
    alice = stage.phone("alice").dial(gateway.sip_uri("demo"))
    carol = stage.browser("carol")
    sfu.meet(gateway, carol, "demo")
    judge.assert_meet(alice, carol, folder)

    # The publisher leaves and comes back, as the hooks tell it.
    sfu.hook(gateway, "on_unpublish", "demo", "carol", "c1")
    gateway.wait_legs("demo", 1)
    sfu.hook(gateway, "on_publish", "demo", "carol", "c3")
    gateway.wait_legs("demo", 2)


def test_the_join_page_works_with_an_sfu_written_by_others(stage, folder):
    """The page posts to the gateway, which passes the offers on; the media goes between the browser and the SFU."""
    sfu = stage.keep(PionSfu(folder)).start()
    gateway = stage.gateway({"sfu": sfu.settings()})
    alice = stage.phone("alice").dial(gateway.sip_uri("demo"))
    carol = stage.browser("carol")
    carol.open(f"{gateway.url}/?room=demo&name=carol")
    carol.wait("() => window.partyline && !document.getElementById('join').disabled")
    carol.click("#join")
    carol.wait("() => window.partyline.pcPublish && window.partyline.pcPublish.connectionState === 'connected'", 20)
    sfu.hook(gateway, "on_publish", "demo", "carol", "c1")
    sfu.hook(gateway, "on_play", "demo", "mix~carol", "c2")
    carol.wait("() => document.getElementById('mix').videoWidth > 0", 30)
    gateway.wait_pictures("demo", 2)
    judge.assert_meet(alice, carol, folder)
    # Leaving is passed on, too: the SFU forgets both sessions. What is left is the gateway's own, of the mix and its pull.
    carol.click("#leave")
    wait_for(lambda: sfu.stats().get("demo.mix~carol", {}).get("players") == 0, 10, "the SFU to let go of the player")
