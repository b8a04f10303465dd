// The names of rooms and streams: what is allowed, and which streams are our own. Pure functions.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace partyline::gateway {

inline constexpr char kNameRule[] = "a name has 1 to 64 characters of A-Z a-z 0-9 . _ ~ -";

/// Rooms and streams: kNameRule. Everything else is refused at every door, so that names need no escaping anywhere.
bool is_valid_name(std::string_view name);

/// "mix" (the whole mix) and "mix~NAME" (the mix without NAME, for NAME to hear): published by us, pulled by nobody of
/// us.
bool is_mix_stream(std::string_view stream);
/// NAME of "mix~NAME"; empty for others.
std::string_view listener_of(std::string_view stream);
/// "NAME~screen": a second stream of NAME, shown as a presentation.
bool is_screen_stream(std::string_view stream);
/// NAME of "NAME~screen"; empty for others.
std::string_view sharer_of(std::string_view stream);
std::string mix_stream_for(std::string_view listener);

/// True if `name` is one of `patterns` (a name, or a prefix that ends in '*').
bool matches_any(std::string_view name, const std::vector<std::string>& patterns);

/// Replaces {room} and {stream}.
std::string expand_url(std::string_view pattern, std::string_view room, std::string_view stream);

}  // namespace partyline::gateway
