// How the configuration's values are read: each kind of value has a setter that checks it and says, with line and
// column, what is wrong. Thread: pure functions.
#pragma once

#include <toml++/toml.h>

#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "gateway/config.hpp"

namespace partyline::gateway {

std::string place(const toml::source_region& region);
core::Error error_at(const toml::node& node, const std::string& what);
core::Result<std::vector<std::string>> string_list(const toml::node& node, const std::string& key);

using Setter = std::function<core::Result<>(Config&, const toml::node&, const std::string& key)>;
template <class T>
using Field = std::function<T&(Config&)>;

/// `choices`: what it may be; empty: anything.
Setter text(Field<std::string> field, std::set<std::string> choices = {});
/// The path of a PNG picture, and where it is told: what is in it is looked at when the program starts.
Setter picture(Field<Config::PictureFile> field);
Setter number(Field<int> field, int least, int most);
Setter flag(Field<bool> field);
Setter list(Field<std::vector<std::string>> field);
/// Numeric addresses; kept as sockets show them, so that they may be compared as text.
Setter addresses(Field<std::vector<std::string>> field);
/// Numeric addresses and networks, as 10.0.0.0/8.
Setter networks(Field<std::vector<std::string>> field);
/// A table of sequences of telephone keys, each with a string.
Setter key_sequences(Field<std::map<std::string, std::string>> field);
Setter ice_servers(Field<std::vector<rtp::IceServer>> field);

}  // namespace partyline::gateway
