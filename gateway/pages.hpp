// Serves the pages of web/: the join page at /, the rest by path. Files are read at start-up and kept; no path of a
// request ever reaches the file system. Thread: network.
#pragma once

#include <string>

#include "core/http/server.hpp"

namespace partyline::gateway {

/// Adds the routes of everything below `web_root`; join/index.html is served at /, the
/// index.html of another folder under the folder's name, all else by path.
/// `embedded`: what /settings.json tells the pages: whether the SFU takes a camera in several sizes and sound in RED.
void add_page_routes(core::http::Server& server, const std::string& web_root, bool embedded);

/// The folder of the pages: `configured`, else web/ beside the binary's source tree or /usr/share/partyline/web; empty:
/// none.
std::string find_web_root(const std::string& configured);

}  // namespace partyline::gateway
