// Sofia-SIP's headers, in one place (C library; types stay inside sip/).
//
// The magic of a Sofia object is always a call's number, never a pointer: a late call-back for a call that is gone
// finds nothing in the map instead of freed memory.
#pragma once

#include <sofia-sip/msg_addr.h>
#include <sofia-sip/nta.h>
#include <sofia-sip/nta_tport.h>
#include <sofia-sip/sip.h>
#include <sofia-sip/sip_extra.h>
#include <sofia-sip/sip_header.h>
#include <sofia-sip/sip_status.h>
#include <sofia-sip/sip_util.h>
#include <sofia-sip/su.h>
#include <sofia-sip/su_log.h>
#include <sofia-sip/su_wait.h>
#include <sofia-sip/tport_tag.h>
#include <sofia-sip/url.h>

#include <cstdint>

namespace partyline::sip {

template <class Magic>
Magic* magic_of(uint64_t id) {
  return reinterpret_cast<Magic*>(static_cast<uintptr_t>(id));  // never dereferenced
}

template <class Magic>
uint64_t id_of(Magic* magic) {
  return static_cast<uint64_t>(reinterpret_cast<uintptr_t>(magic));
}

}  // namespace partyline::sip
