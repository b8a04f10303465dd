// Sofia's own log, brought into ours: warnings once a second, and the reason of every message that it throws away or
// refuses before we see it.
#pragma once

namespace partyline::sip {

/// Once a process; any thread.
void redirect_sofia_log();

}  // namespace partyline::sip
