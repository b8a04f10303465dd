"""What the join page makes of people's names: run by node, without a page."""
import json
import subprocess

from support.process import ROOT

SCRIPT = """
const source = require('fs').readFileSync(process.argv[1], 'utf8');
import('data:text/javascript,' + encodeURIComponent(source)).then(({streamNameFor, endpoints}) => {
  let count = 0;
  const random = () => `r${++count}`;
  const result = JSON.parse(process.argv[2]).map((name) => {
    const {stream, display} = streamNameFor(name, random);
    return {stream, display, ...endpoints('http://host/', 'demo', stream, display)};
  });
  console.log(JSON.stringify(result));
});
"""


def made_of(names):
    done = subprocess.run(["node", "-e", SCRIPT, str(ROOT / "web/join/names.js"), json.dumps(names)], capture_output=True, text=True, timeout=30, check=True)
    return json.loads(done.stdout)


def test_everybodys_screen_is_his_own_however_long_his_name_is():
    names = [("x" * length)[:-1] + last for length in (5, 56, 57, 58, 60, 63, 64) for last in "ab"]
    made = made_of(names)
    assert len({each["stream"] for each in made}) == len(names)
    assert len({each["screen"] for each in made}) == len(names), "two people's screens are one"
    for name, each in zip(names, made):
        stream, screen = each["publish"].split("/")[-1].split("?")[0], each["screen"].split("/")[-1].split("?")[0]
        assert screen == f"{stream}~screen" and len(screen) <= 64, each
        assert each["playOwn"].endswith(f"/mix~{stream}")
        assert each["display"] == ("" if len(name) <= 57 else name), "people see the name as it is"
        assert (stream == name) == (len(name) <= 57)
